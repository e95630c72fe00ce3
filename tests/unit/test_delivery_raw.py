"""Ready bodies for a URL that belongs to no endpoint: what dialects send to a callback."""

from __future__ import annotations

from typing import Any

import pytest
from bonafide.delivery import deliver_raw
from bonafide.outbound import Posted
from bonafide.store import webhooks as store
from bonafide.store.webhooks import CALLBACK, Delivery
from bonafide.webhooks import OFFSETS_S, EventType, sign

from tests.unit.webhook_fixtures import START, World, module_stack, stack, world

__all__ = ["module_stack", "stack", "world"]  # fixtures

URL = "https://customer.example/"
BODY = '{"success":true,"item":{"filename":"Jane Doe.wav"}}'


def call(world: World, *answers: int | None, **more: Any) -> Delivery:
    """Queue a callback to a URL that answers so."""
    world.answers[URL] = [Posted(a, 0.1, None if a else "address_refused") for a in answers or (200,)]
    told = {"event_id": "evt_1", "kind": EventType.COMPLETED, "occurred_at": START, "now": world.now}
    return deliver_raw("acme", URL, BODY, **{**told, **more})


def logged(made: Delivery) -> Delivery:
    """Return what the log says of it."""
    found = store.find_delivery("acme", CALLBACK, made.id)
    assert found is not None
    return found


def test_headers_of_a_dialect_go_along_with_every_try(world: World) -> None:
    call(world, 500, 200, headers={"X-Vendor": "a", "webhook-id": "not this one"})
    world.run()
    assert [posted["X-Vendor"] for posted in world.posts] == ["a", "a"]
    assert {posted["webhook-id"] for posted in world.posts} == {"evt_1"}


@pytest.mark.rows("RES-5", "RES-61", "X-9")
def test_it_arrives_as_it_is_and_is_forgotten(world: World) -> None:
    made = call(world)
    assert logged(made).payload == BODY
    world.run(times=2)
    (posted,) = world.posts
    assert (posted["url"], posted["body"]) == (URL, BODY.encode())
    assert posted["content-type"] == "application/json" and posted["webhook-id"] == "evt_1"
    assert "webhook-signature" not in posted  # this tenant has no secret
    assert (logged(made).state, logged(made).payload) == ("delivered", "")


@pytest.mark.rows("RES-61", "X-9")
def test_every_secret_of_the_tenant_signs(world: World, stack: Any) -> None:
    stack.use("api_native")  # which may wrap secrets
    made = [store.create("acme", f"https://{n}.example/", [], now=world.now)[1] for n in "ab"]
    store.create("other", "https://o.example/", [], now=world.now)
    stack.use("deliver_webhook")
    call(world)
    world.run()
    (posted,) = world.posts
    assert len(posted["webhook-signature"].split()) == 2
    for secret in made:
        expected = sign([secret], "evt_1", int(posted["webhook-timestamp"]), BODY.encode())
        assert expected["webhook-signature"] in posted["webhook-signature"]


@pytest.mark.rows("RES-61")
def test_it_is_tried_for_a_day_with_one_id(world: World) -> None:
    made = call(world, 500)
    world.run()
    assert len(world.posts) == len(OFFSETS_S)
    assert {posted["webhook-id"] for posted in world.posts} == {"evt_1"}
    assert (world.now - START).total_seconds() <= OFFSETS_S[-1] * 1.01
    assert (logged(made).state, logged(made).payload) == ("exhausted", "")
    assert len(world.buried) == 1 and "Jane" not in str(world.buried)


@pytest.mark.rows("RES-61", "X-9")
@pytest.mark.parametrize("answer", [410, None])
def test_what_is_gone_or_refused(world: World, answer: int | None) -> None:
    made = call(world, answer)
    world.run()
    seen = logged(made)
    if answer == 410:
        assert (seen.state, seen.reason, len(world.posts)) == ("failed", "gone", 1)
    else:  # a private address may be a resolver's bad day: it is tried again, and never reached
        assert seen.attempts[0].error == "address_refused" and seen.state == "exhausted"


@pytest.mark.rows("RES-5")
def test_told_twice_it_goes_once(world: World) -> None:
    first, second = call(world), call(world)
    assert first.id == second.id
    world.run()
    assert len(world.posts) == 1
    assert call(world).state == "delivered" and world.waiting == []
    other = deliver_raw(
        "acme", URL, BODY, event_id="evt_2", kind=EventType.FAILED, occurred_at=START, now=world.now
    )
    assert other.id != first.id
