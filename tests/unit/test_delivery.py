"""Deliveries from the bus event to the endpoint, with a clock of our own and a real, misbehaving server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import delivery as room
from bonafide import outbound, queue
from bonafide.errors import Conflict, InvalidRequest, NotFound, Unavailable
from bonafide.outbound import Posted
from bonafide.store import webhooks as store
from bonafide.webhooks import EXHAUSTED_LIMIT, OFFSETS_S, TEST_ATTEMPTS
from standardwebhooks.webhooks import Webhook

from tests.helpers import server as bad
from tests.helpers.aws import Aws
from tests.helpers.server import Server

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DETAIL = {
    "schema_version": "1", "event_id": "evt_1", "type": "analysis.completed", "tenant": "acme", "analysis_id": "an_1",
    "state": "completed", "verdict": {"label": "genuine", "p_fake": 0.02}, "failure": None,
    "operations": ["image_forgery"], "media_kind": "image", "client_reference": None,
    "occurred_at": "2026-03-01T11:59:59Z",
}  # fmt: skip


class World:
    """The queue, the schedules and the clock in one list: what is due next, and when."""

    def __init__(self, stack: Aws, patch: pytest.MonkeyPatch) -> None:
        self.stack = stack
        self.now = START
        self.waiting: list[tuple[datetime, dict[str, Any]]] = []
        self.buried: list[dict[str, Any]] = []
        self.posts: list[dict[str, Any]] = []
        self.answers: dict[str, list[Posted]] = {}
        self._names: set[str] = set()
        patch.setattr(queue, "send", lambda message, delay_s=0: self._put(message, delay_s))
        patch.setattr(queue, "later", self._later)
        patch.setattr(queue, "bury", lambda message: self.buried.append(message))

    def _put(self, message: Any, delay_s: int) -> None:
        self.waiting.append((self.now + timedelta(seconds=delay_s), json.loads(json.dumps(message))))

    def _later(self, message: Any, *, delay_s: int, name: str, now: datetime) -> None:
        assert now == self.now
        if delay_s > 900 and name in self._names:
            return
        self._names.add(name)
        self._put(message, delay_s)

    def endpoint(self, path: str = "a", *answers: int | str | Posted, **more: Any) -> store.Endpoint:
        """An endpoint that answers so, the last for ever."""
        url = f"https://{path}.example/"
        self.answers[url] = [
            a if isinstance(a, Posted) else Posted(a, 0.1) if isinstance(a, int) else Posted(None, 0.1, a)
            for a in answers or (200,)
        ]
        return store.create("acme", url, **{"events": [], "now": self.now, **more})[0]

    def post(self, url: str, body: bytes, headers: dict[str, str], *, timeout_s: float) -> Posted:
        assert timeout_s == 20.0
        self.posts.append({"url": url, "body": body, "at": self.now, **headers})
        queue_of = self.answers[url]
        return queue_of.pop(0) if len(queue_of) > 1 else queue_of[0]

    def receive(self, message: Any) -> None:
        room.receive(message, clock=lambda: self.now, poster=self.post)

    def event(self, **change: Any) -> None:
        self.receive({"detail-type": "analysis.completed", "detail": DETAIL | change})

    def run(self) -> None:
        """Let time pass until nothing is due any more."""
        while self.waiting:
            self.waiting.sort(key=lambda pair: pair[0])
            moment, message = self.waiting.pop(0)
            self.now = max(self.now, moment)
            self.receive(message)

    def log(self, endpoint: store.Endpoint) -> list[store.Delivery]:
        return store.deliveries("acme", endpoint.id, limit=100)


@pytest.fixture
def world(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    aws.use("deliver_webhook")
    yield World(aws, monkeypatch)


# ---- fan out -----------------------------------------------------------------------------------------


def test_one_endpoint_is_served_at_once(world: World) -> None:
    endpoint = world.endpoint()
    world.event()
    assert world.waiting == []
    (posted,) = world.posts
    assert json.loads(posted["body"])["data"]["id"] == "an_1"
    assert (posted["webhook-id"], posted["webhook-timestamp"]) == ("evt_1", str(int(START.timestamp())))
    (logged,) = world.log(endpoint)
    assert (logged.state, logged.attempts[0].status, logged.attempts[0].ms) == ("delivered", 200, 100)
    assert store.get("acme", endpoint.id).last_success_at == START


def test_several_endpoints_get_a_message_each_and_a_bad_one_holds_up_none(world: World) -> None:
    good, broken = world.endpoint("good"), world.endpoint("broken", 500)
    world.event()
    assert world.posts == []
    assert len(world.waiting) == 2
    world.run()
    assert world.log(good)[0].state == "delivered"
    assert world.log(broken)[0].state == "exhausted"
    assert [p["at"] for p in world.posts if "good" in p["url"]] == [START]


def test_only_matching_and_enabled_endpoints_of_that_tenant(world: World) -> None:
    wanted = world.endpoint("wanted", events=["analysis.completed"])
    unwanted = world.endpoint("unwanted", events=["analysis.failed"])
    off = world.endpoint("off")
    store.disable("acme", off.id, "off", world.now)
    store.create("other", "https://other.example/", [], now=world.now)
    world.event()
    world.run()
    assert [p["url"] for p in world.posts] == ["https://wanted.example/"]
    assert (len(world.log(wanted)), world.log(unwanted), world.log(off)) == (1, [], [])


def test_no_endpoint_is_nothing_to_do(world: World) -> None:
    world.event()
    assert (world.posts, world.waiting) == ([], [])


def test_event_that_comes_twice_is_delivered_once(world: World) -> None:
    endpoint = world.endpoint()
    world.event()
    world.event()
    world.run()
    assert (len(world.posts), len(world.log(endpoint))) == (1, 1)


def test_fan_out_that_died_half_way_is_completed_by_the_second_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = [world.endpoint("a"), world.endpoint("b")]
    with monkeypatch.context() as patch:

        def broken(*_: Any, **__: Any) -> None:
            raise Unavailable("no queue")

        patch.setattr(queue, "send", broken)
        with pytest.raises(Unavailable):
            world.event()
    world.event()
    world.run()
    assert [world.log(e)[0].state for e in endpoints] == ["delivered"] * 2
    assert len(world.posts) == 2


@pytest.mark.parametrize(
    "message",
    [{}, {"detail": None}, {"detail": {}}, {"detail": DETAIL | {"occurred_at": "soon"}}, {"delivery": {}},
     {"detail": DETAIL | {"occurred_at": "2026-03-01T12:00:00"}}, {"detail": DETAIL | {"type": "x"}},
     {"delivery": {"tenant": "acme", "webhook_id": "w", "delivery_id": "d", "number": "x"}}, {"delivery": "x"}],
)  # fmt: skip
def test_what_is_no_message_is_refused(world: World, message: Any) -> None:
    with pytest.raises(InvalidRequest):
        world.receive(message)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        room.decode(text)


# ---- retries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [500, 404, 301, "timed_out", "address_refused", "tls_failed"])
def test_retries_keep_the_id_and_renew_the_timestamp(world: World, trouble: int | str) -> None:
    endpoint = world.endpoint("a", trouble, trouble, 204)
    world.event()
    world.run()
    assert {p["webhook-id"] for p in world.posts} == {"evt_1"}
    assert len({p["body"] for p in world.posts}) == 1
    stamps = [int(p["webhook-timestamp"]) for p in world.posts]
    assert stamps == [int(p["at"].timestamp()) for p in world.posts] == sorted(set(stamps))
    (logged,) = world.log(endpoint)
    assert (logged.state, [a.number for a in logged.attempts], logged.next_attempt_at) == (
        "delivered",
        [1, 2, 3],
        None,
    )
    assert store.get("acme", endpoint.id).failing_since is None


def test_exhausted_after_about_a_day_then_buried(world: World) -> None:
    endpoint = world.endpoint("a", 500)
    world.event()
    world.run()
    assert len(world.posts) == len(OFFSETS_S)
    assert timedelta(hours=19) < world.now - START <= timedelta(hours=24)
    (logged,) = world.log(endpoint)
    assert (logged.state, logged.reason) == ("exhausted", "attempts_used_up")
    assert [m["reason"] for m in world.buried] == ["exhausted"]
    assert world.buried[0]["delivery"]["delivery_id"] == logged.id
    seen = store.get("acme", endpoint.id)
    assert (seen.enabled, seen.exhausted, seen.failing_since) == (True, 1, START)


def test_slow_down_honours_retry_after(world: World) -> None:
    world.endpoint("a", Posted(429, 0.1, None, 7200), Posted(503, 0.1, None, None), 200)
    world.event()
    world.run()
    gaps = [(b["at"] - a["at"]).total_seconds() for a, b in zip(world.posts, world.posts[1:], strict=False)]
    assert gaps[0] == 7200
    assert 60 <= gaps[1] <= 295


def test_gone_disables_and_says_so(world: World) -> None:
    endpoint = world.endpoint("a", 410)
    world.event()
    world.run()
    (logged,) = world.log(endpoint)
    assert (logged.state, logged.reason, len(logged.attempts)) == ("failed", "gone", 1)
    seen = store.get("acme", endpoint.id)
    assert (seen.enabled, seen.disabled_reason) == (False, "The endpoint answered 410 Gone.")
    assert world.buried == []


def test_dead_endpoint_is_disabled_with_a_reason(world: World) -> None:
    endpoint = world.endpoint("a", 500)
    for n in range(EXHAUSTED_LIMIT):
        world.event(event_id=f"evt_{n}")
    world.run()
    seen = store.get("acme", endpoint.id)
    assert not seen.enabled
    assert "5 deliveries in a row" in str(seen.disabled_reason)
    assert len(world.buried) == EXHAUSTED_LIMIT
    assert store.enable("acme", endpoint.id).exhausted == 0


def test_endpoint_that_fails_for_days_is_disabled(world: World) -> None:
    endpoint = world.endpoint("a", 500)
    world.event()
    world.run()
    world.now += timedelta(days=4.5)
    world.event(event_id="evt_2")
    world.run()
    assert "Nothing was delivered for 6 days." == store.get("acme", endpoint.id).disabled_reason


def test_success_between_failures_keeps_an_endpoint_alive(world: World) -> None:
    answers = [*([500] * len(OFFSETS_S)), 200] * EXHAUSTED_LIMIT
    endpoint = world.endpoint("a", *answers)
    for n in range(2 * EXHAUSTED_LIMIT):
        world.event(event_id=f"evt_{n}")
        world.run()
    assert store.get("acme", endpoint.id).enabled
    assert {d.state for d in world.log(endpoint)} == {"delivered", "exhausted"}


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_waiting_deliveries_of_a_switched_off_endpoint_are_given_up(world: World, how: str) -> None:
    endpoint = world.endpoint("a", 500)
    world.event()
    (known,) = world.log(endpoint)
    if how == "deleted":
        store.delete("acme", endpoint.id)
    else:
        store.disable("acme", endpoint.id, "by hand", world.now)
    world.run()
    assert len(world.posts) == 1
    logged = store.find_delivery("acme", endpoint.id, known.id)
    assert logged is not None
    assert (logged.state, logged.reason, logged.next_attempt_at) == ("failed", f"endpoint_{how}", None)
    assert world.buried == []


# ---- any message twice, any run dead ------------------------------------------------------------------


def test_every_message_twice_changes_nothing(world: World) -> None:
    endpoint = world.endpoint("a", 500, 500, 500, 500, 500, 200)
    world.event()
    world.event()
    while world.waiting:
        world.waiting.sort(key=lambda pair: pair[0])
        moment, message = world.waiting.pop(0)
        world.now = max(world.now, moment)
        world.receive(message)
        world.receive(message)
    assert len(world.posts) == 6
    assert [a.number for a in world.log(endpoint)[0].attempts] == [1, 2, 3, 4, 5, 6]


def test_twin_of_a_running_attempt_comes_back_later(world: World) -> None:
    endpoint = world.endpoint("a")
    other = world.endpoint("b")
    world.event()
    message = world.waiting[0][1]
    due = message["delivery"]
    assert store.claim("acme", due["webhook_id"], due["delivery_id"], 1, world.now)
    with pytest.raises(Unavailable):
        world.receive(message)
    world.now += timedelta(seconds=store.LEASE_S)
    world.receive(message)
    world.receive(message)
    assert len(world.posts) == 1
    assert {e.id for e in (endpoint, other)} >= {due["webhook_id"]}


def test_run_that_died_after_logging_is_followed_up_by_the_second_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = world.endpoint("a", 500, 200)
    with monkeypatch.context() as patch:

        def broken(*_: Any, **__: Any) -> None:
            raise Unavailable("no queue")

        patch.setattr(queue, "later", broken)
        with pytest.raises(Unavailable):
            world.event()
    assert world.waiting == []
    (logged,) = world.log(endpoint)
    world.receive(
        {"delivery": {"tenant": "acme", "webhook_id": endpoint.id, "delivery_id": logged.id, "number": 1}}
    )
    assert len(world.waiting) == 1
    world.run()
    assert world.log(endpoint)[0].state == "delivered"
    assert len(world.posts) == 2


def test_event_repeated_after_a_run_died_following_up_still_mends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one endpoint the queue holds only the event's own message: it must carry the delivery on."""
    endpoint = world.endpoint("a", 500, 200)
    with monkeypatch.context() as patch:

        def broken(*_: Any, **__: Any) -> None:
            raise Unavailable("no queue")

        patch.setattr(queue, "later", broken)
        with pytest.raises(Unavailable):
            world.event()
    world.event()
    world.run()
    assert world.log(endpoint)[0].state == "delivered"


