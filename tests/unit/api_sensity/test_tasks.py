"""The four tasks against moto: what is taken and refused, and what is polled."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from bonafide.ids import from_uuid
from bonafide.model import MediaKind, Operation, State
from bonafide.settings import settings
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, multipart
from tests.helpers.rooms import Clock
from tests.unit.api_sensity.words import facts, scored

Api = Callable[..., Answer]
rows = pytest.mark.rows
URL = "https://www.example.com/image.jpg"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ALL = ("face_manipulation", "ai_generated_image_detection", "voice_analysis", "forensic_analysis")
RUNS = {
    "face_manipulation": (Operation.FACE_MANIPULATION, Operation.LIP_SYNC),
    "ai_generated_image_detection": (Operation.SYNTHETIC_IMAGE, Operation.SYNTHETIC_VIDEO),
    "voice_analysis": (Operation.SYNTHETIC_SPEECH, Operation.TRANSCRIPTION),
    "forensic_analysis": (Operation.FILE_FORENSICS, Operation.PROVENANCE, Operation.IMAGE_FORGERY),
}


def post(api: Api, task: str, *parts: Any, **beside: str) -> Answer:
    """Send a form with a file, or with these parts."""
    body, kind = multipart([*parts, *beside.items()])
    return api("POST", f"/tasks/{task}", body=body, headers={"Content-Type": kind})


def row(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    found = analyses.get("acme", from_uuid(answer.json["report_id"], "an"))
    assert found is not None
    return found


FILE = ("file", b"bytes", "photo.jpg")


@rows("SEN-29", "SEN-32", "SEN-33", "SEN-35", "SEN-37", "SEN-52", "SEN-60", "SEN-67", "SEN-6")
@pytest.mark.parametrize("task", ALL)
def test_a_task_is_created_and_answers_at_once(api: Api, task: str) -> None:
    made = post(api, task, FILE)
    assert made.status == 200 and set(made.json) == {"report_id", "success"}
    assert made.json["success"] is True and uuid.UUID(made.json["report_id"])
    kept = row(made)
    assert (kept.dialect, kept.operations, kept.source.filename) == ("sensity", RUNS[task], "photo.jpg")
    assert kept.options.policy == "even"
    got = api("GET", f"/tasks/{task}/{made.json['report_id']}")
    expected = task if task.endswith("_analysis") else f"{task}_analysis"
    wanted = {"id": made.json["report_id"], "event_type": f"{expected}_complete", "status": "in_progress"}
    assert (got.status, got.json) == (200, wanted)


@rows("SEN-38", "SEN-41", "SEN-52", "SEN-60")
@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("1", True), ("false", False), ("False", False),
     ("0", False), ("", False), ("yes", True), ("off", False)],
)  # fmt: skip
def test_explain_in_every_spelling(api: Api, text: str, value: bool) -> None:
    for task in ALL[:3]:
        kept = row(post(api, task, FILE, explain=text))
        assert kept.echo["explain"] is value
    assert row(post(api, "face_manipulation", FILE)).echo["explain"] is False


@rows("SEN-41", "SEN-34")
def test_what_is_no_boolean_is_refused(api: Api) -> None:
    for task, name in (("face_manipulation", "explain"), ("voice_analysis", "transcribe"),
                       ("forensic_analysis", "is_extract_images")):  # fmt: skip
        answer = post(api, task, FILE, **{name: "perhaps"})
        assert (answer.status, answer.json["success"]) == (400, False)
        assert name in answer.json["error"]


@rows("SEN-60", "SEN-65")
def test_transcription_is_the_default(api: Api) -> None:
    assert Operation.TRANSCRIPTION in row(post(api, "voice_analysis", FILE)).operations
    assert Operation.TRANSCRIPTION in row(post(api, "voice_analysis", FILE, transcribe="True")).operations
    assert (
        Operation.TRANSCRIPTION not in row(post(api, "voice_analysis", FILE, transcribe="false")).operations
    )


@rows("SEN-67", "SEN-68", "SEN-70")
def test_a_forensic_task_keeps_its_wishes(api: Api) -> None:
    made = post(api, "forensic_analysis", FILE, additional_info="case 7 – Zoë", is_extract_images="True")
    kept = row(made)
    assert kept.options.extract_images is True
    got = api("GET", f"/tasks/forensic_analysis/{made.json['report_id']}").json
    assert got["additional_info"] == "case 7 – Zoë"
    plain = row(post(api, "forensic_analysis", FILE))
    assert plain.options.extract_images is False and "additional_info" not in plain.echo
    assert post(api, "forensic_analysis", FILE, additional_info="x" * 10_001).status == 400


@rows("SEN-40", "SEN-24", "SEN-25", "SEN-61", "SEN-39")
@pytest.mark.parametrize("task", ALL)
def test_a_url_in_either_kind_of_form(api: Api, task: str) -> None:
    for kept in (
        row(post(api, task, url=URL)),
        row(api("POST", f"/tasks/{task}", body=f"explain=false&url={URL}", headers=FORM)),
        row(post(api, task, ("file", b"", "empty"), url=URL)),
    ):
        assert (kept.source.type, kept.source.url) == ("url", URL)


@rows("SEN-28")
def test_a_file_wins_and_nothing_is_refused(api: Api) -> None:
    assert row(post(api, "forensic_analysis", FILE, url=URL)).source.type == "inline"
    assert row(post(api, "forensic_analysis", ("file", "string"), url="string")).source.type == "inline"
    for answer in (post(api, "forensic_analysis", explain="true"), post(api, "forensic_analysis", url=" ")):
        assert answer.status == 400 and answer.json == {"success": False, "error": "Provide 'file' or 'url'."}


@rows("SEN-23")
@pytest.mark.parametrize(
    "url",
    ["https://www.youtube.com/watch?v=x", "https://youtu.be/x", "https://m.facebook.com/x", "http://x.com/a",
     "https://www.instagram.com/p/x/", "https://vm.tiktok.com/x", "https://twitter.com/a/status/1",
     "https://www.dailymotion.com/video/x", "https://FB.watch./x"],
)  # fmt: skip
def test_the_pages_of_platforms_are_taken_unless_the_owner_says_no(api: Api, aws: Aws, url: str) -> None:
    assert row(post(api, "face_manipulation", url=url)).source.url == url
    aws.use("api_sensity", PLATFORM_PAGES="off")
    answer = post(api, "face_manipulation", url=url)
    assert answer.status == 400 and "switched off here" in answer.json["error"]
    assert row(post(api, "face_manipulation", url="https://notyoutube.com/x.mp4")).source.type == "url"


@rows("SEN-28", "SEN-34", "X-9")
@pytest.mark.parametrize(
    "url", ["string", "ftp://x.org/a", "http://127.0.0.1/a", "http://10.0.0.1/a", "http://[::1", "x" * 3000]
)
def test_addresses_that_are_never_fetched(api: Api, url: str) -> None:
    answer = post(api, "voice_analysis", url=url)
    assert answer.status == 400 and set(answer.json) == {"success", "error"}


@rows("SEN-20", "SEN-27", "X-3")
def test_too_large(api: Api, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = post(api, "face_manipulation", ("file", bytes(4_500_001), "a.mp4"))
    assert (
        answer.status == 413 and "POST /v1/uploads" in answer.json["error"] and "url" in answer.json["error"]
    )
    aws.use("api_sensity", INLINE_LIMIT_BYTES="500000000")
    assert settings().inline_limit_bytes == 500_000_000
    assert post(api, "face_manipulation", ("file", bytes(32 * 1024 * 1024), "a.mp4")).status == 200
    answer = post(api, "face_manipulation", ("file", bytes(32 * 1024 * 1024 + 1), "a.mp4"))
    assert (answer.status, answer.json["error"]) == (413, "File exceeds 32MB maximum size.")


@rows("SEN-61", "SEN-34")
def test_only_forms(api: Api) -> None:
    assert api("POST", "/tasks/voice_analysis", body={"url": URL}).status == 415
    assert api("POST", "/tasks/voice_analysis").status == 415
    broken = api("POST", "/tasks/voice_analysis", body=b"x", headers={"Content-Type": "multipart/form-data"})
    assert broken.status == 400 and broken.json["success"] is False


@rows("SEN-36", "SEN-30")
def test_reports_of_others_do_not_exist(api: Api) -> None:
    made = post(api, "forensic_analysis", FILE).json["report_id"]
    ids = (made, "123456789", "00000000-0000-4000-8000-000000000000")
    others = [f"/tasks/voice_analysis/{made}", "/tasks/nothing/1"]
    for path in (*others, *(f"/tasks/forensic_analysis/{one}" for one in ids[1:])):
        answer = api("GET", path)
        assert answer.status == 404 and answer.json["success"] is False
    assert api("GET", f"/tasks/forensic_analysis/{made}", tenant="acme-2").status == 404
    assert api("GET", f"/tasks/forensic_analysis/{made.upper()}").status == 200
    assert api("GET", f"/tasks/forensic_analysis/{made}", scopes="webhooks").status == 403
    assert api("PUT", f"/tasks/forensic_analysis/{made}").headers["allow"] == "GET, HEAD"


@rows("SEN-1", "SEN-2")
def test_one_slash_or_two(api: Api) -> None:
    body, kind = multipart([FILE])
    made = api("POST", "//tasks//forensic_analysis/", body=body, headers={"Content-Type": kind})
    assert made.status == 200
    assert api("GET", f"//tasks/forensic_analysis/{made.json['report_id']}").json["status"] == "in_progress"


@rows("SEN-30", "SEN-31", "SEN-53", "SEN-54")
def test_from_in_progress_to_completed_or_failed(api: Api, clock: Clock) -> None:
    done, broken = (post(api, "ai_generated_image_detection", FILE) for _ in range(2))
    for made in (done, broken):
        media = facts(MediaKind.IMAGE, "jpeg")
        analyses.begin_detection("acme", row(made).id, media=media, items_total=1, now=clock.now())
    analyses.finish(
        "acme", row(done).id, verdict=analyses.FileVerdict(label="inconclusive", policy="even"),
        results=(scored(Operation.SYNTHETIC_IMAGE, 0.25),), versions={}, cost_usd=0.0, now=clock.now(),
    )  # fmt: skip
    analyses.fail("acme", row(broken).id, code="x", detail="It broke.", now=clock.now())
    path = "/tasks/ai_generated_image_detection/"
    event = "ai_generated_image_detection_analysis_complete"
    assert api("GET", path + done.json["report_id"]).json == {
        "id": done.json["report_id"],
        "event_type": event,
        "status": "completed",
        "result": {"class_name": "real", "class_probability": 0.75},
    }
    assert api("GET", path + broken.json["report_id"]).json == {
        "id": broken.json["report_id"], "event_type": event, "status": "failed", "error": "It broke."
    }  # fmt: skip
    assert row(done).state is State.COMPLETED
