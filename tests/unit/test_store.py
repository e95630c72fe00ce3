"""The table: transitions, listing, claims, under repetition and in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide.errors import Conflict, Unavailable, Unprocessable
from bonafide.ids import new_id
from bonafide.model import (
    Analysis,
    FileVerdict,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Outcome,
    Source,
    Stage,
    State,
    Verdict,
)
from bonafide.store import analyses, claims, table
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTS = MediaFacts(kind=MediaKind.IMAGE, format="jpeg", mime="image/jpeg", bytes=9, sha256="0" * 64)
RESULT = OperationResult(
    operation=Operation.IMAGE_FORGERY, outcome=Outcome.INCONCLUSIVE, verdict=Verdict.INCONCLUSIVE, reason="x"
)
VERDICT = FileVerdict(label=Verdict.INCONCLUSIVE, policy="default", reason="x")


@pytest.fixture(autouse=True)
def _api(aws: Aws) -> None:
    aws.use("api_native")


def new(analysis_id: str | None = None, *, tenant: str = "acme", at: datetime = NOW) -> Analysis:
    source = Source(type="inline", filename="ä.jpg")
    return Analysis(
        id=analysis_id or new_id("an"), tenant=tenant, state=State.QUEUED, source=source, created_at=at
    )


def finish(analysis_id: str) -> Analysis | None:
    return analyses.finish(
        "acme", analysis_id, verdict=VERDICT, results=(RESULT,), versions={"a": "1"}, cost_usd=0.25, now=NOW
    )


def test_a_row_returns_what_was_written() -> None:
    made = analyses.create(new())
    assert analyses.get("acme", made.id) == made
    analyses.begin_detection("acme", made.id, media=FACTS, items_total=2, now=NOW)
    analyses.item_done("acme", made.id, "image-0")
    analyses.item_done("acme", made.id, "image-0")  # told twice
    running = analyses.get("acme", made.id)
    assert running is not None
    assert (running.state, running.items_total, running.items_done) == (State.RUNNING, 2, 1)
    done = finish(made.id)
    assert done is not None
    assert (done.state, done.stage, done.cost_usd, done.media) == (State.COMPLETED, Stage.DONE, 0.25, FACTS)
    assert done.results == (RESULT,) and done.verdict == VERDICT


def test_another_tenant_sees_nothing() -> None:
    made = analyses.create(new())
    assert analyses.get("other", made.id) is None
    assert analyses.list_("other", limit=10) == ([], None)
    assert not analyses.mark_deleted("other", made.id, now=NOW)
    assert finish(made.id) is not None


def test_a_tombstone_keeps_only_id_and_dates(aws: Aws) -> None:
    made = analyses.create(new())
    finish(made.id)
    assert analyses.mark_deleted("acme", made.id, now=NOW)
    assert analyses.mark_deleted("acme", made.id, now=NOW + timedelta(hours=1))  # idempotent
    row = table.get(table.tenant_key("acme", "AN", made.id))
    assert row is not None and set(row) <= {
        "pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", "ttl", "id", "tenant", "created_at", "state",
        "stage", "deleted_at",
    }  # fmt: skip
    gone = analyses.get("acme", made.id)
    assert gone is not None and gone.deleted_at == NOW and gone.source.filename is None


def test_listing_is_complete_newest_first_and_filtered() -> None:
    ids = []
    for n in range(23):
        at = NOW + timedelta(minutes=n)
        made = new(f"an_{n:026d}", at=at)
        analyses.create(made)
        ids.append(made.id)
    finish(ids[3])
    seen, before = [], None
    while True:
        some, before = analyses.list_("acme", limit=5, before=before)
        seen += [one.id for one in some]
        if before is None:
            break
    assert seen == ids[::-1]
    completed, _ = analyses.list_("acme", limit=5, state=State.COMPLETED)
    assert [one.id for one in completed] == [ids[3]]
    late, _ = analyses.list_(
        "acme", limit=50, created_after=NOW + timedelta(minutes=5), created_before=NOW + timedelta(minutes=8)
    )
    assert [one.id for one in late] == [ids[7], ids[6], ids[5]]


def test_claims_replay_refuse_and_are_taken_over() -> None:
    def begin(fingerprint: str, now: datetime, candidate: str) -> Any:
        return claims.begin("acme", "key", fingerprint, now=now, candidate_id=candidate)

    assert begin("f", NOW, "an_1") == claims.Begun("an_1")
    with pytest.raises(Conflict):
        begin("f", NOW, "an_2")
    with pytest.raises(Unprocessable):
        begin("g", NOW, "an_2")
    # The first request died: a retry a minute later goes on under the first id, so nothing is made twice.
    assert begin("f", NOW + timedelta(seconds=61), "an_3") == claims.Begun("an_1")
    claims.complete("acme", "key", status=202, headers={"Location": "/x"}, body="{}", now=NOW)
    assert begin("f", NOW, "an_4") == claims.Replay(202, {"Location": "/x"}, "{}")
    assert begin("f", NOW + timedelta(days=2), "an_5") == claims.Begun("an_5")


def test_a_released_claim_is_free_again() -> None:
    claims.begin("acme", "key", "f", now=NOW, candidate_id="an_1")
    claims.release("acme", "key")
    mended = claims.begin("acme", "key", "other", now=NOW, candidate_id="an_2")
    assert mended == claims.Begun("an_2")


def test_two_tenants_may_use_the_same_key() -> None:
    assert claims.begin("a", "key", "f", now=NOW, candidate_id="an_1") == claims.Begun("an_1")
    assert claims.begin("b", "key", "g", now=NOW, candidate_id="an_2") == claims.Begun("an_2")


def test_a_table_that_throttles_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    class Throttled:
        def get_item(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem")

    monkeypatch.setattr(table, "client", Throttled)
    with pytest.raises(Unavailable, match="ProvisionedThroughput"):
        table.get("T#acme")


class Lifecycle(RuleBasedStateMachine):
    """Any interleaving of an analysis' events, each delivered any number of times."""

    def __init__(self) -> None:
        super().__init__()
        self.id = new_id("an")
        analyses.create(new(self.id))
        self.ends: list[State] = []
        self.deleted = False

    @rule(stage=st.sampled_from([Stage.FETCHING, Stage.INSPECTING, Stage.FUSING]))
    def stage(self, stage: Stage) -> None:
        assert (analyses.set_stage("acme", self.id, stage) is None) == bool(self.ends or self.deleted)

    @rule()
    def begin(self) -> None:
        begun = analyses.begin_detection("acme", self.id, media=FACTS, items_total=1, now=NOW)
        assert (begun is None) == bool(self.ends or self.deleted)

    @rule()
    def item(self) -> None:
        analyses.item_done("acme", self.id, "image-0")

    @rule()
    def finish(self) -> None:
        if finish(self.id):
            self.ends.append(State.COMPLETED)

    @rule()
    def fail(self) -> None:
        if analyses.fail("acme", self.id, code="x", detail="y", now=NOW):
            self.ends.append(State.FAILED)

    @rule()
    def publish(self) -> None:
        analyses.mark_published("acme", self.id, at_rest=True)

    @rule()
    def delete(self) -> None:
        assert analyses.mark_deleted("acme", self.id, now=NOW)
        self.deleted = True

    @rule()
    def create_again(self) -> None:
        analyses.create(new(self.id))

    @rule()
    def forget(self) -> None:
        analyses.forget_names("acme", self.id, now=NOW)

    @invariant()
    def one_end_and_no_return_from_death(self) -> None:
        assert len(self.ends) <= 1
        now = analyses.get("acme", self.id)
        assert now is not None
        if self.deleted:
            assert now.state is State.DELETED and not now.results and now.media is None
        elif self.ends:
            assert now.state is self.ends[0]


def test_any_interleaving_ends_once(aws: Aws) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Lifecycle,
        settings=settings(
            max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_large_rows_do_not_cut_a_list_short() -> None:
    """DynamoDB ends a page at 1 MB; a list must not take that for its end."""
    for n in range(8):
        table.put({"pk": "T#acme", "sk": f"BIG#{n}", "blob": "x" * 350_000})
    assert [row["sk"] for row in table.page("T#acme", prefix="BIG#", limit=8)] == [
        f"BIG#{n}" for n in range(8)
    ]
    assert len(list(table.query("T#acme", "BIG#"))) == 8
