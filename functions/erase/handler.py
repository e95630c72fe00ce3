"""State Erase: zero retention. The result stays; media, artifacts, names and the address go."""

from __future__ import annotations

from typing import Any

from bonafide import clock
from bonafide.erasure import forget
from bonafide.store import analyses
from bonafide.telemetry import instrument


@instrument
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Erase the analysis that ``{tenant, analysis_id}`` names; erasing twice is fine."""
    analysis = analyses.get(event["tenant"], event["analysis_id"])
    if analysis is not None:
        forget(analysis, now=clock.now())
    return {"erased": analysis is not None}
