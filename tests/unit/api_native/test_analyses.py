"""Analyses over /v1: created from each source, watched, listed, erased; bad input gets a clear answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bonafide import media
from bonafide.errors import Unavailable
from bonafide.ids import new_id
from bonafide.model import (
    Analysis,
    Artifact,
    FileVerdict,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Outcome,
    Source,
    State,
    Verdict,
)
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, multipart
from tests.helpers.rooms import Clock

Api = Callable[..., Answer]
URL = {"url": "https://example.org/clip.mp4"}
FACTS = MediaFacts(kind=MediaKind.IMAGE, format="jpeg", mime="image/jpeg", bytes=3, sha256="0" * 64)


def begin(api: Api, **body: Any) -> str:
    answer = api("POST", "/v1/analyses", body=URL | body)
    assert answer.status == 202, answer
    return str(answer.json["id"])


def form(*parts: Any, **more: Any) -> dict[str, Any]:
    body, kind = multipart(parts)
    return {"body": body, "headers": {"Content-Type": kind, **more}}


def finish(clock: Clock, analysis_id: str, tenant: str = "acme") -> None:
    key = media.artifact_key(tenant, analysis_id, "heatmap.png")
    result = OperationResult(
        operation=Operation.IMAGE_FORGERY,
        outcome=Outcome.SCORED,
        verdict=Verdict.MANIPULATED,
        p_fake=0.97,
        artifacts=(Artifact(name="heatmap.png", media_type="image/png", title="Heatmap", key=key, bytes=9),),
    )
    media.put(key, b"\x89PNG\r\n\x1a\n!", "image/png")
    analyses.begin_detection(tenant, analysis_id, media=FACTS, items_total=1, now=clock.now())
    verdict = FileVerdict(label=Verdict.MANIPULATED, policy="default", p_fake=0.97)
    analyses.finish(
        tenant, analysis_id, verdict=verdict, results=(result,), versions={}, cost_usd=0.0003, now=clock.now()
    )


# ---- creating ----------------------------------------------------------------------------------------


def test_from_a_url(api: Api, aws: Aws) -> None:
    answer = api("POST", "/v1/analyses", body=URL | {"operations": ["lip_sync"], "client_reference": "c"})
    assert answer.status == 202
    assert answer.headers["location"].endswith(f"/api/v1/analyses/{answer.json['id']}")
    assert int(answer.headers["retry-after"]) > 0
    assert "preference-applied" not in answer.headers
    document = answer.json
    assert (document["object"], document["state"], document["source"]["type"]) == (
        "analysis",
        "queued",
        "url",
    )
    assert (document["operations"], document["client_reference"]) == (["lip_sync"], "c")
    assert document["links"]["self"] == answer.headers["location"]
    assert not {"tenant", "media_ref", "cost_usd"} & set(document)
    runs = aws.client("stepfunctions").list_executions(stateMachineArn=aws.workflow_arn)["executions"]
    assert [run["name"] for run in runs].count(document["id"]) == 1


def test_from_a_form(api: Api) -> None:
    data = bytes(range(256))
    answer = api(
        "POST",
        "/v1/analyses",
        **form(
            ("file", data, "photo.jpg"),
            ("operations", "image_forgery, provenance"),
            ("operations", "file_forensics"),
            ("options", '{"visualize": false}'),
            ("client_reference", "case 17"),
        ),
    )
    assert answer.status == 202
    document = answer.json
    assert document["operations"] == ["image_forgery", "provenance", "file_forensics"]
    assert document["options"]["visualize"] is False
    assert document["source"] == {"type": "inline", "url": None, "filename": "photo.jpg"}
    kept = analyses.get("acme", document["id"])
    assert kept is not None
    assert kept.media_ref is not None
    assert media.client().get_object(Bucket=_bucket(), Key=kept.media_ref.key)["Body"].read() == data


def _bucket() -> str:
    from bonafide.settings import settings

    return settings().media_bucket


def test_from_an_upload(api: Api) -> None:
    ticket = api("POST", "/v1/uploads", body={"bytes": 4, "filename": "a.jpg"})
    assert ticket.status == 201
    assert ticket.json["max_bytes"] == 4
    assert ticket.json["fields"]["key"] == f"uploads/acme/{ticket.json['upload_id']}"
    wish = {"upload_id": ticket.json["upload_id"]}
    early = api("POST", "/v1/analyses", body=wish)
    assert (early.status, early.json["code"]) == (409, "upload_not_finished")
    media.put(ticket.json["fields"]["key"], b"data")
    first, again = api("POST", "/v1/analyses", body=wish), api("POST", "/v1/analyses", body=wish)
    assert first.status == again.status == 202
    assert first.json["id"] == again.json["id"]
    assert first.json["source"]["filename"] == "a.jpg"


def test_an_upload_needs_no_body(api: Api) -> None:
    assert api("POST", "/v1/uploads").json["max_bytes"] == 2 * 1024**3
    assert api("POST", "/v1/uploads", body={"bytes": 2 * 1024**3 + 1}).json["code"] == "too_large"


def test_a_foreign_upload_does_not_exist(api: Api) -> None:
    ticket = api("POST", "/v1/uploads", tenant="other").json
    assert api("POST", "/v1/analyses", body={"upload_id": ticket["upload_id"]}).status == 404


def point(answer: Answer) -> str:
    (entry,) = answer.json["errors"]
    return str(entry.get("pointer", entry.get("parameter", entry.get("header"))))


@pytest.mark.parametrize(
    ("body", "status", "code", "where"),
    [
        ({"operations": ["lip_sync", "mind_reading"]}, 400, "unknown_operation", "/operations/1"),
        ({"options": {"visualise": True}}, 422, "invalid_value", "/options/visualise"),
        ({"options": {"visualize": "yes"}}, 422, "invalid_value", "/options/visualize"),
        ({"options": {"start_s": -1}}, 422, "invalid_value", "/options/start_s"),
        ({"options": {"start_s": 5, "end_s": 5}}, 400, "invalid_window", "/options/end_s"),
        ({"options": {"policy": "mine"}}, 422, "unknown_policy", "/options/policy"),
        ({"upload_id": "up_1"}, 422, "invalid_value", ""),
        ({"client_reference": "x" * 201}, 422, "invalid_value", "/client_reference"),
        ({"secret/~1": 1}, 422, "invalid_value", "/secret~1~01"),
        ({"url": "ftp://example.org/a"}, 422, "invalid_value", "/url"),
    ],
)
def test_bad_json(api: Api, body: dict[str, Any], status: int, code: str, where: str) -> None:
    answer = api("POST", "/v1/analyses", body=URL | body)
    assert (answer.status, answer.json["code"], point(answer)) == (status, code, where)


def test_an_unknown_operation_names_the_known_ones(api: Api) -> None:
    answer = api("POST", "/v1/analyses", body=URL | {"operations": ["x"]})
    assert all(operation.value in answer.json["detail"] for operation in Operation)


@pytest.mark.parametrize("body", [{}, [], None, "text", {"url": None}, {"upload_id": ""}, {"url": 7}])
def test_no_source(api: Api, body: Any) -> None:
    from json import dumps

    answer = api("POST", "/v1/analyses", body=dumps(body), headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (422, "invalid_value")


@pytest.mark.parametrize("body", ["", "{", "\ud800", '{"url": NaN}', "[" * 20000])
def test_no_json(api: Api, body: str) -> None:
    answer = api("POST", "/v1/analyses", body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_json")


def test_a_lone_surrogate_in_a_string_is_refused(api: Api) -> None:
    text = '{"url":"https://example.org/","client_reference":"\\ud800"}'
    answer = api("POST", "/v1/analyses", body=text, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (422, "invalid_value")


def test_other_content_types(api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/jpeg"):
        answer = api("POST", "/v1/analyses", body="url=x", headers={"Content-Type": kind})
        assert (answer.status, answer.json["code"]) == (415, "unsupported_media")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://10.0.0.1/",
    ],
)
def test_hostile_urls_are_refused_at_once(api: Api, url: str) -> None:
    answer = api("POST", "/v1/analyses", body={"url": url})
    assert (answer.status, answer.json["code"]) == (400, "address_refused")


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([("file", b"", "a.jpg")], 400, "empty_file"),
        ([("operations", "lip_sync")], 400, "file_missing"),
        ([], 400, "file_missing"),
        ([("file", b"x", "a"), ("operations", "x")], 400, "unknown_operation"),
        ([("file", b"x", "a"), ("options", "{")], 400, "invalid_json"),
        ([("file", b"x", "a"), ("options", '{"a":1}')], 422, "invalid_value"),
        ([("file", b"x", "a"), ("options", "7")], 422, "invalid_value"),
        ([("file", b"x", "a"), ("options", " " * 70000)], 413, "too_large"),
        ([("file", b"x", "a"), ("operation", "lip_sync")], 422, "unexpected_part"),
        ([("file", b"x", "a"), ("file", b"y", "b")], 422, "unexpected_part"),
        ([("file", b"x", "a"), ("client_reference", b"\xff")], 400, "invalid_form"),
    ],
)
def test_bad_forms(api: Api, parts: list[Any], status: int, code: str) -> None:
    answer = api("POST", "/v1/analyses", **form(*parts))
    assert (answer.status, answer.json["code"]) == (status, code)


def test_a_file_over_the_limit_names_the_way_round(aws: Aws, api: Api) -> None:
    aws.use("api_native", INLINE_LIMIT_BYTES="1000")
    for size in (1001, 1000 + 20 * 1024):
        answer = api("POST", "/v1/analyses", **form(("file", b"x" * size, "a.jpg")))
        assert answer.status == 413
        assert "POST /v1/uploads" in answer.json["detail"]
    assert api("POST", "/v1/analyses", **form(("file", b"x" * 1000, "a.jpg"))).status == 202


def test_a_json_body_over_the_limit(api: Api) -> None:
    body = URL | {"options": {"channels": list(range(20000))}}
    assert api("POST", "/v1/analyses", body=body).status == 413


def test_a_broken_table_is_503_and_says_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("the table refused put_item: AccessDenied")

    monkeypatch.setattr(analyses, "create", broken)
    answer = api("POST", "/v1/analyses", body=URL)
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert b"table" not in answer.body


# ---- waiting -----------------------------------------------------------------------------------------


def test_waits_until_done(api: Api, clock: Clock) -> None:
    def work(_seconds: float) -> None:
        if len(clock.slept) == 3:
            (row,), _ = analyses.list_("acme", limit=1)
            finish(clock, row.id)

    clock.on_sleep = work
    answer = api("POST", "/v1/analyses", body=URL, headers={"Prefer": "wait=20"})
    assert (answer.status, answer.json["state"]) == (200, "completed")
    assert answer.headers["preference-applied"] == "wait=20"
    assert "retry-after" not in answer.headers
    assert sum(clock.slept) < 2


@pytest.mark.parametrize(("prefer", "seconds"), [("wait=3", 3), ("wait=3600", 25), ("wait", 25)])
def test_waits_no_longer_than_asked_and_allowed(api: Api, clock: Clock, prefer: str, seconds: int) -> None:
    answer = api("POST", "/v1/analyses", body=URL, headers={"Prefer": prefer})
    assert answer.status == 202
    assert answer.headers["preference-applied"] == f"wait={seconds}"
    assert sum(clock.slept) == pytest.approx(seconds)
    assert len(clock.slept) < 30


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "wait=soon", "return=minimal"])
def test_does_not_wait(api: Api, clock: Clock, prefer: str) -> None:
    answer = api("POST", "/v1/analyses", body=URL, headers={"Prefer": prefer})
    assert (answer.status, clock.slept) == (202, [])
    assert "preference-applied" not in answer.headers


def test_looking_can_wait_too_and_sees_a_deletion(api: Api, clock: Clock) -> None:
    analysis_id = begin(api)
    clock.on_sleep = lambda _seconds: None if len(clock.slept) > 1 else _delete(api, analysis_id)
    assert api("GET", f"/v1/analyses/{analysis_id}", headers={"Prefer": "wait=5"}).status == 410


def _delete(api: Api, analysis_id: str) -> None:
    assert api("DELETE", f"/v1/analyses/{analysis_id}").status == 200


# ---- looking, artifacts, deleting --------------------------------------------------------------------


def test_looking_while_it_runs_and_after(api: Api, clock: Clock) -> None:
    analysis_id = begin(api)
    where = f"/v1/analyses/{analysis_id}"
    assert "retry-after" in api("GET", where).headers
    finish(clock, analysis_id)
    done = api("GET", where)
    assert "retry-after" not in done.headers
    document = done.json
    assert document["cost"] == {"usd": 0.0003}
    assert document["completed_at"] == "2026-11-20T12:00:00Z"
    assert document["results"][0]["artifacts"] == ["heatmap.png"]
    (artifact,) = document["artifacts"]
    assert artifact["operation"] == "image_forgery"
    assert artifact["href"].endswith(f"{where}/artifacts/heatmap.png")
    assert b"artifacts/acme" not in done.body, "keys of the bucket stay inside"
    assert api("GET", where + "/artifacts").json["data"] == [artifact]


def test_an_artifact_by_redirect_or_as_a_link(api: Api, clock: Clock) -> None:
    analysis_id = begin(api)
    finish(clock, analysis_id)
    where = f"/v1/analyses/{analysis_id}/artifacts/heatmap.png"
    answer = api("GET", where, headers={"Accept": "*/*"})
    assert (answer.status, answer.body) == (307, b"")
    assert f"artifacts/acme/{analysis_id}/heatmap.png" in answer.headers["location"]
    link = api("GET", where, headers={"Accept": "application/json"})
    assert link.json["expires_at"] == "2026-11-20T12:05:00Z"
    assert "Expires=300" in link.json["url"]
    for odd in ("none.png", "..%2fx", "x" * 81):
        assert api("GET", f"/v1/analyses/{analysis_id}/artifacts/{odd}").status == 404


def test_deleting_leaves_a_tombstone(api: Api, clock: Clock) -> None:
    analysis_id = begin(api)
    finish(clock, analysis_id)
    where = f"/v1/analyses/{analysis_id}"
    assert api("GET", where + "/deletion-receipt").json["code"] == "nothing_erased"
    for _ in range(2):
        answer = api("DELETE", where)
        assert (answer.status, answer.json["reason"]) == (200, "deleted")
        receipt = api("GET", where + "/deletion-receipt")
        assert receipt.status == 200 and receipt.json.keys() == answer.json.keys()
        assert receipt.json["erased_at"] == answer.json["erased_at"] == "2026-11-20T12:00:00Z"
    for target in (where, where + "/artifacts", where + "/artifacts/heatmap.png"):
        gone = api("GET", target)
        assert (gone.status, gone.json["code"], gone.json["deleted_at"]) == (
            410,
            "gone",
            "2026-11-20T12:00:00Z",
        )
    assert api("GET", "/v1/analyses").json["data"] == []
    (left,) = api("GET", "/v1/analyses?state=deleted").json["data"]
    assert (left["id"], left["state"]) == (analysis_id, "deleted")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_foreign_and_unknown_ids_look_alike(api: Api, method: str) -> None:
    analysis_id = begin(api)
    foreign = api(method, f"/v1/analyses/{analysis_id}", tenant="other")
    unknown = api(method, f"/v1/analyses/{new_id('an')}", tenant="other")
    assert foreign.status == unknown.status == 404
    hide = ("instance", "request_id")
    assert {k: v for k, v in foreign.json.items() if k not in hide} == {
        k: v for k, v in unknown.json.items() if k not in hide
    }
    assert api("GET", f"/v1/analyses/{analysis_id}").status == 200


@pytest.mark.parametrize("odd", ["a%23b", "%00", "a b", "\u00e9", "x" * 3000, "..", "an_1;x"])
def test_ids_that_are_none(api: Api, odd: str) -> None:
    assert api("GET", f"/v1/analyses/{odd}").status == 404


# ---- listing -----------------------------------------------------------------------------------------


def store(clock: Clock, count: int, tenant: str = "acme") -> list[str]:
    made = []
    for number in range(count):
        clock.moment += timedelta(minutes=1)
        analysis_id = f"an_{number:026d}"
        analyses.create(
            Analysis(
                id=analysis_id,
                tenant=tenant,
                state=State.QUEUED,
                source=Source(type="url"),
                created_at=clock.now(),
            )
        )
        made.append(analysis_id)
    return made[::-1]


def walk(api: Api, target: str) -> list[list[str]]:
    """Return the ids of every page, by the Link headers."""
    pages = []
    while target:
        answer = api("GET", target)
        assert answer.status == 200, answer
        pages.append([entry["id"] for entry in answer.json["data"]])
        link = answer.headers.get("link", "")
        assert ("cursor=" + (answer.json["next_cursor"] or "-") in link) == bool(link)
        target = link.partition("<")[2].partition(">")[0].partition("/api")[2]
    return pages


def test_pages_are_complete_and_ordered(api: Api, clock: Clock) -> None:
    made = store(clock, 7)
    store(clock, 2, tenant="other")
    pages = walk(api, "/v1/analyses?limit=3")
    assert [entry for page in pages for entry in page] == made
    assert all(len(page) <= 3 for page in pages)


def test_filters(api: Api, clock: Clock) -> None:
    start = clock.moment
    made = store(clock, 4)
    finish(clock, made[1])
    assert walk(api, "/v1/analyses?state=completed") == [[made[1]]]
    assert walk(api, "/v1/analyses?media_kind=image") == [[made[1]]]
    assert walk(api, "/v1/analyses?media_kind=audio") == [[]]
    after = (start + timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    before = (start + timedelta(minutes=4)).isoformat().replace("+00:00", "Z")
    assert walk(api, f"/v1/analyses?created_after={after}&created_before={before}") == [made[1:3]]


def test_lists_show_no_evidence(api: Api, clock: Clock) -> None:
    (analysis_id,) = store(clock, 1)
    finish(clock, analysis_id)
    (entry,) = api("GET", "/v1/analyses").json["data"]
    assert set(entry["results"][0]) == {"operation", "outcome", "verdict", "p_fake", "reason"}


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("state=dead", "state"),
        ("stat=failed", "stat"),
        ("created_after=yesterday", "created_after"),
        ("created_after=1700000000", "created_after"),
        ("created_after=2026-01-01T00:00:00", "created_after"),
        ("cursor=", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=YW5fMQ", "cursor"),
    ],
)
def test_bad_queries(api: Api, query: str, where: str) -> None:
    answer = api("GET", "/v1/analyses?" + query)
    assert (answer.status, point(answer)) == (422, where)


def test_a_cursor_belongs_to_its_list_and_tenant(api: Api, clock: Clock) -> None:
    store(clock, 3)
    cursor = api("GET", "/v1/analyses?limit=1").json["next_cursor"]
    assert api("GET", f"/v1/analyses?limit=2&cursor={cursor}").status == 200
    assert api("GET", f"/v1/analyses?state=failed&cursor={cursor}").json["code"] == "invalid_cursor"
    assert api("GET", f"/v1/analyses?cursor={cursor[:-2]}").json["code"] == "invalid_cursor"
    assert api("GET", f"/v1/analyses?cursor={cursor}", tenant="other").json["code"] == "invalid_cursor"
