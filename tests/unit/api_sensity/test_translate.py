"""Findings, as the core would have them, in the vendor's shapes: labels, probabilities, limits, silence."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from bonafide.model import (
    Evidence,
    Failure,
    Finding,
    Flag,
    FrameScore,
    MediaKind,
    ModelRef,
    Operation,
    Outcome,
    Region,
    Segment,
    Source,
    State,
    Track,
)
from bonafide.transcript import Transcript

from tests.unit.api_sensity.words import analysis, facts, picture, scored, silent

rows = pytest.mark.rows
Room = Callable[[str], Any]
JPEG = facts(MediaKind.IMAGE, "jpeg")
WAV = facts(MediaKind.AUDIO, "wav", duration_s=9.0)
MP4 = facts(
    MediaKind.VIDEO, "mp4", duration_s=9.0, width=1920, height=1080,
    tracks=(Track(index=0, type="video", codec="h264", fps=25.0),),
)  # fmt: skip
PDF = facts(MediaKind.DOCUMENT, "pdf", pages=2)
FACE, IMAGE = "face_manipulation", "ai_generated_image_detection"
VOICE, FORENSIC = "voice_analysis", "forensic_analysis"
SPEECH = Operation.SYNTHETIC_SPEECH


@pytest.fixture
def told(room: Room) -> Callable[..., Any]:
    """Return what GET says of an analysis."""
    render = room("render")

    def tell(made: Any, every: tuple[Finding, ...] = (), room: int = 10**6) -> Any:
        reader = render.Reader(
            findings=lambda _: every,
            read=lambda key: f"bytes of {key}".encode(),
            link=lambda key, name, _kind: f"https://bucket.example/{name}",
        )
        return render.document(made, reader, room=room)

    return tell


# ---- status ------------------------------------------------------------------------------------------


@rows("SEN-30", "SEN-31", "SEN-64", "SEN-42")
@pytest.mark.parametrize("task", [FACE, IMAGE, VOICE, FORENSIC])
def test_the_three_states(told: Any, task: str) -> None:
    for state in (State.QUEUED, State.RUNNING):
        document = told(analysis(task, None, state=state))
        assert document["status"] == "in_progress" and "result" not in document and "error" not in document
    broken = analysis(task, None, state=State.FAILED, failure=Failure(code="x", detail="It broke."))
    document = told(broken)
    assert (document["status"], document["error"]) == ("failed", "It broke.")
    assert "result" not in document
    assert document["id"].count("-") == 4 and document["event_type"].endswith("_analysis_complete")


@rows("SEN-31", "SEN-50", "SEN-6")
@pytest.mark.parametrize(
    ("task", "media", "operation"),
    [
        (FACE, JPEG, Operation.FACE_MANIPULATION),
        (IMAGE, JPEG, Operation.SYNTHETIC_IMAGE),
        (VOICE, WAV, SPEECH),
    ],
)
def test_silence_is_no_label(told: Any, task: str, media: Any, operation: Operation) -> None:
    quiet = (
        silent(operation, "no_detector", Outcome.NOT_APPLICABLE, detail="No detector here."),
        silent(operation, "out_of_distribution"),
        silent(operation, "detector_unavailable", Outcome.FAILED),
    )
    for result in (*quiet, None):
        document = told(analysis(task, media, *([result] if result else [])))
        assert document["status"] == "failed" and "result" not in document
        assert (result.reason if result else "no_detector") in document["error"]


@rows("SEN-45", "SEN-54")
@pytest.mark.parametrize(
    ("p_fake", "name", "share"), [(0.9, "fake", 0.9), (0.5, "fake", 0.5), (0.2, "real", 0.8)]
)
def test_the_probability_is_that_of_the_label(told: Any, p_fake: float, name: str, share: float) -> None:
    for task, media, operation in (
        (FACE, JPEG, Operation.FACE_MANIPULATION),
        (IMAGE, JPEG, Operation.SYNTHETIC_IMAGE),
        (IMAGE, MP4, Operation.SYNTHETIC_VIDEO),
        (VOICE, WAV, SPEECH),
        (VOICE, MP4, SPEECH),
    ):
        result = told(analysis(task, media, scored(operation, p_fake)))["result"]
        assert (result["class_name"], result["class_probability"]) == (name, share)


# ---- limits ------------------------------------------------------------------------------------------

TAKEN = {
    MediaKind.IMAGE: ("jpeg", "png", "tiff", "gif", "webp"),
    MediaKind.VIDEO: ("mkv", "flv", "mov", "mp4", "avi", "webm", "3gp"),
    MediaKind.AUDIO: ("wav", "mp3", "m4a", "ogg", "aac", "flac"),
    MediaKind.DOCUMENT: ("pdf",),
}


@rows("SEN-16", "SEN-17", "SEN-18", "SEN-19", "SEN-37", "SEN-52", "SEN-62", "SEN-67", "SEN-58", "X-7")
def test_each_service_takes_its_formats_and_no_others(told: Any) -> None:
    kinds = {FACE: ("image", "video"), IMAGE: ("image", "video"), VOICE: ("audio", "video"),
             FORENSIC: ("image", "video", "document", "audio")}  # fmt: skip
    for task, taken in kinds.items():
        for kind, formats in TAKEN.items():
            for format_ in (*formats, "wmv"):
                results = [scored(operation, 0.9) for operation in list(Operation)[:9]]
                results.append(silent(Operation.FILE_FORENSICS))
                document = told(analysis(task, facts(kind, format_), *results))
                good = kind.value in taken and format_ != "wmv"
                assert document["status"] == ("completed" if good else "failed"), (task, kind, format_)
                assert good or "Supported" in document["error"]


@rows("SEN-20", "SEN-21", "SEN-22", "SEN-26", "SEN-27")
def test_how_large_and_how_long(told: Any) -> None:
    limits = [
        (VOICE, WAV, {"duration_s": 1200.0}, {"duration_s": 1200.1}, True),
        (VOICE, MP4, {"duration_s": 1800.0}, {"duration_s": 1800.1}, True),
        (VOICE, WAV, {"bytes": 32 * 2**20}, {"bytes": 32 * 2**20 + 1}, False),
        (IMAGE, MP4, {"width": 4096, "height": 2560}, {"width": 2561, "height": 2561}, False),
        (IMAGE, MP4, {"width": 2560, "height": 9000}, {"width": 5120, "height": 2880}, False),
    ]
    by_url = {"source": Source(type="url", url="https://example.com/a")}
    for task, media, good, bad, of_urls_too in limits:
        results = (scored(SPEECH, 0.9), scored(Operation.SYNTHETIC_VIDEO, 0.9))
        at, over = media.model_copy(update=good), media.model_copy(update=bad)
        assert told(analysis(task, at, *results))["status"] == "completed"
        refused = told(analysis(task, over, *results))
        assert refused["status"] == "failed" and "maximum" in refused["error"]
        state = told(analysis(task, over, *results, **by_url))["status"]
        assert state == ("failed" if of_urls_too else "completed")


# ---- faces -------------------------------------------------------------------------------------------


@rows("SEN-44", "SEN-50", "SEN-49")
def test_no_faces(told: Any) -> None:
    none = silent(Operation.FACE_MANIPULATION, "no_face", Outcome.NOT_APPLICABLE)
    document = told(analysis(FACE, JPEG, none, silent(Operation.LIP_SYNC)))
    assert document["status"] == "completed"
    assert (document["result"], document["no_faces"]) == ({"class_name": "no_faces"}, True)


@rows("SEN-47", "SEN-51", "SEN-48", "SEN-50")
@pytest.mark.parametrize(
    ("attribution", "word"),
    [("faceswap", "faceswap"), ("Face Swap", "faceswap"), ("face-reenactment", "face_reenactment"),
     ("lip_sync", "lipsync"), ("something else", None), (None, None)],
)  # fmt: skip
def test_the_type_of_manipulation(told: Any, attribution: str | None, word: str | None) -> None:
    fake = scored(Operation.FACE_MANIPULATION, 0.9, attribution=attribution)
    assert told(analysis(FACE, MP4, fake))["result"].get("manipulation_type") == word
    real = scored(Operation.FACE_MANIPULATION, 0.1, attribution=attribution)
    assert told(analysis(FACE, MP4, real, wish={"explain": True}))["result"] == {
        "class_name": "real",
        "class_probability": 0.9,
    }


@rows("SEN-47", "SEN-51")
def test_lips_can_say_fake_but_not_real(told: Any) -> None:
    face, lips = Operation.FACE_MANIPULATION, Operation.LIP_SYNC
    result = told(analysis(FACE, MP4, scored(face, 0.3), scored(lips, 0.95)))["result"]
    assert result == {"class_name": "fake", "class_probability": 0.95, "manipulation_type": "lipsync"}
    stronger = told(analysis(FACE, MP4, scored(face, 0.97), scored(lips, 0.6)))["result"]
    assert (stronger["class_probability"], "manipulation_type" in stronger) == (0.97, False)
    assert told(analysis(FACE, MP4, silent(face), scored(lips, 0.1)))["status"] == "failed"
    assert told(analysis(FACE, MP4, silent(face), scored(lips, 0.9)))["result"]["class_name"] == "fake"


@rows("SEN-46", "SEN-49", "SEN-38", "SEN-42", "SEN-43", "SEN-48")
def test_the_explanation_of_a_face(told: Any) -> None:
    evidence = Evidence(
        frames=(FrameScore(index=0, time_s=0.0, p_fake=0.4), FrameScore(index=50, time_s=2.0, p_fake=0.97)),
        regions=(
            Region(x=10, y=20, width=100, height=120, score=0.5, frame=50),
            Region(x=30, y=40, width=80, height=100, score=0.4, frame=0),
        ),
    )
    pictures = (picture("video-0-face.png"),)
    fake = scored(Operation.FACE_MANIPULATION, 0.9, evidence=evidence, artifacts=pictures)
    made = analysis(FACE, MP4, fake, wish={"explain": True})
    document = told(made)
    assert document["preview"] == "https://bucket.example/video-0-face.png"
    assert document["no_faces"] is False
    assert document["result"]["explanation"] == [
        {
            "id": 0,
            "fake_probability": 0.97,
            "fake_frame_idx": 50,
            "fake_frame_ms": 2000,
            "fake_bbox": [10, 20],
            "fake_bbox_average_size": [90, 110],
            "tracks": [
                {"bbox": [30, 40, 110, 140], "frame_idx": 0, "frame_ms": 0, "frame_rate": 25.0},
                {"bbox": [10, 20, 110, 140], "frame_idx": 50, "frame_ms": 2000, "frame_rate": 25.0},
            ],
            "fake_face": base64.b64encode(b"bytes of artifacts/acme/x/video-0-face.png").decode(),
        }
    ]
    assert "explanation" not in told(analysis(FACE, MP4, fake))["result"], "not asked for"
    bare = scored(Operation.FACE_MANIPULATION, 0.9)
    document = told(analysis(FACE, MP4, bare, wish={"explain": True}))
    assert "explanation" not in document["result"] and "preview" not in document


# ---- generated pictures ------------------------------------------------------------------------------


TWELVE = [
    "stylegan", "stylegan2", "stylegan3", "generated_photos", "midjourney", "dalle-2", "stable-diffusion",
    "glide", "firefly", "blue-willow", "unstable-diffusion", "stable-dream",
]  # fmt: skip
OTHERS = {
    "Midjourney": "midjourney", "DALL-E 2": "dalle-2", "Adobe Firefly": "firefly", "sora": None,
    "stable_diffusion": "stable-diffusion", "DALL-E 3": None, None: None,
}  # fmt: skip


@rows("SEN-56", "SEN-57", "SEN-58")
@pytest.mark.parametrize(("attribution", "word"), [*((name, name) for name in TWELVE), *OTHERS.items()])
def test_the_model_is_one_of_twelve_or_not_named(
    told: Any, attribution: str | None, word: str | None
) -> None:
    evidence = Evidence(values={"attribution_probability": 0.875})
    fake = scored(Operation.SYNTHETIC_IMAGE, 0.9, attribution=attribution, evidence=evidence)
    result = told(analysis(IMAGE, JPEG, fake))["result"]
    assert result.get("model_attribution") == word
    assert result.get("model_attribution_probability") == (0.875 if word else None)
    unmeasured = scored(Operation.SYNTHETIC_IMAGE, 0.9, attribution=attribution)
    assert "model_attribution_probability" not in told(analysis(IMAGE, JPEG, unmeasured))["result"]
    real = scored(Operation.SYNTHETIC_IMAGE, 0.1, attribution=attribution, evidence=evidence)
    assert set(told(analysis(IMAGE, JPEG, real))["result"]) == {"class_name", "class_probability"}


@rows("SEN-55", "SEN-59", "SEN-52", "SEN-53")
def test_the_explanation_of_a_generated_picture(told: Any) -> None:
    evidence = Evidence(
        frames=(FrameScore(index=3, time_s=1.5, p_fake=0.9),), details={"text_prompt": "a cat"}
    )
    fake = scored(
        Operation.SYNTHETIC_VIDEO, 0.9, evidence=evidence, attribution="Sora", artifacts=(picture("map.png"),)
    )
    document = told(analysis(IMAGE, MP4, fake, wish={"explain": True}))
    assert document["result"]["explanation"] == {
        "type": "GANDetectorExplanation",
        "details": {
            "image_url": "https://bucket.example/map.png",
            "source": "Sora",
            "text_prompt": "a cat",
            "timestamp": "1.500",
        },
    }
    assert "preview" not in document
    bare = scored(Operation.SYNTHETIC_IMAGE, 0.9)
    assert "explanation" not in told(analysis(IMAGE, JPEG, bare, wish={"explain": True}))["result"]


# ---- voices ------------------------------------------------------------------------------------------


@rows("SEN-60", "SEN-63", "SEN-64", "SEN-66", "SEN-65")
def test_a_voice(told: Any) -> None:
    segments = (
        Segment(start_s=4, end_s=6, llr=2.0),
        Segment(start_s=0, end_s=2, llr=-1.0),
        Segment(start_s=2, end_s=4, llr=0.5),
        Segment(start_s=6, end_s=8),
    )
    own = Finding(operation=SPEECH, outcome=Outcome.SCORED, p_fake=0.9, evidence=Evidence(segments=segments))
    shadow = own.model_copy(
        update={"model": ModelRef(name="s", version="1", sha256="0", type="learned", shadow=True)}
    )
    heard = Transcript(
        engine="an-engine",
        language="fr-FR",
        language_identified=True,
        punctuated="bonjour",
        translator="another",
        translation="good morning",
    ).finding()
    words = silent(Operation.TRANSCRIPTION, evidence=heard.evidence)
    made = analysis(VOICE, WAV, scored(SPEECH, 0.9), words, wish={"explain": True, "transcribe": True})
    assert told(made, (own, shadow))["result"] == {
        "class_name": "fake",
        "class_probability": 0.9,
        "audio_frames_processed": 3,
        "explanation": [
            {"id": "0", "fake_frame_ms": 2000, "fake_probability": 0.6225},
            {"id": "1", "fake_frame_ms": 4000, "fake_probability": 0.8808},
        ],
        "transcription": "bonjour",
        "translation": "good morning",
    }
    plain = told(analysis(VOICE, WAV, scored(SPEECH, 0.1)))["result"]
    assert plain == {"class_name": "real", "class_probability": 0.9, "audio_frames_processed": 0}


# ---- forensic analysis -------------------------------------------------------------------------------


def flag(code: str, **more: Any) -> Flag:
    return Flag(code=code, message=f"About {code}.", **more)


@rows("SEN-68", "SEN-69", "SEN-71", "SEN-72", "SEN-73", "SEN-74")
def test_flags_by_the_traces_that_the_vendor_names(told: Any) -> None:
    evidence = Evidence(
        flags=(
            flag("editor_named", value="GIMP 2.10", where="XMP", base_rate="8 of 29", caveat="no proof"),
            flag("save_for_web"),
            flag("screenshot_likely"),
            flag("exif_dates_differ", value="2020 | 2021"),
            flag("saved_incrementally", value=3),
            flag("polyglot"),
        ),
        details={"document_details": {"programs": ["GIMP"]}, "revisions": [1, 2, 3]},
    )
    told_of = silent(
        Operation.PROVENANCE, "no_provenance", evidence=Evidence(details={"c2pa": {"present": False}})
    )
    made = analysis(FORENSIC, PDF, silent(Operation.FILE_FORENSICS, evidence=evidence), told_of)
    result = told(made)["result"]
    assert result["red_flags"] == {
        "suspect_software_editing": "About editor_named. About save_for_web.",
        "screenshot_software": "About screenshot_likely.",
        "file_dates_mismatch": "About exif_dates_differ.",
        "multiple_file_versions": "About saved_incrementally.",
        "polyglot": "About polyglot.",
    }
    assert result["trigger_values"].keys() == result["red_flags"].keys()
    assert result["trigger_values"]["suspect_software_editing"] == [
        {
            "code": "editor_named",
            "value": "GIMP 2.10",
            "where": "XMP",
            "base_rate": "8 of 29",
            "caveat": "no proof",
        },
        {"code": "save_for_web"},
    ]
    details = result["document_details"]
    assert details["file"]["format"] == "pdf" and details["file"]["pages"] == 2
    assert details["programs"] == ["GIMP"] and details["revisions"] == [1, 2, 3]
    assert details["c2pa"] == {"present": False}
    assert "extracted_images" not in result


@rows("SEN-71", "SEN-73")
def test_a_quiet_file_has_no_red_flags_and_a_broken_look_is_a_failure(told: Any) -> None:
    result = told(analysis(FORENSIC, JPEG, silent(Operation.FILE_FORENSICS)))["result"]
    assert (result["red_flags"], result["trigger_values"]) == ({}, {})
    broken = silent(Operation.FILE_FORENSICS, "detector_unavailable", Outcome.FAILED)
    assert told(analysis(FORENSIC, JPEG, broken))["status"] == "failed"


@rows("SEN-73")
def test_every_flag_of_the_detectors_is_known_or_keeps_its_name(room: Room) -> None:
    known = room("words").RED_FLAGS
    assert set(known.values()) == {
        "suspect_software_editing", "screenshot_software", "file_dates_mismatch", "multiple_file_versions"
    }  # fmt: skip


@rows("SEN-70", "SEN-67")
def test_extracted_images_if_asked_for_of_a_pdf_within_the_room(told: Any) -> None:
    pictures = tuple(picture(f"file-0-page-1-picture-{n}.png") for n in (1, 2))
    looked = silent(Operation.FILE_FORENSICS, artifacts=(*pictures, picture("x.png").model_copy(
        update={"media_type": "application/pdf"})))  # fmt: skip
    asked = {"wish": {"is_extract_images": True}}
    result = told(analysis(FORENSIC, PDF, looked, **asked))["result"]
    assert [base64.b64decode(one) for one in result["extracted_images"]] == [
        f"bytes of {one.key}".encode() for one in pictures
    ]
    small = told(analysis(FORENSIC, PDF, looked, **asked), room=80)["result"]
    assert len(small["extracted_images"]) == 1
    assert small["document_details"]["extracted_images_left_out"] == 1
    assert "extracted_images" not in told(analysis(FORENSIC, PDF, looked))["result"]
    assert "extracted_images" not in told(analysis(FORENSIC, JPEG, looked, **asked))["result"]


@rows("SEN-68")
def test_additional_info_is_echoed(told: Any) -> None:
    made = analysis(FORENSIC, JPEG, silent(Operation.FILE_FORENSICS), wish={"additional_info": "case 7"})
    assert told(made)["additional_info"] == "case 7"
