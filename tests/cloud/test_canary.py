"""Deletion and zero retention as promises: what a client sent is looked for everywhere afterwards.

The canary stands in the bytes, names, metadata, addresses, references and callbacks. Afterwards every row,
object version, execution history, log, queue, schedule and file of the cloud is searched for it: the
emulator's whole state folder, once it has been stopped cleanly and has written everything down.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.canary import Canary, jpeg, png, wav
from tests.helpers.cloud import Api, Cloud, until, verified
from tests.helpers.server import Server, answer, status


@pytest.fixture
def host() -> Iterator[Server]:
    with Server() as server:
        yield server


def places(cloud: Cloud) -> Iterator[tuple[str, bytes]]:
    """Yield every store that a client of AWS can read, piece by piece."""
    dynamodb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    for page in dynamodb.get_paginator("scan").paginate(TableName=cloud.outputs["Table"]):
        for item in page["Items"]:
            yield f"row {item['pk']['S']} {item['sk']['S']}", _plain(item)
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for entry in page.get("DeleteMarkers", ()):
                yield f"marker {entry['Key']}", entry["Key"].encode()
            for entry in page.get("Versions", ()):
                found = s3.get_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
                about = {k: found[k] for k in ("Metadata", "ContentType") if k in found}
                yield f"object {entry['Key']}", _plain([entry["Key"], about]) + found["Body"].read()
    yield from _runs(cloud)
    yield from _messages(cloud)
    logs = cloud.client("logs")
    for group in logs.describe_log_groups(limit=50)["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for page in pages:
            for entry in page["events"]:
                yield f"log {group['logGroupName']}", entry["message"].encode()


def _runs(cloud: Cloud) -> Iterator[tuple[str, bytes]]:
    states = cloud.client("stepfunctions")
    machine = cloud.outputs["Workflow"]
    for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine):
        for run in page["executions"]:
            arn = run["executionArn"]
            yield f"run {run['name']}", _plain(states.describe_execution(executionArn=arn))
            history = states.get_paginator("get_execution_history").paginate(
                executionArn=arn, includeExecutionData=True
            )
            for events in history:
                for entry in events["events"]:
                    yield f"history {run['name']} {entry['type']}", _plain(entry)


def _messages(cloud: Cloud) -> Iterator[tuple[str, bytes]]:
    sqs, scheduler = cloud.client("sqs"), cloud.client("scheduler")
    for url in sqs.list_queues().get("QueueUrls", ()):
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in found.get("Messages", ()):
            yield f"queue {url.rpartition('/')[2]}", message["Body"].encode()
    for entry in scheduler.list_schedules()["Schedules"]:
        found = scheduler.get_schedule(Name=entry["Name"], GroupName=entry["GroupName"])
        yield f"schedule {entry['Name']}", _plain(found)


def _plain(value: Any) -> bytes:
    return json.dumps(value, default=str, ensure_ascii=False).encode()


def leftovers(canary: Canary) -> dict[str, list[str]]:
    """Look for what functions left in /tmp: their folders all begin so (`work`, `fetching`)."""
    return canary.files(*Path(tempfile.gettempdir()).glob("bonafide-*"))


def on_disk(cloud: Cloud, canary: Canary) -> dict[str, list[str]]:
    """Stop the cloud cleanly, look through all that it wrote, start it again."""
    cloud.local.stop()
    try:
        return canary.files(cloud.local.root)
    finally:
        cloud.local.start()


def told(host: Server, path: str, count: int) -> None:
    """Wait until the customer's server has been told so often."""
    until(lambda: sum(r.path.startswith(path) for r in host.requests) >= count, f"{count} calls of {path}")


def every_way_in(cloud: Cloud, api: Api, host: Server, canary: Canary, **options: Any) -> list[str]:
    """Analyse the canary by every way in, to the end, with a webhook and a callback; the ids."""
    host.on(f"/{canary('path')}.jpg", answer(200, jpeg(canary), Content_Type="image/jpeg"))
    host.on(f"/{canary('gone')}.jpg", status(404))
    host.on("/hook", status(200))
    host.on(f"/{canary('callback')}", status(200))
    api("POST", "/v1/webhooks", json={"url": host.url("/hook")})
    wish = {"options": options, "client_reference": canary("reference")}
    key = {"Idempotency-Key": f'"{canary("key")}"'}
    beside = {"options": json.dumps(options), "client_reference": canary("reference")}
    made = [
        api.inline(jpeg(canary), f"{canary('name')}.jpg", headers=key, **beside),
        api.inline(wav(canary), f"{canary('name')}.wav", **beside),
        api(
            "POST",
            "/v1/analyses",
            json={"url": host.url(f"/{canary('path')}.jpg?q={canary('query')}"), **wish},
        ),
        api("POST", "/v1/analyses", json={"url": host.url(f"/{canary('gone')}.jpg"), **wish}),
        api(
            "POST",
            "/v1/analyses",
            json={"upload_id": api.upload(png(canary), filename=f"{canary('name')}.png"), **wish},
        ),
    ]
    ids = [str(answered.json["id"]) for answered in made]
    body = {
        "url": host.url(f"/{canary('path')}.jpg"),
        "callback_url": host.url(f"/{canary('callback')}"),
        "zero_retention_mode": bool(options.get("zero_retention")),
    }
    assert api("POST", "/api/v2/detect", json=body).status == 200
    if not options:
        key_ = f"drop/{api.tenant}/{canary('name')}.png"
        cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key_, Body=png(canary))
    until(lambda: len(api.all()) == len(ids) + (1 if options else 2), "every analysis")
    every = [document["id"] for document in api.all()]
    for one in every:
        api.finished(one, timeout_s=180)
    told(host, "/hook", len(every))
    told(host, f"/{canary('callback')}", 1)
    return every


def test_zero_retention_keeps_the_answer_and_what_the_client_asked_by(
    cloud: Cloud, api: Api, host: Server
) -> None:
    canary = Canary()
    ids = every_way_in(cloud, api, host, canary, zero_retention=True)
    for one in ids:
        until(lambda one=one: api("GET", f"/v1/analyses/{one}/deletion-receipt").status == 200, "the erasure")
        receipt = api("GET", f"/v1/analyses/{one}/deletion-receipt").json
        assert verified(api, receipt)["reason"] == "zero_retention"
        assert api.get(one)["source"].get("filename") is None and api.get(one)["source"].get("url") is None
    found = canary.look(places(cloud))
    kept = {row: what for row, what in found.items() if row.startswith(f"row T#{api.tenant}#AN#")}
    assert {word for what in kept.values() for word in what} <= {"reference", "callback"}
    logged = {row: what for row, what in found.items() if row.startswith(f"row T#{api.tenant}#WH#callback")}
    assert {word for what in logged.values() for word in what} <= {"callback"}
    assert found.keys() == kept.keys() | logged.keys(), found
    assert leftovers(canary) == {}


def test_after_deletion_nothing_is_left_anywhere(cloud: Cloud, api: Api, host: Server) -> None:
    canary = Canary()
    ids = every_way_in(cloud, api, host, canary)
    found = canary.look(places(cloud))
    assert len(found) > 8, "the search finds what is there"  # or it would prove nothing below
    for one in ids:
        receipt = api("DELETE", f"/v1/analyses/{one}")
        assert verified(api, receipt.json)["reason"] == "deleted"
    assert canary.look(places(cloud)) == {}
    assert leftovers(canary) == {}
    assert on_disk(cloud, canary) == {}
