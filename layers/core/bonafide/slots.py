"""Slots: how many analyses of a tenant run at once. Over the limit they are queued, never refused (VER-75).

Every analysis goes through the queue: `submit` enqueues and dispatches. A dispatcher claims a slot for the
oldest by a conditional write, *then* looks whether that analysis is still open, starts it and takes it out
of the queue; at its end the slot is given back and the next dispatcher begins. Every step may happen twice
and may be the last one of its process: whoever comes next finds the id in the queue or among the holders
and goes on from there. See docs/decisions/0022-slots.md.
"""

from __future__ import annotations

from bonafide import workflow
from bonafide.errors import Unavailable
from bonafide.model import Analysis, State
from bonafide.store import analyses, tenants
from bonafide.store import slots as store
from bonafide.telemetry import logger

__all__ = ["dispatch", "finished", "holds", "reconcile", "submit", "wait", "withdraw"]

BATCH = 10
ROUNDS = 100
_OPEN = (State.QUEUED, State.RUNNING)


def submit(analysis: Analysis, *, limit: int) -> None:
    """Let the analysis wait for its turn, which may be now. After `Unavailable` the sweep makes up for it."""
    wait(analysis)
    dispatch(analysis.tenant, limit=limit)


def wait(analysis: Analysis) -> None:
    """Put the analysis into its tenant's queue, once; whoever dispatches next will find it there."""
    store.enqueue(analysis.tenant, analysis.id)


def holds(tenant: str, analysis_id: str) -> bool:
    """Whether the analysis holds a slot now."""
    return analysis_id in store.holders(tenant)


def finished(tenant: str, analysis_id: str) -> None:
    """Give the slot of an analysis that has ended back, and start whoever is next.

    That the next one cannot be started now is no fault of this one's end: its next dispatcher, at the latest
    the sweep, does it.
    """
    store.release(tenant, analysis_id)
    try:
        dispatch(tenant)
    except Unavailable as error:
        logger.warning("not dispatched", extra={"tenant": tenant, "detail": error.detail})


def dispatch(tenant: str, *, limit: int | None = None) -> int:
    """Start the oldest that wait, as long as there are slots; returns how many were started.

    The queue is read before the holders, both strongly consistent: who is enqueued after the first read
    dispatches for itself, and a slot that is given back after the second has a dispatcher of its own.
    """
    started = 0
    for _ in range(ROUNDS):
        waiting = store.oldest(tenant, BATCH)
        if not waiting:
            break
        if limit is None:
            limit = tenants.get(tenant).terms.concurrent
        begun, go_on = _advance(tenant, waiting, limit)
        started += begun
        if not go_on:
            break
    return started


def _advance(tenant: str, waiting: list[str], limit: int) -> tuple[int, bool]:
    """Start these in their order; returns how many, and whether another look may find more to do."""
    held, started = store.holders(tenant), 0
    for analysis_id in waiting:
        if analysis_id not in held:
            if len(held) >= limit:
                return started, False
            if not store.claim(tenant, analysis_id, limit=limit):
                return started, True  # another dispatcher was faster: look again
            held.add(analysis_id)
        if _start(tenant, analysis_id):
            started += 1
        else:
            held.discard(analysis_id)
    return started, True


def _start(tenant: str, analysis_id: str) -> bool:
    """Start an analysis that holds a slot. ``False``: it had ended meanwhile, and the slot is free again.

    An analysis ends first and gives its slot back then, so one that is open *after* the claim has yet to give
    it back: no slot is lost between the two.
    """
    analysis = _still_open(tenant, analysis_id)
    if analysis is not None:
        workflow.start(tenant, analysis_id, analysis.source.type)
        analysis = _still_open(tenant, analysis_id)
        if analysis is None:  # deleted between the look and the start: its deletion found no run to stop
            workflow.stop(analysis_id)
    if analysis is None:
        store.release(tenant, analysis_id)
    store.dequeue(tenant, analysis_id)
    return analysis is not None


def _still_open(tenant: str, analysis_id: str) -> Analysis | None:
    analysis = analyses.get(tenant, analysis_id)
    return analysis if analysis is not None and analysis.state in _OPEN else None


def withdraw(tenant: str, analysis_id: str) -> None:
    """Take a deleted analysis out of the queue, and give back the slot that it may hold."""
    store.dequeue(tenant, analysis_id)
    finished(tenant, analysis_id)


def reconcile(tenant: str) -> int:
    """Return the slots of analyses that have ended, and dispatch; how many slots and starts that were."""
    returned = 0
    for analysis_id in store.holders(tenant):
        analysis = analyses.get(tenant, analysis_id)
        if analysis is None or analysis.state not in _OPEN:
            returned += store.release(tenant, analysis_id)
    return returned + dispatch(tenant)
