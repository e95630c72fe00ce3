"""A tenant that knows every id of another gets 404, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bonafide import ingest, media
from bonafide.ids import new_id

from tests.helpers.aws import Aws
from tests.helpers.rooms import Clock
from tests.unit.api_native.test_isolation import objects, rows
from tests.unit.api_veriplus.conftest import Api
from tests.unit.api_veriplus.words import MP4, V3, V4, VIDEO, form, sent


def test_every_address_with_a_foreign_id_is_not_found(
    aws: Aws, api: Api, room: Callable[[str], Any], clock: Clock
) -> None:
    hook = api("POST", V3, body={"url": "https://example.org/canary"}).json["data"]["webhookId"]
    job = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    before, kept = rows(aws, "acme"), objects(aws)
    named = [route for route in room("app").ROUTES if "{id}" in route.path]
    assert len(named) == 3
    for route in named:
        path = route.path.replace("{id}", hook if route.path.startswith(V3) else job)
        answer = api(route.method, path, tenant="acme-2")
        assert answer.status == 404 and b"canary" not in answer.body, route
    for path in (V3, f"{V4}/jobs"):
        assert api("GET", path).json["data"] and api("GET", path, tenant="acme-2").json["data"] == []
    cursor = job.rpartition("_")[2]
    assert api("GET", f"{V4}/jobs?cursor={cursor}", tenant="acme-2").json["data"] == []
    assert rows(aws, "acme") == before and objects(aws) == kept
    assert api("GET", f"{V3}/{hook}").status == api("GET", f"{V4}/jobs/{job}").status == 200


def test_a_foreign_upload_opens_nothing(api: Api, clock: Clock) -> None:
    ticket = ingest.new_upload("acme", size=None, sha256=None, filename="a", now=clock.now(), new_id=new_id)
    media.put(media.upload_key("acme", ticket.upload_id), MP4)
    assert api("POST", VIDEO, **form(("upload_id", ticket.upload_id)), tenant="acme-2").status == 404
    assert api("POST", VIDEO, **form(("upload_id", ticket.upload_id))).status == 202


def test_every_route_asks_who_calls(api: Api, room: Callable[[str], Any]) -> None:
    for route in room("app").ROUTES:
        answer = api(route.method, route.path.replace("{id}", "x"), authorizer={})
        assert (answer.status, answer.json["error"]["code"]) == (401, "MISSING_API_KEY"), route
