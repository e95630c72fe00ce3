"""The sweep: brings to an end what a lost message or a dead function left behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from bonafide import conclude, erasure, workflow
from bonafide.errors import Unavailable
from bonafide.model import Analysis, State
from bonafide.store import analyses
from bonafide.telemetry import logger

__all__ = ["sweep"]

PATIENCE = timedelta(minutes=2)
"""An analysis younger than this is left to the ordinary course of events."""

LONGEST_CALL = timedelta(minutes=16)
"""No function runs longer: what is erased after this stays erased."""


def sweep(*, now: datetime) -> int:
    """Look at every analysis that is not at rest; returns how many were changed."""
    changed = 0
    for tenant, analysis_id in analyses.pending():
        analysis = analyses.get(tenant, analysis_id)
        try:
            changed += analysis is not None and _mend(analysis, now)
        except Unavailable as error:  # one that cannot be mended now must not hold up the others
            logger.warning("not swept", extra={"analysis_id": analysis_id, "detail": error.detail})
    return changed


def _mend(analysis: Analysis, now: datetime) -> bool:
    tenant, analysis_id = analysis.tenant, analysis.id
    if analysis.state is State.DELETED:
        if analysis.deleted_at and now - analysis.deleted_at > LONGEST_CALL:
            erasure.erase_traces(tenant, analysis_id)
            analyses.settle(tenant, analysis_id)
            return True
        return False
    if now - analysis.created_at < PATIENCE:
        return False
    if analysis.state in (State.COMPLETED, State.FAILED):
        conclude.tell(tenant, analysis_id, now=now)
        if analysis.options.zero_retention:
            erasure.forget(analysis)
        return True
    status = workflow.status(analysis_id)
    if status is None and analysis.state is State.QUEUED:
        workflow.start(tenant, analysis_id, analysis.source.type)
        return True
    if status == "RUNNING":
        return False
    conclude.fail(
        tenant, analysis_id, code="execution_lost", detail="The run ended without a result.", now=now
    )
    return True
