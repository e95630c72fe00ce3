"""Requests: forms, limits, formats, waiting, jobs, errors. Rows of the wire."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from unittest.mock import Mock

import pytest
from bonafide import admin, conclude, ingest, media
from bonafide import credits as ledger
from bonafide.errors import Unavailable
from bonafide.ids import new_id
from bonafide.model import Operation
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.rooms import Clock
from tests.unit.api_veriplus.conftest import Api
from tests.unit.api_veriplus.words import (
    AUDIO,
    DOCUMENT,
    FILES,
    GENUINE,
    GIF,
    IMAGE,
    JPEG,
    M4A,
    MOV,
    MP3,
    MP4,
    PDF,
    PNG,
    V3,
    V4,
    VIDEO,
    WAV,
    WEBM,
    WEBP,
    facts,
    finish,
    form,
    own_id,
    scored,
    sent,
    silent,
)  # fmt: skip

rows = pytest.mark.rows
FACE = Operation.FACE_MANIPULATION
EVERY = tuple(FILES)


def made(answer: Any) -> Any:
    """Return the analysis that an answer tells of."""
    found = analyses.get("acme", own_id(answer.json["data"]["jobId"]))
    assert found is not None
    return found


def refused(answer: Any, status: int, code: str) -> Any:
    """Assert the vendor's error; return what stands in it."""
    assert (answer.status, answer.json["error"]["code"]) == (status, code), answer.body
    assert answer.json["success"] is False and answer.json["error"]["message"]
    assert datetime.fromisoformat(answer.json["meta"]["timestamp"]) and answer.json["meta"]["requestId"]
    assert answer.headers["content-type"] == "application/json"
    return answer.json["error"]


def ends(clock: Clock, *results: Any, **more: Any) -> None:
    """Let the one open analysis end while the request waits."""

    def end(_seconds: float) -> None:
        for analysis_id in analyses.index("acme", dialect="veriplus", limit=9):
            found = analyses.get("acme", analysis_id)
            if found and found.state.value == "queued":
                finish(analysis_id, *results, **more)

    clock.on_sleep = end


# ---- asking ------------------------------------------------------------------------------------------


@rows("VER-1", "VER-2", "VER-11", "VER-12", "VER-16", "X-8")
def test_a_picture_is_answered_at_once(api: Api, aws: Aws, clock: Clock) -> None:
    ends(clock, scored(FACE, 0.93, low=0.82))
    answer = api("POST", IMAGE, **sent(IMAGE))
    assert answer.status == 200 and set(answer.json) == {"success", "data"}
    data = answer.json["data"]
    assert answer.json["success"] is True
    assert (data["isDeepfake"], data["confidence"], data["recommendation"]) == (True, 93, "REJECT")
    assert "preference-applied" not in answer.headers
    found = made(answer)
    assert (found.dialect, found.options.policy, found.source.filename) == (
        "veriplus", "table", "verification_video.mp4",
    )  # fmt: skip
    stored = aws.client("s3").get_object(Bucket=aws.bucket, Key=found.media_ref.key)
    assert stored["Body"].read() == JPEG


@rows("VER-48", "VER-49")
def test_a_recording_is_answered_at_once(api: Api, clock: Clock) -> None:
    ends(clock, scored(Operation.SYNTHETIC_SPEECH, 0.94))
    answer = api("POST", AUDIO, **sent(AUDIO, ("referenceAudio", WAV, "known.wav")))
    assert (answer.status, answer.json["data"]["isSynthetic"]) == (200, True)
    assert answer.json["data"]["analysis"]["voicePrintMatch"] is None, "no detector compares voices"


@rows("VER-4", "VER-25")
def test_documents_have_a_way_in(api: Api, clock: Clock) -> None:
    ends(clock)
    for data in (PDF, JPEG, PNG, WEBP):
        answer = api("POST", DOCUMENT, **form(("document", data, "a"), ("returnDetails", "true")))
        assert (answer.status, answer.json["data"]["recommendation"]) == (200, "ENHANCED_VERIFICATION")
        assert made(answer).accepts == ("document/pdf", "image/jpeg", "image/png", "image/webp")
    answer = api("POST", IMAGE, **sent(IMAGE, ("analysisType", "DOCUMENT")))
    assert made(answer).echo["kept"]["type"] == "DOCUMENT"


