"""A client of the embedded cloud that says exactly what came back, and looks behind the scenes.

In a test take the session's fixture ``cloud`` and, to be alone with what it makes, the fixture ``api``: a
tenant of its own (tests/cloud/conftest.py)::

    def test_it(cloud, api):
        answer = api("POST", "/v1/analyses", json={"url": "…"})     # an error status is an answer too
        answer.problem(400, "unknown_operation")
        document = api.finished(api.inline(data, "photo.jpg"))
        other = cloud.tenant()                                      # another tenant
        cloud.until(lambda: cloud.queue_depth("WebhookDlqUrl") == 1)

Nothing sleeps for a time: whoever waits, waits for a state, with a deadline.
"""

from __future__ import annotations

import contextlib
import json as jsonlib
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import jwt
import urllib3
from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from localcloud.cloud import ROOT, LocalCloud
from tests.helpers.embedded import RunningCloud

__all__ = ["PATIENCE_S", "Answer", "Api", "Cloud", "post_form", "send", "until", "verified"]

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a state may take to come; what hangs fails the test by name."""

_pool = urllib3.PoolManager(num_pools=20, maxsize=16, retries=False, timeout=urllib3.Timeout(90))


def until(ask: Callable[[], T | None], what: str, *, timeout_s: float = PATIENCE_S) -> T:
    """Ask until the answer is true; return it. TimeoutError naming ``what`` after the deadline."""
    deadline, pause = time.monotonic() + timeout_s, 0.05
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: did not come true in {timeout_s:g} s (last: {answer!r})")
        time.sleep(pause)
        pause = min(0.3, pause * 1.3)
    return answer


# ---- a client ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """An HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @cached_property
    def json(self) -> Any:
        """The body as JSON."""
        return jsonlib.loads(self.body)

    def problem(self, status: int, code: str | None = None) -> dict[str, Any]:
        """Assert that this is RFC 9457 problem details of this status (and code); return them."""
        assert self.status == status, (self.status, self.body[:500])
        assert self.headers["content-type"] == "application/problem+json", self.headers
        said: dict[str, Any] = self.json
        assert said["status"] == status
        assert said["title"]
        assert code is None or said["code"] == code, said
        return said


