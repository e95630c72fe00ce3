"""Rows of slots and of the queue before them; the rules are in `bonafide.slots`.

``T#<tenant>#SLOTS`` / ``META`` holds the ids of the analyses that run (a set: at most as many as the plan
allows, so 50 ids or 1.5 kB). ``T#<tenant>#QUEUE`` / ``<analysis id>`` waits; ids sort by time.
"""

from __future__ import annotations

from bonafide.store import table
from bonafide.store.table import tenant_key

__all__ = ["claim", "dequeue", "enqueue", "holders", "oldest", "release"]


def _slots(tenant: str) -> str:
    return tenant_key(tenant, "SLOTS")


def _queue(tenant: str) -> str:
    return tenant_key(tenant, "QUEUE")


def holders(tenant: str) -> set[str]:
    """Return the ids that hold a slot (strongly consistent)."""
    return set((table.get(_slots(tenant)) or {}).get("holders", ()))


def claim(tenant: str, analysis_id: str, *, limit: int) -> bool:
    """Take a slot if fewer than ``limit`` are held, and this analysis holds none; one conditional write."""
    free = "(attribute_not_exists(#holders) OR (size(#holders) < :limit AND NOT contains(#holders, :id)))"
    row = table.update(
        _slots(tenant),
        add={"holders": {analysis_id}},
        condition=free,
        values={"limit": limit, "id": analysis_id},
    )
    return row is not None


def release(tenant: str, analysis_id: str) -> bool:
    """Give the slot back. ``False`` if the analysis holds none: it was given back before."""
    row = table.update(
        _slots(tenant),
        drop={"holders": {analysis_id}},
        condition="contains(#holders, :id)",
        values={"id": analysis_id},
    )
    return row is not None


def enqueue(tenant: str, analysis_id: str) -> None:
    """Let an analysis wait for a slot; twice is once."""
    table.put({"pk": _queue(tenant), "sk": analysis_id})


def dequeue(tenant: str, analysis_id: str) -> None:
    """Take an analysis out of the queue; absent is fine."""
    table.delete(_queue(tenant), analysis_id)


def oldest(tenant: str, count: int) -> list[str]:
    """Return the ids that have waited longest (strongly consistent)."""
    return [str(row["sk"]) for row in table.page(_queue(tenant), limit=count)]