@rows("VER-26", "VER-30", "VER-31")
def test_a_video_is_a_job(api: Api) -> None:
    answer = api("POST", VIDEO, **sent(VIDEO))
    assert answer.status == 202
    data = answer.json["data"]
    assert data == {"jobId": data["jobId"], "status": "PROCESSING", "estimatedTime": "30 seconds"}
    assert re.fullmatch("job_vid_[0-9a-z]{26}", data["jobId"])
    assert answer.headers["location"].endswith(f"{V4}/jobs/{data['jobId']}")
    assert int(answer.headers["retry-after"]) == 3


@rows("VER-76", "X-8")
def test_what_takes_too_long_becomes_a_job(api: Api, clock: Clock) -> None:
    for path in (IMAGE, AUDIO, DOCUMENT):
        clock.slept.clear()
        answer = api("POST", path, **sent(path))
        assert (answer.status, answer.json["data"]["status"]) == (202, "PROCESSING")
        assert 24 <= sum(clock.slept) <= 25, "under the gateway's 29 s"
        job = api("GET", answer.headers["location"].partition("amazonaws.com")[2].removeprefix("/api"))
        assert job.json["data"] == answer.json["data"]
        assert job.headers["retry-after"] == "3"


def test_a_client_may_want_to_wait_less(api: Api, clock: Clock) -> None:
    assert api("POST", IMAGE, **sent(IMAGE, Prefer="respond-async")).status == 202
    assert clock.slept == []
    answer = api("POST", IMAGE, **sent(IMAGE, Prefer="wait=2"))
    assert (answer.status, round(sum(clock.slept), 3)) == (202, 2)
    ends(clock, *GENUINE["IMAGE"])
    assert api("POST", IMAGE, **sent(IMAGE, Prefer="wait=2")).headers["preference-applied"] == "wait=2"


@rows("VER-14", "VER-28")
@pytest.mark.parametrize(
    ("path", "sent_type", "kept"),
    [(IMAGE, None, "GENERAL"), (IMAGE, "FACE", "FACE"), (IMAGE, "DOCUMENT", "DOCUMENT"),
     (IMAGE, "face", "FACE"),
     (IMAGE, "GENERAL", "GENERAL"), (IMAGE, "", "GENERAL"), (VIDEO, None, "GENERAL"),
     (VIDEO, "VERIFICATION", "VERIFICATION"), (VIDEO, "GENERAL", "GENERAL")],
)  # fmt: skip
def test_analysis_types(api: Api, path: str, sent_type: str | None, kept: str) -> None:
    more = () if sent_type is None else (("analysisType", sent_type),)
    assert made(api("POST", path, **sent(path, *more))).echo["kept"]["type"] == kept


@rows("VER-14", "VER-28")
@pytest.mark.parametrize(("path", "kind"), [(IMAGE, "VERIFICATION"), (VIDEO, "FACE"), (VIDEO, "x")])
def test_other_analysis_types_are_refused(api: Api, path: str, kind: str) -> None:
    said = refused(api("POST", path, **sent(path, ("analysisType", kind))), 400, "VALIDATION_ERROR")
    assert said["details"][0]["field"] == "analysisType"


@rows("VER-15", "VER-29")
@pytest.mark.parametrize(
    ("path", "name", "kept"),
    [(IMAGE, "returnDetails", "details"), (DOCUMENT, "returnDetails", "details"),
     (VIDEO, "includeLiveness", "liveness"), (VIDEO, "returnSuspiciousFrames", "frames")],
)  # fmt: skip
def test_booleans_in_every_spelling(api: Api, path: str, name: str, kept: str) -> None:
    assert made(api("POST", path, **sent(path))).echo["kept"][kept] is False, "the default"
    for text, value in (
        ("true", True),
        ("True", True),
        ("1", True),
        ("on", True),
        ("false", False),
        ("", False),
    ):
        assert made(api("POST", path, **sent(path, (name, text)))).echo["kept"][kept] is value
    refused(api("POST", path, **sent(path, (name, "maybe"))), 400, "VALIDATION_ERROR")


