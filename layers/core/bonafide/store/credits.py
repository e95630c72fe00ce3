"""Rows of credits: what is held and spent in a month, and one reservation an analysis.

``T#<tenant>#CREDITS`` / ``<month>#<shard>`` is the ledger: ``used`` (held and spent) and ``spent``. A plan
with a limit uses shard 0 alone, for its balance is a condition on one row; without a limit there is nothing
to compare, and shards keep transactions apart. ``T#<tenant>#CREDIT#<analysis id>`` is the reservation:
``held``, then ``closed``; while it is held the sparse pending index shows it to the sweep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bonafide.errors import InsufficientCredits
from bonafide.store import table
from bonafide.store.analyses import pending_key
from bonafide.store.table import Change, Item, New, tenant_key

__all__ = ["close", "reservation", "reserve", "totals"]

SHARDS = 8
_KEPT_S = 400 * 86400


def _key(tenant: str, analysis_id: str) -> str:
    return tenant_key(tenant, "CREDIT", analysis_id)


def reserve(
    tenant: str, analysis_id: str, amount: int, *, month: str, allowance: int | None, now: datetime
) -> None:
    """Hold ``amount`` credits for an analysis; twice is once. Raises `InsufficientCredits`."""
    shard = 0 if allowance is not None else ord(analysis_id[-1]) % SHARDS
    row: Item = {
        "pk": _key(tenant, analysis_id),
        "sk": "META",
        "state": "held",
        "reserved": amount,
        "ledger": f"{month}#{shard}",
        "at": int(now.timestamp()),
        "ttl": int(now.timestamp()) + _KEPT_S,
        **pending_key(tenant, analysis_id, "credit"),
    }
    condition: dict[str, Any] = {"condition": ""}
    if allowance is not None:
        if amount > allowance:
            raise InsufficientCredits("The plan's credits do not cover this.")
        condition["condition"] = "attribute_not_exists(#used) OR #used <= :room"
        condition["values"] = {"room": allowance - amount}
    ledger = Change(tenant_key(tenant, "CREDITS"), row["ledger"], add={"used": amount}, **condition)
    if table.together(New(row), ledger) == 1:
        raise InsufficientCredits("This month's credits do not cover this.")


def reservation(tenant: str, analysis_id: str) -> Item | None:
    """Return the reservation of an analysis, or ``None`` if it never had one."""
    return table.get(_key(tenant, analysis_id))


def close(tenant: str, analysis_id: str, amount: int) -> int:
    """Spend ``amount`` of what is held (never more than that) and free the rest; the first close counts.

    Returns what was spent: 0 without a reservation, the first close's amount after it.
    """
    row = reservation(tenant, analysis_id)
    if row is None or row["state"] != "held":
        return int((row or {}).get("charged", 0))
    charged = min(amount, int(row["reserved"]))
    ended = Change(
        row["pk"],
        set_={"state": "closed", "charged": charged},
        remove=("gsi2pk", "gsi2sk"),
        condition="#state = :held",
        values={"held": "held"},
    )
    ledger = Change(
        tenant_key(tenant, "CREDITS"),
        row["ledger"],
        add={"used": charged - int(row["reserved"]), "spent": charged},
        condition="",
    )
    if table.together(ended, ledger) is not None:  # somebody else closed it meanwhile
        return int((reservation(tenant, analysis_id) or {}).get("charged", 0))
    return charged


def totals(tenant: str, month: str) -> tuple[int, int]:
    """Return (held and spent, spent) of a month."""
    rows = list(table.query(tenant_key(tenant, "CREDITS"), f"{month}#"))
    return sum(int(r.get("used", 0)) for r in rows), sum(int(r.get("spent", 0)) for r in rows)
