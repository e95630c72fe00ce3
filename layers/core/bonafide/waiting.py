"""`Prefer: wait` (RFC 7240) for every dialect: look again until the analysis has ended or patience has."""

from __future__ import annotations

from datetime import datetime, timedelta

from bonafide.model import Analysis, State
from bonafide.routing import Call
from bonafide.store import analyses

__all__ = ["FINISHED", "MAX_WAIT_S", "wait"]

FINISHED = frozenset((State.COMPLETED, State.FAILED, State.DELETED))

MAX_WAIT_S = 25
"""The longest that a request is held; the gateway lets go after 29 s."""


def wait(
    call: Call, analysis: Analysis, started: datetime, *, wish: float | None
) -> tuple[Analysis, dict[str, str]]:
    """Return the analysis as it is ``wish`` seconds after ``started`` or once it has ended, and a header.

    ``wish`` may be infinite; `MAX_WAIT_S` bounds it. Without a wish nothing is looked up, nothing is said.
    """
    if not wish:
        return analysis, {}
    seconds = min(wish, MAX_WAIT_S)
    end, pause = started + timedelta(seconds=seconds), 0.2
    while analysis.state not in FINISHED:
        left = (end - call.tools.now()).total_seconds()
        if left <= 0:
            break
        call.tools.sleep(min(pause, left))
        pause = min(pause * 1.5, 1.5)
        analysis = analyses.get(call.tenant, analysis.id) or analysis
    return analysis, {"Preference-Applied": f"wait={seconds:g}"}
