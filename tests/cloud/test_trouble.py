"""Trouble in mid-run: a stop of the cloud, a permission that is missing, an erasure. Nothing is stuck."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.helpers import media
from tests.helpers.cloud import Api, Cloud, send, until, verified
from tests.helpers.server import Handler, Server, answer

ENDED = ("completed", "failed")


@contextmanager
def slow_host() -> Iterator[tuple[Server, threading.Event]]:
    """Serve a picture at /photo.jpg, but only once the event is set: a run that stands still till then."""
    go, picture = threading.Event(), media.jpeg(64, 64)

    def route(handler: Handler) -> None:
        go.wait(60)
        answer(200, picture)(handler)

    with Server() as server:
        server.on("/photo.jpg", route)
        try:
            yield server, go
        finally:
            go.set()


def fetching(api: Api, server: Server) -> str:
    """Begin an analysis and wait until its media is being fetched."""
    made = api("POST", "/v1/analyses", json={"url": server.url("/photo.jpg")})
    assert made.status == 202, made.body
    until(lambda: server.requests, "the fetch")
    assert api.get(made.json["id"])["stage"] == "fetching"
    return str(made.json["id"])


# ---- a restart --------------------------------------------------------------------------------------
def test_a_restart_in_mid_run(cloud: Cloud, api: Api) -> None:
    earlier = api.finished(api.inline(media.jpeg(64, 64)))
    artifact = earlier["artifacts"][0]["href"]
    with cloud.without("detect_image", "s3:PutObject"):  # tried again and again: the run stands in Detect
        running = api.inline(media.jpeg(64, 64, seed=2)).json["id"]
        api.reaches(running, "running")
        with slow_host() as (server, _go):
            waiting = fetching(api, server)
            assert cloud.restart() is None  # a clean stop: nothing is lost, and nothing is said to be
    assert cloud.execution(running)["status"] != "RUNNING"
    for analysis_id in (running, waiting):
        document = api.get(analysis_id)
        if document["state"] not in ENDED:  # the run is gone and no event told so: the sweep finds it
            cloud.make_old(api.tenant, analysis_id)
            cloud.invoke("sweep", {})
            document = api.get(analysis_id)
        assert document["state"] in ENDED, document
        if document["state"] == "failed":
            assert document["failure"]["detail"]
    # What was there is there, and the cloud works on.
    assert api.get(earlier["id"]) == earlier
    assert send("GET", api("GET", artifact).headers["location"]).status == 200
    assert api.finished(api.inline(media.jpeg(64, 64, seed=3)))["state"] == "completed"
    assert api("GET", "/v1/analyses?state=running").json["data"] == []


# ---- a permission -----------------------------------------------------------------------------------
def test_a_function_without_a_permission_fails_cleanly(cloud: Cloud, api: Api) -> None:
    with cloud.without("inspect", "s3:GetObject", "s3:GetObjectVersion"):
        document = api.finished(api.inline(media.jpeg(64, 64)))
    assert document["state"] == "failed"
    assert document["failure"]["code"] == "infrastructure_failure"
    assert "AccessDenied" not in document["failure"]["detail"]  # for our log, not for clients
    assert "the bucket refused" in cloud.logs("inspect")
    assert cloud.execution(document["id"])["status"] == "FAILED"
    assert api.finished(api.inline(media.jpeg(64, 64)))["state"] == "completed"


def test_a_detector_without_a_permission_does_not_fail_the_analysis(cloud: Cloud, api: Api) -> None:
    with cloud.without("detect_image", "s3:PutObject"):
        document = api.finished(api.inline(media.jpeg(64, 64)))
    assert document["state"] == "completed"
    (broken,) = [r for r in document["results"] if r["operation"] == "image_forgery"]
    assert (broken["outcome"], broken["reason"]) == ("failed", "detector_unavailable")
    assert document["verdict"]["label"] == "inconclusive"


def test_the_api_without_a_permission_says_503_and_keeps_its_word(cloud: Cloud, api: Api) -> None:
    key = {"Idempotency-Key": "again"}
    with cloud.without("api_native", "states:StartExecution"):
        refused = api.inline(media.jpeg(64, 64), headers=key)
        refused.problem(503)
        assert int(refused.headers["retry-after"]) > 0
        (kept,) = api.all()
        assert kept["state"] == "queued"
    cloud.make_old(api.tenant, kept["id"])
    cloud.invoke("sweep", {})  # nobody tries again: the sweep starts it
    assert api.finished(kept["id"])["state"] == "completed"
    assert len(api.all()) == 1


def test_a_function_may_not_do_what_its_role_does_not_say(cloud: Cloud, api: Api) -> None:
    """The drop function's own credentials, used for something else: the cloud really asks IAM."""
    role = cloud.client("lambda").get_function_configuration(FunctionName=cloud.function("on_drop"))["Role"]
    made = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=cloud.endpoint,
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=cloud.bucket, Key=f"drop/{api.tenant}/x", Body=b"x")


