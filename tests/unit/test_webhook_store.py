"""Endpoint and delivery rows in moto's DynamoDB, secrets wrapped by moto's KMS."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import keys
from bonafide.errors import Conflict, NotFound, Unavailable, Unprocessable
from bonafide.store import table, webhooks
from bonafide.webhooks import EventType

from tests.helpers.aws import Aws
from tests.unit.webhook_fixtures import module_stack, stack

__all__ = ["module_stack", "stack"]  # fixtures
pytestmark = pytest.mark.usefixtures("stack")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://hooks.example/bonafide?token=x"


def make(tenant: str = "acme", **more: Any) -> tuple[webhooks.Endpoint, str]:
    return webhooks.create(tenant, **{"url": URL, "events": [], "description": "", "now": NOW, **more})


def fresh(webhook_id: str, n: int = 1, **more: Any) -> webhooks.Delivery:
    return webhooks.Delivery(
        id=f"dlv_{n:03}", webhook_id=webhook_id, event_id=f"evt_{n}", type=EventType.COMPLETED,
        created_at=NOW, payload="{}", **more,
    )  # fmt: skip


def test_create_shows_the_secret_once_and_stores_it_sealed(stack: Aws) -> None:
    endpoint, secret = make(events=["analysis.failed", "analysis.failed"], description="pager")
    assert webhooks.get("acme", endpoint.id) == endpoint
    assert (endpoint.enabled, endpoint.events, endpoint.exhausted) == (True, (EventType.FAILED,), 0)
    rows = stack.client("dynamodb").scan(TableName=stack.table)["Items"]
    assert secret not in str(rows)
    assert secret.removeprefix("whsec_") not in str(rows)
    assert secret not in str(endpoint)
    assert webhooks.signing("acme", endpoint.id, NOW) == (endpoint, [secret])


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"url": "http://hooks.example/"}, "address_refused", "#/url"),
        ({"url": "https://127.0.0.1/"}, "address_refused", "#/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "address_refused", "#/url"),
        ({"url": "https://localhost/"}, "address_refused", "#/url"),
        ({"url": "https://u:p@hooks.example/"}, "url_invalid", "#/url"),
        ({"url": "nonsense"}, "url_invalid", "#/url"),
        ({"events": ["analysis.completed", "webhook.test"]}, "unknown_event", "#/events/1"),
        ({"description": "x" * 201}, "too_long", "#/description"),
    ],
)
def test_create_refuses_what_could_never_work(change: dict[str, Any], code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        make(**change)
    assert caught.value.code == code
    assert caught.value.errors[0]["pointer"] == pointer
    assert webhooks.list_("acme") == []


def test_loopback_endpoint_needs_the_local_setting(stack: Aws) -> None:
    stack.use("deliver_webhook", ALLOW_LOOPBACK="true")
    assert make(url="http://127.0.0.1:9000/hook")[0].url == "http://127.0.0.1:9000/hook"


def test_endpoints_are_counted_and_apart_by_tenant() -> None:
    made = [make()[0] for _ in range(webhooks.MAX_ENDPOINTS)]
    assert [e.id for e in webhooks.list_("acme")] == sorted(e.id for e in made)
    with pytest.raises(Conflict) as caught:
        make()
    assert caught.value.code == "too_many_webhooks"
    assert webhooks.list_("other") == []


def test_another_tenants_endpoint_looks_absent() -> None:
    endpoint, _ = make()
    webhooks.open_("acme", fresh(endpoint.id))
    for call in (
        lambda: webhooks.get("other", endpoint.id),
        lambda: webhooks.rotate("other", endpoint.id, NOW),
        lambda: webhooks.enable("other", endpoint.id),
        lambda: webhooks.deliveries("other", endpoint.id),
        lambda: webhooks.delivery("other", endpoint.id, "dlv_001"),
        lambda: webhooks.delivery("acme", endpoint.id, "dlv_999"),
    ):
        with pytest.raises(NotFound):
            call()
    assert webhooks.signing("other", endpoint.id, NOW) is None
    webhooks.delete("other", endpoint.id)
    assert webhooks.find("acme", endpoint.id) == endpoint


def test_secret_of_one_endpoint_does_not_open_under_another() -> None:
    sealed = keys.encrypt("whsec_x", {"tenant": "acme", "webhook": "wh_1"})
    assert keys.decrypt(sealed, {"webhook": "wh_1", "tenant": "acme"}) == "whsec_x"
    with pytest.raises(Unavailable):
        keys.decrypt(sealed, {"tenant": "acme", "webhook": "wh_2"})


def test_rotation_overlaps_for_a_day() -> None:
    endpoint, first = make()
    rotated, second = webhooks.rotate("acme", endpoint.id, NOW)
    assert rotated.rotated_at == NOW
    day = timedelta(hours=24)
    assert webhooks.signing("acme", endpoint.id, NOW + day - timedelta(seconds=1))[1] == [second, first]  # type: ignore[index]
    assert webhooks.signing("acme", endpoint.id, NOW + day)[1] == [second]  # type: ignore[index]


def test_many_rotations_keep_few_secrets_and_drop_the_expired() -> None:
    endpoint, first = make()
    made = [webhooks.rotate("acme", endpoint.id, NOW + timedelta(hours=h))[1] for h in (0, 1, 2)]
    assert webhooks.signing("acme", endpoint.id, NOW + timedelta(hours=2))[1] == [*reversed(made)]  # type: ignore[index]
    last = webhooks.rotate("acme", endpoint.id, NOW + timedelta(days=9))[1]
    found = webhooks.signing("acme", endpoint.id, NOW + timedelta(days=9))
    assert found is not None
    assert found[1] == [last, made[2]]
    assert first not in found[1]


def test_racing_rotations_cannot_both_win(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, _ = make()
    stale = table.get(*webhooks._key("acme", endpoint.id))
    webhooks.rotate("acme", endpoint.id, NOW)
    monkeypatch.setattr(table, "get", lambda *_: stale)
    with pytest.raises(Conflict):
        webhooks.rotate("acme", endpoint.id, NOW)


def test_delete_is_idempotent() -> None:
    endpoint, _ = make()
    webhooks.delete("acme", endpoint.id)
    webhooks.delete("acme", endpoint.id)
    assert webhooks.find("acme", endpoint.id) is None


def test_disable_says_why_and_enable_forgets() -> None:
    endpoint, _ = make()
    assert webhooks.disable("acme", endpoint.id, "It was gone.", NOW)
    assert not webhooks.disable("acme", endpoint.id, "Another reason.", NOW)
    webhooks.failing("acme", endpoint.id, NOW)
    webhooks.gave_up("acme", endpoint.id, "dlv_1")
    seen = webhooks.get("acme", endpoint.id)
    assert (seen.enabled, seen.disabled_reason, seen.disabled_at) == (False, "It was gone.", NOW)
    assert (seen.failing_since, seen.exhausted) == (NOW, 1)
    assert webhooks.enable("acme", endpoint.id) == endpoint
    assert not webhooks.disable("acme", "wh_none", "x", NOW)


def test_failures_are_counted_once_each_and_reset_by_a_success() -> None:
    endpoint, _ = make()
    for name in ("a", "b", "a"):
        counted = webhooks.gave_up("acme", endpoint.id, name)
    assert counted is not None
    assert counted.exhausted == 2
    webhooks.failing("acme", endpoint.id, NOW)
    webhooks.failing("acme", endpoint.id, NOW + timedelta(hours=1))
    seen = webhooks.get("acme", endpoint.id)
    assert seen.failing_since == NOW
    webhooks.succeeded("acme", seen, NOW + timedelta(hours=2))
    seen = webhooks.get("acme", endpoint.id)
    assert (seen.failing_since, seen.exhausted) == (None, 0)
    assert webhooks.gave_up("acme", "wh_none", "a") is None


def test_success_is_noted_once_a_minute_while_all_is_well() -> None:
    endpoint, _ = make()
    for seconds, noted in ((0, 0), (30, 0), (61, 61)):
        webhooks.succeeded("acme", webhooks.get("acme", endpoint.id), NOW + timedelta(seconds=seconds))
        assert webhooks.get("acme", endpoint.id).last_success_at == NOW + timedelta(seconds=noted)


def test_deliveries_come_newest_first_in_pages_and_expire(stack: Aws) -> None:
    endpoint, _ = make()
    for n in range(1, 6):
        webhooks.open_("acme", fresh(endpoint.id, n))
    first = webhooks.deliveries("acme", endpoint.id, limit=2)
    assert [d.id for d in first] == ["dlv_005", "dlv_004"]
    rest = webhooks.deliveries("acme", endpoint.id, limit=9, before=first[-1].id)
    assert [d.id for d in rest] == ["dlv_003", "dlv_002", "dlv_001"]
    row = table.get(table.tenant_key("acme", "WH", endpoint.id), "DELIVERY#dlv_001")
    assert row is not None
    assert row["ttl"] == int((NOW + timedelta(days=30)).timestamp())


def test_a_delivery_is_opened_once() -> None:
    first = webhooks.open_("acme", fresh("wh_1"))
    done = first.model_copy(update={"state": "delivered", "attempts": (attempt(1),)})
    assert webhooks.record("acme", first, done)
    again = webhooks.open_("acme", fresh("wh_1"))
    assert (again.state, len(again.attempts)) == ("delivered", 1)


def attempt(number: int) -> webhooks.Attempt:
    return webhooks.Attempt(number=number, at=NOW, status=500, ms=12)


def test_an_attempt_is_claimed_by_one_at_a_time() -> None:
    opened = webhooks.open_("acme", fresh("wh_1"))
    minute = timedelta(seconds=webhooks.LEASE_S)
    assert webhooks.claim("acme", "wh_1", "dlv_001", 2, NOW) is None  # not due: the first was not made
    assert webhooks.claim("acme", "wh_1", "dlv_001", 1, NOW) == opened
    assert webhooks.claim("acme", "wh_1", "dlv_001", 1, NOW) is None
    assert webhooks.claim("acme", "wh_1", "dlv_001", 1, NOW + minute) == opened  # the first run died
    after = opened.model_copy(update={"attempts": (attempt(1),), "next_attempt_at": NOW})
    assert webhooks.record("acme", opened, after)
    assert not webhooks.record("acme", opened, after)  # the first run lived after all
    assert webhooks.claim("acme", "wh_1", "dlv_001", 1, NOW + 2 * minute) is None
    assert webhooks.claim("acme", "wh_1", "dlv_001", 2, NOW) == after  # another attempt needs no wait
    assert webhooks.claim("acme", "wh_1", "dlv_none", 1, NOW) is None


def test_record_round_trips_every_member() -> None:
    opened = webhooks.open_("acme", fresh("wh_1", redelivery_of="dlv_000"))
    waiting = opened.model_copy(update={"attempts": (attempt(1),), "next_attempt_at": NOW})
    webhooks.record("acme", opened, waiting)
    assert webhooks.find_delivery("acme", "wh_1", "dlv_001") == waiting
    attempts = (attempt(1), attempt(2))
    change = {"attempts": attempts, "next_attempt_at": None, "state": "failed", "reason": "gone"}
    gone = waiting.model_copy(update=change)
    webhooks.record("acme", waiting, gone)
    assert webhooks.find_delivery("acme", "wh_1", "dlv_001") == gone
    webhooks.discard("acme", "wh_1", "dlv_001")
    assert webhooks.find_delivery("acme", "wh_1", "dlv_001") is None


def test_id_factory_is_the_callers() -> None:
    counter = itertools.count(1)
    assert make(id_factory=lambda prefix: f"{prefix}_{next(counter)}")[0].id == "wh_1"