# ---- formats and sizes -------------------------------------------------------------------------------

TAKEN = {IMAGE: (JPEG, PNG, WEBP), VIDEO: (MP4, MOV, WEBM), AUDIO: (MP3, WAV, M4A),
         DOCUMENT: (PDF, JPEG, PNG, WEBP)}  # fmt: skip


@rows("VER-12", "VER-27", "VER-48", "X-7")
@pytest.mark.parametrize("path", EVERY)
def test_formats_by_their_bytes(api: Api, path: str) -> None:
    """Whatever the name and the type of the part say: clients send none, or octet-stream."""
    name = FILES[path][0]
    for data in TAKEN[path]:
        assert api("POST", path, **form((name, data, "a.exe"), ("Prefer", "x"))).status == 202


@rows("VER-67", "X-7")
@pytest.mark.parametrize("path", EVERY)
def test_other_formats_are_refused(api: Api, aws: Aws, path: str) -> None:
    name = FILES[path][0]
    taken = TAKEN[path]
    for data in (JPEG, MP3, PDF, GIF, b"", b"no media at all", b"II*\0" + bytes(60), b"FLV\x01" + bytes(60)):
        if data not in taken:
            said = refused(api("POST", path, **form((name, data, "a.jpg"))), 400, "INVALID_FILE_FORMAT")
            assert said["message"].startswith("Unsupported file format")
    assert analyses.index("acme", dialect="veriplus", limit=9) == []


def test_a_reference_of_another_format_is_refused(api: Api) -> None:
    answer = api("POST", AUDIO, **sent(AUDIO, ("referenceAudio", JPEG, "a.mp3")))
    refused(answer, 400, "INVALID_FILE_FORMAT")


@rows("VER-67", "VER-72")
def test_what_only_inspection_sees_fails_the_job(api: Api, clock: Clock) -> None:
    """An MKV begins as a WebM, an AAC as an MP3: the workflow refuses what the way in does not take."""
    assert made(api("POST", VIDEO, **sent(VIDEO))).accepts == ("video/mp4", "video/mov", "video/webm")
    assert made(api("POST", AUDIO, **sent(AUDIO))).accepts == ("audio/mp3", "audio/wav", "audio/m4a")

    def refuse(_seconds: float) -> None:
        (newest, *_) = analyses.index("acme", dialect="veriplus", limit=9)
        conclude.fail(
            "acme", newest, code="unsupported_format", detail="This way in takes MP3.", now=clock.now()
        )

    clock.on_sleep = refuse
    answer = api("POST", AUDIO, **sent(AUDIO))
    said = refused(answer, 400, "INVALID_FILE_FORMAT")
    job = api("GET", f"{V4}/jobs/{said['details'][0]['jobId']}").json["data"]
    assert (job["status"], job["error"]) == (
        "FAILED", {"code": "INVALID_FILE_FORMAT", "message": "This way in takes MP3."},
    )  # fmt: skip


MB = 1024 * 1024


@rows("VER-13", "VER-27", "VER-48", "VER-68", "X-3")
@pytest.mark.parametrize(("path", "limit"), [(IMAGE, 10), (VIDEO, 50), (AUDIO, 10), (DOCUMENT, 10)])
def test_the_vendors_limits(api: Api, aws: Aws, path: str, limit: int) -> None:
    aws.use("api_veriplus", INLINE_LIMIT_BYTES=str(500 * MB))  # as the local cloud has it
    name, data = FILES[path]
    full = data + bytes(limit * MB - len(data))
    assert api("POST", path, **form((name, full, "a"), Prefer="respond-async")).status == 202
    said = refused(api("POST", path, **form((name, full + b"x", "a"))), 413, "FILE_TOO_LARGE")
    assert str(limit * MB) in said["message"] and "/v1/uploads" not in said["message"]


