"""The rules of known media: buckets that promise to meet, matches, and what a match is worth."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import known
from bonafide.errors import Conflict, Unprocessable
from bonafide.known import Fingerprint, buckets
from bonafide.model import Evidence, Finding, ModelRef, Operation, Outcome
from bonafide.store import known as store
from bonafide.store.known import Entry
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL = ModelRef(name="known_picture", version="1.0.0", sha256="0" * 64, type="rule")


def hash_of(seed: int) -> str:
    """Return a hash with 128 bits set, as PDQ's are."""
    places = random.Random(seed).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"


def flipped(hash_: str, places: list[int]) -> str:
    """Return the hash with the bits at ``places`` turned."""
    return f"{int(hash_, 16) ^ sum(1 << place for place in places):064x}"


class Shelf:
    """The store in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self.entries: dict[str, Entry] = {}
        self.digests: dict[str, str] = {}
        self.buckets: dict[str, set[tuple[int, str]]] = {}
        self.hashes = 0
        self.full: set[str] = set()
        if monkeypatch:
            for name in ("count", "put", "post", "take", "delete", "get", "get_many", "prints", "probe"):
                monkeypatch.setattr(store, name, getattr(self, name))
            monkeypatch.setattr(store, "mark_incomplete", lambda e: e.model_copy(update={"complete": False}))

    def count(self, tenant: str, hashes: int) -> None:
        self.hashes += hashes

    def put(self, entry: Entry, digest: str) -> str | None:
        if digest in self.digests:
            return self.digests[digest]
        self.digests[digest], self.entries[entry.id] = entry.id, entry
        return None

    def post(self, tenant: str, bucket: str, hash_: str, entry_id: str) -> bool:
        if bucket in self.full:
            return False
        self.buckets.setdefault(bucket, set()).add((int(hash_, 16), entry_id))
        return True

    def take(self, tenant: str, bucket: str, hash_: str, entry_id: str) -> None:
        self.buckets.get(bucket, set()).discard((int(hash_, 16), entry_id))

    def delete(self, entry: Entry) -> bool:
        self.digests = {k: v for k, v in self.digests.items() if v != entry.id}
        return self.entries.pop(entry.id, None) is not None

    def get(self, tenant: str, entry_id: str) -> Entry | None:
        return self.entries.get(entry_id)

    def get_many(self, tenant: str, ids: Any) -> dict[str, Entry]:
        return {one: self.entries[one] for one in ids if one in self.entries}

    def prints(self, tenant: str) -> int:
        return self.hashes

    def probe(self, tenant: str, names: Any) -> tuple[set[tuple[int, str]], int]:
        found = set().union(*(self.buckets.get(name, set()) for name in names))
        return found, len(self.full & set(names))


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    figures = {"hit_rate_floor": 0.9, "false_match_bound": 1e-6}
    monkeypatch.setattr(known, "catalogue", lambda: ({"name": "known_picture", "figures": figures},))
    return Shelf(monkeypatch)


def entry(number: int = 1, **more: Any) -> Entry:
    plain = {"id": f"km_{number:026d}", "tenant": "acme", "kind": "image", "pdq": (hash_of(number),),
             "verdict": "known_fake", "title": f"Fake {number}", "created_at": NOW}  # fmt: skip
    return Entry.model_validate(plain | more)


def finding(*hashes: str, kind: str = "image", **turned: list[str]) -> Finding:
    plain = {"kind": kind, "pdq": list(hashes), "turned": turned}
    return Finding(
        operation=Operation.KNOWN_FAKE_SEARCH, outcome=Outcome.INCONCLUSIVE, reason="no_known_match",
        model=MODEL, evidence=Evidence(values={"pdq_quality": 100}, details={"fingerprint": plain}),
    )  # fmt: skip


def look(*hashes: str, **more: Any) -> Finding:
    return known.lookup("acme", finding(*hashes, **more), "image-0")


# ---- the promise of the bands ------------------------------------------------------------------------

bits = st.lists(st.integers(0, 255), unique=True, max_size=256)


@given(st.integers(0, 2**256 - 1), st.lists(st.integers(0, 255), unique=True, max_size=31))
def test_within_31_bits_a_near_bucket_is_shared(value: int, places: list[int]) -> None:
    one = f"{value:064x}"
    assert set(buckets(one, near=True)) & set(buckets(flipped(one, places)))


@given(st.integers(0, 2**256 - 1), st.lists(st.integers(0, 255), unique=True, max_size=15))
def test_within_15_bits_a_bucket_is_shared(value: int, places: list[int]) -> None:
    one = f"{value:064x}"
    assert set(buckets(one)) & set(buckets(flipped(one, places)))


def test_how_many_buckets() -> None:
    names = list(buckets(hash_of(1), near=True))
    assert len(names) == len(set(names)) == 272
    assert len(set(buckets(hash_of(1)))) == 16


def test_every_bit_counts_in_one_band() -> None:
    nothing = set(buckets("0" * 64))
    for place in range(256):
        assert len(nothing ^ set(buckets(f"{1 << place:064x}"))) == 2


@given(st.integers(1, 5), bits)
def test_what_is_within_31_bits_is_found_and_nothing_beyond(number: int, places: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Shelf(patch)
        for one in range(1, 6):
            known.register(entry(one))
        asked = flipped(hash_of(number), places)
        hits, truncated = known.search("acme", Fingerprint(kind="image", pdq=(asked,)))
        near = {n for n in range(1, 6) if (int(asked, 16) ^ int(hash_of(n), 16)).bit_count() <= 31}
        assert {int(hit.entry.id[3:]) for hit in hits} == near
        assert not truncated


# ---- what a match says -------------------------------------------------------------------------------


def test_a_copy_is_scored_and_reported_as_res_48_words_it(shelf: Shelf) -> None:
    known.register(entry(url="https://example.org/a", reason="Gone."))
    found = look(flipped(hash_of(1), [0, 9, 200]))
    assert (found.outcome, found.reason) == ("scored", None)
    assert found.p_fake is not None and found.p_fake > 0.95
    match = found.evidence.details["matches"][entry().id]  # type: ignore[index, call-overload]
    assert match["similarity"] == round(1 - 3 / 256, 4)  # type: ignore[index, call-overload]
    told = {"url": "https://example.org/a", "title": "Fake 1", "reason": "Gone.", "verdict": "known_fake"}
    assert told.items() <= match.items()  # type: ignore[union-attr, operator]
    assert found.evidence.values["index_hashes"] == 1
    assert found.evidence.flags[0].code == "known_fake" and found.evidence.flags[0].caveat


def test_absence_proves_nothing(shelf: Shelf) -> None:
    for size in (0, 1):
        found = look(hash_of(2))
        assert (found.outcome, found.reason, found.p_fake) == ("inconclusive", "no_known_match", None)
        assert found.evidence.values["index_hashes"] == size
        assert found.evidence.details == {"fingerprints": {"image-0": {"kind": "image", "pdq": [hash_of(2)]}}}
        known.register(entry())


def test_an_original_alone_makes_nothing_genuine(shelf: Shelf) -> None:
    known.register(entry(verdict="known_genuine"))
    found = look(hash_of(1))
    assert (found.outcome, found.reason, found.p_fake) == ("inconclusive", "known_genuine_match", None)
    assert found.evidence.flags[0].code == "known_genuine"


@pytest.mark.parametrize(
    ("far", "outcome"), [([1, 2, 3], "inconclusive"), ([1, 2], "inconclusive"), ([1], "scored")]
)
def test_an_original_that_is_as_close_silences_the_fake(shelf: Shelf, far: list[int], outcome: str) -> None:
    known.register(entry(1))
    known.register(entry(2, verdict="known_genuine", pdq=(flipped(hash_of(1), [1, 2, 3, 4]),)))
    found = look(flipped(hash_of(1), far))
    assert found.outcome == outcome
    assert len(found.evidence.details["matches"]) == 2  # type: ignore[arg-type]


def test_a_mirrored_copy_says_so(shelf: Shelf) -> None:
    known.register(entry())
    found = look(hash_of(7), mirrored=[flipped(hash_of(1), [5])], upside_down=[hash_of(8)])
    assert found.evidence.details["matches"][entry().id]["turned"] == "mirrored"  # type: ignore[index, call-overload]


def test_a_larger_index_makes_a_match_worth_less(shelf: Shelf) -> None:
    known.register(entry())
    worth = []
    for size in (1, 1_000, 100_000, 10_000_000):
        shelf.hashes = size
        found = look(hash_of(1))
        worth.append(found.llr)
        assert found.interval is not None and found.interval.low == found.p_fake
    assert worth == [3.0, 3.0, pytest.approx(2.197, abs=1e-3), 0.0]


def test_without_measured_rates_a_match_has_no_score(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "catalogue", lambda: ())
    known.register(entry())
    found = look(hash_of(1))
    assert (found.outcome, found.reason) == ("inconclusive", "no_calibrated_score")
    assert found.evidence.details["matches"]


def test_a_video_needs_half_of_its_scenes(shelf: Shelf) -> None:
    scenes = tuple(hash_of(n) for n in range(10, 18))
    known.register(entry(kind="video", pdq=scenes))
    others = [hash_of(n) for n in range(30, 36)]
    assert look(*scenes[:4], *others[:4], kind="video").reason != "no_known_match"
    assert look(*scenes[:3], *others[:5], kind="video").reason == "no_known_match"
    assert look(*scenes[:4], *others, *others, kind="video").reason != "no_known_match"  # half of theirs
    assert look(scenes[0], kind="image").evidence.details["matches"]  # a still of it


def test_one_common_scene_does_not_make_a_video_known(shelf: Shelf) -> None:
    known.register(entry(kind="video", pdq=(hash_of(10),)))
    assert look(hash_of(10), *(hash_of(n) for n in range(30, 36)), kind="video").reason == "no_known_match"


def test_other_findings_pass_as_they_are(shelf: Shelf) -> None:
    plain = finding(hash_of(1)).model_copy(update={"evidence": Evidence(values={"pdq_quality": 3})})
    assert known.lookup("acme", plain, "image-0") == plain
    forged = Evidence(details={"matches": {"km_0": {}}, "fingerprints": 3, "more": 1})
    passed = known.lookup("acme", plain.model_copy(update={"evidence": forged}), "image-0")
    assert passed.evidence.details == {"more": 1}
    other = finding(hash_of(1)).model_copy(update={"operation": Operation.FILE_FORENSICS})
    assert known.lookup("acme", other, "image-0") is other


@pytest.mark.parametrize("hashes", [[], ["xyz"], ["0" * 63], [hash_of(n) for n in range(17)]])
def test_a_detector_that_raves_is_not_believed(shelf: Shelf, hashes: list[str]) -> None:
    found = look(*hashes)
    assert (found.outcome, found.reason) == ("failed", "detector_error")
    assert found.evidence.details == {}


# ---- registering -------------------------------------------------------------------------------------


def test_registering_twice_changes_nothing(shelf: Shelf) -> None:
    first = known.register(entry(1))
    again = known.register(entry(2, pdq=(hash_of(1),), title="Fake 1"))
    assert again == first and shelf.hashes == 1
    with pytest.raises(Conflict) as error:
        known.register(entry(3, pdq=(hash_of(1),), title="Something else"))
    assert error.value.code == "already_known" and first.id in error.value.detail
    assert shelf.hashes == 1


@pytest.mark.parametrize("value", [0, 2**256 - 1, (1 << 99) - 1, (1 << 157) - 1])
def test_a_hash_of_nothing_is_refused(shelf: Shelf, value: int) -> None:
    with pytest.raises(Unprocessable) as error:
        known.register(entry(pdq=(f"{value:064x}",)))
    assert error.value.code == "degenerate_hash" and shelf.hashes == 0


def test_removing_leaves_nothing(shelf: Shelf) -> None:
    known.register(entry(kind="video", pdq=(hash_of(1), hash_of(2), hash_of(1))))
    for _ in range(2):
        known.remove("acme", entry().id)
    assert shelf.hashes == 0 and not any(shelf.buckets.values()) and not shelf.digests


def test_full_buckets_are_said(shelf: Shelf) -> None:
    shelf.full = {next(buckets(hash_of(1)))}
    assert known.register(entry()).complete is False
    found = look(hash_of(1))
    assert found.outcome == "scored"  # by the other bands
    assert found.evidence.values["truncated"] is True


def test_the_windows_of_a_video_make_one_fingerprint() -> None:
    def window(*hashes: str) -> dict[str, Any]:
        return {"kind": "video", "pdq": list(hashes), "times_s": [0.0] * len(hashes)}

    kept = {"video-0": window(hash_of(1), hash_of(2)), "video-1": window(hash_of(2), hash_of(3))}
    made = known.fingerprint_of({"fingerprints": kept})
    assert made is not None and made.pdq == (hash_of(1), hash_of(2), hash_of(3))
    many = {f"video-{n}": window(*(hash_of(16 * n + k) for k in range(16))) for n in range(4)}
    made = known.fingerprint_of({"fingerprints": many})
    assert made is not None and len(made.pdq) == 16 and made.pdq[0] == hash_of(0)
    assert known.fingerprint_of({}) is None
