"""Rows of analyses, and the only transitions their state may take.

Partition key ``T#<tenant>#AN#<id>``. `gsi1` lists a tenant's analyses by id (ids sort by time), spread
over a few shards so that no index partition carries a busy tenant alone. `gsi2` is sparse: it holds what
is not at rest yet, for the sweep. Structures are JSON strings; see `table.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bonafide import clock
from bonafide.model import (
    Analysis,
    FileVerdict,
    MediaFacts,
    MediaKind,
    MediaRef,
    OperationResult,
    Stage,
    State,
)
from bonafide.redact import redacted
from bonafide.settings import settings
from bonafide.store import table
from bonafide.store.table import Item, dumps, loads, tenant_key

__all__ = [
    "begin_detection",
    "create",
    "fail",
    "finish",
    "forget_names",
    "get",
    "index",
    "item_done",
    "key",
    "list_",
    "mark_deleted",
    "mark_published",
    "media_fetched",
    "pending",
    "pending_key",
    "set_stage",
    "settle",
]

SHARDS = 4
_JSON = frozenset(
    (
        "source",
        "echo",
        "accepts",
        "media_ref",
        "media",
        "operations",
        "options",
        "rule",
        "verdict",
        "results",
        "failure",
        "versions",
        "cost_usd",
    )
)
_OPEN = "#state IN (:queued, :running)"
_OPEN_VALUES = {"queued": State.QUEUED.value, "running": State.RUNNING.value}
_TOMBSTONE = frozenset(
    (
        "pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", "ttl", "id", "tenant", "created_at", "metered",
        "erased_media", "erased_working_files", "erased_artifacts", "erased_records",
    )
)  # fmt: skip
_REMEMBERED = frozenset(Analysis.model_fields) - {"items_done"} | {"done_items", "published"}


def key(tenant: str, analysis_id: str) -> str:
    """Return the partition key of an analysis."""
    return tenant_key(tenant, "AN", analysis_id)


def pending_key(tenant: str, analysis_id: str, what: str = "") -> Item:
    """Return the attributes that show a row to the sweep; ``what`` tells rows of one analysis apart."""
    suffix = f"#{what}" if what else ""
    return {"gsi2pk": f"PENDING#{_shard(analysis_id)}", "gsi2sk": f"{analysis_id}#{tenant}{suffix}"}


def _shard(analysis_id: str) -> str:
    return str(ord(analysis_id[-1]) % SHARDS)


def to_item(analysis: Analysis) -> Item:
    """Return the row of a new analysis, with its index keys and its expiry."""
    plain = analysis.model_dump(mode="json", exclude_none=True, exclude={"items_done"})
    item: Item = {name: dumps(value) if name in _JSON else value for name, value in plain.items()}
    shard = _shard(analysis.id)
    return item | {
        "pk": key(analysis.tenant, analysis.id),
        "sk": "META",
        "gsi1pk": tenant_key(analysis.tenant, "ANALYSES", shard),
        "gsi1sk": analysis.id,
        **pending_key(analysis.tenant, analysis.id),
        "ttl": int(analysis.created_at.timestamp()) + settings().retention_days * 86400,
    }


def from_item(item: Item) -> Analysis:
    """Return the analysis that a row holds."""
    members = {name: item[name] for name in Analysis.model_fields if name in item}
    plain = {name: loads(value) if name in _JSON else value for name, value in members.items()}
    plain.setdefault("source", {"type": "upload"})  # a tombstone has forgotten it
    plain["items_done"] = len(item.get("done_items", ()))
    return Analysis.model_validate(plain)


def create(analysis: Analysis) -> Analysis:
    """Write a new analysis, or return the one that has this id already."""
    if table.put(to_item(analysis), only_if_absent=True):
        return analysis
    return get(analysis.tenant, analysis.id) or analysis


def get(tenant: str, analysis_id: str) -> Analysis | None:
    """Return the analysis (a tombstone too), or ``None`` if this tenant never had it."""
    item = table.get(key(tenant, analysis_id))
    return from_item(item) if item else None


def _change(tenant: str, analysis_id: str, condition: str = _OPEN, **arguments: Any) -> Analysis | None:
    values = (_OPEN_VALUES if condition.startswith(_OPEN) else {}) | arguments.pop("values", {})
    item = table.update(key(tenant, analysis_id), condition=condition, values=values, **arguments)
    return from_item(item) if item else None


def set_stage(tenant: str, analysis_id: str, stage: Stage) -> Analysis | None:
    """Show progress. ``None`` if the analysis is no longer open (finished, failed, deleted)."""
    return _change(tenant, analysis_id, set_={"stage": stage.value})


def media_fetched(tenant: str, analysis_id: str, ref: MediaRef) -> Analysis | None:
    """Remember where fetched media lies. ``None`` if the analysis is no longer open."""
    return _change(tenant, analysis_id, set_={"media_ref": dumps(ref.model_dump(mode="json"))})


def begin_detection(
    tenant: str, analysis_id: str, *, media: MediaFacts, items_total: int, now: datetime
) -> Analysis | None:
    """``queued → running`` with the facts known. ``None`` if the analysis is no longer open."""
    return _change(
        tenant,
        analysis_id,
        set_={
            "state": State.RUNNING.value,
            "stage": Stage.DETECTING.value,
            "media": dumps(media.model_dump(mode="json", exclude_none=True)),
            "items_total": items_total,
            "started_at": clock.text(now),
        },
    )


def item_done(tenant: str, analysis_id: str, item_id: str) -> bool:
    """Count a finished work item, once however often it is told. ``False`` if no longer open."""
    return _change(tenant, analysis_id, add={"done_items": {item_id}}) is not None


def finish(
    tenant: str,
    analysis_id: str,
    *,
    verdict: FileVerdict,
    results: tuple[OperationResult, ...],
    versions: dict[str, str],
    cost_usd: float,
    now: datetime,
) -> Analysis | None:
    """``running → completed``. ``None`` if the analysis was no longer open: first end wins."""
    return _change(
        tenant,
        analysis_id,
        set_={
            "state": State.COMPLETED.value,
            "stage": Stage.DONE.value,
            "verdict": dumps(verdict.model_dump(mode="json", exclude_none=True)),
            "results": dumps([r.model_dump(mode="json", exclude_defaults=True) for r in results]),
            "versions": dumps(versions),
            "cost_usd": dumps(cost_usd),
            "completed_at": clock.text(now),
        },
    )


def fail(tenant: str, analysis_id: str, *, code: str, detail: str, now: datetime) -> Analysis | None:
    """``queued | running → failed``. ``None`` if the analysis was no longer open."""
    return _change(
        tenant,
        analysis_id,
        set_={
            "state": State.FAILED.value,
            "stage": Stage.DONE.value,
            "failure": dumps({"code": code, "detail": detail}),
            "completed_at": clock.text(now),
        },
    )


def mark_published(tenant: str, analysis_id: str, *, at_rest: bool) -> None:
    """The end has been told to the world. ``at_rest``: the sweep has nothing left to do either."""
    table.update(
        key(tenant, analysis_id),
        set_={"published": True},
        remove=("gsi2pk", "gsi2sk") if at_rest else (),
        condition="#state <> :deleted",
        values={"deleted": State.DELETED.value},
    )


def is_published(tenant: str, analysis_id: str) -> bool:
    """Whether the end of this analysis has been told already."""
    return bool((table.get(key(tenant, analysis_id)) or {}).get("published"))


def mark_deleted(tenant: str, analysis_id: str, *, now: datetime) -> bool:
    """Turn the row into a tombstone: id, dates and nothing else. Idempotent; ``False`` if it never existed.

    The tombstone stays in the pending index until the sweep has erased once more, after every function
    that was still running has ended.
    """
    item = table.get(key(tenant, analysis_id))
    if item is None:
        return False
    if item["state"] != State.DELETED.value:
        table.update(
            item["pk"],
            set_={
                "state": State.DELETED.value,
                "stage": Stage.DONE.value,
                "deleted_at": clock.text(now),
                **pending_key(tenant, analysis_id),
            },
            # Also what the row did not hold a moment ago: a step may be writing now.
            remove=tuple((set(item) | _REMEMBERED) - _TOMBSTONE - {"state", "stage", "deleted_at"}),
        )
    return True


def settle(tenant: str, analysis_id: str) -> None:
    """Take the row out of the pending index: it is at rest."""
    table.update(key(tenant, analysis_id), remove=("gsi2pk", "gsi2sk"))


def forget_names(tenant: str, analysis_id: str, *, now: datetime) -> None:
    """Zero retention: drop the address, the file name, where media lay, artifacts, quotations of the file.

    Its hash goes too: whoever has the file could tell by it that this very file was here.

    Of what a dialect echoes only the member ``kept`` stays: nothing in it may name anybody.
    """
    analysis = get(tenant, analysis_id)
    if analysis is None or analysis.state is State.DELETED:
        return
    source = {"type": analysis.source.type}
    results = [redacted(r).model_dump(mode="json", exclude_defaults=True) for r in analysis.results]
    kept = {"kept": analysis.echo["kept"]} if "kept" in analysis.echo else {}
    erased = analysis.media_deleted_at or now
    facts = analysis.media.model_dump(mode="json", exclude_none=True) if analysis.media else {}
    facts.pop("sha256", None)
    table.update(
        key(tenant, analysis_id),
        set_={
            "source": dumps(source),
            "results": dumps(results),
            "echo": dumps(kept),
            "media_deleted_at": clock.text(erased),
            **({"media": dumps(facts)} if facts else {}),
        },
        remove=("media_ref",),
    )


def index(tenant: str, *, dialect: str, limit: int) -> list[str]:
    """Return the ids of a dialect's analyses that are not deleted, newest first, among the last ``limit``.

    Reads only keys over the wire, but DynamoDB bills whole rows: for lists that promise a total.
    """
    rows = [
        row
        for n in range(SHARDS)
        for row in table.page(
            tenant_key(tenant, "ANALYSES", str(n)),
            index="gsi1",
            limit=limit,
            newest_first=True,
            only=("id", "state", "dialect"),
        )
    ]
    newest = sorted(rows, key=lambda row: row["id"], reverse=True)[:limit]
    return [
        row["id"] for row in newest if row.get("dialect") == dialect and row["state"] != State.DELETED.value
    ]


def list_(
    tenant: str,
    *,
    limit: int,
    before: str | None = None,
    state: State | None = None,
    media_kind: MediaKind | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> tuple[list[Analysis], str | None]:
    """Return up to ``limit`` analyses, newest first, and the id to continue ``before`` (``None`` at the end).

    Filters are applied to what was read: at most ten pages a call, so a rare match may need several.
    """
    kept: list[Analysis] = []
    for _ in range(10):
        shards = [
            table.page(
                tenant_key(tenant, "ANALYSES", str(n)),
                index="gsi1",
                before=before,
                limit=limit,
                newest_first=True,
            )
            for n in range(SHARDS)
        ]
        rows = sorted((row for shard in shards for row in shard), key=lambda row: row["id"], reverse=True)[
            :limit
        ]
        for row in rows:
            analysis = from_item(row)
            before = analysis.id
            if created_after and analysis.created_at < created_after:
                return kept, None
            if _matches(analysis, state, media_kind, created_before):
                kept.append(analysis)
                if len(kept) == limit:
                    return kept, before
        if len(rows) < limit:
            return kept, None
    return kept, before


def _matches(
    analysis: Analysis, state: State | None, kind: MediaKind | None, created_before: datetime | None
) -> bool:
    if created_before and analysis.created_at >= created_before:
        return False
    if state and analysis.state is not state:
        return False
    return not kind or (analysis.media is not None and analysis.media.kind is kind)


def pending() -> Iterator[tuple[str, str]]:
    """Yield (tenant, id) of what is not at rest, oldest first within each shard; a pair may come twice."""
    for n in range(SHARDS):
        last: str | None = None
        while rows := table.page(f"PENDING#{n}", index="gsi2", after=last, limit=1000):
            for row in rows:
                last = str(row["gsi2sk"])
                analysis_id, tenant = last.split("#")[:2]
                yield tenant, analysis_id
