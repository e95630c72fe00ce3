"""Batches: which analyses were asked for together. ``T#<tenant>#BATCH#<id>``; lives as long as they do."""

from __future__ import annotations

from datetime import datetime

from bonafide.model import Word
from bonafide.settings import settings
from bonafide.store import table

__all__ = ["Batch", "create", "get"]


class Batch(Word):
    """Some analyses of one tenant, in the order in which they were asked for."""

    id: str
    analyses: tuple[str, ...]
    created_at: datetime


def create(tenant: str, batch: Batch) -> None:
    """Write a new batch, before its analyses: each of these is then begun under the id that stands here."""
    table.put(
        {
            "pk": table.tenant_key(tenant, "BATCH", batch.id),
            "sk": "META",
            "batch": table.dumps(batch.model_dump(mode="json")),
            "ttl": int(batch.created_at.timestamp()) + settings().retention_days * 86400,
        }
    )


def get(tenant: str, batch_id: str) -> Batch | None:
    """Return the batch, or ``None``."""
    row = table.get(table.tenant_key(tenant, "BATCH", batch_id))
    return Batch.model_validate(table.loads(row["batch"])) if row else None
