"""State Conclude: fuses the findings, records the results, publishes the event."""

from __future__ import annotations

from typing import Any

from bonafide import clock
from bonafide.conclude import conclude
from bonafide.telemetry import instrument


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return ``{state, erase}``."""
    return conclude(event, now=clock.now())
