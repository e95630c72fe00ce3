"""Every five minutes: brings stranded analyses to an end."""

from __future__ import annotations

from typing import Any

from bonafide import clock
from bonafide.sweep import sweep
from bonafide.telemetry import instrument, logger


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return how many analyses were changed."""
    changed = sweep(now=clock.now())
    if changed:
        logger.warning("swept", extra={"changed": changed})
    return {"changed": changed}
