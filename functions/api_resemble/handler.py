"""The API that speaks Resemble Detect, /api/v2, and its callbacks."""

from __future__ import annotations

from typing import Any

from bonafide.telemetry import instrument
from resemble_detect import callback
from resemble_detect.app import app

__all__ = ["lambda_handler"]


@instrument
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer an API Gateway REST proxy event, or turn the end of an analysis into its callback (RES-5)."""
    if "detail-type" in event:
        return callback.tell(event["detail"])
    return app(event)