@rows("VER-68", "X-3")
def test_what_a_gateway_does_not_carry_has_a_way_round(api: Api, aws: Aws, clock: Clock) -> None:
    aws.use("api_veriplus", INLINE_LIMIT_BYTES="1000")
    said = refused(api("POST", VIDEO, **form(("video", MP4 + bytes(1000), "a"))), 413, "FILE_TOO_LARGE")
    assert "/v1/uploads" in said["message"] and "upload_id" in said["message"]
    ticket = ingest.new_upload(
        "acme", size=None, sha256=None, filename="a.mp4", now=clock.now(), new_id=new_id
    )
    media.put(media.upload_key("acme", ticket.upload_id), MP4 + bytes(1000))
    answer = api("POST", VIDEO, **form(("upload_id", ticket.upload_id)))
    assert answer.status == 202 and made(answer).source.type == "upload"


def test_uploads_keep_to_the_vendors_limits(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(api("POST", VIDEO, **form(("upload_id", "up_0"))), 404, "NOT_FOUND")
    refused(api("POST", VIDEO, **form(("upload_id", "../x"))), 404, "NOT_FOUND")
    monkeypatch.setattr("bonafide.media.size", lambda _ref: 50 * MB + 1)
    refused(api("POST", VIDEO, **form(("upload_id", "up_0"))), 413, "FILE_TOO_LARGE")


@pytest.mark.parametrize(
    "more",
    [
        {"body": b"{}", "headers": {"Content-Type": "application/json"}},
        {"body": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        {},
        form(("picture", JPEG, "a.jpg")),
        form(("analysisType", "FACE")),
        form(("image", JPEG, "a.jpg"), ("upload_id", "up_1")),
    ],
)
def test_what_is_no_request(api: Api, more: dict[str, Any]) -> None:
    refused(api("POST", IMAGE, **more), 400, "VALIDATION_ERROR")


# ---- looking -----------------------------------------------------------------------------------------


@rows("VER-34", "VER-35", "VER-47")
def test_a_job_is_watched(api: Api, clock: Clock) -> None:
    job_id = api("POST", VIDEO, **sent(VIDEO, ("includeLiveness", "true"))).json["data"]["jobId"]
    assert api("GET", f"{V4}/jobs/{job_id}").json["data"]["status"] == "PROCESSING"
    finish(own_id(job_id), scored(FACE, 0.93))
    answer = api("GET", f"{V4}/jobs/{job_id}")
    assert answer.status == 200 and "retry-after" not in answer.headers
    assert set(answer.json["data"]) == {
        "jobId", "status", "video", "result", "analysis", "creditsUsed", "completedAt", "policy",
    }  # fmt: skip
    ends(clock, *GENUINE["IMAGE"])
    at_once = api("POST", IMAGE, **sent(IMAGE)).json["data"]
    later = api("GET", f"{V4}/jobs/{at_once['jobId']}").json["data"]
    assert later == {"status": "COMPLETED", **at_once}


@rows("VER-34")
def test_what_is_not_there_is_404(api: Api, clock: Clock) -> None:
    from bonafide import erasure

    native = ingest.create(ingest.NewAnalysis("acme", inline=b"x"), now=clock.now(), new_id=new_id)
    own = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    erased = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    erasure.delete_analysis("acme", own_id(erased), now=clock.now())
    for name in ("x", native.id, erased, own.replace("vid", "img"), "job_vid_" + native.id[3:]):
        refused(api("GET", f"{V4}/jobs/{name}"), 404, "NOT_FOUND")
    refused(api("GET", f"{V4}/jobs/{own}", tenant="other"), 404, "NOT_FOUND")
    for path in (V4, f"{V4}/other", f"{V3}/a/b", "/api/v4"):
        refused(api("GET", path), 404, "NOT_FOUND")


@rows("VER-54", "VER-55")
def test_the_list_in_pages(api: Api, clock: Clock) -> None:
    assert api("GET", f"{V4}/jobs").json == {
        "success": True,
        "data": [],
        "pagination": {"limit": 20, "count": 0, "hasMore": False, "nextCursor": None},
    }
    jobs = [api("POST", path, **sent(path, Prefer="respond-async")).json["data"]["jobId"]
            for path in (IMAGE, VIDEO, AUDIO, DOCUMENT, VIDEO)]  # fmt: skip
    ingest.create(ingest.NewAnalysis("acme", inline=b"x"), now=clock.now(), new_id=new_id)
    finish(own_id(jobs[1]), scored(FACE, 0.93))

    def listed(query: str) -> list[str]:
        found, target = [], f"{V4}/jobs?{query}"
        while target:
            answer = api("GET", target)
            assert answer.status == 200 and isinstance(answer.json["data"], list)
            assert len(answer.json["data"]) <= answer.json["pagination"]["limit"]
            found += [one["jobId"] for one in answer.json["data"]]
            link = re.fullmatch(
                r'<https://[^/]+/api(/api/v4\S+)>; rel="next"', answer.headers.get("link", "")
            )
            assert bool(link) == answer.json["pagination"]["hasMore"]
            target = link[1] if link else ""
        return found

    everything = sorted(jobs, key=own_id, reverse=True)
    assert listed("") == listed("limit=1") == listed("limit=2") == listed("limit=100") == everything
    assert listed("status=COMPLETED") == listed("status=completed&limit=1") == [jobs[1]]
    assert set(listed("mediaType=VIDEO&limit=1")) == {jobs[1], jobs[4]}
    assert listed("status=COMPLETED&mediaType=VIDEO&limit=50") == [jobs[1]]
    assert listed("status=COMPLETED&mediaType=AUDIO") == listed("status=FAILED") == []
    assert set(listed("status=PROCESSING")) == set(jobs) - {jobs[1]}
    (done,) = api("GET", f"{V4}/jobs?status=COMPLETED").json["data"]
    assert done == {
        "jobId": jobs[1], "mediaType": "VIDEO", "status": "COMPLETED", "isDeepfake": True, "confidence": 93,
        "manipulationType": "FACE_SWAP", "riskScore": 93, "recommendation": "REJECT", "creditsUsed": 5,
        "createdAt": done["createdAt"], "completedAt": "2026-11-20T12:00:05Z",
    }  # fmt: skip
    assert api("GET", f"{V4}/jobs", tenant="other").json["data"] == []


@rows("VER-54", "VER-55")
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "status=DONE", "mediaType=PDF", "cursor=../"]
)
def test_bad_queries(api: Api, query: str) -> None:
    said = refused(api("GET", f"{V4}/jobs?{query}"), 400, "VALIDATION_ERROR")
    assert said["details"][0]["parameter"] == query.partition("=")[0]


