"""Request rates: a window a tenant, told in every answer; and what a dialect makes of the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import quota
from bonafide.errors import BonafideError, RateLimited, Unavailable
from bonafide.http import Request, Response, json_response, problem, status_of
from bonafide.quota import Rate
from bonafide.routing import PUBLIC, Call, Route, Router, Tools
from bonafide.store import table, tenants
from bonafide.tenants import PLANS, Plan, Quota, Tenant, Terms

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, event

NOON = datetime(2026, 11, 20, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.use("api_native")
    monkeypatch.setitem(PLANS, Plan.BASIC, Terms(concurrent=3, credits=10, requests=Quota(3)))
    tenants.put(Tenant(id="acme", plan=Plan.BASIC), now=NOON)


class Clock:
    moment = NOON

    def now(self) -> datetime:
        return self.moment


def ask(router: Router, path: str = "/v1/x", **more: Any) -> Answer:
    return Answer.of(router(event("GET", path, **more)))


def hello(_call: Call) -> Response:
    return json_response({"hello": "world"})


ROUTES = (Route("GET", "/v1/x", hello, "analyses:read"), Route("GET", "/v1/health", hello, PUBLIC))


def test_a_window_counts_ends_and_begins_again() -> None:
    assert quota.take("acme", now=NOON) == Rate(3, 60, remaining=2, reset_s=40)
    quota.take("acme", now=NOON)
    assert quota.take("acme", now=NOON + timedelta(seconds=39)) == Rate(3, 60, 0, 1)
    refused = quota.take("acme", now=NOON + timedelta(seconds=30))
    assert refused == Rate(3, 60, 0, 10, refused=True)
    assert quota.take("acme", now=NOON + timedelta(seconds=40)) == Rate(3, 60, 2, 60)


def test_one_tenant_does_not_spend_what_is_anothers() -> None:
    for _ in range(4):
        quota.take("acme", now=NOON)
    other = quota.take("other", now=NOON)  # FREE
    assert other is not None and other.remaining == 299


def test_an_unlimited_plan_writes_nothing(aws: Aws) -> None:
    tenants.put(Tenant(id="big", plan=Plan.ENTERPRISE), now=NOON)
    assert quota.take("big", now=NOON) is None
    assert table.page("T#big#RATE") == []


def test_a_request_is_one_write_and_a_plan_is_read_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    inner = table._call
    monkeypatch.setattr(table, "_call", lambda method, **more: calls.append(method) or inner(method, **more))
    for second in range(3):
        quota.take("acme", now=NOON + timedelta(seconds=second))
    assert calls == ["get_item", "update_item", "update_item", "update_item"]
    calls.clear()
    quota.take("acme", now=NOON + timedelta(seconds=61))
    assert calls == ["get_item", "update_item"]


def test_the_counter_goes_by_itself() -> None:
    quota.take("acme", now=NOON)
    (row,) = table.page("T#acme#RATE")
    assert row["ttl"] == int(NOON.timestamp()) + 40 + 60 and row["requests"] == 1


def test_a_table_that_does_not_answer_refuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("throttled")

    monkeypatch.setattr(tenants, "count_request", broken)
    assert quota.take("acme", now=NOON) is None


def test_the_native_fields_stand_on_every_answer() -> None:
    """conventions.md: RateLimit fields; Retry-After is not earlier than the reset."""
    clock = Clock()
    router = Router(ROUTES, tools=Tools(now=clock.now))
    first = ask(router)
    assert first.status == 200
    assert first.headers["ratelimit-policy"] == '"default";q=3;w=60'
    assert first.headers["ratelimit"] == '"default";r=2;t=40'
    assert ask(router, scopes="webhooks").headers["ratelimit"] == '"default";r=1;t=40'  # a 403 counts
    ask(router)
    over = ask(router)
    assert (over.status, over.json["code"]) == (429, "rate_limited")
    assert over.headers["retry-after"] == "40" and over.headers["ratelimit"] == '"default";r=0;t=40'
    clock.moment += timedelta(seconds=40)
    assert ask(router).status == 200


def test_health_and_strangers_are_not_counted() -> None:
    router = Router(ROUTES, tools=Tools(now=Clock().now))
    for _ in range(5):
        assert ask(router, "/v1/health").status == 200
        assert ask(router, authorizer={"tenant": "", "reason": "invalid_token"}).status == 401
        assert "ratelimit" not in ask(router, "/v1/nothing").headers
    assert table.page("T#acme#RATE") == []


def test_a_dialect_writes_its_own_headers_and_body() -> None:
    """PHX-40: the message names limit and window, the headers are x-ratelimit-*."""

    def shape(error: BonafideError, request: Request | None, headers: Mapping[str, str] = {}) -> Response:
        if not isinstance(error, RateLimited):
            return problem(error, request, headers)
        said = f"Rate limit exceeded: {error.limit} per {error.window_s} second."
        retry = {"retry-after": str(error.retry_after_s)}
        return json_response({"message": said}, status_of(error), retry)

    def meter(rate: Rate) -> dict[str, str]:
        numbers = {"limit": rate.limit, "remaining": rate.remaining, "reset": rate.reset_s}
        return {f"x-ratelimit-{name}": str(value) for name, value in numbers.items()}

    router = Router(ROUTES, shape=shape, meter=meter, tools=Tools(now=Clock().now))
    for _ in range(3):
        answer = ask(router)
    assert answer.status == 200 and "ratelimit" not in answer.headers
    assert answer.headers["x-ratelimit-remaining"] == "0"
    over = ask(router)
    assert over.status == 429 and over.json == {"message": "Rate limit exceeded: 3 per 60 second."}
    assert {name: over.headers[name] for name in over.headers if name.startswith("x-ratelimit")} == {
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "40",
    }
    assert over.headers["retry-after"] == "40"
