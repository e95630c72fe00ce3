"""The sweep: brings to an end what a lost message or a dead function left behind."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from bonafide import conclude, erasure, slots, workflow
from bonafide import credits as ledger
from bonafide.errors import Unavailable
from bonafide.model import Analysis, State
from bonafide.store import analyses
from bonafide.telemetry import logger

__all__ = ["sweep"]

PATIENCE = timedelta(minutes=2)
"""An analysis younger than this is left to the ordinary course of events."""

LONGEST_CALL = timedelta(minutes=16)
"""No function runs longer: what is erased after this stays erased."""


PER_TENANT = 500
"""Rows of one tenant that one sweep looks at, the oldest first: a long queue must not hide other tenants."""


def sweep(*, now: datetime) -> int:
    """Look at what is not at rest, and at the slots of its tenants; returns how many were changed."""
    changed, seen = 0, Counter[str]()
    for tenant, analysis_id in analyses.pending():
        seen[tenant] += 1
        if seen[tenant] > PER_TENANT:
            continue
        try:
            changed += _look(tenant, analysis_id, now)
        except Unavailable as error:  # one that cannot be mended now must not hold up the others
            logger.warning("not swept", extra={"analysis_id": analysis_id, "detail": error.detail})
    for tenant in seen:
        try:
            changed += slots.reconcile(tenant)
        except Unavailable as error:
            logger.warning("not reconciled", extra={"tenant": tenant, "detail": error.detail})
    return changed


def _look(tenant: str, analysis_id: str, now: datetime) -> bool:
    analysis = analyses.get(tenant, analysis_id)
    if analysis is None:  # credits were held for an analysis that was never made
        ledger.release(tenant, analysis_id, held_before=now - PATIENCE)
        return False
    return _mend(analysis, now)


def _mend(analysis: Analysis, now: datetime) -> bool:
    tenant, analysis_id = analysis.tenant, analysis.id
    if analysis.state is State.DELETED:
        if analysis.deleted_at and now - analysis.deleted_at > LONGEST_CALL:
            erasure.confirm(tenant, analysis_id, now=now)
            ledger.release(tenant, analysis_id)
            slots.withdraw(tenant, analysis_id)
            analyses.settle(tenant, analysis_id)
            return True
        return False
    if now - analysis.created_at < PATIENCE:
        return False
    if analysis.state in (State.COMPLETED, State.FAILED):
        conclude.tell(tenant, analysis_id, now=now)
        if analysis.options.zero_retention:
            erasure.forget(analysis, now=now)
        return True
    if analysis.state is State.QUEUED and not slots.holds(tenant, analysis_id):
        slots.wait(analysis)  # its process may have died before it could; `reconcile` dispatches
        return False
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