# ---- errors ------------------------------------------------------------------------------------------


@rows("VER-1", "VER-3", "VER-73", "X-4", "X-5")
def test_who_says_nothing_is_401_and_who_may_not_is_403(api: Api) -> None:
    for target in (("POST", IMAGE), ("GET", f"{V4}/jobs"), ("POST", V3)):
        answer = api(*target, authorizer={"reason": "missing_credentials"})
        refused(answer, 401, "MISSING_API_KEY")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        refused(api(*target, authorizer={"reason": "invalid_token"}), 401, "INVALID_API_KEY")
        refused(api(*target, scopes="tokens"), 403, "FORBIDDEN")
    answer = api("PUT", IMAGE)
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


@rows("VER-70")
def test_what_breaks_is_a_technical_failure(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_seconds: float) -> None:
        (newest, *_) = analyses.index("acme", dialect="veriplus", limit=9)
        conclude.fail("acme", newest, code="execution_timed_out", detail="secret", now=clock.now())

    clock.on_sleep = fail
    answer = api("POST", IMAGE, **sent(IMAGE))
    refused(answer, 500, "ANALYSIS_FAILED")
    assert b"secret" not in answer.body

    for error, status, code in (
        (RuntimeError("secret"), 500, "ANALYSIS_FAILED"),
        (Unavailable("secret"), 503, "SERVICE_UNAVAILABLE"),
    ):
        monkeypatch.setattr("bonafide.ingest.create", Mock(side_effect=error))
        answer = api("POST", IMAGE, **sent(IMAGE))
        refused(answer, status, code)
        assert b"secret" not in answer.body


