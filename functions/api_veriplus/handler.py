"""The VeriPlus dialect, /api/v4/deepfake and /api/v3/webhooks, and its events."""

from __future__ import annotations

from typing import Any

from bonafide.telemetry import instrument
from veriplus import events
from veriplus.app import app

__all__ = ["lambda_handler"]


@instrument
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer an API Gateway REST proxy event, or turn the end of an analysis into the vendor's events."""
    if "detail-type" in event:
        return events.tell(event["detail"])
    return app(event)
