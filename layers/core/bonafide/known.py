"""The owner's index of known media: which buckets a hash lies in, what a match is, what it is worth.

Multi-index hashing (Norouzi et al. 2012): the 256 bits are dealt into 16 bands of 16. If two hashes differ
in at most 31 bits, some band differs in at most one (16 bands with two each would make 32), so the 17
values within one bit of each band find every match; if they differ in at most 15, some band is equal.
A picture as it is gets the first promise (272 buckets); its seven other orientations and a video's scenes
get the second (16 buckets each), which finds most of the rest as well: see decision 0013.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from bonafide.errors import Conflict, Unprocessable
from bonafide.ids import digest
from bonafide.model import Evidence, Finding, Flag, Interval, Operation, Outcome, Word
from bonafide.plan import catalogue
from bonafide.store import known as store
from bonafide.store.known import Entry, Hash

__all__ = [
    "RADIUS",
    "Fingerprint",
    "Hit",
    "buckets",
    "fingerprint_of",
    "lookup",
    "new_entry",
    "register",
    "remove",
    "search",
]

RADIUS, BANDS, WIDTH, BITS = 31, 16, 16, 256
MOST_HASHES, MOST_MATCHES = 16, 5
SHARE = 0.5
"""A video is known if this share of its scenes is, or of the known one's."""
BALANCED = range(100, 157)
"""Bits set in a hash of anything: the median makes it 128; others are of flat pictures, or made up."""
HIGHEST_LLR = 3.0
"""However rare false matches are: one match in twenty may be the untouched original of an edited picture."""
_OURS = ("fingerprints", "matches")
"""Members of the details that only this module writes, whatever a detector says."""
_CAVEAT = (
    "A match says that it is the same picture up to small changes: the untouched original of an edited "
    "picture matches the edited one as well. The verdict is that of whoever registered the entry."
)


class Fingerprint(Word):
    """What a detector measured: ``turned`` holds the hashes of the same frames mirrored, turned, trimmed."""

    kind: Literal["image", "video"]
    pdq: tuple[Hash, ...] = Field(min_length=1, max_length=MOST_HASHES)
    turned: dict[str, tuple[Hash, ...]] = Field({}, max_length=8)
    times_s: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _aligned(self) -> Fingerprint:
        if any(len(hashes) != len(self.pdq) for hashes in self.turned.values()):
            raise ValueError("each orientation has as many hashes as there are frames")
        return self


@dataclass(frozen=True)
class Hit:
    """An entry that matched: smallest distance in bits, over which frames, and how it was turned."""

    entry: Entry
    distance: int
    similarity: float
    turned: str | None
    frames: int

    def document(self) -> dict[str, Any]:
        """Return the match as findings show it."""
        entry = self.entry
        return {
            "id": entry.id, "url": entry.url, "title": entry.title, "reason": entry.reason,
            "verdict": entry.verdict, "similarity": self.similarity, "distance": self.distance,
            "turned": self.turned, "kind": entry.kind, "frames": self.frames,
        }  # fmt: skip


# ---- where a hash lies -------------------------------------------------------------------------------

_PLACES = [[row * 16 + (row + band) % 16 for row in range(16)] for band in range(BANDS)]
"""Each band takes one bit of every row and column of frequencies: neighbours agree too often."""


def buckets(hash_: str, *, near: bool = False) -> Iterator[str]:
    """Yield the names of the 16 buckets of a hash; with ``near`` also those one bit away (272 in all)."""
    bits = int(hash_, 16)
    for band, places in enumerate(_PLACES):
        value = sum((bits >> place & 1) << n for n, place in enumerate(places))
        yield f"{band:x}{value:04x}"
        if near:
            yield from (f"{band:x}{value ^ 1 << n:04x}" for n in range(WIDTH))


# ---- registering -------------------------------------------------------------------------------------


def register(entry: Entry) -> Entry:
    """Add an entry; again, with the same words, it changes nothing and returns the first.

    Raises `Unprocessable` for a hash that no picture with content has, `Conflict` if the same fingerprint
    is registered with other words.
    """
    for hash_ in entry.pdq:
        if int(hash_, 16).bit_count() not in BALANCED:
            raise Unprocessable(
                "This hash is of a picture without content, or no PDQ hash.", code="degenerate_hash"
            )
    store.count(entry.tenant, len(entry.pdq))
    earlier = store.put(entry, digest(entry.kind, *entry.pdq))
    if earlier is not None:
        store.count(entry.tenant, -len(entry.pdq))
        entry = _same(entry, earlier)
    places = [(bucket, hash_) for hash_ in dict.fromkeys(entry.pdq) for bucket in buckets(hash_)]
    posted = [store.post(entry.tenant, bucket, hash_, entry.id) for bucket, hash_ in places]
    return entry if all(posted) or not entry.complete else store.mark_incomplete(entry)