@rows("VER-71", "VER-72")
def test_no_face(api: Api, clock: Clock) -> None:
    ends(clock, silent(FACE, "no_face"))
    said = refused(api("POST", IMAGE, **sent(IMAGE, ("analysisType", "FACE"))), 400, "NO_FACE_DETECTED")
    job = api("GET", f"{V4}/jobs/{said['details'][0]['jobId']}").json["data"]
    assert (job["status"], job["error"]["code"]) == ("FAILED", "NO_FACE_DETECTED")
    assert api("POST", IMAGE, **sent(IMAGE)).status == 200, "GENERAL needs none"


@rows("VER-69", "VER-9", "VER-10", "X-10")
def test_credits_are_held_settled_released(fresh: Api, clock: Clock) -> None:
    def balance() -> tuple[int, int]:
        found = ledger.balance("acme", now=clock.now())
        return found.spent, found.held

    def failed(job_id: str) -> None:
        conclude.fail("acme", own_id(job_id), code="unreadable_media", detail="x", now=clock.now())

    video = fresh("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    assert balance() == (0, 10), "held for a video whose duration nobody knows"
    finish(own_id(video), *GENUINE["VIDEO"], media=facts("VIDEO", duration_s=60.0))
    assert balance() == (5, 0), "settled by the probed duration"
    failed(fresh("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"])
    assert balance() == (5, 0), "released"
    ends(clock, *GENUINE["IMAGE"])
    assert fresh("POST", IMAGE, **sent(IMAGE)).json["data"]["creditsUsed"] == 2
    assert balance() == (7, 0)
    clock.on_sleep = lambda _seconds: None
    for n in range(9):
        assert fresh("POST", VIDEO, **sent(VIDEO)).status == 202, n
    said = refused(fresh("POST", VIDEO, **sent(VIDEO)), 402, "INSUFFICIENT_CREDITS")
    assert "credits" in said["message"]
    assert balance() == (7, 90)
    assert fresh("POST", AUDIO, **sent(AUDIO)).status == 202, "3 of the 3 that are left"
    refused(fresh("POST", IMAGE, **sent(IMAGE)), 402, "INSUFFICIENT_CREDITS")
    assert fresh("GET", f"{V4}/jobs").status == 200, "looking costs nothing"


@rows("VER-5", "VER-34", "VER-54")
def test_looking_is_free(fresh: Api, clock: Clock) -> None:
    job_id = fresh("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    before = ledger.balance("acme", now=clock.now())
    for target in (f"{V4}/jobs", f"{V4}/jobs/{job_id}"):
        assert fresh("GET", target).status == 200
    assert ledger.balance("acme", now=clock.now()) == before


@rows("VER-59")
def test_the_tenants_policy(api: Api, clock: Clock) -> None:
    """``python -m bonafide.admin tenant --policy reject70`` chooses; any other policy is the table."""
    for chosen, said, advice in (
        ("reject70", "reject70", "REJECT"),
        ("strict", "table", "MANUAL_REVIEW"),
        ("table", "table", "MANUAL_REVIEW"),
    ):
        assert admin.main(["tenant", "--tenant", "acme", "--policy", chosen], now=clock.now) == 0
        ends(clock, scored(FACE, 0.87))
        data = api("POST", IMAGE, **sent(IMAGE)).json["data"]
        assert (data["policy"], data["recommendation"]) == (said, advice)


@rows("VER-1", "X-6")
def test_the_paths_however_the_gateway_tells_them(api: Api) -> None:
    for path in (V4, "/v4/deepfake", "/deepfake", "//api//v4/deepfake"):
        assert api("GET", f"{path}/jobs").status == 200, path
    for path in (V3, "/v3/webhooks", "/webhooks"):
        assert api("GET", path).status == 200, path
        assert api("GET", path + "/wh_1").json["error"]["message"] == "There is no such webhook."


def test_nothing_is_said_twice(room: Callable[[str], Any]) -> None:
    """Every code has a status, every error of the core a code."""
    shapes, words = room("shapes"), room("words")
    assert set(shapes.STATUS) == set(words.ErrorCode)
    assert {int(status) for status in shapes.STATUS.values()} <= {
        400, 401, 402, 403, 404, 405, 409, 410, 413, 429, 500, 503,
    }  # fmt: skip
