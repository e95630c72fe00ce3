"""Claims: who was first. They make every way in happen once.

A claim is a row under a name (an Idempotency-Key, an upload, an S3 object version) that fixes the id of
the analysis it leads to. All later steps are idempotent for that id, so a crash between any two of
them is mended by simply trying again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bonafide.errors import Conflict, Unprocessable
from bonafide.ids import digest
from bonafide.store.analyses import key
from bonafide.store.table import Item, delete, dumps, get, loads, put, query, tenant_key, update

__all__ = ["Begun", "Replay", "begin", "complete", "forget", "id_for", "release"]

LIFETIME_S = 24 * 3600
"""How long an Idempotency-Key is remembered (published in GET /v1/limits)."""

_LOCK_S = 60


@dataclass(frozen=True)
class Begun:
    """The caller goes ahead, under this analysis id."""

    analysis_id: str


@dataclass(frozen=True)
class Replay:
    """The work was done before; this was the answer."""

    status: int
    headers: dict[str, str]
    body: str


def _key(tenant: str, name: str) -> str:
    return tenant_key(tenant, "CLAIM", digest(name))


def begin(tenant: str, name: str, fingerprint: str, *, now: datetime, candidate_id: str) -> Begun | Replay:
    """Claim ``name`` for a request with this ``fingerprint`` (IETF Idempotency-Key draft).

    Raises `Unprocessable` if the name was used for another payload, `Conflict` if its first use is
    still under way. A first use that died is taken over, with the same analysis id, after a minute.
    """
    epoch = int(now.timestamp())
    row: Item = {
        "pk": _key(tenant, name),
        "sk": "META",
        "analysis_id": candidate_id,
        "fingerprint": fingerprint,
        "locked_until": epoch + _LOCK_S,
        "ttl": epoch + LIFETIME_S,
    }
    if put(row, only_if_absent=True):
        return Begun(candidate_id)
    found = get(row["pk"])
    if found is None or found["ttl"] <= epoch:  # DynamoDB deletes expired rows late
        put(row)
        return Begun(candidate_id)
    if found["fingerprint"] != fingerprint:
        raise Unprocessable(
            "This Idempotency-Key was used with a different payload.", code="idempotency_key_reused"
        )
    if "answer" in found:
        return Replay(**loads(found["answer"]))
    if not _take_over(row["pk"], found["locked_until"], epoch):
        raise Conflict(
            "The first request with this Idempotency-Key is still being processed.",
            code="idempotency_in_progress",
            retry_after_s=1,
        )
    return Begun(found["analysis_id"])


def _take_over(pk: str, seen: int, epoch: int) -> bool:
    if seen > epoch:
        return False
    condition = "#locked_until = :seen"
    return (
        update(pk, set_={"locked_until": epoch + _LOCK_S}, condition=condition, values={"seen": seen})
        is not None
    )


def complete(
    tenant: str,
    name: str,
    *,
    status: int,
    headers: dict[str, str],
    body: str,
    analysis_id: str | None = None,
    now: datetime,
) -> None:
    """Keep the answer, to be replayed to every retry within a day.

    It may hold names: of an analysis, a note beside its row lets `forget` find it.
    """
    if analysis_id:
        note = {"pk": key(tenant, analysis_id), "sk": f"CLAIM#{digest(name)}", "claim": digest(name)}
        put(note | {"ttl": int(now.timestamp()) + LIFETIME_S})
    answer = dumps({"status": status, "headers": headers, "body": body})
    update(_key(tenant, name), set_={"answer": answer})


def forget(tenant: str, analysis_id: str) -> int:
    """Erase every answer that was kept for this analysis; returns how many there were. The claims stay."""
    notes = list(query(key(tenant, analysis_id), "CLAIM#"))
    for note in notes:
        update(tenant_key(tenant, "CLAIM", note["claim"]), remove=("answer",))
        delete(note["pk"], note["sk"])
    return len(notes)


def release(tenant: str, name: str) -> None:
    """Forget a claim whose request was refused, so that a mended request may use the name again."""
    update(
        _key(tenant, name),
        set_={"ttl": 0},
        condition="attribute_exists(pk) AND attribute_not_exists(answer)",
    )


def id_for(
    tenant: str, name: str, *, fingerprint: str, candidate_id: str, now: datetime, lifetime_s: int
) -> str:
    """Return the analysis id that ``name`` leads to: ``candidate_id`` if it is new, else the first one's.

    Raises `Conflict` if it was claimed for a request with another ``fingerprint``.
    """
    row: Item = {
        "pk": _key(tenant, name),
        "sk": "META",
        "analysis_id": candidate_id,
        "fingerprint": fingerprint,
        "ttl": int(now.timestamp()) + lifetime_s,
    }
    if put(row, only_if_absent=True):
        return candidate_id
    found = get(row["pk"]) or row
    if found["fingerprint"] != fingerprint:
        raise Conflict(
            "This upload already has an analysis with other operations or options.", code="upload_used"
        )
    return str(found["analysis_id"])
