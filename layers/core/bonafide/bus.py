"""The EventBridge adapter: one event an analysis, schema-versioned, its id stable over retries."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bonafide import clock
from bonafide.errors import Unavailable
from bonafide.ids import digest
from bonafide.model import Analysis, State
from bonafide.settings import settings

__all__ = ["SCHEMA_VERSION", "SOURCE", "event_id", "finished_event", "publish"]

SCHEMA_VERSION = "1"
SOURCE = "bonafide"


@lru_cache(maxsize=1)
def client() -> Any:
    """One client a process."""
    return boto3.client("events", region_name=settings().aws_region)


def event_id(analysis_id: str, state: State) -> str:
    """Return the id of the event that an analysis ended in this state: the same however often it is told."""
    return f"evt_{digest(analysis_id, f'analysis.{state.value}')}"


def finished_event(analysis: Analysis, *, now: datetime) -> dict[str, Any]:
    """Return the detail of ``analysis.completed`` or ``.failed``: thin, and without any words of the client.

    A bus, a queue and a dead-letter queue cannot be asked to forget (decision 0030).
    """
    kind = f"analysis.{analysis.state.value}"
    verdict = analysis.verdict
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": event_id(analysis.id, analysis.state),
        "type": kind,
        "tenant": analysis.tenant,
        "analysis_id": analysis.id,
        "state": analysis.state.value,
        "verdict": {"label": verdict.label.value, "p_fake": verdict.p_fake} if verdict else None,
        "failure": analysis.failure.model_dump() if analysis.failure else None,
        "operations": [result.operation.value for result in analysis.results],
        "media_kind": analysis.media.kind.value if analysis.media else None,
        "dialect": analysis.dialect,
        "occurred_at": clock.text(analysis.completed_at or now),
    }


def publish(detail: dict[str, Any]) -> None:
    """Put one event on the bus. Raises `Unavailable` if the bus did not take it."""
    entry = {
        "Source": SOURCE,
        "DetailType": detail["type"],
        "Detail": json.dumps(detail),
        "EventBusName": settings().event_bus_name,
    }
    try:
        answer = client().put_events(Entries=[entry])
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"the bus does not answer: {type(error).__name__}") from error
    if answer["FailedEntryCount"]:  # put_events answers 200 even when it dropped the event
        raise Unavailable(f"the bus refused an event: {answer['Entries'][0].get('ErrorCode')}")
