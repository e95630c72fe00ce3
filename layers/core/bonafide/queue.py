"""The webhook queue: now, in a few minutes (SQS delay), or in hours (an EventBridge Scheduler schedule)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bonafide.errors import Unavailable
from bonafide.ids import digest
from bonafide.settings import settings

__all__ = ["MAX_DELAY_S", "SCHEDULE_PREFIX", "bury", "later", "send"]

MAX_DELAY_S = 900
"""The longest delay that SQS knows."""

SCHEDULE_PREFIX = "webhook-"


@lru_cache(maxsize=1)
def sqs() -> Any:
    """One client a process."""
    return boto3.client("sqs", region_name=settings().aws_region)


@lru_cache(maxsize=1)
def scheduler() -> Any:
    """One client a process."""
    return boto3.client("scheduler", region_name=settings().aws_region)


def _call(client: Any, method: str, **arguments: Any) -> None:
    try:
        getattr(client, method)(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code != "ConflictException":  # a schedule of this name waits already
            raise Unavailable(f"the queue refused {method}: {code}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the queue does not answer: {type(error).__name__}") from error


def send(message: Mapping[str, Any], *, delay_s: int = 0) -> None:
    """Put ``message`` on the webhook queue, to be seen after ``delay_s`` (0 to 900)."""
    url, text = settings().webhook_queue_url, json.dumps(message)
    _call(sqs(), "send_message", QueueUrl=url, MessageBody=text, DelaySeconds=delay_s)


def bury(message: Mapping[str, Any]) -> None:
    """Put ``message`` on the webhook dead-letter queue."""
    _call(sqs(), "send_message", QueueUrl=settings().webhook_dlq_url, MessageBody=json.dumps(message))


def later(message: Mapping[str, Any], *, delay_s: int, name: str, now: datetime) -> None:
    """Put ``message`` on the webhook queue in ``delay_s`` seconds, however many.

    Above 15 minutes a one-time schedule waits, precise to a minute, and deletes itself. ``name`` makes it
    idempotent: while one waits, a second of the same name does nothing.
    """
    if delay_s <= MAX_DELAY_S:
        send(message, delay_s=max(0, delay_s))
        return
    moment = (now + timedelta(seconds=delay_s)).astimezone(UTC)
    _call(
        scheduler(),
        "create_schedule",
        Name=SCHEDULE_PREFIX + digest(name),
        GroupName=settings().scheduler_group,
        ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": settings().webhook_queue_arn,
            "RoleArn": settings().scheduler_role_arn,
            "Input": json.dumps(message),
        },
    )
