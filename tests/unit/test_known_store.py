"""Rows of known media in moto: buckets, entries, counts, and the whole way from registering to forgetting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import known
from bonafide.known import Fingerprint
from bonafide.store import known as store
from bonafide.store import table

from tests.helpers.aws import Aws
from tests.unit.test_known import entry, flipped, hash_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(aws: Aws) -> list[dict[str, Any]]:
    return list(aws.client("dynamodb").scan(TableName=aws.table)["Items"])


@pytest.fixture
def index(aws: Aws) -> Aws:
    aws.use("api_native")
    return aws


def ask(hash_: str, tenant: str = "acme") -> list[str]:
    hits, _ = known.search(tenant, Fingerprint(kind="image", pdq=(hash_,)))
    return [hit.entry.id for hit in hits]


def test_registered_found_and_forgotten_without_a_trace(index: Aws) -> None:
    made = known.register(entry(url="https://example.org", reason="r"))
    assert store.get("acme", made.id) == made
    assert len(rows(index)) == 16 + 3
    assert ask(flipped(hash_of(1), list(range(31)))) == [made.id]
    assert ask(flipped(hash_of(1), list(range(32)))) == []
    for _ in range(2):
        known.remove("acme", made.id)
    assert store.prints("acme") == 0 and store.get("acme", made.id) is None
    left = [row for row in rows(index) if "postings" in row or "entry" in row or "title" in row]
    assert left == [] and ask(hash_of(1)) == []
    assert known.register(entry(2, pdq=(hash_of(1),))).id == entry(2).id  # its place is free again


def test_tenants_do_not_meet(index: Aws) -> None:
    made = known.register(entry())
    other = known.register(entry(2, tenant="other", pdq=(hash_of(1),)))
    assert ask(hash_of(1)) == [made.id] and ask(hash_of(1), "other") == [other.id]
    assert ask(hash_of(1), "third") == [] and store.prints("third") == 0
    known.remove("other", made.id)  # nothing of theirs
    assert ask(hash_of(1)) == [made.id]
    assert all(row["pk"]["S"].startswith(("T#acme", "T#other")) for row in rows(index))


def test_registering_again_mends_what_a_crash_left(index: Aws) -> None:
    made = known.register(entry())
    for bucket in known.buckets(hash_of(1)):
        store.take("acme", bucket, hash_of(1), made.id)
    assert ask(hash_of(1)) == []
    assert known.register(entry(2, pdq=(hash_of(1),), title="Fake 1")) == made
    assert ask(hash_of(1)) == [made.id] and store.prints("acme") == 1


def test_postings_without_an_entry_are_ignored(index: Aws) -> None:
    for bucket in known.buckets(hash_of(1)):
        store.post("acme", bucket, hash_of(1), "km_gone")
    assert ask(hash_of(1)) == []


def test_a_full_bucket_takes_no_more_and_says_so(index: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CAP", 2)
    made = [store.post("acme", "00000", hash_of(1), f"km_{n}") for n in range(3)]
    assert made == [True, True, False]
    assert store.post("acme", "00000", hash_of(1), "km_0")  # is in already
    postings, full = store.probe("acme", ["00000", "00001"])
    assert full == 1 and {entry_id for _, entry_id in postings} == {"km_0", "km_1"}
    store.take("acme", "00000", hash_of(1), "km_0")
    assert store.post("acme", "00000", hash_of(1), "km_9")


def test_an_incomplete_entry_says_so(index: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CAP", 1)
    known.register(entry(1))
    made = known.register(entry(2, pdq=(flipped(hash_of(1), [0]),)))
    assert made.complete is False
    assert store.get("acme", made.id) == made


def test_the_newest_come_first_page_by_page(index: Aws) -> None:
    for n in range(1, 6):
        known.register(entry(n))
    first = store.list_("acme", 3)
    assert [one.id for one in first] == [entry(n).id for n in (5, 4, 3)]
    assert [one.id for one in store.list_("acme", 3, first[-1].id)] == [entry(n).id for n in (2, 1)]


def test_a_batch_reads_more_than_a_hundred_keys(index: Aws) -> None:
    for n in range(120):
        table.put({"pk": f"T#acme#X#{n}", "sk": "META", "n": n})
    found = table.batch_get([(f"T#acme#X#{n}", "META") for n in range(150)])
    assert sorted(item["n"] for item in found) == list(range(120))
    assert table.batch_get([]) == []


def test_what_a_batch_leaves_unread_is_asked_for_again(index: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    from bonafide.errors import Unavailable

    calls: list[Any] = []

    class Slow:
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803  # boto3's own name
            calls.append(RequestItems)
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(table, "client", Slow)
    monkeypatch.setattr(table.time, "sleep", lambda _seconds: None)
    with pytest.raises(Unavailable):
        table.batch_get([("a", "b")])
    assert len(calls) == 4
