"""VER-74, VER-75: jobs over the plan's limit are queued, never refused, and none is lost.

Two machines walk the slots through everything that can happen: one event after the other, where the oldest
must come first; and events that overlap at every single call of the table, where any of them may die.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import conclude, erasure, ingest, slots, sweep, workflow
from bonafide.errors import Unavailable
from bonafide.model import Analysis, Source, State
from bonafide.store import analyses, table, tenants
from bonafide.store import slots as store
from bonafide.tenants import PLANS, Plan, Tenant
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OPEN = (State.QUEUED, State.RUNNING)
_numbers = itertools.count(1)


class Runs:
    """Step Functions as the core sees it: a name starts once."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.running: set[str] = set()

    def start(self, _tenant: str, analysis_id: str, _source: str) -> None:
        if analysis_id not in self.order:
            self.order.append(analysis_id)
            self.running.add(analysis_id)

    def status(self, analysis_id: str) -> str | None:
        if analysis_id not in self.order:
            return None
        return "RUNNING" if analysis_id in self.running else "FAILED"

    def stop(self, analysis_id: str) -> None:
        self.running.discard(analysis_id)


@pytest.fixture
def runs(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Runs:
    aws.use("api_native")
    made = Runs()
    for name in ("start", "status", "stop"):
        monkeypatch.setattr(workflow, name, lambda *a, name=name: getattr(made, name)(*a))
    monkeypatch.setattr(erasure, "erase_traces", lambda *_: None)
    monkeypatch.setattr("bonafide.bus.publish", lambda _event: None)
    return made


def submit(tenant: str, analysis_id: str) -> Analysis:
    new = ingest.NewAnalysis(tenant, url="https://example.org/a.jpg")
    return ingest._begin(new, analysis_id, Source(type="url", url=new.url), None, NOW)


def end(tenant: str, analysis_id: str) -> None:
    conclude.fail(tenant, analysis_id, code="x", detail="x", now=NOW)


def plan(tenant: str, value: Plan) -> None:
    tenants.put(Tenant(id=tenant, plan=value), now=NOW)


def test_a_fresh_tenant_runs_one_and_queues_the_rest_in_order(runs: Runs) -> None:
    """VER-74 FREE 1, VER-78: nobody described this tenant."""
    for name in ("an_1", "an_2", "an_3"):
        assert submit("new", name).state is State.QUEUED
    assert runs.order == ["an_1"] and store.oldest("new", 9) == ["an_2", "an_3"]
    for done, next_ in (("an_1", "an_2"), ("an_2", "an_3")):
        runs.stop(done)
        end("new", done)
        assert runs.order[-1] == next_ and store.holders("new") == {next_}
    end("new", "an_3")
    assert store.holders("new") == set() and store.oldest("new", 9) == []


@pytest.mark.parametrize(
    ("name", "jobs"), [("FREE", 1), ("BASIC", 3), ("PROFESSIONAL", 10), ("ENTERPRISE", 50)]
)
def test_each_plan_has_its_number_of_jobs(runs: Runs, name: str, jobs: int) -> None:
    """VER-74."""
    assert PLANS[Plan(name)].concurrent == jobs
    plan("acme", Plan(name))
    for n in range(jobs + 2):
        submit("acme", f"an_{n:03}")
    assert len(runs.running) == jobs and len(store.holders("acme")) == jobs
    assert store.oldest("acme", 9) == [f"an_{n:03}" for n in (jobs, jobs + 1)]


def test_the_row_of_fifty_is_small(runs: Runs, aws: Aws) -> None:
    plan("acme", Plan.ENTERPRISE)
    for n in range(50):
        store.claim("acme", f"an_{n:026}", limit=50)
    assert not store.claim("acme", "an_x", limit=50)
    row = table.get("T#acme#SLOTS")
    assert row is not None and sum(len(name) for name in row["holders"]) < 1600


def test_a_deleted_one_leaves_queue_and_slot(runs: Runs) -> None:
    for name in ("an_1", "an_2", "an_3"):
        submit("acme", name)
    erasure.delete_analysis("acme", "an_2", now=NOW)
    erasure.delete_analysis("acme", "an_1", now=NOW)
    assert runs.order == ["an_1", "an_3"] and store.holders("acme") == {"an_3"}


def test_a_deletion_between_the_look_and_the_start(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    start = workflow.start

    def deleted_first(tenant: str, analysis_id: str, source: str) -> None:
        erasure.delete_analysis(tenant, analysis_id, now=NOW)
        start(tenant, analysis_id, source)

    monkeypatch.setattr(workflow, "start", deleted_first)
    submit("acme", "an_1")
    assert runs.order == ["an_1"]
    assert not runs.running
    assert not store.holders("acme")


def test_a_start_that_fails_for_the_next_does_not_spoil_the_end_of_this_one(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit("acme", "an_1")
    submit("acme", "an_2")

    def broken(*_: Any) -> None:
        raise Unavailable("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "start", broken)
        end("acme", "an_1")
    done = analyses.get("acme", "an_1")
    assert done is not None and done.state is State.FAILED and analyses.is_published("acme", "an_1")
    assert runs.order == ["an_1"]
    assert sweep.sweep(now=NOW) == 1 and runs.order == ["an_1", "an_2"]


def test_a_slot_that_nobody_gives_back_returns_with_the_sweep(runs: Runs) -> None:
    store.claim("acme", "an_0", limit=1)  # held for an analysis that is long gone
    submit("acme", "an_1")
    assert runs.order == []
    assert sweep.sweep(now=NOW) == 2 and runs.order == ["an_1"]


def test_a_long_queue_does_not_hide_other_tenants(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "PER_TENANT", 2)
    for n in range(6):
        submit("busy", f"an_{n}0")
    submit("small", "an_99")
    runs.stop("an_99")
    sweep.sweep(now=LATER)
    dead = analyses.get("small", "an_99")
    assert dead is not None and dead.failure is not None and dead.failure.code == "execution_lost"


# ---- one event after the other -----------------------------------------------------------------------


class Sequence(RuleBasedStateMachine):
    """Whole events in any order, each any number of times."""

    runs: Runs

    @initialize(value=st.sampled_from([Plan.FREE, Plan.BASIC]))
    def begin(self, value: Plan) -> None:
        self.tenant, self.limit = f"t{next(_numbers)}", PLANS[value].concurrent
        self.made: list[str] = []
        plan(self.tenant, value)

    def some(self, pick: int) -> str | None:
        return self.made[pick % len(self.made)] if self.made else None

    def mine(self) -> list[str]:
        return sorted(self.runs.running & set(self.made))

    @rule()
    def submit(self) -> None:
        self.made.append(f"an_{next(_numbers):08}")
        submit(self.tenant, self.made[-1])

    @rule(pick=st.integers(0, 30))
    def again(self, pick: int) -> None:
        if name := self.some(pick):
            submit(self.tenant, name)

    @rule(pick=st.integers(0, 30), twice=st.booleans())
    def finish(self, pick: int, twice: bool) -> None:
        if running := self.mine():
            name = running[pick % len(running)]
            self.runs.stop(name)
            for _ in range(1 + twice):
                end(self.tenant, name)

    @rule(pick=st.integers(0, 30))
    def die(self, pick: int) -> None:
        if running := self.mine():
            self.runs.stop(running[pick % len(running)])

    @rule(pick=st.integers(0, 30))
    def delete(self, pick: int) -> None:
        if name := self.some(pick):
            erasure.delete_analysis(self.tenant, name, now=NOW)

    @rule()
    def swept(self) -> None:
        sweep.sweep(now=LATER)

    @invariant()
    def within_the_limit(self) -> None:
        if hasattr(self, "tenant"):
            assert len(self.mine()) <= self.limit
            assert len(store.holders(self.tenant)) <= self.limit

    @invariant()
    def oldest_first_and_no_slot_idle(self) -> None:
        if not hasattr(self, "tenant"):
            return
        mine = [name for name in self.runs.order if name in self.made]
        assert mine == sorted(mine)
        waiting, held = store.oldest(self.tenant, 99), store.holders(self.tenant)
        assert not waiting or len(held) == self.limit

    def teardown(self) -> None:
        if hasattr(self, "tenant"):
            _ends_well(self.tenant, self.made, self.runs)


def _ends_well(tenant: str, made: list[str], runs: Runs) -> None:
    """Let everything run to its end: each analysis ends, once; queue and slots are empty."""
    for _ in range(3 * len(made) + 3):
        sweep.sweep(now=LATER)
        for name in sorted(runs.running & set(made)):
            runs.stop(name)
            end(tenant, name)
    assert store.holders(tenant) == set() and store.oldest(tenant, 9) == []
    for name in made:
        found = analyses.get(tenant, name)
        assert found is None or found.state not in OPEN, found
        assert runs.order.count(name) == 1 or (found and found.state is State.DELETED) or found is None


# ---- events that overlap, and die --------------------------------------------------------------------


class Died(BaseException):
    """The process ended between two calls."""


class Task:
    """A piece of work in a thread of its own that stops before every call of the table or the workflow."""

    here = threading.local()

    def __init__(self, work: Callable[[], object]) -> None:
        self._go, self._parked = threading.Semaphore(0), threading.Semaphore(0)
        self.done, self._die = False, False
        self.error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        Task.here.task = self
        self._go.acquire()
        try:
            if not self._die:
                self._work()
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001 - the machine looks at it
            self.error = error
        self.done = True
        self._parked.release()

    def step(self, *, die: bool = False) -> None:
        """Let it make one call (or die before it) and come to the next."""
        self._die = die
        self._go.release()
        self._parked.acquire()
        if self.error is not None:
            raise self.error

    @classmethod
    def pause(cls) -> None:
        """Wait for the machine, if this thread is a task's."""
        task = getattr(cls.here, "task", None)
        if task is not None:
            task._parked.release()
            task._go.acquire()
            if task._die:
                raise Died


class Overlap(RuleBasedStateMachine):
    """Submissions, ends, deletions and sweeps at once; the machine says whose call is next, and who dies."""

    runs: Runs

    @initialize(value=st.sampled_from([Plan.FREE, Plan.BASIC]))
    def begin(self, value: Plan) -> None:
        self.tenant, self.limit = f"t{next(_numbers)}", PLANS[value].concurrent
        self.made: list[str] = []
        self.deleted: set[str] = set()
        self.tasks: list[Task] = []
        self.died = False
        plan(self.tenant, value)

    def spawn(self, work: Callable[..., object], *arguments: Any, **named: Any) -> None:
        self.tasks.append(Task(lambda: work(*arguments, **named)))

    @rule()
    def submit(self) -> None:
        self.made.append(f"an_{next(_numbers):08}")
        self.spawn(submit, self.tenant, self.made[-1])

    @rule(pick=st.integers(0, 30))
    def again(self, pick: int) -> None:
        if self.made:
            self.spawn(submit, self.tenant, self.made[pick % len(self.made)])

    @rule(pick=st.integers(0, 30), silent=st.booleans())
    def finish(self, pick: int, silent: bool) -> None:
        if running := sorted(self.runs.running & set(self.made)):
            name = running[pick % len(running)]
            self.runs.stop(name)
            if not silent:
                self.spawn(end, self.tenant, name)

    @rule(pick=st.integers(0, 30))
    def delete(self, pick: int) -> None:
        if self.made:
            name = self.made[pick % len(self.made)]
            self.deleted.add(name)
            self.spawn(erasure.delete_analysis, self.tenant, name, now=NOW)

    @rule()
    def swept(self) -> None:
        self.spawn(sweep.sweep, now=LATER)

    @rule(picks=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12)), min_size=1, max_size=8))
    def go(self, picks: list[tuple[int, int]]) -> None:
        for pick, calls in picks:
            for _ in range(calls):
                alive = [task for task in self.tasks if not task.done]
                if alive:
                    alive[pick % len(alive)].step()
                    self.within_the_limit()

    @rule(pick=st.integers(0, 5))
    def die(self, pick: int) -> None:
        if alive := [task for task in self.tasks if not task.done]:
            alive[pick % len(alive)].step(die=True)
            self.died = True

    def within_the_limit(self) -> None:
        running = self.runs.running & set(self.made) - self.deleted
        assert len(running) <= self.limit, running
        assert len(store.holders(self.tenant)) <= self.limit

    def teardown(self) -> None:
        if not hasattr(self, "tenant"):
            return
        for task in self.tasks:
            while not task.done:
                task.step()
        if not self.died:
            running = [analyses.get(self.tenant, name) for name in self.runs.running & set(self.made)]
            assert not [a.id for a in running if a and a.state is State.DELETED], "deleted, and it still runs"
        _ends_well(self.tenant, self.made, self.runs)


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


def test_any_order_of_events(runs: Runs) -> None:
    Sequence.runs = runs
    run_state_machine_as_test(Sequence, settings=_settings(10, 16))  # type: ignore[no-untyped-call]


@pytest.fixture
def stepwise(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Let tasks stop before each call."""
    for place, name in ((table, "_call"), (table, "_transact"), (workflow, "start")):
        inner = getattr(place, name)

        def stopping(*arguments: Any, inner: Any = inner, **named: Any) -> Any:
            Task.pause()
            return inner(*arguments, **named)

        monkeypatch.setattr(place, name, stopping)
    return runs


def test_any_interleaving_of_calls_and_crashes(stepwise: Runs) -> None:
    Overlap.runs = stepwise
    run_state_machine_as_test(Overlap, settings=_settings(12, 14))  # type: ignore[no-untyped-call]


class Pair:
    """Two pieces of work on a tenant of one slot, each interrupted once, at a place of our choice."""

    def __init__(self, runs: Runs, *, before: int) -> None:
        self.runs, self.tenant = runs, f"t{next(_numbers)}"
        self.names = [f"an_{next(_numbers):08}" for _ in range(before + 2)]
        for name in self.names[:before]:
            submit(self.tenant, name)

    def run(self, first: Task, second: Task, calls: tuple[int, int]) -> None:
        """Run ``calls`` of each, then the rest of each."""
        for task, count in ((first, calls[0]), (second, calls[1]), (first, 10**6), (second, 10**6)):
            for _ in range(count):
                if task.done:
                    break
                task.step()
                assert len(self.runs.running & set(self.names)) <= 1, calls
        assert len(store.holders(self.tenant)) <= 1

    def end(self, name: str) -> None:
        self.runs.stop(name)
        end(self.tenant, name)


@pytest.mark.parametrize("older_first", [True, False])
def test_two_submissions_interrupted_anywhere(stepwise: Runs, older_first: bool) -> None:
    """One slot, two submissions, every pair of interruptions: one runs, the other waits."""
    length = 9  # queue, plan, queue's head, holders, claim, row, start, dequeue … after the row itself
    for calls in itertools.product(range(2, length), range(2, length)):
        pair = Pair(stepwise, before=0)
        first, second = pair.names if older_first else reversed(pair.names)
        pair.run(
            Task(lambda p=pair, n=first: submit(p.tenant, n)),
            Task(lambda p=pair, n=second: submit(p.tenant, n)),
            calls,
        )
        assert len(stepwise.running & set(pair.names)) == 1, calls
        assert len(store.oldest(pair.tenant, 9)) == 1, calls
        stepwise.running -= set(pair.names)


OTHERS: dict[str, Callable[[Pair], object]] = {
    "a new one": lambda p: submit(p.tenant, p.names[2]),
    "the same again": lambda p: submit(p.tenant, p.names[0]),
    "the end told twice": lambda p: p.end(p.names[0]),
    "the next deleted": lambda p: erasure.delete_analysis(p.tenant, p.names[1], now=NOW),
    "the sweep": lambda _p: sweep.sweep(now=LATER),
    "a reconciliation": lambda p: slots.reconcile(p.tenant),
}


@pytest.mark.parametrize("what", OTHERS)
def test_an_end_interrupted_anywhere_by(stepwise: Runs, what: str) -> None:
    """One runs, one waits, the first ends; meanwhile something else happens, and every other end dies."""
    for calls in itertools.count():
        pair = Pair(stepwise, before=2)
        ending, other = Task(lambda p=pair: p.end(p.names[0])), Task(lambda p=pair: OTHERS[what](p))
        for _ in range(calls):
            if not ending.done:
                ending.step()
        over = ending.done
        if calls % 2 and not over:
            ending.step(die=True)
        pair.run(other, ending, (10**6, 10**6))
        _ends_well(pair.tenant, [n for n in pair.names if analyses.get(pair.tenant, n)], stepwise)
        if over:
            break


def test_reconcile_keeps_those_that_run(runs: Runs) -> None:
    submit("acme", "an_1")
    assert slots.reconcile("acme") == 0 and slots.holds("acme", "an_1")
