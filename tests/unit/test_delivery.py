"""Deliveries from the bus event to the endpoint, with a clock of our own; the handler with a real server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from bonafide import delivery as room
from bonafide import outbound, queue
from bonafide.errors import InvalidRequest, Unavailable
from bonafide.model import Analysis, Source, State
from bonafide.outbound import Posted
from bonafide.store import analyses
from bonafide.store import webhooks as store
from bonafide.webhooks import EXHAUSTED_LIMIT, OFFSETS_S
from standardwebhooks.webhooks import Webhook

from tests.helpers import server as bad
from tests.helpers.aws import Aws
from tests.helpers.server import Server
from tests.unit.webhook_fixtures import DETAIL, START, World, module_stack, stack, world

__all__ = ["module_stack", "stack", "world"]  # fixtures

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
    [
        *({}, {"detail": None}, {"detail": {}}, {"delivery": {}}, {"delivery": "x"}),
        {"detail": DETAIL | {"occurred_at": "soon"}},
        {"detail": DETAIL | {"occurred_at": "2026-03-01T12:00:00"}},
        {"detail": DETAIL | {"type": "x"}},
        {"delivery": {"tenant": "acme", "webhook_id": "w", "delivery_id": "d", "number": "x"}},
    ],
)
def test_what_is_no_message_is_refused(message: Any) -> None:
    with pytest.raises(InvalidRequest):
        room.receive(message, clock=lambda: START)


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
    assert store.get("acme", endpoint.id).disabled_reason == "Nothing was delivered for 6 days."


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


# ---- the real handler, client, queue and signature -------------------------------------------------------


def record(body: str, message_id: str = "m1") -> dict[str, Any]:
    return {"messageId": message_id, "body": body, "eventSource": "aws:sqs"}


@pytest.mark.loopback
def test_handler_delivers_to_a_real_server_and_the_signature_verifies(stack: Aws) -> None:
    environment = {"ALLOW_LOOPBACK": "true"}
    with Server() as server:
        server.on("/hook", bad.status(500), bad.status(204))
        stack.use("deliver_webhook", **environment)
        endpoint, secret = store.create("acme", server.url("/hook"), [], now=START)
        envelope = json.dumps({"detail-type": "analysis.completed", "detail": DETAIL})
        answer = stack.invoke("deliver_webhook", {"Records": [record(envelope)]}, environment=environment)
        assert answer == {"batchItemFailures": []}
        (waiting,) = store.deliveries("acme", endpoint.id)
        assert (waiting.state, waiting.attempts[0].status) == ("pending", 500)
        due = {"tenant": "acme", "webhook_id": endpoint.id, "delivery_id": waiting.id, "number": 2}
        retry = {"Records": [record(json.dumps({"delivery": due}))]}
        assert stack.invoke("deliver_webhook", retry, environment=environment) == {"batchItemFailures": []}
        assert store.delivery("acme", endpoint.id, waiting.id).state == "delivered"
    first, second = server.requests
    for got in (first, second):
        sent = Webhook(secret).verify(got.body, got.headers)
        assert sent["data"]["analysis_id"] == "an_1"
        assert got.headers["content-type"] == "application/json"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "evt_1"


def test_handler_puts_back_only_what_failed(stack: Aws) -> None:
    good = json.dumps({"detail": DETAIL})
    answer = stack.invoke("deliver_webhook", {"Records": [record("{", "bad"), record(good, "good")]})
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
    stack: Aws, route: bad.Route, status: int | None, error: str | None
) -> None:
    with Server() as server:
        server.on("/", route)
        stack.use("deliver_webhook", ALLOW_LOOPBACK="true")
        endpoint, _ = store.create("acme", server.url(), [], now=START)
        room.receive({"detail": DETAIL}, clock=lambda: START, poster=outbound.post)
        (logged,) = store.deliveries("acme", endpoint.id)
    (attempt,) = logged.attempts
    assert (attempt.status, attempt.error) == (status, error)
    assert len(server.requests) == 1


# ---- what the client called it -----------------------------------------------------------------------


def known(**more: Any) -> Analysis:
    """Write the row of the analysis that the event is of."""
    made = Analysis(
        id="an_1", tenant="acme", state=State.QUEUED, source=Source(type="inline"), created_at=START, **more
    )
    return analyses.create(made)


def test_the_clients_reference_is_sent_and_not_logged(world: World) -> None:
    known(client_reference="case 7")
    endpoint = world.endpoint("a", 500, 200)
    world.event()
    world.run()
    assert [json.loads(post["body"])["data"]["client_reference"] for post in world.posts] == ["case 7"] * 2
    assert world.posts[0]["body"] == world.posts[1]["body"]
    (logged,) = world.log(endpoint)
    assert "case 7" not in logged.model_dump_json()


def test_of_a_deleted_analysis_nothing_more_is_told(world: World) -> None:
    known(client_reference="case 7")
    endpoint = world.endpoint("a", 500)
    world.event()
    analyses.mark_deleted("acme", "an_1", now=START)
    world.run()
    assert len(world.posts) == 1
    (logged,) = world.log(endpoint)
    assert (logged.state, logged.reason) == ("failed", "analysis_deleted")
    world.event(event_id="evt_2")  # an event that was still on its way
    assert len(world.posts) == 1
