"""The documents of every API, to read and to try: /docs."""

from __future__ import annotations

from typing import Any

from bonafide.telemetry import instrument
from pages.app import app

__all__ = ["lambda_handler"]


@instrument
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer an API Gateway REST proxy event."""
    return app(event)
