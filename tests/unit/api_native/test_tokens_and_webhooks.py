"""Tokens, webhooks and what the service says of itself, over /v1."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bonafide import tokens
from bonafide.model import Operation
from bonafide.store import webhooks

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer
from tests.helpers.rooms import Clock

Api = Callable[..., Answer]
HOOK = {"url": "https://example.org/hook"}


# ---- tokens ------------------------------------------------------------------------------------------


def test_a_token_is_shown_once(api: Api, clock: Clock) -> None:
    made = api("POST", "/v1/tokens", body={"name": "newsroom"})
    assert made.status == 201
    found = tokens.authenticate(made.json["token"], clock.now())
    assert found is not None
    assert found.scopes == ("analyses:read", "analyses:write")
    (listed,) = api("GET", "/v1/tokens").json["data"]
    assert listed["id"] == made.json["id"]
    assert not {"token", "hash", "tenant"} & set(listed)
    assert listed["last_used_at"] == "2026-11-20T12:00:00Z"


def test_nobody_hands_out_more_than_he_has(api: Api) -> None:
    wish = {"name": "x", "scopes": ["webhooks"]}
    answer = api("POST", "/v1/tokens", body=wish, scopes="tokens")
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    assert api("POST", "/v1/tokens", body=wish | {"scopes": ["*"]}, scopes="tokens webhooks").status == 403
    assert api("POST", "/v1/tokens", body=wish, scopes="tokens webhooks").status == 201


def test_nobody_hands_out_a_longer_life(api: Api, clock: Clock) -> None:
    end = clock.now() + timedelta(days=1)
    maker, _ = tokens.create("acme", name="m", scopes=["*"], now=clock.now(), expires_at=end)
    made = api("POST", "/v1/tokens", body={"name": "x"}, token_id=maker.id)
    assert made.json["expires_at"] == "2026-11-21T12:00:00Z"
    longer = {"name": "x", "expires_at": "2026-11-22T12:00:00Z"}
    assert api("POST", "/v1/tokens", body=longer, token_id=maker.id).json["code"] == "insufficient_lifetime"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "x", "expires_at": "soon"}, "/expires_at"),
        ({"name": "x", "expires_at": 4102444800}, "/expires_at"),
        ({"name": "x", "tenant": "other"}, "/tenant"),
    ],
)
def test_bad_tokens(api: Api, body: dict[str, Any], where: str) -> None:
    answer = api("POST", "/v1/tokens", body=body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, where)


def test_an_expiry_in_the_past(api: Api) -> None:
    answer = api("POST", "/v1/tokens", body={"name": "x", "expires_at": "2020-01-01T00:00:00+01:00"})
    assert (answer.status, answer.json["code"]) == (422, "invalid_expiry")


def test_revoking(api: Api, clock: Clock) -> None:
    made = api("POST", "/v1/tokens", body={"name": "x"}).json
    where = f"/v1/tokens/{made['id']}"
    assert api("DELETE", where, tenant="other").status == 404
    assert [api("DELETE", where).status for _ in range(2)] == [204, 204]
    assert tokens.check(made["token"], clock.now()) == (None, "revoked_token")
    assert api("DELETE", "/v1/tokens/tok_none").status == 404


# ---- webhooks ----------------------------------------------------------------------------------------


def test_an_endpoint_and_its_secret(api: Api) -> None:
    made = api("POST", "/v1/webhooks", body=HOOK | {"events": ["analysis.failed"], "description": "d"})
    assert made.status == 201
    assert len(base64.b64decode(made.json["secret"].removeprefix("whsec_"))) == 32
    where = f"/v1/webhooks/{made.json['id']}"
    assert made.headers["location"].endswith(where)
    shown = api("GET", where).json
    assert shown == {k: v for k, v in made.json.items() if k != "secret"}
    assert api("GET", "/v1/webhooks").json["data"] == [shown]
    rotated = api("POST", where + "/rotate-secret").json
    assert rotated["secret"] != made.json["secret"]
    assert api("DELETE", where).status == 204
    assert api("GET", where).status == 404


def test_foreign_endpoints_do_not_exist(api: Api) -> None:
    where = f"/v1/webhooks/{api('POST', '/v1/webhooks', body=HOOK).json['id']}"
    asked = [
        ("GET", ""),
        ("POST", "/rotate-secret"),
        ("POST", "/enable"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
    ]
    for method, rest in asked:
        assert api(method, where + rest, tenant="other").status == 404
    assert api("DELETE", where, tenant="other").status == 204
    assert api("GET", where).status == 200


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/url"),
        ({"url": "http://example.org/plain"}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://user:pw@example.org/"}, "/url"),
        (HOOK | {"events": ["analysis.started"]}, "/events/0"),
        (HOOK | {"events": ["webhook.test"]}, "/events/0"),
        (HOOK | {"description": "x" * 201}, "/description"),
        (HOOK | {"secret": "mine"}, "/secret"),
    ],
)
def test_bad_endpoints(api: Api, body: dict[str, Any], where: str) -> None:
    answer = api("POST", "/v1/webhooks", body=body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, where)


def test_a_test_event_is_queued_and_logged_and_can_be_sent_again(api: Api, aws: Aws) -> None:
    where = f"/v1/webhooks/{api('POST', '/v1/webhooks', body=HOOK).json['id']}"
    sent = api("POST", where + "/test")
    assert (sent.status, sent.json["type"], sent.json["state"]) == (202, "webhook.test", "pending")
    again = api("POST", f"{where}/deliveries/{sent.json['id']}/redeliver")
    assert (again.status, again.json["redelivery_of"]) == (202, sent.json["id"])
    assert again.json["event_id"] == sent.json["event_id"]
    log = api("GET", where + "/deliveries").json["data"]
    assert {entry["id"] for entry in log} == {sent.json["id"], again.json["id"]}
    queued = aws.client("sqs").receive_message(QueueUrl=aws.queue, MaxNumberOfMessages=10)["Messages"]
    due = [json.loads(message["Body"])["delivery"]["delivery_id"] for message in queued]
    assert {sent.json["id"], again.json["id"]} <= set(due)
    assert api("POST", f"{where}/deliveries/dlv_none/redeliver").status == 404


def test_the_log_has_pages(api: Api) -> None:
    where = f"/v1/webhooks/{api('POST', '/v1/webhooks', body=HOOK).json['id']}"
    made = {api("POST", where + "/test").json["id"] for _ in range(3)}
    first = api("GET", where + "/deliveries?limit=2").json
    rest = api("GET", f"{where}/deliveries?limit=2&cursor={first['next_cursor']}").json
    assert {entry["id"] for entry in first["data"] + rest["data"]} == made
    assert rest["next_cursor"] is None
    assert api("GET", f"/v1/webhooks/wh_other/deliveries?cursor={first['next_cursor']}").status == 422


def test_a_dead_endpoint_can_be_enabled(api: Api, clock: Clock) -> None:
    made = api("POST", "/v1/webhooks", body=HOOK).json
    webhooks.disable("acme", made["id"], "410", clock.now())
    where = f"/v1/webhooks/{made['id']}"
    assert api("GET", where).json["enabled"] is False
    assert api("POST", where + "/enable").json["enabled"] is True


# ---- the service -------------------------------------------------------------------------------------


def test_limits_are_the_ones_that_hold(api: Api) -> None:
    document = api("GET", "/v1/limits").json
    assert document["inline_bytes"] == 4_500_000
    assert document["wait_seconds"] == 25
    assert document["idempotency_key_seconds"] == 86400
    assert document["operations"] == [operation.value for operation in Operation]
    assert sum(len(names) for names in document["formats"].values()) == 46


def test_models_with_and_without_a_catalogue(
    api: Api, native: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    service = native.routes_service
    file = tmp_path / "catalogue.json"
    monkeypatch.setattr(service, "_CATALOGUE", file)
    service._catalogue.cache_clear()
    assert api("GET", "/v1/models").json["data"] == []
    file.write_text('[{"name": "n"}]')
    service._catalogue.cache_clear()
    assert api("GET", "/v1/models").json["data"] == [{"object": "model", "name": "n"}]


def test_health_touches_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from bonafide.store import table

    monkeypatch.setattr(table, "client", lambda: 1 / 0)
    assert api("GET", "/v1/health", authorizer={}).json["status"] == "ok"


def test_the_document_is_served(api: Api) -> None:
    assert api("GET", "/v1/openapi.json", authorizer={}).json["openapi"].startswith("3.1")