def test_late_twin_of_an_old_attempt_is_dropped(world: World) -> None:
    endpoint = world.endpoint("a", 500, 200)
    world.event()
    first = {"delivery": world.waiting[0][1]["delivery"] | {"number": 1}}
    world.run()
    world.receive(first)
    world.receive({"delivery": first["delivery"] | {"delivery_id": "dlv_none"}})
    assert (len(world.posts), len(world.log(endpoint)), world.waiting) == (2, 1, [])


# ---- test events and redelivery ------------------------------------------------------------------------


def test_test_event_goes_to_that_endpoint_even_if_it_is_disabled(world: World) -> None:
    endpoint = world.endpoint("a", 200, events=["analysis.failed"])
    store.disable("acme", endpoint.id, "off", world.now)
    made = room.send_test("acme", endpoint.id, world.now)
    assert made.state == "pending"
    world.run()
    assert json.loads(world.posts[0]["body"])["type"] == "webhook.test"
    assert store.delivery("acme", endpoint.id, made.id).state == "delivered"
    assert not store.get("acme", endpoint.id).enabled


def test_failing_test_event_gives_up_early_and_does_not_count(world: World) -> None:
    endpoint = world.endpoint("a", 500)
    made = room.send_test("acme", endpoint.id, world.now)
    world.run()
    assert len(world.posts) == TEST_ATTEMPTS
    assert store.delivery("acme", endpoint.id, made.id).state == "exhausted"
    seen = store.get("acme", endpoint.id)
    assert (seen.exhausted, seen.failing_since, world.buried) == (0, None, [])


