"""A tenant that knows every id of another gets 404, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from bonafide import ingest, tokens
from bonafide.ids import new_id

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer
from tests.helpers.rooms import Clock
from tests.unit.test_known import hash_of

Api = Callable[..., Answer]


@pytest.fixture
def ids(aws: Aws, api: Api, clock: Clock) -> dict[str, str]:
    """One of everything, all of the tenant ``acme``."""
    new = ingest.NewAnalysis("acme", inline=b"canary", filename="canary.jpg")
    made = ingest.create(new, now=clock.now(), new_id=new_id)
    hook = api("POST", "/v1/webhooks", body={"url": "https://example.org/canary"}).json["id"]
    return {
        "analyses": made.id,
        "known-media": api(
            "POST", "/v1/known-media", body={"pdq": hash_of(1), "verdict": "known_fake", "title": "canary"}
        ).json["id"],
        "tokens": tokens.create("acme", name="canary", scopes=["*"], now=clock.now())[0].id,
        "webhooks": hook,
        "delivery_id": api("POST", f"/v1/webhooks/{hook}/test").json["id"],
        "upload": api("POST", "/v1/uploads", body={"filename": "canary.jpg"}).json["upload_id"],
    }


def rows(aws: Aws, tenant: str) -> list[Any]:
    found = aws.client("dynamodb").scan(TableName=aws.table)["Items"]
    mine = [row for row in found if row["pk"]["S"].split("#")[1] == tenant and "#RATE" not in row["pk"]["S"]]
    return sorted(mine, key=lambda row: (row["pk"]["S"], row["sk"]["S"]))


def objects(aws: Aws) -> list[str]:
    found = aws.client("s3").list_object_versions(Bucket=aws.bucket).get("Versions", ())
    return sorted(entry["Key"] for entry in found)


def test_every_address_with_a_foreign_id_is_not_found(
    aws: Aws, native: Any, api: Api, ids: dict[str, str]
) -> None:
    before, kept = rows(aws, "acme"), objects(aws)
    named = [route for route in native.ROUTES if "{" in route.path]
    assert len(named) >= 11
    for route in named:
        collection = route.path.split("/")[2]
        path = route.path.replace("{id}", ids[collection]).replace("{delivery_id}", ids["delivery_id"])
        answer = api(route.method, re.sub(r"\{name\}", "findings.json", path), tenant="acme-2")
        never_there = route.method == "DELETE" and collection in ("known-media", "webhooks")
        assert answer.status == (204 if never_there else 404), route
        assert b"canary" not in answer.body
    assert rows(aws, "acme") == before and objects(aws) == kept


def test_the_same_addresses_work_for_their_owner(native: Any, api: Api, ids: dict[str, str]) -> None:
    """Otherwise a 404 would prove nothing."""
    for collection in ("analyses", "known-media", "webhooks"):
        assert api("GET", f"/v1/{collection}/{ids[collection]}").status == 200


def test_lists_are_the_callers_own(native: Any, api: Api, ids: dict[str, str]) -> None:
    for collection in ("analyses", "known-media", "tokens", "webhooks"):
        assert api("GET", f"/v1/{collection}").json["data"]
        assert api("GET", f"/v1/{collection}", tenant="acme-2").json["data"] == []
    account = api("GET", "/v1/account", tenant="acme-2").json
    assert account["tenant"] == "acme-2" and account["jobs"]["running"] == 0
    assert api("GET", "/v1/account").json["jobs"] == {"limit": 1, "running": 1}


def test_a_foreign_upload_and_a_foreign_cursor_open_nothing(
    native: Any, api: Api, ids: dict[str, str]
) -> None:
    answer = api("POST", "/v1/analyses", body={"upload_id": ids["upload"]}, tenant="acme-2")
    assert answer.status == 404
    api("POST", "/v1/analyses", body={"url": "https://example.org/2"})
    cursor = api("GET", "/v1/analyses?limit=1").json["next_cursor"]
    foreign = api("GET", f"/v1/analyses?limit=1&cursor={cursor}", tenant="acme-2")
    assert foreign.status != 200 or foreign.json["data"] == []


def test_the_account_tells_plan_and_usage(native: Any, api: Api, clock: Clock) -> None:
    new = ingest.NewAnalysis("acme", inline=b"x")
    made = ingest.create(new, now=clock.now(), new_id=new_id)
    api("DELETE", f"/v1/analyses/{made.id}")
    account = api("GET", "/v1/account", scopes="webhooks").json  # any token may look
    assert (account["plan"], account["requests"]) == ("FREE", {"limit": 300, "window_seconds": 60})
    assert account["credits"] == {"limit": 100, "spent": 0, "held": 0, "remaining": 100}
    assert (account["usage"]["month"], account["usage"]["analyses"]) == ("2026-11", 1)
    assert account["jobs"]["running"] == 0
