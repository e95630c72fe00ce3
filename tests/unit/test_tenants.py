"""Tenants: plans, usage by month, and that nothing of one tenant reaches another.

The isolation tests walk every public function of every store module: one that is added later is walked too,
or the test says which of its arguments it does not know.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bonafide.store
import pytest
from bonafide import admin, conclude, erasure, ingest, media, tokens, workflow
from bonafide.ids import TENANT
from bonafide.model import Analysis, MediaFacts, MediaKind, Options, Source, State
from bonafide.store import analyses, claims, known, slots, subscriptions, table, tenants, topics, webhooks
from bonafide.tenants import PLANS, Plan, Quota, Tenant, month
from bonafide.webhooks import EventType
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANARY = "canary-of-the-other"


@pytest.fixture
def own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws.use("api_native")
    monkeypatch.setattr(workflow, "start", lambda *_: None)
    monkeypatch.setattr("bonafide.bus.publish", lambda _event: None)
    return aws


# ---- plans -------------------------------------------------------------------------------------------


def test_the_plans() -> None:
    """VER-10, VER-74."""
    told = {plan.value: (terms.concurrent, terms.credits) for plan, terms in PLANS.items()}
    assert told == {
        "FREE": (1, 100), "BASIC": (3, 1000), "PROFESSIONAL": (10, 5000), "ENTERPRISE": (50, None)
    }  # fmt: skip


def test_a_tenant_that_nobody_described_is_free(own: Aws) -> None:
    """VER-78: a fresh install has a usable FREE tenant."""
    tokens.create("fresh", name="n", scopes=["*"], now=NOW)
    found = tenants.get("fresh")
    assert (found.plan, found.policy, found.created_at) == (Plan.FREE, "default", None)
    assert (
        ingest.create(ingest.NewAnalysis("fresh", inline=b"x"), now=NOW, new_id=lambda _: "an_1").id == "an_1"
    )


def test_the_owner_says_what_a_tenant_may_use(own: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["tenant", "--tenant", "acme"]
    assert admin.main([*said, "--plan", "BASIC"], now=lambda: NOW) == 0
    assert admin.main([*said, "--policy", "strict"], now=lambda: NOW + timedelta(days=1)) == 0
    assert tenants.get("acme") == Tenant(id="acme", plan=Plan.BASIC, policy="strict", created_at=NOW)
    assert admin.main(said, now=lambda: NOW) == 0
    read = capsys.readouterr()
    assert "plan BASIC, policy strict" in read.err and read.out == ""
    assert admin.main(["tenant", "--tenant", "A B"], now=lambda: NOW) == 1


def test_a_plan_counts_at_once_where_it_was_set_and_in_a_minute_elsewhere(own: Aws) -> None:
    assert tenants.terms("acme", now=NOW).requests == Quota(300)
    table.put({"pk": "T#acme", "sk": "TENANT", "plan": "BASIC", "policy": "default"})  # another process
    assert tenants.terms("acme", now=NOW + timedelta(seconds=59)).requests == Quota(300)
    assert tenants.terms("acme", now=NOW + timedelta(seconds=60)).requests == Quota(1200)
    tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=NOW)
    assert tenants.terms("acme", now=NOW).requests is None


@pytest.mark.parametrize(("asked", "kept"), [({}, "strict"), ({"policy": "default"}, "default")])
def test_the_tenants_policy_judges_what_names_none(own: Aws, asked: dict[str, Any], kept: str) -> None:
    tenants.put(Tenant(id="acme", policy="strict"), now=NOW)
    new = ingest.NewAnalysis("acme", inline=b"x", options=Options(**asked))
    assert ingest.create(new, now=NOW, new_id=lambda _: "an_1").options.policy == kept


# ---- usage -------------------------------------------------------------------------------------------


def new(tenant: str, analysis_id: str, **more: Any) -> Analysis:
    source = Source(type="inline", filename=CANARY)
    members = {"state": State.QUEUED, "source": source, "created_at": NOW, "client_reference": CANARY}
    return analyses.create(Analysis(id=analysis_id, tenant=tenant, **(members | more)))


def ended(analysis_id: str, kind: MediaKind, seconds: float, *, at: datetime = NOW) -> None:
    new("acme", analysis_id)
    facts = MediaFacts(kind=kind, format="x", mime="x/y", bytes=10, sha256="0" * 64, duration_s=seconds)
    analyses.begin_detection("acme", analysis_id, media=facts, items_total=0, now=at)
    conclude.fail("acme", analysis_id, code="x", detail="x", now=at)


def test_each_end_is_counted_once_in_its_month(own: Aws) -> None:
    """X-10: one meter of jobs, seconds, bytes, credits."""
    ended("an_1", MediaKind.AUDIO, 1.25)
    ended("an_2", MediaKind.VIDEO, 2.0)
    ended("an_9", MediaKind.VIDEO, 9.0, at=NOW + timedelta(days=30))
    for _ in range(2):  # told again, swept again, deleted at last
        found = analyses.get("acme", "an_1")
        assert found is not None and not tenants.meter(found, credits_=0, now=NOW)
        erasure.delete_analysis("acme", "an_1", now=NOW)
    used = dict(tenants.usage("acme", month(NOW)))
    assert used == {
        "analyses": 2, "failed": 2, "image": 0, "audio": 1, "video": 1, "document": 0,
        "milliseconds": 3250, "bytes": 20, "credits": 0,
    }  # fmt: skip
    assert tenants.usage("acme", "2026-12")["analyses"] == 1
    assert not any(tenants.usage("other", month(NOW)).values())


def test_a_deleted_analysis_is_counted_too(own: Aws) -> None:
    new("acme", "an_1")
    erasure.delete_analysis("acme", "an_1", now=NOW)
    erasure.delete_analysis("acme", "an_1", now=NOW)
    conclude.fail("acme", "an_1", code="x", detail="x", now=NOW)
    assert tenants.usage("acme", month(NOW))["analyses"] == 1


# ---- isolation: keys ---------------------------------------------------------------------------------

NAMES = st.from_regex(TENANT, fullmatch=True)
PARTS = st.lists(st.text(alphabet="abcAN#/_-09", max_size=8), max_size=3)


@given(NAMES, NAMES, PARTS, PARTS)
def test_no_key_of_one_tenant_is_a_key_of_another(a: str, b: str, mine: list[str], theirs: list[str]) -> None:
    """Whatever the parts hold, also the separators: the tenant is the first part and holds none."""
    if a != b:
        assert table.tenant_key(a, *mine) != table.tenant_key(b, *theirs)
        assert not table.tenant_key(b, *theirs).startswith(table.tenant_key(a) + "#")


KEYS = [getattr(media, name) for name in media.__all__ if name.endswith("_key")]


@given(NAMES, st.text(alphabet="an_09#", min_size=1, max_size=8), st.text(alphabet="ab.png", max_size=8))
def test_objects_lie_under_their_tenant(tenant: str, an_id: str, name: str) -> None:
    assert len(KEYS) == 4
    for make in KEYS:
        wanted = {"tenant": tenant, "analysis_id": an_id, "upload_id": an_id, "name": name}
        key = make(**{p: wanted[p] for p in inspect.signature(make).parameters})
        folder, owner, rest = key.split("/", 2)
        assert owner == tenant and folder in ("media", "uploads", "work", "artifacts") and rest


# ---- isolation: every function of every store --------------------------------------------------------

A, B = "acme", "acme-2"
"""One name begins as the other does."""

PURE = {"key", "pending_key"}
EVERYBODYS = {"pending"}
"""The sweep's own index, by design of all tenants; it tells ids, nothing else."""


