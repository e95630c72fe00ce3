"""A file dropped under ``drop/<tenant>/`` becomes an analysis. The event may come twice."""

from __future__ import annotations

from typing import Any

from bonafide import clock, ingest
from bonafide.ids import new_id
from bonafide.telemetry import instrument, logger


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take one S3 ``Object Created`` event from EventBridge; returns the analysis id, or null."""
    dropped = event["detail"]["object"]
    analysis = ingest.from_drop(dropped["key"], dropped.get("version-id"), now=clock.now(), new_id=new_id)
    if analysis is None:
        logger.warning("not a drop", extra={"event_id": event.get("id")})
        return {"analysis_id": None}
    logger.info("drop accepted", extra={"analysis_id": analysis.id, "tenant": analysis.tenant})
    return {"analysis_id": analysis.id}
