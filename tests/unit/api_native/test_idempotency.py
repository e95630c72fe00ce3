"""A POST under one Idempotency-Key happens once, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bonafide import ingest
from bonafide.errors import Unavailable
from bonafide.store import analyses, claims

from tests.helpers.gateway import Answer, multipart
from tests.helpers.rooms import Clock

Api = Callable[..., Answer]
URL = {"url": "https://example.org/clip.mp4"}


def post(api: Api, key: str | None, body: Any = URL, **more: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return api("POST", "/v1/analyses", body=body, headers=headers | more.pop("headers", {}), **more)


def count(tenant: str = "acme") -> int:
    return len(analyses.list_(tenant, limit=100)[0])


def test_the_same_request_twice_is_one_analysis(api: Api) -> None:
    first, again = post(api, '"key-1"'), post(api, "key-1")
    assert (first.status, first.body) == (again.status, again.body) == (202, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert {k: first.headers[k] for k in ("location", "retry-after")} == {
        k: again.headers[k] for k in ("location", "retry-after")
    }
    assert count() == 1


def test_without_a_key_two_are_two(api: Api) -> None:
    post(api, None)
    post(api, None)
    assert count() == 2


def test_another_payload_is_422(api: Api) -> None:
    post(api, "k")
    answer = post(api, "k", {"url": "https://example.org/other.mp4"})
    assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")
    assert count() == 1


def test_keys_of_tenants_are_apart(api: Api) -> None:
    first, other = post(api, "k"), post(api, "k", tenant="other")
    assert first.json["id"] != other.json["id"]
    assert (count(), count("other")) == (1, 1)


def test_a_form_is_its_parts_not_its_boundary(api: Api) -> None:
    made = []
    for boundary, data in (("aaa", b"1"), ("bbb", b"1"), ("aaa", b"2")):
        body, kind = multipart([("file", data, "a.jpg")], boundary)
        made.append(post(api, "k", body, headers={"Content-Type": kind}))
    assert [answer.status for answer in made] == [202, 202, 422]
    assert made[0].json["id"] == made[1].json["id"]


def test_parts_cannot_be_shifted_into_each_other(api: Api) -> None:
    one, kind = multipart([("file", b"x", "a"), ("client_reference", "ab")])
    two, _ = multipart([("file", b"xa", "a"), ("client_reference", "b")])
    assert post(api, "k", one, headers={"Content-Type": kind}).status == 202
    assert post(api, "k", two, headers={"Content-Type": kind}).status == 422


@pytest.mark.parametrize(
    "key", ["", '""', '"a', 'a"', '"a"b', "a b", "a,b", '"\\x"', "\u00e9", "x" * 256, '"a", "b"']
)
def test_malformed_keys(api: Api, key: str) -> None:
    answer = post(api, key)
    assert (answer.status, answer.json["code"]) == (400, "idempotency_key_malformed")
    assert count() == 0


@pytest.mark.parametrize(
    "key", ["x" * 255, '"with space"', '"esc \\" \\\\"', "8e03978e-40d5-43dd-bc93-6894a57f9324"]
)
def test_well_formed_keys(api: Api, key: str) -> None:
    assert post(api, key).status == 202


def test_a_twin_under_way_is_409(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Answer] = []
    real = ingest.create

    def slow(*args: Any, **more: Any) -> Any:
        if not seen:
            seen.append(post(api, "k"))
        return real(*args, **more)

    monkeypatch.setattr(ingest, "create", slow)
    assert post(api, "k").status == 202
    (twin,) = seen
    assert (twin.status, twin.json["code"]) == (409, "idempotency_in_progress")
    assert "retry-after" in twin.headers
    assert count() == 1


def test_who_comes_after_a_crash_goes_on_under_the_same_id(
    api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = analyses.create

    def crash(analysis: Any) -> Any:
        made.append(analysis.id)
        if len(made) == 1:
            raise Unavailable("the network")
        return real(analysis)

    monkeypatch.setattr(analyses, "create", crash)
    assert post(api, "k").status == 503
    assert post(api, "k").status == 409
    clock.moment += timedelta(seconds=61)
    answer = post(api, "k")
    assert answer.status == 202
    assert made == [answer.json["id"]] * 2


def test_a_crash_before_the_answer_was_kept(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(claims, "complete", lambda *_, **__: (_ for _ in ()).throw(Unavailable("gone")))
        assert post(api, "k").status == 503
    clock.moment += timedelta(seconds=61)
    assert post(api, "k").status == 202
    assert count() == 1


def test_a_refused_request_frees_the_key(api: Api) -> None:
    assert post(api, "k", URL | {"options": {"policy": "none"}}).status == 422
    assert post(api, "k").status == 202
    assert count() == 1


def test_an_invalid_request_does_not_take_the_key(api: Api) -> None:
    assert post(api, "k", {}).status == 422
    assert post(api, "k").status == 202


def test_a_replay_never_waits(api: Api, clock: Clock) -> None:
    post(api, "k")
    assert post(api, "k", headers={"Prefer": "wait=10"}).status == 202
    assert clock.slept == []


def test_the_answer_is_kept_before_anybody_waits(api: Api, clock: Clock) -> None:
    twins: list[Answer] = []
    clock.on_sleep = lambda _seconds: twins.append(post(api, "k")) if not twins else None
    assert post(api, "k", headers={"Prefer": "wait=2"}).status == 202
    assert twins[0].status == 202
    assert count() == 1


def test_after_a_day_a_key_is_new(api: Api, clock: Clock) -> None:
    first = post(api, "k")
    clock.moment += timedelta(seconds=claims.LIFETIME_S + 1)
    assert post(api, "k").json["id"] != first.json["id"]
