"""The end of an analysis, told to the URLs of its event: the document of GET, by POST (SEN-83 … SEN-86).

The ten tries of a delivery are the delivery service's (`webhooks.OFFSETS_S`, a day). An end that nobody was
registered for is kept for as long; who registers meanwhile gets it, with ten tries of its own (SEN-85).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from bonafide import clock
from bonafide.delivery import deliver_raw
from bonafide.model import Analysis, State
from bonafide.store import analyses, topics
from bonafide.store.topics import Kept
from bonafide.telemetry import logger
from bonafide.webhooks import OFFSETS_S, EventType

from sensity.render import EVENT_BYTES, document
from sensity.routes_tasks import READER
from sensity.words import TASKS, Event

__all__ = ["CAUGHT_UP", "KEPT_FOR", "catch_up", "tell"]

KEPT_FOR = timedelta(seconds=OFFSETS_S[-1])
CAUGHT_UP = 200
"""Ends that one registration delivers, the oldest first: it must answer within the gateway's time."""


def tell(detail: dict[str, Any]) -> dict[str, Any]:
    """Queue what a bus event tells for every URL of its event, or keep it. Twice is once."""
    tenant, analysis_id = str(detail["tenant"]), str(detail["analysis_id"])
    logger.append_keys(tenant=tenant, analysis_id=analysis_id)
    occurred = datetime.fromisoformat(detail["occurred_at"])
    end = Kept(
        analysis_id=analysis_id,
        event_id=str(detail["event_id"]),
        type=str(detail["type"]),
        occurred_at=str(detail["occurred_at"]),
        expires=int((occurred + KEPT_FOR).timestamp()),
    )
    analysis = _known(tenant, analysis_id)
    if analysis is None:
        return {"queued": 0}
    event = TASKS[str(analysis.echo["task"])].event
    topics.keep(tenant, event, end)  # before the URLs are read, see `store/topics.py`
    urls = topics.list_(tenant, event)
    for one in urls:
        _deliver(analysis, end, one.url)
    if urls:
        topics.release(tenant, event, analysis_id)
    return {"queued": len(urls)}


def catch_up(tenant: str, event: Event, url: str, *, now: datetime) -> None:
    """Queue for a URL that was just registered what has ended with nobody to tell (SEN-84)."""
    for end in topics.kept(tenant, event, now=now, limit=CAUGHT_UP):
        analysis = _known(tenant, end.analysis_id)
        if analysis is not None:
            _deliver(analysis, end, url)
        topics.release(tenant, event, end.analysis_id)


def _known(tenant: str, analysis_id: str) -> Analysis | None:
    analysis = analyses.get(tenant, analysis_id)
    known = analysis is not None and analysis.state is not State.DELETED
    return analysis if known and analysis and analysis.echo.get("task") in TASKS else None


def _deliver(analysis: Analysis, end: Kept, url: str) -> None:
    deliver_raw(
        analysis.tenant,
        url,
        json.dumps(document(analysis, READER, room=EVENT_BYTES), separators=(",", ":")),
        event_id=end.event_id,
        kind=EventType(end.type),
        occurred_at=datetime.fromisoformat(end.occurred_at),
        now=clock.now(),
    )