def functions() -> Iterator[Any]:
    for module in pkgutil.iter_modules(bonafide.store.__path__):
        if module.name == "table":
            continue
        loaded = importlib.import_module(f"bonafide.store.{module.name}")
        for name in loaded.__all__:
            function = getattr(loaded, name)
            if inspect.isfunction(function) and name not in PURE | EVERYBODYS:
                yield pytest.param(function, id=f"{module.name}.{name}")


class World:
    """Tenant A has one of everything; ``arguments`` are tenant B's, who knows every id of A."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.analysis = new(A, "an_1")
        slots.claim(A, "an_1", limit=9)
        slots.enqueue(A, "an_1")
        tenants.put(Tenant(id=A, plan=Plan.BASIC), now=NOW)
        tenants.count_request(A, Quota(9), window=0)
        importlib.import_module("bonafide.store.credits").reserve(
            A, "an_1", 5, month="2026-11", allowance=100, now=NOW
        )
        claims.begin(A, "key", CANARY, now=NOW, candidate_id="an_1")
        self.token, _ = tokens.create(A, name=CANARY, scopes=["*"], now=NOW)
        self.hook, _ = webhooks.create(A, f"https://example.org/{CANARY}", (), now=NOW)
        self.subscription = subscriptions.create(
            A, "veriplus", f"https://example.org/{CANARY}", ("x",), CANARY, now=NOW
        )
        self.delivery = webhooks.open_(
            A,
            webhooks.Delivery(
                id="dlv_1", webhook_id=self.hook.id, event_id="evt_1", type=EventType.TEST, state="pending",
                created_at=NOW, payload=CANARY,
            ),
        )  # fmt: skip
        self.entry = known.Entry(
            id="km_1",
            tenant=A,
            kind="image",
            pdq=("ab" * 32,),
            verdict="known_fake",
            title=CANARY,
            created_at=NOW,
        )
        known.put(self.entry, "d1")
        known.post(A, "0abab", "ab" * 32, "km_1")
        topics.add(A, "tea_time", f"https://example.org/{CANARY}")
        self.end = topics.Kept(
            analysis_id="an_1", event_id=CANARY, type="analysis.completed", occurred_at="", expires=2**31
        )
        topics.keep(A, "tea_time", self.end)
        importlib.import_module("bonafide.store.tokens").keep_signing(A, CANARY)
        self.touched: list[str] = []

    def rows(self, tenant: str) -> list[Any]:
        found = self.aws.client("dynamodb").scan(TableName=self.aws.table)["Items"]
        mine = [row for row in found if row["pk"]["S"].split("#")[1] == tenant]
        return sorted(mine, key=lambda row: (row["pk"]["S"], row["sk"]["S"]))

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Note the partition key of every row and index that is asked for."""
        call, transact = table._call, table._transact

        def calling(method: str, **named: Any) -> Any:
            self._note(named)
            return call(method, **named)

        def transacting(requests: list[dict[str, Any]]) -> Any:
            for request in requests:
                self._note(next(iter(request.values())))
            return transact(requests)

        batch = table._call_batch

        def batching(items: dict[str, Any]) -> Any:
            for wish in items.values():
                self.touched.extend(key["pk"]["S"] for key in wish["Keys"])
            return batch(items)

        patch.setattr(table, "_call_batch", batching)
        patch.setattr(table, "_call", calling)
        patch.setattr(table, "_transact", transacting)

    def _note(self, named: dict[str, Any]) -> None:
        row = named.get("Key") or named.get("Item")
        self.touched.append((row["pk"] if row else named["ExpressionAttributeValues"][":pk"])["S"])

    def arguments(self, function: Callable[..., Any]) -> dict[str, Any]:
        foreign = Tenant(id=B, plan=Plan.BASIC)
        facts = MediaFacts(kind=MediaKind.IMAGE, format="x", mime="x/y", bytes=1, sha256="0" * 64)
        given: dict[str, Any] = {
            "entry": self.entry.model_copy(update={"tenant": B}), "entry_id": "km_1", "ids": ["km_1"],
            "hashes": 1, "bucket": "0abab", "buckets": ["0abab"], "hash_": "ab" * 32, "digest": "d1",
            "tenant": foreign if function is tenants.put else B,
            "analysis": self.analysis.model_copy(update={"tenant": B}),
            "analysis_id": "an_1", "webhook_id": self.hook.id, "delivery_id": "dlv_1",
            "token_id": self.token.id,
            "hashed": self.token.hash, "record": self.token.model_copy(update={"tenant": B}), "name": "key",
            "endpoint": self.hook, "fresh": self.delivery, "before": self.delivery, "after": self.delivery,
            "quota": Quota(9), "window": 0, "credits_": 0, "month": "2026-11", "month_": "2026-11",
            "amount": 5, "allowance": 100, "limit": 9, "count": 9, "now": NOW, "media": facts,
            "items_total": 1,
            "item_id": "i", "at_rest": True, "code": "x", "detail": "x", "ref": media.MediaRef(key="k"),
            "stage": analyses.Stage.FETCHING,
            "verdict": analyses.FileVerdict(label="inconclusive", policy="x"),
            "results": (), "versions": {}, "cost_usd": 0.0, "fingerprint": CANARY, "candidate_id": "an_2",
            "lifetime_s": 9, "status": 200, "headers": {}, "body": "", "reason": "x", "number": 1,
            "topic": "tea_time", "end": self.end, "sealed": "b's own",
            "url": "https://example.org/b", "events": (), "dialect": "veriplus", "batch_id": "bat_1",
            "found": {"media": 9}, "marks": ("an_1", CANARY), "occurred_at": NOW,
            "secret": "b's own", "subscription": self.subscription, "subscription_id": self.subscription.id,
        }  # fmt: skip
        if function is webhooks.deliveries or function is analyses.list_:
            given["before"] = None
        if function.__module__.endswith("tokens"):
            given["before"] = NOW
        wanted = {
            p.name: p
            for p in inspect.signature(function).parameters.values()
            if p.default is inspect.Parameter.empty
        }
        if "batch" in wanted:
            given["batch"] = _batch(function)
        missing = sorted(set(wanted) - set(given))
        assert not missing, f"say in World.arguments what tenant B passes for {missing}"
        return {name: given[name] for name in wanted}


