"""The routes against moto: what is taken, what is refused and how, waiting, pages, callbacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from bonafide.ids import from_uuid
from bonafide.model import FileVerdict, MediaKind, Operation, Verdict
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, multipart
from tests.helpers.rooms import Clock
from tests.unit.api_resemble.words import facts, scored

Api = Callable[..., Answer]
URL = "https://93.184.216.34/clip.mp3"
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)


def row(answer: Answer, tenant: str = "acme") -> Any:
    """Return the analysis behind an answer."""
    found = analyses.get(tenant, from_uuid(answer.json["item"]["uuid"], "an"))
    assert found is not None
    return found


def finish(answer: Answer, now: Any, p_fake: float = 0.9, **more: Any) -> Any:
    """End an analysis as the workflow would; returns it."""
    made = row(answer)
    media = facts(MediaKind.AUDIO, "wav", duration_s=5.2)
    analyses.begin_detection("acme", made.id, media=media, items_total=1, now=now)
    artifacts = more.pop("artifacts", ())
    result = scored(Operation.SYNTHETIC_SPEECH, p_fake, **more).model_copy(update={"artifacts": artifacts})
    analyses.finish(
        "acme",
        made.id,
        verdict=FileVerdict(label=Verdict.MANIPULATED, policy="even", p_fake=p_fake),
        results=(result,),
        versions={},
        cost_usd=0.0,
        now=now,
    )
    return analyses.get("acme", made.id)


@pytest.mark.rows("RES-1", "RES-3", "RES-10", "RES-28", "RES-29")
def test_create_answers_at_once(api: Api) -> None:
    made = api("POST", "/api/v2/detect", body={"url": URL})
    assert made.status == 200
    assert made.json["success"] is True
    item = made.json["item"]
    assert (item["status"], item["media_type"], item["metrics"]) == ("processing", "audio", {})
    assert "preference-applied" not in made.headers
    again = api("GET", f"/api/v2/detect/{item['uuid']}")
    assert again.status == 200 and again.json["item"]["uuid"] == item["uuid"]


@pytest.mark.rows(
    "RES-12",
    "RES-13",
    "RES-14",
    "RES-15",
    "RES-16",
    "RES-17",
    "RES-18",
    "RES-19",
    "RES-20",
    "RES-21",
    "RES-22",
)
def test_every_option_reaches_the_core(api: Api) -> None:
    body = {
        "url": URL,
        "callback_url": "https://93.184.216.34/hook",
        "visualize": True,
        "frame_length": 3,
        "start_region": 1,
        "end_region": 4.5,
        "max_video_fps": 240,
        "max_video_secs": 30,
        "intelligence": True,
        "audio_source_tracing": True,
        "use_reverse_search": True,
        "use_ood_detector": True,
        "zero_retention_mode": True,
    }
    made = row(api("POST", "/api/v2/detect", body=body))
    options = made.options
    assert (options.visualize, options.zero_retention, options.policy) == (True, True, "even")
    assert (options.start_s, options.end_s, options.max_video_s, options.max_video_fps) == (1, 4.5, 30, 60)
    assert options.frame_length_s == 3
    assert Operation.KNOWN_FAKE_SEARCH in made.operations and Operation.TRANSCRIPTION in made.operations
    assert made.echo["kept"] == {
        "callback_url": "https://93.184.216.34/hook",
        "frame_length": 3,
        "intelligence": True,
        "audio_source_tracing": True,
        "use_reverse_search": True,
        "use_ood_detector": True,
        "ext": "mp3",
    }
    plain = row(api("POST", "/api/v2/detect", body={"url": URL}))
    assert (plain.options.visualize, plain.options.zero_retention) == (False, False)
    assert plain.echo["kept"] == {"frame_length": 2, "ext": "mp3"}
    assert Operation.TRANSCRIPTION not in plain.operations
    assert plain.dialect == "resemble"


@pytest.mark.rows("RES-23", "RES-25", "RES-26", "RES-27", "RES-36")
def test_what_old_clients_send(api: Api) -> None:
    body = {
        "url": URL,
        "privacy_mode": "True",
        "audio_source_tracing_enabled": "1",
        "pipeline": "facial->object->general",
        "model_types": "talking_head",
        "frame_length": "4",
        "start_region": None,
        "callback_url": "",
        "something_new": [1],
    }
    made = row(api("POST", "/api/v2/detect", body=body))
    assert made.options.zero_retention is True
    assert made.echo["kept"]["audio_source_tracing"] is True
    assert made.echo["kept"]["frame_length"] == 4
    assert made.options.frame_length_s == 4


@pytest.mark.rows("RES-8", "RES-14", "RES-24", "RES-26")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL, "media_token": "up_1"},
        {"url": URL, "frame_length": 0.5},
        {"url": URL, "frame_length": 4.1},
        {"url": URL, "frame_length": True},
        {"url": URL, "frame_length": "two"},
        {"url": URL, "start_region": 5, "end_region": 5},
        {"url": URL, "start_region": -1},
        {"url": URL, "max_video_fps": 0},
        {"url": URL, "max_video_secs": -3},
        {"url": URL, "visualize": "perhaps"},
        {"url": URL, "model_types": "cat"},
        {"url": "no address"},
        {"url": "http://10.0.0.1/a.wav"},
        {"url": URL, "callback_url": "https://169.254.169.254/"},
        {"url": URL, "callback_url": "ftp://93.184.216.34/"},
        [],
    ],
)
def test_what_is_refused(api: Api, body: Any) -> None:
    answer = api("POST", "/api/v2/detect", body=body)
    assert answer.status == 400
    assert set(answer.json) == {"success", "message"}
    assert answer.json["success"] is False and answer.json["message"]


@pytest.mark.rows("RES-8", "X-5")
def test_every_error_has_the_shape(api: Api, aws: Aws) -> None:
    answers = {
        400: api("POST", "/api/v2/detect", body="{", headers={"Content-Type": "application/json"}),
        401: api("GET", "/api/v2/detect?page=1", authorizer={"reason": "missing_credentials"}),
        403: api("GET", "/api/v2/detect?page=1", scopes="webhooks"),
        404: api("GET", "/api/v2/nothing"),
        405: api("DELETE", "/api/v2/detect"),
        413: api("POST", "/api/v2/detect", body={"url": "x" * 70_000}),
        415: api("POST", "/api/v2/detect", body="x", headers={"Content-Type": "text/plain"}),
    }
    for status, answer in answers.items():
        assert answer.status == status, answer.body
        assert set(answer.json) == {"success", "message"} and answer.json["success"] is False
        assert answer.headers["content-type"] == "application/json"
    assert answers[401].headers["www-authenticate"].startswith("Bearer")
    assert answers[405].headers["allow"] == "GET, HEAD, POST"
    aws.use("api_resemble", TABLE_NAME="nowhere")
    broken = api("GET", "/api/v2/detect?page=1")
    assert broken.status == 503 and set(broken.json) == {"success", "message"}
    assert broken.headers["retry-after"] == "5"


@pytest.mark.rows("RES-7")
def test_absent_and_foreign_look_alike(api: Api) -> None:
    made = api("POST", "/api/v2/detect", body={"url": URL}).json["item"]["uuid"]
    for target in (
        made[:-1] + ("0" if made[-1] != "0" else "1"),
        "x",
        "00000000-0000-4000-8000-000000000000",
    ):
        answer = api("GET", f"/api/v2/detect/{target}")
        assert (answer.status, answer.json["message"]) == (404, "Detect not found")
    assert api("GET", f"/api/v2/detect/{made}", tenant="other").status == 404


@pytest.mark.rows("RES-4", "RES-9", "X-8")
@pytest.mark.parametrize(("header", "limit"), [("wait", 25), ("wait=10", 10), ("wait=500", 25)])
def test_waiting_is_bounded(api: Api, clock: Clock, header: str, limit: int) -> None:
    answer = api("POST", "/api/v2/detect", body={"url": URL}, headers={"Prefer": header})
    assert (answer.status, answer.json["item"]["status"]) == (200, "processing")
    assert answer.headers["preference-applied"] == f"wait={limit}"
    assert sum(clock.slept) == pytest.approx(limit)


@pytest.mark.rows("RES-4", "X-8")
def test_waiting_ends_with_the_analysis(api: Api, clock: Clock) -> None:
    def end(_seconds: float) -> None:
        (one,) = analyses.index("acme", dialect="resemble", limit=10)
        from bonafide.ids import to_uuid

        finish(api("GET", f"/api/v2/detect/{to_uuid(one)}"), clock.now())

    clock.on_sleep = end
    answer = api("POST", "/api/v2/detect", body={"url": URL}, headers={"Prefer": "wait"})
    assert answer.json["item"]["status"] == "completed"
    assert answer.json["item"]["metrics"]["aggregated_score"] == "0.9"
    assert len(clock.slept) == 1


@pytest.mark.rows("RES-7")
def test_pages(api: Api) -> None:
    made = [api("POST", "/api/v2/detect", body={"url": URL}).json["item"]["uuid"] for _ in range(12)]
    first = api("GET", "/api/v2/detect?page=1").json
    assert {k: v for k, v in first.items() if k != "items"} == {
        "success": True,
        "page": 1,
        "num_pages": 2,
        "page_size": 10,
        "total_count": 12,
    }
    second = api("GET", "/api/v2/detect?page=2&page_size=10").json
    seen = [item["uuid"] for item in first["items"] + second["items"]]
    assert sorted(seen) == sorted(made) and len(second["items"]) == 2
    assert api("GET", "/api/v2/detect?page=3").json["items"] == []
    assert api("GET", "/api/v2/detect?page=1", tenant="other").json["total_count"] == 0
    for query in ("", "?page=0", "?page=x", "?page=1&page_size=9", "?page=1&page_size=1001"):
        assert api("GET", "/api/v2/detect" + query).status == 400, query


@pytest.mark.rows("RES-24", "X-3", "X-7")
def test_a_file_in_the_form(api: Api, aws: Aws) -> None:
    body, kind = multipart([("file", WAV, "voice.wav"), ("intelligence", "true"), ("frame_length", "1")])
    made = api("POST", "/api/v2/detect", body=body, headers={"Content-Type": kind})
    assert made.status == 200, made.body
    assert (made.json["item"]["filename"], made.json["item"]["media_type"]) == ("voice.wav", "audio")
    assert made.json["item"]["intelligence"]["description"] is None
    stored = aws.client("s3").get_object(Bucket=aws.bucket, Key=row(made).media_ref.key)["Body"].read()
    assert stored == WAV
    both, kind = multipart([("file", WAV, "voice.wav"), ("url", URL)])
    assert api("POST", "/api/v2/detect", body=both, headers={"Content-Type": kind}).status == 400
    by_url, kind = multipart([("url", URL)])
    assert api("POST", "/api/v2/detect", body=by_url, headers={"Content-Type": kind}).status == 200


@pytest.mark.rows("X-3", "RES-24")
def test_too_large_names_the_way_round(api: Api, aws: Aws) -> None:
    aws.use("api_resemble", INLINE_LIMIT_BYTES="1000")
    body, kind = multipart([("file", bytes(80_000), "voice.wav")])
    for target in ("/api/v2/detect", "/api/v2/secure_uploads"):
        answer = api("POST", target, body=body, headers={"Content-Type": kind})
        assert answer.status == 413
        assert "/v1/uploads" in answer.json["message"] and "media_token" in answer.json["message"]


@pytest.mark.rows("RES-24", "RES-58")
def test_secure_upload(api: Api, clock: Clock) -> None:
    body, kind = multipart([("file", WAV, "voice.wav")])
    sent = api("POST", "/api/v2/secure_uploads", body=body, headers={"Content-Type": kind})
    assert sent.status == 200 and sent.json["success"] is True
    token = sent.json["token"]
    foreign = api("POST", "/api/v2/detect", body={"media_token": token}, tenant="other")
    assert foreign.status == 404 and foreign.json["success"] is False
    made = api("POST", "/api/v2/detect", body={"media_token": token})
    assert made.status == 200
    assert (made.json["item"]["filename"], made.json["item"]["media_type"]) == ("voice.wav", "audio")
    again = api("POST", "/api/v2/detect", body={"media_token": token, "zero_retention_mode": True})
    assert again.status == 409  # one token, one detection
    retried = api("POST", "/api/v2/detect", body={"media_token": token})
    assert retried.json["item"]["uuid"] == made.json["item"]["uuid"]
    late = api("POST", "/api/v2/secure_uploads", body=body, headers={"Content-Type": kind}).json["token"]
    clock.sleep(3601)
    assert api("POST", "/api/v2/detect", body={"media_token": late}).status == 404
    assert api("POST", "/api/v2/secure_uploads", body=b"", headers={"Content-Type": kind}).status == 400


@pytest.mark.rows("RES-5", "RES-12", "RES-61", "X-9")
def test_callback(api: Api, aws: Aws, clock: Clock, room: Callable[[str], Any]) -> None:
    hook = "https://93.184.216.34/hook"
    made = api("POST", "/api/v2/detect", body={"url": URL, "callback_url": hook})
    ended = finish(made, clock.now())
    from bonafide.bus import finished_event

    detail = finished_event(ended, now=clock.now())
    assert detail["dialect"] == "resemble"
    tell = room("callback").tell
    assert tell(detail) == {"queued": True}
    assert tell(detail) == {"queued": True}  # the bus may tell twice
    messages = aws.client("sqs").receive_message(QueueUrl=aws.queue, MaxNumberOfMessages=10)["Messages"]
    assert {message["Body"] for message in messages} == {messages[0]["Body"]}
    sent: list[tuple[str, bytes, dict[str, str]]] = []

    def poster(url: str, content: bytes, headers: dict[str, str], *, timeout_s: float) -> Any:
        from bonafide.outbound import Posted

        sent.append((url, content, headers))
        return Posted(200, 0.1)

    aws.use("deliver_webhook")
    from bonafide.delivery import decode, receive

    for message in messages:
        receive(decode(message["Body"]), clock=clock.now, poster=poster)
    ((url, content, headers),) = sent
    assert url == hook
    assert json.loads(content) == api("GET", f"/api/v2/detect/{made.json['item']['uuid']}").json
    assert headers["webhook-id"] == detail["event_id"]
    rows = aws.client("dynamodb").scan(TableName=aws.table)["Items"]
    (logged,) = [r for r in rows if r["pk"]["S"] == "T#acme#WH#callback"]
    assert logged["state"]["S"] == "delivered"
    assert "clip.mp3" not in json.dumps(logged)  # what was sent is not kept


@pytest.mark.rows("RES-12")
def test_no_callback_is_none(api: Api, clock: Clock, room: Callable[[str], Any]) -> None:
    from bonafide.bus import finished_event

    ended = finish(api("POST", "/api/v2/detect", body={"url": URL}), clock.now())
    assert room("callback").tell(finished_event(ended, now=clock.now())) == {"queued": False}
    unknown = finished_event(ended, now=clock.now()) | {"analysis_id": "an_0"}
    assert room("callback").tell(unknown) == {"queued": False}


@pytest.mark.rows("RES-42", "RES-14")
def test_a_long_recording_has_a_score_for_every_frame(api: Api, clock: Clock) -> None:
    from bonafide import media
    from bonafide.findings import NAME
    from bonafide.model import Artifact, Evidence, Finding, Outcome, Segment

    made = api("POST", "/api/v2/detect", body={"url": URL, "frame_length": 1})
    every = tuple(Segment(start_s=n, end_s=n + 1, llr=-1.0 if n % 2 else 1.0) for n in range(120))
    key = media.artifact_key("acme", row(made).id, NAME)
    voice = Finding(
        operation=Operation.SYNTHETIC_SPEECH,
        outcome=Outcome.SCORED,
        p_fake=0.5,
        evidence=Evidence(segments=every),
    )
    media.put_json(key, [voice.model_dump(mode="json")])
    kept = Artifact(name=NAME, media_type="application/json", key=key)
    loud = tuple(segment for segment in every if (segment.llr or 0) > 0)[:50]
    finish(made, clock.now(), segments=loud, artifacts=(kept,))
    scores = api("GET", f"/api/v2/detect/{made.json['item']['uuid']}").json["item"]["metrics"]["score"]
    assert scores == ["0.7311", "0.2689"] * 60


@pytest.mark.rows("RES-57", "RES-34")
def test_zero_retention_keeps_flags_and_forgets_names(api: Api, clock: Clock) -> None:
    body = {"url": URL, "zero_retention_mode": True, "intelligence": True}
    made = api("POST", "/api/v2/detect", body=body)
    item = made.json["item"]
    assert (item["url"], item["media_redacted"], item["media_deleted"]) == (None, True, False)
    finish(made, clock.now())
    clock.sleep(60)
    analyses.forget_names("acme", row(made).id, now=clock.now())
    after = api("GET", f"/api/v2/detect/{item['uuid']}").json["item"]
    assert after["filename"] == item["filename"]
    assert after["media_deleted"] is True
    assert after["file_deleted_at"] == "2026-11-20T12:01:00.000Z"
    assert after["intelligence"]["description"]
    assert row(made).source.url is None