# ---- erasure ----------------------------------------------------------------------------------------
def is_erased(cloud: Cloud, api: Api, analysis_id: str) -> None:
    """Assert that a tombstone is all there is."""
    where = f"/v1/analyses/{analysis_id}"
    said = api("GET", where).problem(410, "gone")
    assert said["deleted_at"]
    api("GET", f"{where}/artifacts").problem(410)
    assert api.all() == []
    receipt = api("DELETE", where).json
    said = verified(api, receipt)
    assert (said["analysis_id"], said["tenant"], said["reason"]) == (analysis_id, api.tenant, "deleted")
    assert api("GET", f"{where}/deletion-receipt").json["erased_at"] == receipt["erased_at"]
    row = cloud.row(api.tenant, analysis_id)
    assert set(row) <= {
        "pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", "ttl", "id", "tenant", "state", "stage",
        "created_at", "deleted_at", "metered", "confirmed_at",
        "erased_media", "erased_working_files", "erased_artifacts", "erased_records",
    }  # fmt: skip


def test_deleting_a_finished_analysis_leaves_a_tombstone(cloud: Cloud, api: Api) -> None:
    upload_id = api.upload(media.jpeg(64, 64), filename="secret name.jpg")
    document = api.finished(api("POST", "/v1/analyses", json={"upload_id": upload_id}))
    link = api("GET", document["artifacts"][0]["href"]).headers["location"]
    assert cloud.objects(api.tenant)
    assert api("DELETE", f"/v1/analyses/{document['id']}").status == 200
    assert cloud.objects(api.tenant) == []
    is_erased(cloud, api, document["id"])
    assert send("GET", link).status == 404
    assert api("POST", "/v1/analyses", json={"upload_id": upload_id}).status in (404, 409, 410)


def test_deleting_a_dropped_file_spares_a_newer_one(cloud: Cloud, api: Api) -> None:
    s3, key = cloud.client("s3"), f"drop/{api.tenant}/photo.jpg"
    old = s3.put_object(Bucket=cloud.bucket, Key=key, Body=media.jpeg(64, 64))["VersionId"]
    (first,) = until(api.all, "the first analysis")
    api.finished(first["id"])
    new = s3.put_object(Bucket=cloud.bucket, Key=key, Body=media.jpeg(64, 64, seed=2))["VersionId"]
    until(lambda: len(api.all()) == 2, "the second analysis")
    assert api("DELETE", f"/v1/analyses/{first['id']}").status == 200
    left = s3.list_object_versions(Bucket=cloud.bucket, Prefix=key)
    assert [version["VersionId"] for version in left["Versions"]] == [new] != [old]
    assert not left.get("DeleteMarkers")


def test_deleting_in_mid_run_stops_it(cloud: Cloud, api: Api) -> None:
    with slow_host() as (server, go):
        analysis_id = fetching(api, server)
        assert api("DELETE", f"/v1/analyses/{analysis_id}").status == 200
        is_erased(cloud, api, analysis_id)
        until(lambda: cloud.execution(analysis_id)["status"] == "ABORTED", "the run stopped")
        go.set()
        # The function that was already fetching may write once more …
        until(lambda: cloud.objects(f"media/{api.tenant}/{analysis_id}"), "the late write", timeout_s=20)
    # … and the sweep, later than any function can run, erases again.
    cloud.make_old(api.tenant, analysis_id, "deleted_at")
    cloud.invoke("sweep", {})
    assert cloud.objects(api.tenant) == []
    is_erased(cloud, api, analysis_id)
