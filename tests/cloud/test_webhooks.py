"""Webhooks to an endpoint that misbehaves, checked with the standard's own library."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from tests.helpers import media
from tests.helpers.cloud import Api, Cloud, until
from tests.helpers.server import Received, Server, redirect, status


@pytest.fixture
def hook() -> Iterator[Server]:
    """Return a customer's server; its path is /hook."""
    with Server() as server:
        server.on("/hook", status(200))
        yield server


def subscribe(api: Api, server: Server, *events: str) -> dict:
    """Make an endpoint for /hook of the server."""
    made = api("POST", "/v1/webhooks", json={"url": server.url("/hook"), "events": list(events)})
    assert made.status == 201, made.body
    return made.json


def requests(server: Server, count: int, path: str = "/hook") -> list[Received]:
    """Wait until so many requests have come to a path."""
    until(lambda: sum(r.path == path for r in server.requests) >= count, f"{count} requests at {path}")
    return [r for r in server.requests if r.path == path]


def deliveries(api: Api, endpoint: dict) -> list[dict]:
    """Return the delivery log, newest first."""
    return list(api("GET", f"/v1/webhooks/{endpoint['id']}/deliveries").json["data"])


def settled(api: Api, endpoint: dict, state: str, count: int = 1) -> list[dict]:
    """Wait until so many deliveries are in this state."""

    def look() -> list[dict]:
        found = [entry for entry in deliveries(api, endpoint) if entry["state"] == state]
        return found if len(found) >= count else []

    return until(look, f"{count} deliveries {state}")


def test_a_failure_is_tried_again_with_the_same_id(api: Api, hook: Server) -> None:
    hook.on("/hook", status(500), status(200))
    endpoint = subscribe(api, hook)
    document = api.finished(api.inline(media.jpeg(64, 64), client_reference="case 7"))
    first, second = requests(hook, 2)[:2]
    judge = Webhook(endpoint["secret"])
    for received in (first, second):
        said = judge.verify(received.body, received.headers)
        assert said["type"] == "analysis.completed"
        assert said["data"]["id"] == document["id"]
        assert said["data"]["client_reference"] == "case 7"
        assert "tenant" not in said["data"]
        assert received.headers["content-type"] == "application/json"
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"])
    (logged,) = settled(api, endpoint, "delivered")
    assert [attempt["status"] for attempt in logged["attempts"]] == [500, 200]
    assert logged["event_id"] == first.headers["webhook-id"]
    assert len(deliveries(api, endpoint)) == 1


def test_a_forged_body_does_not_verify(api: Api, hook: Server) -> None:
    endpoint = subscribe(api, hook)
    assert api("POST", f"/v1/webhooks/{endpoint['id']}/test").status == 202
    (received,) = requests(hook, 1)
    assert Webhook(endpoint["secret"]).verify(received.body, received.headers)["type"] == "webhook.test"
    with pytest.raises(Exception, match="signature"):
        Webhook(endpoint["secret"]).verify(received.body + b" ", received.headers)
    with pytest.raises(Exception, match="signature"):
        Webhook("whsec_" + "A" * 44).verify(received.body, received.headers)


def test_only_what_was_subscribed_to(api: Api, hook: Server) -> None:
    subscribe(api, hook, "analysis.failed")
    completed = api.finished(api.inline(media.jpeg(64, 64)))
    failed = api.finished(api.inline(b"no media at all" * 9))
    (received,) = requests(hook, 1)
    said = json.loads(received.body)
    assert (said["type"], said["data"]["id"]) == ("analysis.failed", failed["id"])
    assert said["data"]["failure"]["code"] == "unsupported_format"
    assert completed["state"] == "completed"


def test_redelivery_keeps_the_id(api: Api, hook: Server) -> None:
    endpoint = subscribe(api, hook)
    api.finished(api.inline(media.jpeg(64, 64)))
    (first,) = settled(api, endpoint, "delivered")
    again = api("POST", f"/v1/webhooks/{endpoint['id']}/deliveries/{first['id']}/redeliver")
    assert again.status == 202, again.body
    assert again.json["redelivery_of"] == first["id"]
    before, after = requests(hook, 2)[:2]
    assert before.headers["webhook-id"] == after.headers["webhook-id"]
    assert before.body == after.body
    assert len(settled(api, endpoint, "delivered", 2)) == 2


def test_gone_disables_the_endpoint(api: Api, hook: Server) -> None:
    hook.on("/hook", status(410))
    endpoint = subscribe(api, hook)
    api.finished(api.inline(media.jpeg(64, 64)))
    where = f"/v1/webhooks/{endpoint['id']}"
    until(lambda: not api("GET", where).json["enabled"], "the endpoint disabled")
    shown = api("GET", where).json
    assert "410" in shown["disabled_reason"]
    assert "secret" not in shown
    (logged,) = settled(api, endpoint, "failed")
    assert (logged["reason"], len(logged["attempts"])) == ("gone", 1)
    again = api("POST", f"{where}/deliveries/{logged['id']}/redeliver")
    again.problem(409, "webhook_disabled")
    # Enabled again by its owner, it hears again.
    hook.on("/hook", status(200))
    assert api("POST", f"{where}/enable").json["enabled"]
    assert api("POST", f"{where}/deliveries/{logged['id']}/redeliver").status == 202
    settled(api, endpoint, "delivered")


def test_a_redirect_is_not_followed(api: Api, hook: Server) -> None:
    hook.on("/hook", redirect("/elsewhere", 307), status(200))
    hook.on("/elsewhere", status(200))
    endpoint = subscribe(api, hook)
    assert api("POST", f"/v1/webhooks/{endpoint['id']}/test").status == 202
    requests(hook, 2)  # the second try; a redirect is a failure
    (logged,) = settled(api, endpoint, "delivered")
    assert [attempt["status"] for attempt in logged["attempts"]] == [307, 200]
    assert not [r for r in hook.requests if r.path == "/elsewhere"]


def test_a_rotated_secret_signs_beside_the_old_one(api: Api, hook: Server) -> None:
    endpoint = subscribe(api, hook)
    new = api("POST", f"/v1/webhooks/{endpoint['id']}/rotate-secret").json["secret"]
    assert new != endpoint["secret"]
    assert api("POST", f"/v1/webhooks/{endpoint['id']}/test").status == 202
    (received,) = requests(hook, 1)
    for secret in (new, endpoint["secret"]):
        assert Webhook(secret).verify(received.body, received.headers)


def test_a_private_address_is_refused(api: Api) -> None:
    for url in ("https://10.0.0.1/hook", "https://169.254.169.254/", "ftp://example.org/hook"):
        assert api("POST", "/v1/webhooks", json={"url": url}).status in (400, 422), url


def test_another_tenant_hears_nothing(cloud: Cloud, api: Api, hook: Server) -> None:
    endpoint = subscribe(api, hook)
    other = cloud.tenant()
    other("GET", f"/v1/webhooks/{endpoint['id']}").problem(404)
    other("POST", f"/v1/webhooks/{endpoint['id']}/test").problem(404)
    other.finished(other.inline(media.jpeg(64, 64)))
    document = api.finished(api.inline(media.jpeg(64, 64)))
    assert [json.loads(r.body)["data"]["id"] for r in requests(hook, 1)] == [document["id"]]
