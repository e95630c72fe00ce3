"""Erasure: media, artifacts, working files, names. A promise, so every part may be run again.

What each part found is counted on the row (`store/erasures.py`): the deletion receipt says it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from bonafide import credits as ledger
from bonafide import media, slots, workflow
from bonafide.bus import event_id
from bonafide.ids import to_uuid
from bonafide.model import Analysis, State
from bonafide.store import analyses, claims, erasures, table, tenants, webhooks

__all__ = ["confirm", "delete_analysis", "erase_media", "erase_traces", "forget"]


def delete_analysis(tenant: str, analysis_id: str, *, now: datetime) -> bool:
    """Stop the run and erase all but a tombstone. Idempotent; ``False`` if this tenant never had it.

    A function that is still running can write once more; the sweep erases again when none can be.
    """
    analysis = analyses.get(tenant, analysis_id)
    if analysis is None:
        return False
    if analysis.state is not State.DELETED:
        erase_media(analysis)
        _erase_records(analysis)
        tenants.meter(analysis, credits_=ledger.close(analysis), now=now)
        analyses.mark_deleted(tenant, analysis_id, now=now)
        if analysis.state in (State.QUEUED, State.RUNNING):
            # After the mark: the end of a run that was stopped must find nothing to record or to tell.
            workflow.stop(analysis_id)
            slots.withdraw(tenant, analysis_id)
    erase_traces(tenant, analysis_id)
    return True


def erase_media(analysis: Analysis) -> None:
    """Erase the media itself: of a dropped file this very version, of an upload also its row."""
    ref = analysis.media_ref
    if ref is None:
        return
    if analysis.source.type == "drop":
        media.erase_version(ref)
        erasures.add(analysis.tenant, analysis.id, {"media": 1})
        return
    erasures.add(analysis.tenant, analysis.id, {"media": media.erase_prefix(ref.key)})
    if analysis.source.type == "upload":
        table.delete(table.tenant_key(analysis.tenant, "UP", ref.key.rsplit("/", 1)[-1]))
        erasures.add(analysis.tenant, analysis.id, {"records": 1})


def _erase_records(analysis: Analysis) -> None:
    """Erase what else the table holds of it: answers kept for an Idempotency-Key, bodies of callbacks."""
    found = claims.forget(analysis.tenant, analysis.id)
    if analysis.completed_at:
        marks = {event_id(analysis.id, state) for state in (State.COMPLETED, State.FAILED)}
        marks.add(analysis.id)
        with suppress(ValueError):  # an id that is none of `new_id` has no other spelling
            marks.add(to_uuid(analysis.id))
        found += webhooks.forget_callbacks(analysis.tenant, marks, occurred_at=analysis.completed_at)
    erasures.add(analysis.tenant, analysis.id, {"records": found})


def forget(analysis: Analysis, *, now: datetime) -> None:
    """Zero retention: the result stays; media, artifacts, working files, names and the address go."""
    erase_media(analysis)
    erasures.add(analysis.tenant, analysis.id, {"records": claims.forget(analysis.tenant, analysis.id)})
    erase_traces(analysis.tenant, analysis.id)
    analyses.forget_names(analysis.tenant, analysis.id, now=now)
    analyses.settle(analysis.tenant, analysis.id)


def erase_traces(tenant: str, analysis_id: str) -> None:
    """Erase everything that lies under the analysis' own prefixes, every version of it."""
    for folder, name in (("media", "media"), ("work", "working_files"), ("artifacts", "artifacts")):
        found = media.erase_prefix(f"{folder}/{tenant}/{analysis_id}/")
        erasures.add(tenant, analysis_id, {name: found})


def confirm(tenant: str, analysis_id: str, *, now: datetime) -> None:
    """Erase once more, when nothing that could write is running any more, and note that it was done."""
    erase_traces(tenant, analysis_id)
    erasures.confirm(tenant, analysis_id, now=now)
