"""``callback_url``: the payload of GET, posted once the analysis has ended (RES-5, RES-12, RES-61)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bonafide import clock
from bonafide.delivery import deliver_raw
from bonafide.model import State
from bonafide.store import analyses
from bonafide.telemetry import logger
from bonafide.webhooks import EventType

from resemble_detect.links import link
from resemble_detect.render import envelope
from resemble_detect.whole import whole

__all__ = ["tell"]


def tell(detail: dict[str, Any]) -> dict[str, Any]:
    """Queue the callback of the analysis that a bus event names, if it wanted one. Twice is once."""
    tenant, analysis_id = str(detail["tenant"]), str(detail["analysis_id"])
    logger.append_keys(tenant=tenant, analysis_id=analysis_id)
    analysis = analyses.get(tenant, analysis_id)
    if analysis is None or analysis.state is State.DELETED:
        return {"queued": False}
    kept: Any = analysis.echo.get("kept") or {}
    url = kept.get("callback_url")
    if not url:
        return {"queued": False}
    deliver_raw(
        tenant,
        url,
        json.dumps(envelope(whole(analysis), link), separators=(",", ":")),
        event_id=str(detail["event_id"]),
        kind=EventType(detail["type"]),
        occurred_at=datetime.fromisoformat(detail["occurred_at"]),
        now=clock.now(),
    )
    return {"queued": True}
