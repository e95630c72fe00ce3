"""State DetectItem for pieces of kind image: runs the detectors that the work item names."""

from __future__ import annotations

from typing import Any

from bonafide import work
from bonafide.telemetry import instrument
from bonafide_inference.registry import run_item


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return ``{item, findings_key, usage}``."""
    return work.detect(event, run_item)
