"""An embedded cloud for a session of tests: started, deployed and furnished with a token once.

In a test take the fixture ``embedded`` (tests/cloud/conftest.py), or make one elsewhere with
`session_cloud`; clients of it and looks behind it are in tests/helpers/cloud.py::

    def test_it(embedded):
        embedded.base_url, embedded.token                     # the API, and the tenant "local"
        embedded.new_token("acme", scopes=("analyses:read",)) # another tenant's token
        embedded.client("dynamodb").scan(TableName=embedded.outputs["Table"])
        embedded.restart()                                    # cleanly; after kill() a hard one
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.bootstrap import first_token, new_token
from localcloud.cloud import LocalCloud, free_port
from localcloud.deploy import STACK, deploy

__all__ = ["RunningCloud", "session_cloud"]


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

    def restart(self) -> str | None:
        """Stop cleanly if it runs, and start again; return the notice of a bad end, if any."""
        self.local.stop()
        return self.local.start()

    def kill(self) -> None:
        """Kill MiniStack as a power cut would; return when nothing of the cloud runs."""
        os.kill(self.local._read("cloud.json")["ministack_pid"], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while self.local.running():
            assert time.monotonic() < deadline, "the supervisor outlives MiniStack"
            time.sleep(0.02)


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
