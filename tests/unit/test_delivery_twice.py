"""Any message may come twice, any run may die half way; test events and redelivery."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from bonafide import delivery as room
from bonafide import queue
from bonafide.errors import Conflict, NotFound, Unavailable
from bonafide.store import webhooks as store
from bonafide.webhooks import TEST_ATTEMPTS

from tests.unit.webhook_fixtures import World, module_stack, stack, world

__all__ = ["module_stack", "stack", "world"]  # fixtures

# ---- any message twice, any run dead ------------------------------------------------------------------


def test_every_message_twice_changes_nothing(world: World) -> None:
    endpoint = world.endpoint("a", 500, 500, 500, 500, 500, 200)
    world.event()
    world.event()
    world.run(times=2)
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
    wrong = (("acme", endpoint.id, "x"), ("acme", "x", old.id), ("other", endpoint.id, old.id))
    for tenant, webhook, delivery in wrong:
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
