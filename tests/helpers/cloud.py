"""The whole stack on the embedded cloud, for the tiers that need it real.

In a test take the session's fixture ``cloud`` (tests/cloud/conftest.py), or make one with
`session_cloud`::

    def test_it(cloud):
        client = cloud.api()                               # localcloud.submit.Client, tenant "local"
        document = cloud.analyse(path)                     # sent and followed to its end
        other = cloud.api(cloud.new_token("acme"))         # another tenant
        cloud.client("dynamodb").scan(TableName=cloud.outputs["Table"])
        cloud.call("GET", "/v1/limits").status             # the raw answer, no exception
        cloud.until(lambda: cloud.queue_depth("WebhookDlqUrl") == 1)
        cloud.restart()                                    # cleanly; cloud.kill() first for a hard one
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from localcloud.bootstrap import first_token, new_token
from localcloud.cloud import LocalCloud, free_port
from localcloud.deploy import STACK, deploy
from localcloud.submit import Answer, Client

__all__ = ["RunningCloud", "session_cloud"]

T = TypeVar("T")


@dataclass
class RunningCloud:
    """A started and deployed cloud, and the token of its tenant ``local``."""

    local: LocalCloud
    token: str

    @property
    def base_url(self) -> str:
        """Where clients reach the API; append /v1/…"""
        return self.local.base_url

    @property
    def endpoint(self) -> str:
        """Endpoint for AWS SDKs."""
        return self.local.endpoint

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return self.local.outputs()

    def client(self, service: str) -> Any:
        """Return a boto3 client as the account's owner."""
        return self.local.client(service)

    def function(self, name: str) -> str:
        """Return a function's deployed name (``api_native`` → ``bonafide-api-native``)."""
        return f"{STACK}-{name.replace('_', '-')}"

    def new_token(self, tenant: str, scopes: tuple[str, ...] = ()) -> str:
        """Return a fresh token of any tenant."""
        return new_token(self.local, tenant, name="test", scopes=scopes)

    def api(self, token: str | None = None) -> Client:
        """Return a client of the public API; raises for error statuses."""
        return Client(self.base_url, token or self.token, timeout_s=60)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = "",
    ) -> Answer:
        """Return the raw answer to one request. ``token``: None sends none, "" the session's own."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token}")
        return self.api()._send(method, self.base_url + path, body, sent)

    def analyse(self, what: str | Path, *, timeout_s: float = 120, **wishes: Any) -> dict[str, Any]:
        """Send a file or URL and return the document once it is at rest."""
        accepted = self.api().submit(what, **wishes)
        return self.at_rest(str(accepted["id"]), timeout_s=timeout_s)

    def at_rest(self, analysis_id: str, *, timeout_s: float = 120) -> dict[str, Any]:
        """Return the document once its state is final."""
        deadline = time.monotonic() + timeout_s
        for document in self.api().follow(analysis_id):
            if document["state"] not in ("queued", "running"):
                return document
            if time.monotonic() > deadline:
                raise TimeoutError(f"{analysis_id} is still {document['state']}, {document.get('stage')}")
        raise AssertionError("follow ended before the analysis did")

    def queue_depth(self, output: str) -> int:
        """Return how many messages a queue of the outputs holds."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def until(self, ask: Callable[[], T], *, timeout_s: float = 30, what: str = "it") -> T:
        """Ask until the answer is true; return it."""
        deadline = time.monotonic() + timeout_s
        while not (answer := ask()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come true in {timeout_s} s\n{self.local.tail(20)}")
            time.sleep(0.1)
        return answer

    def logs(self, name: str) -> str:
        """Return all that a function has logged."""
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/lambda/{self.function(name)}")
        return "\n".join(event["message"] for page in found for event in page["events"])

    def restart(self) -> str | None:
        """Stop cleanly if it runs and start again; return the notice of a bad end, if any."""
        self.local.stop()
        return self.local.start()

    def kill(self) -> None:
        """Kill MiniStack as a power cut would, and wait until nothing of the cloud runs."""
        known = self.local._read("cloud.json")
        os.kill(known["ministack_pid"], signal.SIGKILL)
        self.until(lambda: not self.local.running(), what="the end")


@contextlib.contextmanager
def session_cloud(root: Path, parameters: Mapping[str, str] | None = None) -> Iterator[RunningCloud]:
    """Start, deploy and furnish a cloud under ``root`` on free ports; stop it at the end."""
    local = LocalCloud(root, free_port(0), free_port(0), checkpoint_s=0)
    try:
        local.start()
        deploy(local, parameters=parameters)
        yield RunningCloud(local, first_token(local))
    finally:
        local.stop()
