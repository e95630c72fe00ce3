"""State DetectItem for pieces of kind text: what is said, by the engine that the owner has chosen."""

from __future__ import annotations

from typing import Any

from bonafide import transcription
from bonafide.telemetry import instrument
from bonafide_inference.registry import run_item


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return ``{item, findings_key, usage}``."""
    return transcription.transcribe(event, run_item)
