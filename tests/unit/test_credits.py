"""VER-5 to VER-10: what things cost; credits are reserved, settled or released, once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import conclude, erasure, ingest, sweep, workflow
from bonafide import credits as ledger
from bonafide.credits import Balance, balance
from bonafide.errors import InsufficientCredits
from bonafide.http import status_of
from bonafide.ids import new_id
from bonafide.model import FileVerdict, MediaFacts, MediaKind, State, Verdict
from bonafide.store import analyses, table, tenants
from bonafide.tenants import PLANS, Plan, Tenant
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
DECEMBER = NOW + timedelta(minutes=5)
IMAGE, AUDIO, VIDEO, DOCUMENT = MediaKind
_names = itertools.count(1)


@pytest.fixture(autouse=True)
def _own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.use("api_native")
    monkeypatch.setattr(workflow, "start", lambda *_: None)
    monkeypatch.setattr("bonafide.bus.publish", lambda _event: None)
    monkeypatch.setattr(erasure, "erase_traces", lambda *_: None)


def left(tenant: str = "acme", *, at: datetime = NOW) -> tuple[int, int, int | None]:
    now = balance(tenant, now=at)
    return now.spent, now.held, now.remaining


def ask(kind: MediaKind | None = None, tenant: str = "acme", dialect: str | None = "veriplus") -> str:
    new = ingest.NewAnalysis(tenant, url="https://example.org/a", dialect=dialect, kind=kind)
    return ingest.create(new, now=NOW, new_id=new_id).id


def done(analysis_id: str, kind: MediaKind, seconds: float | None, *, at: datetime = NOW) -> None:
    facts = MediaFacts(kind=kind, format="x", mime="x/y", bytes=7, sha256="0" * 64, duration_s=seconds)
    analyses.begin_detection("acme", analysis_id, media=facts, items_total=0, now=at)
    verdict = FileVerdict(label=Verdict.INCONCLUSIVE, policy="default", reason="x")
    analyses.finish("acme", analysis_id, verdict=verdict, results=(), versions={}, cost_usd=0, now=at)
    conclude.tell("acme", analysis_id, now=at)


@pytest.mark.parametrize(
    ("kind", "seconds", "cost"),
    [
        (IMAGE, None, 2), (AUDIO, 4000.0, 3), (DOCUMENT, None, 2),
        (VIDEO, 0.5, 5), (VIDEO, 60.0, 5), (VIDEO, 60.001, 10), (VIDEO, 3600.0, 10), (VIDEO, None, 10),
    ],
)  # fmt: skip
def test_the_price_list(kind: MediaKind, seconds: float | None, cost: int) -> None:
    """VER-5 the list, VER-6 by duration, VER-7 60 s costs 5, VER-8 a document 2."""
    assert ledger.price("veriplus", kind, seconds) == cost
    assert ledger.price(None, kind, seconds) == ledger.price("sensity", kind, seconds) == 0


@pytest.mark.parametrize(("kind", "cost"), [(IMAGE, 0), (AUDIO, 3), (VIDEO, 3), (DOCUMENT, 0)])
def test_phonexia_charges_for_sound(kind: MediaKind, cost: int) -> None:
    """PHX-36: what has no sound is rejected there, and costs nothing."""
    assert ledger.price("phonexia", kind, 60.0) == cost and ledger.hold("phonexia", None) == 3


def test_what_is_not_known_yet_is_held_at_its_dearest() -> None:
    assert ledger.hold("veriplus", VIDEO) == 10 and ledger.hold("veriplus", IMAGE) == 2
    assert ledger.hold("veriplus", None) == 10 and ledger.hold(None, VIDEO) == 0


def test_the_credits_of_the_plans() -> None:
    """VER-10."""
    assert [PLANS[plan].credits for plan in Plan] == [100, 1000, 5000, None]
    assert balance("nobody", now=NOW) == Balance("2026-11", 100, 0, 0)


@pytest.mark.parametrize(("seconds", "cost"), [(60.0, 5), (61.0, 10), (None, 10)])
def test_a_video_of_unknown_length_holds_ten_and_settles_by_its_length(
    seconds: float | None, cost: int
) -> None:
    """VER-9."""
    made = ask(VIDEO)
    assert left() == (0, 10, 90)
    done(made, VIDEO, seconds)
    assert left() == (cost, 0, 100 - cost)
    conclude.tell("acme", made, now=NOW)
    erasure.delete_analysis("acme", made, now=NOW)
    assert left() == (cost, 0, 100 - cost), "however often the end is told"


@pytest.mark.parametrize("deleted", [False, True])
def test_what_fails_or_is_deleted_costs_nothing(deleted: bool) -> None:
    """VER-9: released on failure."""
    made = ask(AUDIO)
    assert left() == (0, 3, 97)
    if deleted:
        erasure.delete_analysis("acme", made, now=NOW)
    else:
        conclude.fail("acme", made, code="x", detail="x", now=NOW)
    assert left() == (0, 0, 100)


def test_nothing_begins_without_credits(aws: Aws) -> None:
    ledger.reserve("acme", "an_before", 95, now=NOW)
    with pytest.raises(InsufficientCredits) as caught:
        ask(VIDEO)
    assert status_of(caught.value) == 402 and caught.value.code == "insufficient_credits"
    rows = aws.client("dynamodb").scan(TableName=aws.table)["Items"]
    assert not [row for row in rows if "#AN#" in row["pk"]["S"]] and left() == (0, 95, 5)
    ask(IMAGE), ask(AUDIO)
    assert left() == (0, 100, 0)
    with pytest.raises(InsufficientCredits):
        ledger.reserve("other", "an_1", 101, now=NOW)


def test_what_is_refused_is_not_kept(aws: Aws) -> None:
    ledger.reserve("acme", "an_before", 99, now=NOW)
    new = ingest.NewAnalysis("acme", inline=b"picture", dialect="veriplus", kind=IMAGE)
    with pytest.raises(InsufficientCredits):
        ingest.create(new, now=NOW, new_id=new_id)
    assert "Versions" not in aws.client("s3").list_object_versions(Bucket=aws.bucket)


def test_the_native_api_costs_nothing_and_writes_nothing() -> None:
    made = ask(VIDEO, dialect=None)
    assert table.page("T#acme#CREDITS") == [] and table.get(f"T#acme#CREDIT#{made}") is None


def test_an_unlimited_plan_counts_all_the_same() -> None:
    tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=NOW)
    for n in range(5):
        ledger.reserve("acme", f"an_{n}", 1000, now=NOW)
        ledger.settle("acme", f"an_{n}", 400)
    assert left() == (2000, 0, None)
    assert len(table.page("T#acme#CREDITS")) > 1


def test_a_reservation_belongs_to_its_month() -> None:
    made = ask(VIDEO)
    assert left(at=DECEMBER) == (0, 0, 100)
    done(made, VIDEO, 10.0, at=DECEMBER)
    assert left() == (5, 0, 95) and left(at=DECEMBER) == (0, 0, 100)


def test_credits_held_for_an_analysis_that_was_never_made_return(aws: Aws) -> None:
    ledger.reserve("acme", "an_lost", 10, now=NOW)
    aws.use("sweep")
    sweep.sweep(now=NOW + timedelta(minutes=1))
    assert left() == (0, 10, 90), "its request may still be under way"
    sweep.sweep(now=NOW + timedelta(minutes=3))
    assert left() == (0, 0, 100)
    assert list(analyses.pending()) == []


def test_a_busy_ledger_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two transactions on one row: DynamoDB lets one of them fail."""
    inner, busy = table.client().transact_write_items, [3]

    class Busy:
        get_item = staticmethod(table.client().get_item)

        def transact_write_items(self, **more: Any) -> Any:
            if busy[0]:
                busy[0] -= 1
                reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
                error: Any = {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": reasons,
                }
                raise ClientError(error, "TransactWriteItems")
            return inner(**more)

    with monkeypatch.context() as patch:
        patch.setattr(table.time, "sleep", lambda _seconds: None)
        patch.setattr(table, "client", Busy)
        ledger.reserve("acme", "an_1", 7, now=NOW)
    assert left() == (0, 7, 93) and busy == [0]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from(["reserve", "settle", "release"]), st.integers(0, 4), st.integers(0, 60)),
        max_size=16,
    )
)
def test_the_balance_is_never_overdrawn_and_never_forgets(events: list[tuple[str, int, int]]) -> None:
    """VER-9, any order and repetition: what is spent and held is what the first of each event said."""
    tenant = f"t{next(_names)}"
    held: dict[int, int] = {}
    spent: dict[int, int] = {}
    for what, who, amount in events:
        name = f"an_{who}"
        if what == "reserve":
            try:
                ledger.reserve(tenant, name, amount, now=NOW)
            except InsufficientCredits:
                assert sum(held.values()) + sum(spent.values()) + amount > 100
                continue
            if amount and who not in held and who not in spent:
                held[who] = amount
        elif what == "settle":
            settled = ledger.settle(tenant, name, amount)
            if who in held:
                spent[who] = min(amount, held.pop(who))
            assert settled == spent.get(who, 0)
        else:
            ledger.release(tenant, name)
            if held.pop(who, None) is not None:
                spent[who] = 0
        assert left(tenant)[:2] == (sum(spent.values()), sum(held.values()))
        assert sum(spent.values()) + sum(held.values()) <= 100


def test_states_of_an_analysis_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ask(IMAGE)
    found = analyses.get("acme", made)
    assert found is not None and found.state is State.QUEUED
    assert ledger.close(found.model_copy(update={"dialect": None})) == 0
    assert left() == (0, 2, 98)
