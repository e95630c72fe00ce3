"""The API that speaks Sensity, /auth /tasks /webhooks, and its webhooks' events."""

from __future__ import annotations

from typing import Any

from bonafide.telemetry import instrument
from sensity import events
from sensity.app import app

__all__ = ["lambda_handler"]


@instrument
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer an API Gateway REST proxy event, or tell the end of an analysis to whom it concerns (SEN-83)."""
    if "detail-type" in event:
        return events.tell(event["detail"])
    return app(event)