def _batch(function: Callable[..., Any]) -> Any:
    model = inspect.get_annotations(function, eval_str=True)["batch"]
    return model.model_construct(id="bat_1", created_at=NOW, items=())


@pytest.mark.parametrize("function", list(functions()))
def test_no_store_function_reaches_another_tenant(
    own: Aws, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]
) -> None:
    world = World(own)
    before, arguments = world.rows(A), world.arguments(function)
    assert len(before) >= 9
    with monkeypatch.context() as patch:
        world.watch(patch)
        try:
            answer = function(**arguments)
        except bonafide.errors.BonafideError as refused:
            answer = refused.detail
        except AttributeError:
            assert "batch" in arguments  # an empty shell of somebody's model
            answer = None
    assert all(pk == f"T#{B}" or pk.startswith(f"T#{B}#") for pk in world.touched), world.touched
    assert world.rows(A) == before
    given_ = {value for value in arguments.values() if isinstance(value, str)}
    own_word = any(CANARY in repr(value) for value in arguments.values())
    assert own_word or CANARY not in repr(answer), given_


def test_what_the_sweep_sees_of_all_tenants_is_ids(own: Aws) -> None:
    World(own)
    assert set(analyses.pending()) == {(A, "an_1")}


def test_every_row_begins_with_its_tenant(own: Aws) -> None:
    World(own)
    found = own.client("dynamodb").scan(TableName=own.table)["Items"]
    assert all(row["pk"]["S"] == f"T#{A}" or row["pk"]["S"].startswith(f"T#{A}#") for row in found)
    assert all(row["gsi1pk"]["S"].startswith(f"T#{A}#") for row in found if "gsi1pk" in row)
