"""Every route: who may, who may not, and what is answered at addresses that are none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from bonafide.routing import PUBLIC
from bonafide.store import analyses

from tests.helpers.gateway import Answer

Api = Callable[..., Answer]


def target(path: str) -> str:
    return re.sub(r"\{\w+\}", "a0", path)


def test_every_route_but_the_public_ones_wants_a_token(native: Any, api: Api) -> None:
    public = {route.path for route in native.ROUTES if route.scope == PUBLIC}
    assert public == {"/v1/health", "/v1/keys", "/v1/openapi.json"}
    for route in native.ROUTES:
        answer = api(route.method, target(route.path), authorizer={"tenant": "", "reason": "expired_token"})
        if route.path in public:
            assert answer.status in (200, 404)
        else:
            assert (answer.status, answer.json["code"]) == (401, "expired_token")
            assert "invalid_token" in answer.headers["www-authenticate"]


def test_every_scoped_route_wants_its_scope(native: Any, api: Api) -> None:
    every = {"analyses:read", "analyses:write", "webhooks", "tokens"}
    scoped = [route for route in native.ROUTES if route.scope]
    for route in (route for route in scoped if route.scope != PUBLIC):
        answer = api(route.method, target(route.path), scopes=" ".join(every - {route.scope}))
        assert (answer.status, answer.json["code"]) == (403, "insufficient_scope"), route
        assert route.scope in answer.json["detail"]


def test_reading_is_not_writing(native: Any) -> None:
    for route in native.ROUTES:
        if "analyses" in route.path or "uploads" in route.path:
            assert route.scope == ("analyses:read" if route.method == "GET" else "analyses:write")


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nothing", "/v1/analyses/a/b/c", "/v1/health/x", "/v1/analyses/a.b"]
)
def test_unknown_addresses(api: Api, path: str) -> None:
    for authorizer in (None, {}):
        answer = api("GET", path, authorizer=authorizer)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert answer.json["instance"] == path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/analyses", "GET, HEAD, POST"),
        ("PATCH", "/v1/analyses/an_1", "DELETE, GET, HEAD"),
        ("GET", "/v1/uploads", "POST"),
        ("HEAD", "/v1/uploads", "POST"),
        ("OPTIONS", "/v1/health", "GET, HEAD"),
        ("TRACE", "/v1/health", "GET, HEAD"),
    ],
)
def test_unknown_methods(api: Api, method: str, path: str, allow: str) -> None:
    answer = api(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/v1/limits", "/v1/limits/", "//v1//limits"])
def test_slashes_are_forgiven(api: Api, path: str) -> None:
    assert api("GET", path).status == 200


def test_head_is_get_without_a_body(api: Api) -> None:
    answer = api("HEAD", "/v1/health")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


def test_a_bug_is_a_500_without_its_inside(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any, **__: Any) -> None:
        raise KeyError("s3cret")

    monkeypatch.setattr(analyses, "get", bug)
    answer = api("GET", "/v1/analyses/an_1", headers={"X-Request-Id": "r-1"})
    assert (answer.status, answer.json["code"], answer.json["request_id"]) == (500, "internal", "r-1")
    assert b"s3cret" not in answer.body
    assert any(record.exc_info for record in caplog.records)


def test_ids_are_echoed_on_every_answer(api: Api) -> None:
    sent = {"X-Request-Id": "r-1", "X-Correlation-Id": "c-1"}
    for path in ("/v1/health", "/v1/nothing", "/v1/limits", "/v1/analyses/an_1"):
        headers = api("GET", path, headers=sent).headers
        assert (headers["x-request-id"], headers["x-correlation-id"]) == ("r-1", "c-1")


def test_the_handler_is_the_api(stack: Any) -> None:
    from tests.helpers.gateway import event

    answer = Answer.of(stack.invoke("api_native", event("GET", "/v1/health")))
    assert answer.json["status"] == "ok"
