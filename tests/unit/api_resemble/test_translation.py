"""From the core's words to both documents' shapes: every member and type, and silence that stays silent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from bonafide.ids import to_uuid
from bonafide.model import (
    Evidence,
    Failure,
    Flag,
    FrameScore,
    MediaKind,
    Operation,
    Options,
    Outcome,
    Region,
    Segment,
    Source,
    State,
)

from tests.unit.api_resemble.words import ID, NOON, analysis, facts, link, scored, silent

Room = Callable[[str], Any]
VOICE = facts(MediaKind.AUDIO, "wav", duration_s=5.2)
PHOTO = facts(MediaKind.IMAGE, "jpeg", width=640, height=480)
CLIP = facts(MediaKind.VIDEO, "mp4", duration_s=10.5)


def segment(start: float, end: float, p_fake: float) -> Segment:
    return Segment(start_s=start, end_s=end, llr=math.log(p_fake / (1 - p_fake)))


@pytest.mark.rows("RES-3", "RES-29", "RES-30", "RES-31", "RES-32", "RES-33")
def test_while_it_runs(room: Room) -> None:
    item = room("render").item(analysis(None, state=State.QUEUED), link)
    assert item["uuid"] == to_uuid(ID)
    assert item["status"] == "processing"
    assert item["metrics"] == {}
    assert item["media_type"] == "video"  # by its name, until the bytes were looked at
    assert item["duration"] == "0.0"
    assert item["created_at"] == "2026-11-20T12:00:00.000Z"
    assert item["url"] == item["audio_url"] == "https://example.com/a/clip.mp4?sig=1"
    assert item["filename"] == "clip.mp4"
    assert item["intelligence"] is None
    assert "image_metrics" not in item and "video_metrics" not in item and "error_message" not in item


@pytest.mark.rows("RES-34", "RES-35", "RES-36", "RES-41")
def test_what_was_asked_for_is_echoed(room: Room) -> None:
    kept = {"audio_source_tracing": True, "use_ood_detector": True, "use_reverse_search": True}
    item = room("render").item(analysis(None, state=State.RUNNING, kept=kept), link)
    assert item["visualize"] is True
    assert item["audio_source_tracing_enabled"] is True
    assert item["audio_source_tracing"] is None
    assert item["use_ood_detector"] is True
    assert item["extra_params"] == {"use_reverse_search": True, "search_identity_requested": False}
    for name in ("zero_retention_mode", "media_redacted", "media_deleted"):
        assert item[name] is False
    assert item["file_deleted_at"] is None
    assert "pipeline" not in item


@pytest.mark.rows("RES-42", "RES-43", "RES-44", "RES-45", "RES-46", "X-1", "X-12", "X-13")
def test_sound(room: Room) -> None:
    heard = (segment(0, 2, 0.9), segment(2, 4, 0.8), segment(4, 5.2, 0.7))
    result = scored(Operation.SYNTHETIC_SPEECH, 0.8, segments=heard, picture=True)
    splice = scored(Operation.AUDIO_SPLICE, 0.1)
    item = room("render").item(analysis(VOICE, splice, result), link)
    assert item["duration"] == "5.2"
    assert item["metrics"] == {
        "image": "https://bucket.example/artifacts/synthetic_speech.png",
        "label": "fake",
        "score": ["0.9", "0.8", "0.7"],
        "consistency": "0.9333",
        "certainty": "0.9333",
        "aggregated_score": "0.8",
    }


@pytest.mark.rows("RES-14", "RES-45")
@pytest.mark.parametrize(
    ("length", "expected"), [(1, ["0.9", "0.9", "0.1", "0.1"]), (2, ["0.9", "0.1"]), (4, ["0.5"])]
)
def test_one_score_a_frame(room: Room, length: int, expected: list[str]) -> None:
    heard = (segment(0, 2, 0.9), segment(2, 4, 0.1))
    result = scored(Operation.SYNTHETIC_SPEECH, 0.5, segments=heard)
    item = room("render").item(analysis(VOICE, result, kept={"frame_length": length}), link)
    assert item["metrics"]["score"] == expected


@pytest.mark.rows("RES-45", "X-1", "X-14")
def test_silence_is_never_a_number(room: Room) -> None:
    quiet = silent(Operation.SYNTHETIC_SPEECH, "too_short")
    sound = room("render").item(analysis(VOICE, quiet), link)
    assert sound["status"] == "completed"
    assert sound["metrics"] == {}
    picture = room("render").item(analysis(PHOTO, silent(Operation.SYNTHETIC_IMAGE)), link)
    assert (picture["image_metrics"]["label"], picture["image_metrics"]["score"]) == ("Inconclusive", None)
    clip = room("render").item(analysis(CLIP, silent(Operation.SYNTHETIC_VIDEO)), link)["video_metrics"]
    assert (clip["label"], clip["score"], clip["certainty"]) == ("Inconclusive", None, None)
    assert clip["children"] == []
    half = room("render").item(analysis(PHOTO, scored(Operation.IMAGE_FORGERY, 0.02)), link)
    assert half["image_metrics"]["label"] == "Inconclusive"  # nobody asked whether it was generated
    assert half["extra_params"]["reason"] == "decisive_questions_unanswered"


@pytest.mark.rows("RES-47", "RES-49", "RES-50", "RES-51")
def test_picture(room: Room) -> None:
    results = (
        scored(Operation.IMAGE_FORGERY, 0.97, picture=True, detail="A patch was pasted."),
        scored(Operation.SYNTHETIC_IMAGE, 0.2),
        silent(Operation.FACE_MANIPULATION, "no_face"),
        silent(Operation.SYNTHETIC_SPEECH),
    )
    item = room("render").item(analysis(PHOTO, *results), link)
    assert item["metrics"] == {}
    assert item["duration"] == "0.0"
    plot = "https://bucket.example/artifacts/image_forgery.png"
    assert item["image_metrics"] == {
        "type": "FinalResult",
        "image": plot,
        "label": "Fake",
        "score": 0.97,
        "children": [
            {"type": "ifl", "label": "Fake", "description": "A patch was pasted."},
            {"type": "general", "label": "Real", "description": "P(fake) 0.20."},
            {"type": "facial", "label": "Inconclusive", "description": "no_face"},
        ],
        "ifl": {"score": 0.97, "heatmap": plot},
    }


@pytest.mark.rows("RES-20", "RES-48")
def test_reverse_search(room: Room) -> None:
    where = "https://stock.example/ai/1"
    flag = Flag(code="known_fake", message="This picture is known.", where=where, value=0.9)
    known = scored(Operation.KNOWN_FAKE_SEARCH, 0.99, flags=(flag,))
    asked = analysis(PHOTO, known, kept={"use_reverse_search": True})
    metrics = room("render").item(asked, link)["image_metrics"]
    assert metrics["reverse_image_search_sources"] == [
        {
            "url": where,
            "title": "stock.example",
            "reason": "This picture is known.",
            "verdict": "known_fake",
            "similarity": 0.9,
        }
    ]
    assert (
        "reverse_image_search_sources"
        not in room("render").item(analysis(PHOTO, known), link)["image_metrics"]
    )
    none = analysis(PHOTO, silent(Operation.KNOWN_FAKE_SEARCH), kept={"use_reverse_search": True})
    assert room("render").item(none, link)["image_metrics"]["reverse_image_search_sources"] == []


@pytest.mark.rows("RES-52", "RES-53", "RES-54", "RES-55", "RES-56")
def test_video(room: Room) -> None:
    faces = scored(
        Operation.FACE_MANIPULATION,
        0.95,
        frames=(FrameScore(index=30, time_s=1.2, p_fake=0.99), FrameScore(index=3, time_s=0.12, p_fake=0.2)),
        regions=(Region(x=1, y=2, width=3, height=4, score=0.6, frame=30),),
        flags=(Flag(code="jitter", message="The face jumps."),),
        picture=True,
    )
    voice = scored(Operation.SYNTHETIC_SPEECH, 0.1)
    item = room("render").item(analysis(CLIP, faces, voice), link)
    assert item["metrics"]["aggregated_score"] == "0.1"
    found = item["video_metrics"]
    assert found["image"] == "https://bucket.example/artifacts/face_manipulation.png"
    assert (found["label"], found["score"], found["certainty"], found["posterior"]) == (
        "Fake",
        0.95,
        0.95,
        0.95,
    )
    (child,) = found["children"]
    assert child["type"] == "VideoResult"
    assert child["violations"] == ["jitter: The face jumps."]
    assert child["certainty (%)"] == "95.0"
    early, late = child["children"]
    assert (early["type"], early["timestamp"], early["conclusion"]) == ("ImageResult", 0.12, "Real")
    assert (early["score"], early["certainty"], early["children"]) == (0.2, 0.8, [])
    (leaf,) = late["children"]
    assert leaf == {
        "type": "Segment",
        "conclusion": "Fake",
        "score": 0.6,
        "certainty": 0.99,
        "certainty (%)": "99.0",
        "posterior": 0.99,
        "patch_type": "face",
    }
    assert found["treeview"].splitlines()[1] == "  ImageResult at 0.12 s: Real (80.0 %)"


@pytest.mark.rows("RES-18", "RES-37", "RES-38")
def test_intelligence(room: Room) -> None:
    said = silent(Operation.TRANSCRIPTION, "told", Outcome.INCONCLUSIVE, detail="Hello world")
    asked = analysis(VOICE, scored(Operation.SYNTHETIC_SPEECH, 0.9), said, kept={"intelligence": True})
    item = room("render").item(asked, link)["intelligence"]
    assert item["detect_uuid"] == to_uuid(ID)
    assert item["created_at"] == "2026-11-20T12:00:05.000Z"
    assert len(item["uuid"]) == 36
    assert item["description"].startswith("Audio (wav, 5.2 s). P(fake) is 0.90, decided by synthetic speech.")
    assert "Transcription: Hello world." in item["description"]
    assert "Transcription stayed open" not in item["description"]
    worded = silent(Operation.DESCRIPTION, "no_score", Outcome.INCONCLUSIVE, detail="A voice.")
    details = {"description": {"text": "A voice.", "model": "m"}}
    worded = worded.model_copy(update={"evidence": Evidence(details=details)})
    asked = analysis(VOICE, scored(Operation.SYNTHETIC_SPEECH, 0.9), worded, kept={"intelligence": True})
    assert room("render").item(asked, link)["intelligence"]["description"] == "A voice."
    early = analysis(None, state=State.RUNNING, kept={"intelligence": True})
    assert room("render").item(early, link)["intelligence"]["description"] is None


@pytest.mark.rows("RES-18", "RES-38")
def test_what_is_said_and_its_translation(room: Room) -> None:
    details = {
        "transcription": {"text": "Hola amigo"},
        "translation": {"text": "Hello friend"},
    }
    said = silent(Operation.TRANSCRIPTION, "not_a_score", Outcome.INCONCLUSIVE, detail="Hola amigo",
                  evidence=Evidence(details=details))  # fmt: skip
    told = room("render").item(analysis(VOICE, said, kept={"intelligence": True}), link)["intelligence"]
    assert (told["transcription"], told["translation"]) == ("Hola amigo", "Hello friend")
    assert "Transcription: Hola amigo. In English: Hello friend." in told["description"]
    failed = silent(Operation.TRANSCRIPTION, "refused_by_engine", Outcome.FAILED, detail="no such thing")
    mute = room("render").item(analysis(VOICE, failed, kept={"intelligence": True}), link)["intelligence"]
    assert (mute["transcription"], mute["translation"]) == (None, None)
    assert "no such thing" not in mute["description"]


@pytest.mark.rows("RES-19", "RES-39", "RES-40")
def test_source_tracing(room: Room) -> None:
    def traced(*results: Any) -> Any:
        made = analysis(VOICE, *results, kept={"audio_source_tracing": True})
        return room("render").item(made, link)["audio_source_tracing"]

    named = scored(Operation.SYNTHETIC_SPEECH, 0.9, attribution="elevenlabs")
    assert traced(named) == {"label": "elevenlabs", "error_message": None}
    unnamed = traced(scored(Operation.SYNTHETIC_SPEECH, 0.9))
    assert unnamed["label"] == "unknown" and "tracer" in unnamed["error_message"]
    mute = traced(silent(Operation.SYNTHETIC_SPEECH))
    assert mute["label"] == "unknown" and mute["error_message"]
    assert traced(scored(Operation.SYNTHETIC_SPEECH, 0.1), scored(Operation.AUDIO_SPLICE, 0.1)) is None
    made = analysis(VOICE, named)
    assert room("render").item(made, link)["audio_source_tracing"] is None


@pytest.mark.rows("RES-21")
def test_out_of_distribution(room: Room) -> None:
    odd = silent(Operation.SYNTHETIC_SPEECH, "out_of_distribution", Outcome.INCONCLUSIVE)
    asked = analysis(VOICE, odd, kept={"use_ood_detector": True})
    assert room("render").item(asked, link)["extra_params"]["out_of_distribution"] is True
    assert "out_of_distribution" not in room("render").item(analysis(VOICE, odd), link)["extra_params"]


@pytest.mark.rows("RES-22", "RES-34", "RES-57")
def test_zero_retention(room: Room) -> None:
    options = Options(policy="even", zero_retention=True)
    found = scored(Operation.SYNTHETIC_SPEECH, 0.9, picture=True)
    before = room("render").item(analysis(VOICE, found, options=options, kept={"ext": "mp3"}), link)
    after = room("render").item(
        analysis(
            VOICE,
            found,
            options=options,
            source=Source(type="url"),
            media_ref=None,
            media_deleted_at=NOON,
            kept={"ext": "mp3"},
        ),
        link,
    )
    for item in (before, after):
        assert item["url"] is None and item["audio_url"] is None
        assert item["zero_retention_mode"] is True and item["media_redacted"] is True
        head, _, ending = item["filename"].partition(".")
        assert ending == "mp3" and len(head) == len("redacted_") + 24
        assert item["metrics"]["image"] == ""
        assert item["metrics"]["label"] == "fake"
    assert before["filename"] == after["filename"]
    assert (before["media_deleted"], before["file_deleted_at"]) == (False, None)
    assert (after["media_deleted"], after["file_deleted_at"]) == (True, "2026-11-20T12:00:00.000Z")


@pytest.mark.rows("RES-11", "RES-31", "X-2", "X-7")
def test_failures(room: Room) -> None:
    broken = analysis(None, state=State.FAILED, failure=Failure(code="fetch_failed", detail="Nobody there."))
    item = room("render").item(broken, link)
    assert (item["status"], item["error_message"]) == ("failed", "Nobody there.")
    foreign = analysis(facts(MediaKind.DOCUMENT, "pdf"), scored(Operation.FILE_FORENSICS, 0.9))
    item = room("render").item(foreign, link)
    assert item["status"] == "failed" and "Unsupported" in item["error_message"]
    assert item["metrics"] == {}
    for ending, kind in room("render").FORMATS.items():
        name = Source(type="upload", filename=f"x.{ending.upper()}")
        made = analysis(None, state=State.QUEUED, source=name)
        assert room("render").item(made, link)["media_type"] == kind.value