def send(
    method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request, no redirect followed, nothing tried again."""
    found = _pool.request(method, url, body=body, headers=dict(headers or {}), redirect=False)
    return Answer(found.status, {name.lower(): value for name, value in found.headers.items()}, found.data)


def post_form(url: str, fields: Mapping[str, str], file: bytes) -> Answer:
    """Post a presigned form as a browser does: the file last."""
    last = RequestField("file", file, headers={"Content-Disposition": 'form-data; name="file"; filename="f"'})
    body, kind = encode_multipart_formdata([*fields.items(), last])
    return send("POST", url, body=body, headers={"Content-Type": kind})


@dataclass
class Api:
    """The API as one tenant's token sees it; call it with a method and a path. No token: a stranger."""

    base_url: str
    tenant: str = ""
    token: str = field(default="", repr=False)

    def __call__(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask; ``path`` may be a whole address of this API."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if json is not None:
            body, sent["Content-Type"] = jsonlib.dumps(json).encode(), "application/json"
        url = path if path.startswith("http") else self.base_url + path
        return send(method, url, body=body, headers={**sent, **(headers or {})})

    def inline(
        self, file: bytes, filename: str = "f", *, headers: Mapping[str, str] | None = None, **beside: str
    ) -> Answer:
        """POST /v1/analyses as multipart."""
        body, kind = encode_multipart_formdata({**beside, "file": (filename, file)})
        return self("POST", "/v1/analyses", body=body, headers={"Content-Type": kind, **(headers or {})})

    def upload(self, file: bytes, **wish: Any) -> str:
        """POST /v1/uploads, post the form; the upload id."""
        ticket = self("POST", "/v1/uploads", json={"bytes": len(file), **wish}).json
        answer = post_form(ticket["url"], ticket["fields"], file)
        assert answer.status in (200, 201, 204), answer.body
        return str(ticket["upload_id"])

    def get(self, analysis_id: str) -> dict[str, Any]:
        """The document of an analysis."""
        answer = self("GET", f"/v1/analyses/{analysis_id}")
        assert answer.status == 200, answer.body
        return dict(answer.json)

    def reaches(self, analysis_id: str, *states: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until the analysis is in one of these states; its document."""
        last: dict[str, Any] = {}

        def look() -> bool:
            last.update(self.get(analysis_id))
            return last["state"] in states

        until(look, f"{analysis_id} {' or '.join(states)}", timeout_s=timeout_s)
        return last

    def finished(self, made: Answer | str, *, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until an analysis (its id, or the answer that made it) has completed or failed."""
        if isinstance(made, Answer):
            assert made.status in (200, 202), (made.status, made.body)
            made = str(made.json["id"])
        return self.reaches(made, "completed", "failed", timeout_s=timeout_s)

    def all(self) -> list[dict[str, Any]]:
        """Every analysis of the tenant (one page)."""
        return list(self("GET", "/v1/analyses?limit=100").json["data"])


def verified(api: Api, receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Check a deletion receipt as a client does, without a token; return what is signed."""
    served = jwt.PyJWKSet.from_dict(Api(api.base_url)("GET", "/v1/keys").json)
    key = served[jwt.get_unverified_header(receipt["jws"])["kid"]]
    said: dict[str, Any] = jsonlib.loads(jwt.PyJWS().decode(receipt["jws"], key=key, algorithms=["ES256"]))
    assert said == {name: value for name, value in receipt.items() if name != "jws"}
    return said


# ---- the cloud --------------------------------------------------------------------------------------
class Cloud(RunningCloud):
    """The session's cloud with its owner's eyes and hands."""

    def __init__(self, local: LocalCloud, token: str) -> None:
        super().__init__(local, token)
        self._tenants: list[Api] = []

    @property
    def bucket(self) -> str:
        """The media bucket."""
        return self.outputs["MediaBucket"]

    # ---- who asks -------------------------------------------------------------------------------
    def tenant(self) -> Api:
        """Return a new tenant with a token for everything."""
        if not self._tenants:
            self._tenants += self._new_tenants(25)
        return self._tenants.pop()

    def _new_tenants(self, count: int) -> list[Api]:
        """Make tenants as an owner does, many in one interpreter: its start is what costs the time."""
        names = [f"t-{uuid.uuid4().hex[:12]}" for _ in range(count)]
        environment = self.local.aws_env() | {
            "PYTHONPATH": str(ROOT / "layers" / "core"),
            "TABLE_NAME": self.outputs["Table"],
            "MEDIA_BUCKET": self.outputs["MediaBucket"],
            "EVENT_BUS_NAME": self.outputs["Bus"],
        }
        script = (
            "import sys; from bonafide.admin import main; "
            "[(main(['tenant', '--tenant', name, '--plan', 'ENTERPRISE']), main(['token', '--tenant', name]))"
            " for name in sys.argv[1:]]"
        )
        made = subprocess.run(
            [sys.executable, "-c", script, *names],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        tokens = made.stdout.split()
        return [Api(self.base_url, name, token) for name, token in zip(names, tokens, strict=True)]

    # ---- behind the scenes ----------------------------------------------------------------------
    def until(self, ask: Callable[[], T | None], *, timeout_s: float = 30, what: str = "it") -> T:
        """Ask until the answer is true; return it."""
        return until(ask, what, timeout_s=timeout_s)

    def objects(self, *parts: str) -> list[str]:
        """Return the keys of all versions and delete markers that contain each of ``parts``."""
        pages = self.client("s3").get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        found = [
            e["Key"] for page in pages for e in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        return [key for key in found if all(part in key for part in parts)]

    def row(self, tenant: str, analysis_id: str) -> dict[str, Any]:
        """Return the row of an analysis, as DynamoDB keeps it."""
        found = self.client("dynamodb").get_item(
            TableName=self.outputs["Table"], Key=_key(tenant, analysis_id), ConsistentRead=True
        )
        return dict(found["Item"])

    def make_old(self, tenant: str, analysis_id: str, *attributes: str) -> None:
        """Move these moments of a row (``created_at``) to 2020: the sweep leaves the young alone."""
        for name in attributes or ("created_at",):
            self.client("dynamodb").update_item(
                TableName=self.outputs["Table"],
                Key=_key(tenant, analysis_id),
                UpdateExpression="SET #name = :then",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":then": {"S": "2020-01-01T00:00:00Z"}},
            )

    def execution(self, analysis_id: str) -> dict[str, Any]:
        """Return the run of an analysis, as Step Functions describes it."""
        arn = self.outputs["Workflow"].replace(":stateMachine:", ":execution:")
        return dict(self.client("stepfunctions").describe_execution(executionArn=f"{arn}:{analysis_id}"))

    def executions(self) -> list[str]:
        """Return the names of all runs."""
        pages = self.client("stepfunctions").get_paginator("list_executions")
        return [
            e["name"]
            for page in pages.paginate(stateMachineArn=self.outputs["Workflow"])
            for e in page["executions"]
        ]

    def invoke(self, name: str, event: Any) -> Any:
        """Call a function; its answer. AssertionError if it raised."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function(name), Payload=jsonlib.dumps(event).encode()
        )
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        return jsonlib.loads(payload)

    @contextlib.contextmanager
    def without(self, name: str, *actions: str) -> Iterator[None]:
        """Take actions out of a function's role while the block runs."""
        iam = self.client("iam")
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.function(name))
        role = configuration["Role"].rsplit("/", 1)[-1]
        before = {}
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            found = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            before[policy] = found if isinstance(found, dict) else jsonlib.loads(found)
        for action in actions:
            assert action in jsonlib.dumps(before), f"{name} never had {action}"
        try:
            for policy, document in before.items():
                less = jsonlib.dumps(_less(document, actions))
                iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=less)
            yield
        finally:
            for policy, document in before.items():
                iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=jsonlib.dumps(document))

    @contextlib.contextmanager
    def setting(self, name: str, **values: str) -> Iterator[None]:
        """Give a function other environment variables while the block runs."""
        client, function = self.client("lambda"), self.function(name)
        before = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        try:
            client.update_function_configuration(
                FunctionName=function, Environment={"Variables": before | values}
            )
            yield
        finally:
            client.update_function_configuration(FunctionName=function, Environment={"Variables": before})

    def queue_depth(self, output: str) -> int:
        """Return how many messages a queue of the outputs holds."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def logs(self, name: str) -> str:
        """Return all that a function has logged."""
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/lambda/{self.function(name)}")
        return "\n".join(event["message"] for page in found for event in page["events"])


def _key(tenant: str, analysis_id: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"T#{tenant}#AN#{analysis_id}"}, "sk": {"S": "META"}}


def _less(document: dict[str, Any], actions: tuple[str, ...]) -> dict[str, Any]:
    """Return a policy document without these actions."""
    statements = []
    for statement in document["Statement"]:
        granted = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        if left := [action for action in granted if action not in actions]:
            statements.append({**statement, "Action": left})
    return {**document, "Statement": statements}
