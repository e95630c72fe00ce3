"""State Inspect: what the bytes are, and the work items that follow."""

from __future__ import annotations

from typing import Any

from bonafide import clock, work
from bonafide.telemetry import instrument
from bonafide_inference.inspect import inspect


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return ``{refusal, items, usage}``."""
    return work.inspect(event, inspect, now=clock.now())