def test_redelivery_is_a_new_delivery_of_the_same_message(world: World) -> None:
    endpoint = world.endpoint("a", 200)
    world.event()
    (old,) = world.log(endpoint)
    world.now += timedelta(hours=1)
    new = room.redeliver("acme", endpoint.id, old.id, now=world.now)
    world.run()
    assert new.id > old.id
    assert new.redelivery_of == old.id
    assert [p["webhook-id"] for p in world.posts] == ["evt_1", "evt_1"]
    assert world.posts[0]["body"] == world.posts[1]["body"]
    assert [d.id for d in world.log(endpoint)] == [new.id, old.id]


def test_redelivery_needs_an_enabled_endpoint_and_a_known_delivery(world: World) -> None:
    endpoint = world.endpoint("a", 410)
    world.event()
    (old,) = world.log(endpoint)
    with pytest.raises(Conflict) as caught:
        room.redeliver("acme", endpoint.id, old.id, now=world.now)
    assert caught.value.code == "webhook_disabled"
    for tenant, webhook, delivery in (
        ("acme", endpoint.id, "x"),
        ("acme", "x", old.id),
        ("other", endpoint.id, old.id),
    ):
        with pytest.raises(NotFound):
            room.redeliver(tenant, webhook, delivery, now=world.now)
    with pytest.raises(NotFound):
        room.send_test("other", endpoint.id, world.now)


