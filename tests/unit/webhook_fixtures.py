"""What the webhook tests share: one stack a module, emptied before each test, and a world with its clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import delivery as room
from bonafide import queue
from bonafide.outbound import Posted
from bonafide.store import webhooks as store

from tests.helpers.aws import Aws, in_moto

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DETAIL = {
    "schema_version": "1",
    "event_id": "evt_1",
    "type": "analysis.completed",
    "tenant": "acme",
    "analysis_id": "an_1",
    "state": "completed",
    "verdict": {"label": "genuine", "p_fake": 0.02},
    "failure": None,
    "operations": ["image_forgery"],
    "media_kind": "image",
    "client_reference": None,
    "occurred_at": "2026-03-01T11:59:59Z",
}


@pytest.fixture(scope="module")
def module_stack() -> Iterator[Aws]:
    """The template's stack in moto, made once a module: making it takes longer than a test."""
    with in_moto() as made:
        yield made


@pytest.fixture
def stack(module_stack: Aws) -> Iterator[Aws]:
    """The same, empty, with the environment of deliver_webhook."""
    empty(module_stack)
    module_stack.use("deliver_webhook")
    yield module_stack
    module_stack.leave()


def empty(stack: Aws) -> None:
    """Remove every row, message and schedule."""
    table, group = stack.client("dynamodb"), stack["RetryScheduleGroup"]
    for row in table.scan(TableName=stack.table)["Items"]:
        table.delete_item(TableName=stack.table, Key={name: row[name] for name in ("pk", "sk")})
    sqs = stack.client("sqs")
    for url in (stack.queue, stack["WebhookDlq"]):  # moto allows a purge a minute only, as AWS does
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    scheduler = stack.client("scheduler")
    for schedule in scheduler.list_schedules(GroupName=group)["Schedules"]:
        scheduler.delete_schedule(GroupName=group, Name=schedule["Name"])


class World:
    """The queue, the schedules and the clock in one list: what is due next, and when."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = START
        self.waiting: list[tuple[datetime, dict[str, Any]]] = []
        self.buried: list[dict[str, Any]] = []
        self.posts: list[dict[str, Any]] = []
        self.answers: dict[str, list[Posted]] = {}
        self._names: set[str] = set()
        patch.setattr(queue, "send", lambda message, delay_s=0: self._put(message, delay_s))
        patch.setattr(queue, "later", self._later)
        patch.setattr(queue, "bury", self.buried.append)

    def _put(self, message: Any, delay_s: int) -> None:
        self.waiting.append((self.now + timedelta(seconds=delay_s), json.loads(json.dumps(message))))

    def _later(self, message: Any, *, delay_s: int, name: str, now: datetime) -> None:
        assert now == self.now
        if delay_s > queue.MAX_DELAY_S and name in self._names:
            return
        self._names.add(name)
        self._put(message, delay_s)

    def endpoint(self, name: str = "a", *answers: int | str | Posted, **more: Any) -> store.Endpoint:
        """Make an endpoint that answers so (a status, an error, or both), the last for ever."""
        url = f"https://{name}.example/"
        self.answers[url] = [
            a if isinstance(a, Posted) else Posted(a, 0.1) if isinstance(a, int) else Posted(None, 0.1, a)
            for a in answers or (200,)
        ]
        return store.create("acme", url, **{"events": [], "now": self.now, **more})[0]

    def post(self, url: str, body: bytes, headers: dict[str, str], *, timeout_s: float) -> Posted:
        """Stand for `outbound.post`."""
        assert timeout_s == 20.0
        self.posts.append({"url": url, "body": body, "at": self.now, **headers})
        answers = self.answers[url]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def receive(self, message: Any) -> None:
        """Let the function have a message."""
        room.receive(message, clock=lambda: self.now, poster=self.post)

    def event(self, **change: Any) -> None:
        """Let the function have the bus event."""
        self.receive({"detail-type": "analysis.completed", "detail": DETAIL | change})

    def run(self, times: int = 1) -> None:
        """Let time pass until nothing is due any more; each message comes so many times."""
        while self.waiting:
            self.waiting.sort(key=lambda pair: pair[0])
            moment, message = self.waiting.pop(0)
            self.now = max(self.now, moment)
            for _ in range(times):
                self.receive(message)

    def log(self, endpoint: store.Endpoint) -> list[store.Delivery]:
        """Return the endpoint's deliveries, newest first."""
        return store.deliveries("acme", endpoint.id, limit=100)


@pytest.fixture
def world(stack: Aws, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which nothing has happened yet."""
    return World(monkeypatch)