def _same(entry: Entry, earlier: str) -> Entry:
    """Return the entry that was there first, if it says the same."""
    found = store.get(entry.tenant, earlier)
    said = {"kind", "pdq", "verdict", "title", "url", "reason"}
    if found is None or found.model_dump(include=said) != entry.model_dump(include=said):
        raise Conflict(
            f"This fingerprint is registered as {earlier}; delete that first.", code="already_known"
        )
    return found


def remove(tenant: str, entry_id: str) -> None:
    """Take an entry out, with all its postings. Idempotent."""
    entry = store.get(tenant, entry_id)
    if entry is None:
        return
    for hash_ in dict.fromkeys(entry.pdq):
        for bucket in buckets(hash_):
            store.take(tenant, bucket, hash_, entry_id)
    if store.delete(entry):
        store.count(tenant, -len(entry.pdq))


def fingerprint_of(details: Mapping[str, Any]) -> Fingerprint | None:
    """Return the fingerprint that an analysis' result carries; a video's windows make one together."""
    kept = details.get("fingerprints") or {}
    every = [Fingerprint.model_validate(plain) for plain in kept.values()]
    if not every:
        return None
    hashes = list(dict.fromkeys(hash_ for one in every for hash_ in one.pdq))
    step = max(1.0, len(hashes) / MOST_HASHES)
    spread = [hashes[int(n * step)] for n in range(min(MOST_HASHES, len(hashes)))]
    return Fingerprint(kind=every[0].kind, pdq=tuple(spread))


# ---- looking up --------------------------------------------------------------------------------------


def lookup(tenant: str, finding: Finding, item_id: str) -> Finding:
    """Return the finding with what the tenant's index knows of its fingerprint; any other as it is."""
    if finding.operation is not Operation.KNOWN_FAKE_SEARCH:
        return finding
    raw = finding.evidence.details.get("fingerprint")
    if raw is None:
        others = {k: v for k, v in finding.evidence.details.items() if k not in _OURS}
        return finding.model_copy(
            update={"evidence": finding.evidence.model_copy(update={"details": others})}
        )
    try:
        asked = Fingerprint.model_validate(raw)
    except ValidationError as error:
        return _silent(finding, "detector_error", str(error)[:300], Evidence(), Outcome.FAILED)
    size = store.prints(tenant)
    hits, truncated = search(tenant, asked) if size else ([], False)
    plain = asked.model_dump(mode="json", exclude={"turned"}, exclude_defaults=True)
    details: dict[str, Any] = {"fingerprints": {item_id: plain}}
    if hits:
        details["matches"] = {hit.entry.id: hit.document() for hit in hits}
    values = finding.evidence.values | {"index_hashes": size, "matches": len(hits), "truncated": truncated}
    evidence = Evidence(values=values, details=details, flags=tuple(_flags(hits)))
    probes = size * (1 + len(asked.turned)) if asked.kind == "image" else size
    return _judge(finding, hits, evidence, probes=probes)


def search(tenant: str, asked: Fingerprint) -> tuple[list[Hit], bool]:
    """Return the matching entries, the most similar first, and whether something was left unread."""
    wanted = dict.fromkeys(_wanted(asked))
    postings, full = store.probe(tenant, list(wanted))
    variants = [
        (int(hash_, 16), frame, name)
        for name, hashes in ((None, asked.pdq), *asked.turned.items())
        for frame, hash_ in enumerate(hashes)
    ]
    close: dict[str, list[tuple[int, int, int, str | None]]] = {}
    for known, entry_id in postings:
        for bits, frame, name in variants:
            far = (bits ^ known).bit_count()
            if far <= RADIUS:
                close.setdefault(entry_id, []).append((far, frame, known, name))
    likely = sorted(close, key=lambda one: (-len({pair[1] for pair in close[one]}), min(close[one])[0]))
    entries = store.get_many(tenant, likely[: 2 * MOST_MATCHES])
    hits = [_hit(asked, entry, close[entry.id]) for entry in entries.values()]
    found = sorted((hit for hit in hits if hit), key=lambda hit: (-hit.similarity, hit.entry.id))
    return found[:MOST_MATCHES], bool(full) or len(likely) > 2 * MOST_MATCHES


def _wanted(asked: Fingerprint) -> Iterator[str]:
    for hash_ in asked.pdq:
        yield from buckets(hash_, near=asked.kind == "image")
    for hashes in asked.turned.values():
        for hash_ in hashes:
            yield from buckets(hash_)


