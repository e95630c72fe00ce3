"""Rows of the owner's index of known media.

``T#<tenant>#KNOWN`` / ``<id>`` is an entry (ids sort by time, so the newest are read first);
``T#<tenant>#KNOWN#<digest>`` holds a fingerprint for one entry only; ``T#<tenant>#KB#<band><value>`` is a
bucket: a binary set of postings (32 bytes of hash, then the entry's id), changed without being read;
``T#<tenant>`` / ``KNOWN`` counts hashes, so that a tenant without any is asked one row. What a crash leaves:
a count that is too high, never too low, and postings that lead to no entry, which are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bonafide.model import Word
from bonafide.store import table
from bonafide.store.table import Item, dumps, loads, tenant_key

__all__ = [
    "CAP",
    "Entry",
    "Hash",
    "count",
    "delete",
    "get",
    "get_many",
    "list_",
    "mark_incomplete",
    "post",
    "prints",
    "probe",
    "put",
    "take",
]

CAP = 400
"""Postings a bucket takes (24 kB): one that is full takes no more, and whoever reads it is told so."""
HASH_BYTES = 32
Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_ALWAYS = "attribute_exists(pk) OR attribute_not_exists(pk)"


class Entry(Word):
    """One known medium: its hashes (one of a picture, one a scene of a video) and what is known of it."""

    id: str
    tenant: str
    kind: Literal["image", "video"]
    pdq: tuple[Hash, ...] = Field(min_length=1)
    verdict: Literal["known_fake", "known_genuine"]
    title: str
    url: str | None = None
    reason: str | None = None
    complete: bool = Field(True, description="False: some buckets were full, so that it may be missed.")
    created_at: datetime


def _key(tenant: str) -> str:
    return tenant_key(tenant, "KNOWN")


def _bucket(tenant: str, bucket: str) -> str:
    return tenant_key(tenant, "KB", bucket)


def _posting(hash_: str, entry_id: str) -> bytes:
    return bytes.fromhex(hash_) + entry_id.encode()


def _entry(item: Item) -> Entry:
    plain = {name: item[name] for name in Entry.model_fields if name in item}
    created = datetime.fromtimestamp(item["created_at"], UTC)
    return Entry.model_validate(plain | {"pdq": loads(item["pdq"]), "created_at": created})


def put(entry: Entry, digest: str) -> str | None:
    """Write a new entry; returns ``None``, or the id of the one that has this fingerprint already."""
    item: Item = entry.model_dump(mode="python", exclude_none=True)
    item |= {"pk": _key(entry.tenant), "sk": entry.id, "pdq": dumps(entry.pdq), "digest": digest}
    item["created_at"] = int(entry.created_at.timestamp())
    holder = {"pk": tenant_key(entry.tenant, "KNOWN", digest), "sk": "META", "entry": entry.id}
    if table.transact([holder, item]) is None:
        return None
    earlier = table.get(holder["pk"])
    return str(earlier["entry"]) if earlier else entry.id


def mark_incomplete(entry: Entry) -> Entry:
    """Note that some of the entry's buckets were full."""
    table.update(_key(entry.tenant), entry.id, set_={"complete": False})
    return entry.model_copy(update={"complete": False})


def get(tenant: str, entry_id: str) -> Entry | None:
    """Return the entry, or ``None`` if this tenant has no such."""
    item = table.get(_key(tenant), entry_id)
    return _entry(item) if item else None


def get_many(tenant: str, ids: Iterable[str]) -> dict[str, Entry]:
    """Return those of the entries that exist, by id."""
    items = table.batch_get([(_key(tenant), entry_id) for entry_id in sorted(set(ids))])
    return {item["sk"]: _entry(item) for item in items}


def list_(tenant: str, limit: int, before: str | None = None) -> list[Entry]:
    """Return up to ``limit`` entries, the newest first, from those older than the id ``before``."""
    items = table.page(_key(tenant), before=before, limit=limit, newest_first=True)
    return [_entry(item) for item in items]


def delete(entry: Entry) -> bool:
    """Remove the rows of an entry (its postings before: `take`); ``False`` if somebody else just did."""
    item = table.update(
        _key(entry.tenant),
        entry.id,
        set_={"removed": True},
        condition="attribute_exists(pk) AND attribute_not_exists(#removed)",
    )
    stored = item or table.get(_key(entry.tenant), entry.id)
    if stored:
        table.delete(tenant_key(entry.tenant, "KNOWN", stored["digest"]))
        table.delete(_key(entry.tenant), entry.id)
    return item is not None


def count(tenant: str, hashes: int) -> None:
    """Count hashes in (before they are written) or, below 0, out (after they are gone)."""
    table.update(tenant_key(tenant), "KNOWN", add={"hashes": hashes}, condition=_ALWAYS)


def prints(tenant: str) -> int:
    """Return how many hashes a tenant's index holds; after a crash it may say too many."""
    item = table.get(tenant_key(tenant), "KNOWN")
    return int(item["hashes"]) if item else 0


def post(tenant: str, bucket: str, hash_: str, entry_id: str) -> bool:
    """Add a posting (again changes nothing); ``False`` if the bucket is full."""
    posting = _posting(hash_, entry_id)
    added = table.update(
        _bucket(tenant, bucket),
        add={"postings": {posting}},
        condition="attribute_not_exists(#postings) OR size(#postings) < :cap"
        " OR contains(#postings, :posting)",
        values={"cap": CAP, "posting": posting},
    )
    return added is not None


def take(tenant: str, bucket: str, hash_: str, entry_id: str) -> None:
    """Take a posting out; absent is fine."""
    table.update(_bucket(tenant, bucket), drop={"postings": {_posting(hash_, entry_id)}})


def probe(tenant: str, buckets: Sequence[str]) -> tuple[set[tuple[int, str]], int]:
    """Return (hash as a number, entry id) of every posting in ``buckets``, and how many of them are full."""
    found: set[bytes] = set()
    full = 0
    for item in table.batch_get([(_bucket(tenant, bucket), "META") for bucket in buckets]):
        postings = item.get("postings", ())
        full += len(postings) >= CAP
        found.update(bytes(posting) for posting in postings)
    return {(int.from_bytes(one[:HASH_BYTES], "big"), one[HASH_BYTES:].decode()) for one in found}, full
