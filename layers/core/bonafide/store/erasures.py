"""What has been erased of an analysis, on its own row (a tombstone keeps it): plain counts, and two moments.

Erasing may run again, and may be cut off: every part adds what it found as soon as it is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from bonafide import clock
from bonafide.model import State, Word
from bonafide.store import table
from bonafide.store.analyses import key

__all__ = ["COUNTED", "Erasure", "add", "confirm", "get"]

COUNTED = ("erased_media", "erased_working_files", "erased_artifacts", "erased_records")
"""Attributes of the row: object versions and delete markers; rows of the table."""


class Erasure(Word):
    """What was erased of one analysis, and when.

    ``confirmed_at``: when nothing that could still have written was running any more, and all was
    looked for again.
    """

    reason: Literal["deleted", "zero_retention"]
    created_at: datetime
    erased_at: datetime
    confirmed_at: datetime | None = None
    until: datetime = Field(description="When the row itself goes.")
    erased_media: int = 0
    erased_working_files: int = 0
    erased_artifacts: int = 0
    erased_records: int = 0


def add(tenant: str, analysis_id: str, found: Mapping[str, int]) -> None:
    """Count what is gone now; names as in `COUNTED`, without ``erased_``."""
    counts = {f"erased_{name}": count for name, count in found.items() if count}
    if counts:
        table.update(key(tenant, analysis_id), add=counts)


def confirm(tenant: str, analysis_id: str, *, now: datetime) -> None:
    """Note that everything was looked for again."""
    table.update(key(tenant, analysis_id), set_={"confirmed_at": clock.text(now)})


def get(tenant: str, analysis_id: str) -> Erasure | None:
    """Return what was erased; ``None`` if nothing was, or this tenant never had the analysis."""
    row = table.get(key(tenant, analysis_id)) or {}
    deleted = row.get("state") == State.DELETED.value
    erased_at = row.get("deleted_at" if deleted else "media_deleted_at")
    if erased_at is None:
        return None
    return Erasure.model_validate(
        {name: row[name] for name in COUNTED if name in row}
        | {
            "reason": "deleted" if deleted else "zero_retention",
            "created_at": row["created_at"],
            "erased_at": erased_at,
            # Zero retention erases as the last step of a run: nothing of it can write any more.
            "confirmed_at": row.get("confirmed_at") if deleted else erased_at,
            "until": datetime.fromtimestamp(row["ttl"], UTC),
        }
    )