def _hit(asked: Fingerprint, entry: Entry, close: Sequence[tuple[int, int, int, str | None]]) -> Hit | None:
    """Judge one entry by its close pairs of (distance, frame asked, known hash, orientation)."""
    best = min(close, key=lambda pair: pair[0])
    frames: dict[int, int] = {}
    for far, frame, _, _ in close:
        frames[frame] = min(far, frames.get(frame, BITS))
    share = 1.0
    if asked.kind == "video":
        seen = len({known for _, _, known, _ in close})
        theirs = seen / len(entry.pdq) if entry.kind == "video" and seen > 1 else 0.0
        share = max(len(frames) / len(asked.pdq), theirs)
        if share < SHARE:
            return None
    similarity = share * (1 - sum(frames.values()) / len(frames) / BITS)
    return Hit(entry, best[0], round(similarity, 4), best[3], len(frames))


def _flags(hits: Iterable[Hit]) -> Iterator[Flag]:
    for hit in hits:
        words = "a known fake" if hit.entry.verdict == "known_fake" else "a known original"
        yield Flag(
            code=hit.entry.verdict, message=f"Matches {words}: {hit.entry.title}", where=hit.entry.id,
            value=hit.similarity, caveat=_CAVEAT,
        )  # fmt: skip


def _judge(finding: Finding, hits: Sequence[Hit], evidence: Evidence, *, probes: int) -> Finding:
    """Score a match with a known fake, unless a known original is as close. Absence proves nothing."""
    fake = next((hit for hit in hits if hit.entry.verdict == "known_fake"), None)
    genuine = next((hit for hit in hits if hit.entry.verdict == "known_genuine"), None)
    if fake is None and genuine is None:
        words = "Not in the owner's index of known media, which proves nothing."
        return _silent(finding, "no_known_match", words, evidence)
    if fake is None:
        words = "Matches a registered original; small edits would match it as well."
        return _silent(finding, "known_genuine_match", words, evidence)
    if genuine is not None and genuine.similarity >= fake.similarity:
        words = "Matches a known fake, but a registered original at least as well."
        return _silent(finding, "known_original_as_close", words, evidence)
    worth = _worth(finding, probes)
    if worth is None:
        return _silent(finding, "no_calibrated_score", "Matches a known fake.", evidence)
    p_fake, ceiling = _probability(worth), _probability(2 * HIGHEST_LLR)
    return finding.model_copy(update={
        "outcome": Outcome.SCORED, "reason": None, "p_fake": p_fake, "llr": round(worth, 4),
        "interval": Interval(low=p_fake, high=max(p_fake, ceiling)),
        "detail": f"Matches a known fake: {fake.entry.title}", "evidence": evidence,
    })  # fmt: skip


def _worth(finding: Finding, probes: int) -> float | None:
    """Return the LLR of a match: the least hit rate against the highest rate of false matches.

    The second grows with every pair that was, in effect, compared (``probes``): of a picture's hashes
    with all known ones, of a video with each. Both are measured, and stand in the detector's manifest.
    """
    rows = [row for row in catalogue() if finding.model and row["name"] == finding.model.name]
    figures = rows[0]["figures"] if rows else {}
    if not {"hit_rate_floor", "false_match_bound"} <= set(figures):
        return None
    false = min(1.0, max(1, probes) * float(figures["false_match_bound"]))
    return min(HIGHEST_LLR, max(0.0, math.log(float(figures["hit_rate_floor"]) / false)))


def _probability(llr: float) -> float:
    return 1 / (1 + math.exp(-llr))


def _silent(
    finding: Finding, reason: str, detail: str, evidence: Evidence, outcome: Outcome = Outcome.INCONCLUSIVE
) -> Finding:
    return finding.model_copy(
        update={"outcome": outcome, "reason": reason, "detail": detail, "evidence": evidence,
                "p_fake": None, "llr": None, "interval": None}
    )  # fmt: skip


def new_entry(
    tenant: str, entry_id: str, asked: Fingerprint, *, verdict: str, title: str, url: str | None,
    reason: str | None, now: datetime,
) -> Entry:  # fmt: skip
    """Return an entry made of a fingerprint and its owner's words, to be registered."""
    plain = {"kind": asked.kind, "pdq": asked.pdq, "verdict": verdict, "title": title, "url": url}
    mine = {"id": entry_id, "tenant": tenant, "reason": reason, "created_at": now.replace(microsecond=0)}
    return Entry.model_validate(plain | mine)
