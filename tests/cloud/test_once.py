"""Whoever tries again makes nothing twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.cloud.test_refusals import created_event
from tests.helpers import media
from tests.helpers.cloud import Api, Cloud, until


def test_an_idempotency_key_makes_one_analysis(cloud: Cloud, api: Api) -> None:
    picture, key = media.jpeg(64, 64), {"Idempotency-Key": '"order-1"'}
    first = api.inline(picture, headers=key)
    assert first.status == 202
    again = api.inline(picture, headers=key)  # the same parts; the boundary is another one
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    api.inline(media.jpeg(64, 64, seed=2), headers=key).problem(422)
    # The same key of another tenant is another key.
    other = cloud.tenant().inline(picture, headers=key)
    assert other.json["id"] != first.json["id"]
    api.finished(first)
    assert [one["id"] for one in api.all()] == [first.json["id"]]


def test_a_crowd_with_one_key_makes_one_analysis(api: Api) -> None:
    picture, key = media.jpeg(64, 64), {"Idempotency-Key": "crowd"}
    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(lambda _: api.inline(picture, headers=key), range(4)))
    assert {answer.status for answer in answers} <= {202, 409}
    assert any(answer.status == 202 for answer in answers)
    for answer in answers:
        if answer.status == 409:
            answer.problem(409)
    assert len({answer.json["id"] for answer in answers if answer.status == 202}) == 1
    assert len(api.all()) == 1


def test_an_upload_is_analysed_once(api: Api) -> None:
    upload_id = api.upload(media.jpeg(64, 64))
    first, again = (api("POST", "/v1/analyses", json={"upload_id": upload_id}) for _ in range(2))
    assert again.json["id"] == first.json["id"]
    other = {"upload_id": upload_id, "operations": ["image_forgery"]}
    assert api("POST", "/v1/analyses", json=other).status in (409, 422)
    assert len(api.all()) == 1


def test_a_drop_event_delivered_twice_is_one_analysis(cloud: Cloud, api: Api) -> None:
    key = f"drop/{api.tenant}/photo.jpg"
    put = cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key, Body=media.jpeg(64, 64))
    event = created_event(cloud, key, put["VersionId"])
    with ThreadPoolExecutor(3) as crowd:  # beside the one that S3 itself sends
        ids = {
            answer["analysis_id"] for answer in crowd.map(lambda _: cloud.invoke("on_drop", event), range(3))
        }
    assert len(ids) == 1
    api.finished(ids.pop())
    assert len(api.all()) == 1
    # The same key with new content is a new file.
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key, Body=media.jpeg(64, 64, seed=2))
    until(lambda: len(api.all()) == 2, "the newer version's analysis")


def test_an_execution_started_twice_is_one(cloud: Cloud, api: Api) -> None:
    made = api.inline(media.jpeg(64, 64))
    api.finished(made)
    before = cloud.execution(made.json["id"])["startDate"]
    cloud.make_old(api.tenant, made.json["id"])
    cloud.invoke("sweep", {})
    assert cloud.execution(made.json["id"])["startDate"] == before
    assert cloud.executions().count(made.json["id"]) == 1


def test_waiting_returns_the_finished_analysis(api: Api) -> None:
    answer = api.inline(media.jpeg(64, 64), headers={"Prefer": "wait=20"})
    assert answer.status == 200, answer.body
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json["state"] == "completed"
    shown = api("GET", f"/v1/analyses/{answer.json['id']}", headers={"Prefer": "wait=1"})
    assert shown.json == answer.json


def test_waiting_too_short_returns_the_unfinished_one(api: Api) -> None:
    upload_id = api.upload(media.jpeg(64, 64))
    answer = api("POST", "/v1/analyses", json={"upload_id": upload_id}, headers={"Prefer": "wait=0"})
    assert answer.status == 202
    assert answer.json["state"] in ("queued", "running")