def test_what_could_not_be_queued_leaves_no_trace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = world.endpoint()

    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("no queue")

    monkeypatch.setattr(queue, "send", broken)
    with pytest.raises(Unavailable):
        room.send_test("acme", endpoint.id, world.now)
    assert world.log(endpoint) == []


# ---- the real handler, client, queue and signature -------------------------------------------------------


def record(body: str, message_id: str = "m1") -> dict[str, Any]:
    return {"messageId": message_id, "body": body, "eventSource": "aws:sqs"}


@pytest.mark.loopback
def test_handler_delivers_to_a_real_server_and_the_signature_verifies(aws: Aws) -> None:
    environment = {"ALLOW_LOOPBACK": "true"}
    with Server() as server:
        server.on("/hook", bad.status(500), bad.status(204))
        aws.use("deliver_webhook", **environment)
        endpoint, secret = store.create("acme", server.url("/hook"), [], now=START)
        envelope = json.dumps({"detail-type": "analysis.completed", "detail": DETAIL})
        answer = aws.invoke("deliver_webhook", {"Records": [record(envelope)]}, environment=environment)
        assert answer == {"batchItemFailures": []}
        (waiting,) = store.deliveries("acme", endpoint.id)
        assert (waiting.state, waiting.attempts[0].status) == ("pending", 500)
        due = {"tenant": "acme", "webhook_id": endpoint.id, "delivery_id": waiting.id, "number": 2}
        retry = {"Records": [record(json.dumps({"delivery": due}))]}
        assert aws.invoke("deliver_webhook", retry, environment=environment) == {"batchItemFailures": []}
        assert store.delivery("acme", endpoint.id, waiting.id).state == "delivered"
    first, second = server.requests
    for got in (first, second):
        sent = Webhook(secret).verify(got.body, got.headers)
        assert sent["data"]["analysis_id"] == "an_1"
        assert got.headers["content-type"] == "application/json"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "evt_1"


def test_handler_puts_back_only_what_failed(aws: Aws) -> None:
    good = json.dumps({"detail": DETAIL})
    answer = aws.invoke("deliver_webhook", {"Records": [record("{", "bad"), record(good, "good")]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("route", "status", "error"),
    [
        (bad.redirect("http://169.254.169.254/"), 302, None),
        (bad.reset(), None, "connection_failed"),
        (bad.endless(), 200, None),
        (bad.status(429, Retry_After="120"), 429, None),
        (bad.status(410), 410, None),
    ],
)
def test_each_misbehaviour_is_logged(
    aws: Aws, route: bad.Route, status: int | None, error: str | None
) -> None:
    with Server() as server:
        server.on("/", route)
        aws.use("deliver_webhook", ALLOW_LOOPBACK="true")
        endpoint, _ = store.create("acme", server.url(), [], now=START)
        room.receive({"detail": DETAIL}, clock=lambda: START, poster=outbound.post)
        (logged,) = store.deliveries("acme", endpoint.id)
    (attempt,) = logged.attempts
    assert (attempt.status, attempt.error) == (status, error)
    assert len(server.requests) == 1
