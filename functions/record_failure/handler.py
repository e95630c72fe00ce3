"""Records an analysis whose execution died: from Catch, or from the rule on execution status changes."""

from __future__ import annotations

import json
from typing import Any

from bonafide import clock
from bonafide.conclude import fail
from bonafide.telemetry import instrument, logger

_DETAILS = {
    "TIMED_OUT": ("execution_timed_out", "The analysis took longer than its limit."),
    "ABORTED": ("execution_aborted", "The run was stopped."),
}


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take ``{tenant, analysis_id, error}`` or an EventBridge event; recording twice changes nothing."""
    code, detail = "infrastructure_failure", "A part of the system failed; the same request may work later."
    if "detail" in event:
        run = event["detail"]
        target = json.loads(run["input"])
        code, detail = _DETAILS.get(run["status"], (code, detail))
    else:
        target = event
    logger.error("execution died", extra={"analysis_id": target["analysis_id"], "code": code})
    fail(target["tenant"], target["analysis_id"], code=code, detail=detail, now=clock.now())
    return {"code": code}
