"""The webhook queue: delays that SQS knows, and longer ones that a schedule keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import queue
from bonafide.errors import Unavailable

from tests.helpers.aws import Aws
from tests.unit.webhook_fixtures import module_stack, stack

__all__ = ["module_stack", "stack"]  # fixtures
pytestmark = pytest.mark.usefixtures("stack")

NOW = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def schedules(stack: Aws) -> list[dict[str, Any]]:
    client = stack.client("scheduler")
    group = stack["RetryScheduleGroup"]
    found = client.list_schedules(GroupName=group)["Schedules"]
    return [client.get_schedule(GroupName=group, Name=one["Name"]) for one in found]


def received(stack: Aws, url: str | None = None) -> list[Any]:
    found = stack.client("sqs").receive_message(QueueUrl=url or stack.queue, MaxNumberOfMessages=10)
    return [json.loads(m["Body"]) for m in found.get("Messages", ())]


def test_send_and_bury(stack: Aws) -> None:
    queue.send({"a": "ü"})
    queue.bury({"b": 1})
    assert received(stack) == [{"a": "ü"}]
    assert received(stack, stack["WebhookDlq"]) == [{"b": 1}]


@pytest.mark.parametrize(("delay", "used"), [(-3, 0), (0, 0), (5, 5), (900, 900)])
def test_short_delays_are_sqs_own(delay: int, used: int, stack: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(queue, "send", lambda _message, *, delay_s: sent.append(delay_s))
    queue.later({"a": 1}, delay_s=delay, name="x", now=NOW)
    assert sent == [used]
    assert schedules(stack) == []


def test_long_delays_wait_in_a_schedule_that_deletes_itself(stack: Aws) -> None:
    queue.later({"a": 1}, delay_s=5400, name="acme/dlv_1/4", now=NOW)
    (made,) = schedules(stack)
    assert made["ScheduleExpression"] == "at(2026-03-01T13:30:00)"
    assert made["ScheduleExpressionTimezone"] == "UTC"
    assert made["ActionAfterCompletion"] == "DELETE"
    assert made["Name"].startswith(queue.SCHEDULE_PREFIX)
    assert len(made["Name"]) <= 64
    environment = stack.environment("deliver_webhook")
    assert made["Target"]["Arn"] == environment["WEBHOOK_QUEUE_ARN"]
    assert made["Target"]["RoleArn"] == environment["SCHEDULER_ROLE_ARN"]
    assert json.loads(made["Target"]["Input"]) == {"a": 1}
    assert received(stack) == []


def test_same_name_schedules_once(stack: Aws) -> None:
    for delay in (5400, 5400, 9000):
        queue.later({"a": 1}, delay_s=delay, name="acme/dlv_1/4", now=NOW)
    queue.later({"a": 1}, delay_s=5400, name="acme/dlv_1/5", now=NOW)
    assert len(schedules(stack)) == 2


def test_missing_queue_is_unavailable(stack: Aws) -> None:
    stack.use("deliver_webhook", WEBHOOK_QUEUE_URL=stack.queue + "-none")
    with pytest.raises(Unavailable):
        queue.send({"a": 1})
