"""State DetectItem for pieces of kind video: runs the detectors that the work item names."""

from __future__ import annotations

from functools import partial
from typing import Any

from bonafide import work
from bonafide.telemetry import instrument
from bonafide_inference.registry import VIDEO_SECONDS, run_item


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return ``{item, findings_key, usage}``."""
    return work.detect(event, partial(run_item, seconds=VIDEO_SECONDS))
