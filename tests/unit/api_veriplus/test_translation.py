"""What the core found, in the vendor's words: rows of results, recommendations, evidence, events."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from bonafide.model import Flag, FrameScore, ModelRef, Operation, OperationResult, Outcome, Region, State
from bonafide.policy import percent, policy
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api_veriplus.words import GENUINE, analysis, facts, scored, silent

Room = Callable[[str], Any]
rows = pytest.mark.rows
SYNTH, FACE, FORGERY = Operation.SYNTHETIC_IMAGE, Operation.FACE_MANIPULATION, Operation.IMAGE_FORGERY
SPEECH, SPLICE = Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE


def plain(value: Any) -> Any:
    """Return what a client would read."""
    import json

    return json.loads(json.dumps(value))


# ---- pictures ----------------------------------------------------------------------------------------


@rows("VER-16", "VER-17", "VER-18", "VER-23", "X-1", "X-12")
def test_a_picture(room: Room) -> None:
    made = analysis("IMAGE", scored(FACE, 0.87, low=0.824))
    assert plain(room("translate").data(made)) == {
        "jobId": "job_img_01kg9q2d00xv4t8w6j5y3m1n7p",
        "isDeepfake": True,
        "confidence": 87,
        "manipulationType": "FACE_SWAP",
        "riskScore": 82,
        "recommendation": "MANUAL_REVIEW",
        "creditsUsed": 2,
        "processedAt": "2026-11-20T12:00:05Z",
        "policy": "table",
    }


@rows("VER-15", "VER-19", "VER-20", "VER-21", "VER-22", "VER-23")
def test_a_picture_in_detail(room: Room) -> None:
    flags = tuple(
        Flag(code=code, message="Ours.")
        for code in ("inconsistent_lighting", "blending_boundary", "generator_fingerprint", "something_else")
    )
    region = Region(x=120, y=80, width=280, height=320, score=0.89)
    traces = silent(
        Operation.FILE_FORENSICS,
        "no_calibrated_score",
        outcome="inconclusive",
        verdict="inconclusive",
        evidence={"values": {"exif": False}},
    )
    found = scored(FACE, 0.95, regions=(region,), flags=flags)
    document = plain(room("translate").data(analysis("IMAGE", found, traces, kept={"details": True})))
    assert document["analysis"] == {
        "faceRegions": [
            {
                "bbox": [120, 80, 280, 320],
                "deepfakeScore": 89,
                "artifacts": [
                    "Inconsistent lighting on face",
                    "Blending artifacts around jawline",
                    "GAN fingerprint detected",
                    "Ours.",
                ],
            }
        ],
        "metadata": {"resolution": "1920x1080", "format": "JPEG", "exifStripped": True},
        "artifacts": [],
    }
    unknown = room("translate").data(analysis("IMAGE", found, kept={"details": True}))["analysis"]
    assert unknown["metadata"]["exifStripped"] is None, "nobody looked"
    assert "analysis" not in room("translate").data(analysis("IMAGE", found, traces))


@rows("VER-4", "VER-24")
@pytest.mark.parametrize(
    ("operation", "kind", "said"),
    [
        (FACE, "GENERAL", "FACE_SWAP"),
        (SYNTH, "GENERAL", "GAN_GENERATED"),
        (FORGERY, "GENERAL", "PHOTO_MANIPULATION"),
        (FORGERY, "DOCUMENT", "DOCUMENT_FORGERY"),
        (SYNTH, "DOCUMENT", "GAN_GENERATED"),
        (Operation.FILE_FORENSICS, "GENERAL", "GAN_GENERATED"),
    ],
)
def test_kinds_of_picture(room: Room, operation: Operation, kind: str, said: str) -> None:
    made = analysis("IMAGE", scored(operation, 0.97), kept={"type": kind})
    assert room("translate").data(made)["manipulationType"] == said


@rows("VER-4", "VER-46")
@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (FACE, "FACE_SWAP"),
        (Operation.PRESENTATION_ATTACK, "VIDEO_REPLAY"),
        (Operation.SYNTHETIC_VIDEO, "LIVENESS_SPOOF"),
        (Operation.LIP_SYNC, "AUDIO_VISUAL_MISMATCH"),
    ],
)
def test_kinds_of_video(room: Room, operation: Operation, said: str) -> None:
    assert (
        room("translate").job(analysis("VIDEO", scored(operation, 0.97)))["result"]["manipulationType"]
        == said
    )


@rows("VER-4", "VER-53")
@pytest.mark.parametrize(
    ("operation", "values", "said"),
    [
        (SPEECH, {}, "TTS_ENGINE"),
        (SPEECH, {"voice_match": False}, "TTS_ENGINE"),
        (SPEECH, {"voice_match": True}, "VOICE_CLONING"),
        (SPLICE, {}, "AUDIO_MANIPULATION"),
    ],
)
def test_kinds_of_sound(room: Room, operation: Operation, values: dict[str, Any], said: str) -> None:
    made = analysis("AUDIO", scored(operation, 0.97, values=values))
    assert room("translate").data(made)["method"] == said


@rows("VER-4", "VER-25")
def test_a_document(room: Room) -> None:
    forged = analysis("DOCUMENT", scored(Operation.FILE_FORENSICS, 0.97), kept={"details": True})
    document = plain(room("translate").data(forged))
    assert document["jobId"].startswith("job_doc_")
    assert (document["manipulationType"], document["creditsUsed"]) == ("DOCUMENT_FORGERY", 2)
    pages = analysis("DOCUMENT", seen=facts("DOCUMENT", pages=3), kept={"details": True})
    assert room("translate").data(pages)["analysis"]["metadata"]["pages"] == 3


# ---- sound -------------------------------------------------------------------------------------------


@rows("VER-49", "VER-50", "VER-51", "VER-52")
def test_a_recording(room: Room) -> None:
    values = {"spectral_anomalies": True, "unnatural_prosody": True, "voice_match": False}
    speech = scored(SPEECH, 0.94, low=0.91, values=values, attribution="OpenAI_TTS_v1")
    document = plain(room("translate").data(analysis("AUDIO", speech)))
    assert document == {
        "jobId": "job_aud_01kg9q2d00xv4t8w6j5y3m1n7p",
        "isSynthetic": True,
        "confidence": 94,
        "method": "TTS_ENGINE",
        "riskScore": 91,
        "recommendation": "REJECT",
        "analysis": {
            "spectralAnomalies": True,
            "unnaturalProsody": True,
            "modelFingerprint": "OpenAI_TTS_v1",
            "voicePrintMatch": False,
        },
        "creditsUsed": 3,
        "processedAt": "2026-11-20T12:00:05Z",
        "policy": "table",
    }
    unknown = room("translate").data(analysis("AUDIO", scored(SPEECH, 0.94)))["analysis"]
    assert set(unknown.values()) == {None}, "no detector has spoken to any of them"


def test_the_band_of_a_recording_is_a_spectral_anomaly(room: Room) -> None:
    model = ModelRef(name="codec_history", version="1", sha256="0" * 64, type="rule")
    for flags, said in (((), False), ((Flag(code="cutoff_changes", message="x"),), True)):
        traces = OperationResult(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, verdict="inconclusive",
            reason="no_calibrated_score", models=(model,), evidence={"flags": flags},
        )  # fmt: skip
        assert room("evidence").of_audio(analysis("AUDIO", traces))["spectralAnomalies"] is said


# ---- video -------------------------------------------------------------------------------------------


@rows("VER-35", "VER-36", "VER-37", "VER-38", "VER-39", "VER-40", "VER-41", "VER-42", "VER-43", "VER-44")
def test_a_video(room: Room) -> None:
    frame = FrameScore(index=45, time_s=1.5, p_fake=0.42, note="face_lost")
    innocent = FrameScore(index=46, time_s=1.533, p_fake=0.1)
    results = (
        scored(FACE, 0.89, low=0.85, frames=(innocent, frame),
               values={"face_confidence": 0.76, "face_stable": False}),
        scored(Operation.TEMPORAL_COHERENCE, 0.58, flags=(
            Flag(code="irregular_blinking", message="x"), Flag(code="micro_jitter", message="y"))),
        scored(Operation.LIP_SYNC, 0.88),
        scored(Operation.PRESENTATION_ATTACK, 0.1),
    )  # fmt: skip
    made = analysis("VIDEO", *results, kept={"liveness": True, "frames": True})
    assert plain(room("translate").job(made)) == {
        "jobId": "job_vid_01kg9q2d00xv4t8w6j5y3m1n7p",
        "status": "COMPLETED",
        "video": {
            "filename": "verification_video.mp4",
            "duration": "12.5 seconds",
            "frameCount": 375,
            "resolution": "1280x720",
            "fps": 30,
        },
        "result": {
            "isDeepfake": True,
            "confidence": 89,
            "manipulationType": "FACE_SWAP",
            "riskScore": 85,
            "recommendation": "MANUAL_REVIEW",
        },
        "analysis": {
            "temporalCoherence": {"score": 42, "issues": ["Irregular blinking", "Micro-jitter"]},
            "faceDetection": {"averageConfidence": 76, "stableDetection": False},
            "audioVisualSync": {"lipSyncScore": 12, "verdict": "POOR_SYNC"},
            "screenReplay": {"detected": False},
            "liveness": {"result": "FAIL", "spoofingType": "DEEPFAKE_VIDEO"},
        },
        "suspiciousFrames": [
            {"frameNumber": 45, "timestamp": "1.5s", "issue": "Face detection dropped", "confidence": 42}
        ],
        "creditsUsed": 5,
        "completedAt": "2026-11-20T12:00:05Z",
        "policy": "table",
    }


@rows("VER-29", "VER-42", "VER-43")
def test_what_a_video_was_not_asked_for_is_not_there(room: Room) -> None:
    document = room("translate").job(analysis("VIDEO", scored(FACE, 0.89)))
    assert "suspiciousFrames" not in document and "liveness" not in document["analysis"]


@rows("VER-40", "VER-41", "VER-42", "VER-45")
@pytest.mark.parametrize(
    ("results", "liveness", "kind"),
    [
        ((scored(Operation.PRESENTATION_ATTACK, 0.97),), "FAIL", "SCREEN_REPLAY"),
        ((scored(Operation.SYNTHETIC_VIDEO, 0.97),), "FAIL", "DEEPFAKE_VIDEO"),
        (GENUINE["VIDEO"], "PASS", None),
        (GENUINE["VIDEO"][:2], "INCONCLUSIVE", None),
        ((), "INCONCLUSIVE", None),
    ],
)
def test_liveness(room: Room, results: Any, liveness: str, kind: str | None) -> None:
    document = room("translate").job(analysis("VIDEO", *results, kept={"liveness": True}))
    assert document["analysis"]["liveness"] == {"result": liveness, "spoofingType": kind}


def test_frames_that_the_policy_suspects(room: Room) -> None:
    frames = tuple(FrameScore(index=n, time_s=n / 25, p_fake=n / 100) for n in range(100))
    made = analysis("VIDEO", scored(FACE, 0.9, frames=frames), kept={"frames": True})
    told = room("translate").job(made)["suspiciousFrames"]
    assert [one["frameNumber"] for one in told] == list(range(70, 100))
    assert told[0] == {"frameNumber": 70, "timestamp": "2.8s", "issue": "Suspicious frame", "confidence": 70}


# ---- scores and recommendations ----------------------------------------------------------------------

BANDS = {
    "table": [(100, "REJECT"), (90, "REJECT"), (89, "MANUAL_REVIEW"), (70, "MANUAL_REVIEW"),
              (69, "ENHANCED_VERIFICATION"), (40, "ENHANCED_VERIFICATION"), (39, "ACCEPT"), (0, "ACCEPT")],
    "reject70": [(89, "REJECT"), (87, "REJECT"), (70, "REJECT"), (69, "ENHANCED_VERIFICATION"),
                 (40, "ENHANCED_VERIFICATION"), (39, "ACCEPT")],
}  # fmt: skip


@rows("VER-56", "VER-57", "VER-58", "VER-59", "VER-60", "VER-61")
@pytest.mark.parametrize(("rule", "score", "said"), [(r, s, w) for r, b in BANDS.items() for s, w in b])
def test_every_band_of_every_policy(room: Room, rule: str, score: int, said: str) -> None:
    """`reject70` reproduces both of the vendor's examples (87 and 89: REJECT); the table does not."""
    results = (scored(SYNTH, score / 100), scored(FORGERY, 0.0))
    document = room("translate").data(analysis("IMAGE", *results, rule=rule))
    assert (document["confidence"], document["recommendation"]) == (score, said)
    assert document["isDeepfake"] is (score >= 70)
    assert document["policy"] == rule
    assert (document["manipulationType"] is None) == (score < 70)


@rows("VER-62")
@pytest.mark.parametrize(
    ("p_fake", "score"), [(0.395, 40), (0.3949, 39), (0.695, 70), (0.895, 90), (0.894, 89), (0.005, 1)]
)
def test_halves_are_rounded_up(p_fake: float, score: int) -> None:
    assert percent(p_fake) == score


@given(st.floats(0, 1))
def test_a_percentage_is_one(p_fake: float) -> None:
    assert 0 <= percent(p_fake) <= 100
    assert abs(percent(p_fake) - 100 * p_fake) <= 0.500001


@rows("VER-56", "VER-61")
def test_silence_is_never_acceptance(room: Room) -> None:
    """Nothing scored, or a decisive question left open: no number, and no ACCEPT (decision 4)."""
    for results, reason in (
        ((silent(SYNTH), silent(FORGERY)), "no_operation_applies"),
        ((scored(FORGERY, 0.03), silent(SYNTH)), "decisive_questions_unanswered"),
    ):
        document = room("translate").data(analysis("IMAGE", *results))
        assert {document[name] for name in ("isDeepfake", "confidence", "riskScore", "manipulationType")} == {
            None
        }
        assert (document["recommendation"], document["reason"]) == ("ENHANCED_VERIFICATION", reason)
    document = room("translate").data(analysis("IMAGE", *GENUINE["IMAGE"]))
    assert (document["recommendation"], document["confidence"]) == ("ACCEPT", 4)
    assert document["isDeepfake"] is False and document["manipulationType"] is None


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_risk_is_never_more_than_the_confidence(low: float, p_fake: float) -> None:
    assert policy("table").review_at is not None
    assert percent(min(low, p_fake)) <= percent(p_fake)


# ---- status, failures, events ------------------------------------------------------------------------


@rows("VER-30", "VER-45", "VER-75", "X-2")
@pytest.mark.parametrize(
    ("state", "running", "said"),
    [
        (State.QUEUED, (), "QUEUED"),
        (State.QUEUED, ("an_01kg9q2d00xv4t8w6j5y3m1n7p",), "PROCESSING"),
        (State.RUNNING, (), "PROCESSING"),
        (State.COMPLETED, (), "COMPLETED"),
        (State.FAILED, (), "FAILED"),
    ],
)
def test_status(room: Room, state: State, running: tuple[str, ...], said: str) -> None:
    made = analysis("IMAGE", *GENUINE["IMAGE"], state=state)
    assert room("translate").job(made, running)["status"] == said
    assert room("translate").listed(made, running)["status"] == said


@rows("VER-30", "VER-32")
@pytest.mark.parametrize(
    ("size", "said"), [(0, "30 seconds"), (8_738_133, "45 seconds"), (52_428_800, "120 seconds")]
)
def test_the_estimate_goes_by_size(room: Room, size: int, said: str) -> None:
    made = analysis("VIDEO", state=State.RUNNING, kept={"bytes": size})
    assert room("translate").job(made) == {
        "jobId": "job_vid_01kg9q2d00xv4t8w6j5y3m1n7p",
        "status": "PROCESSING",
        "estimatedTime": said,
    }


@rows("VER-67", "VER-68", "VER-70", "VER-72")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("unsupported_format", "INVALID_FILE_FORMAT"),
        ("unreadable_media", "INVALID_FILE_FORMAT"),
        ("media_limit_exceeded", "FILE_TOO_LARGE"),
        ("execution_timed_out", "ANALYSIS_FAILED"),
    ],
)
def test_failures_of_a_job(room: Room, code: str, said: str) -> None:
    failure = {"code": code, "detail": "Words."}
    made = analysis("VIDEO", state=State.FAILED, failure=failure)
    document = plain(room("translate").job(made))
    assert (document["status"], document["error"]["code"], document["creditsUsed"]) == ("FAILED", said, 0)
    (event,) = room("translate").events(made)
    told = plain(room("translate").told(made, event))
    assert told["event"] == "deepfake.job_failed" and told["data"]["error"] == document["error"]


@rows("VER-71", "VER-72")
@pytest.mark.parametrize(
    ("media", "kind", "failed"),
    [
        ("IMAGE", "FACE", True),
        ("IMAGE", "GENERAL", False),
        ("IMAGE", "DOCUMENT", False),
        ("VIDEO", "VERIFICATION", True),
        ("VIDEO", "GENERAL", False),
    ],
)
def test_no_face_fails_only_what_asks_for_one(room: Room, media: str, kind: str, failed: bool) -> None:
    made = analysis(media, silent(FACE, "no_face"), kept={"type": kind})
    document = plain(room("translate").job(made))
    assert (document["status"] == "FAILED") is failed
    assert (document.get("error", {}).get("code") == "NO_FACE_DETECTED") is failed
    assert [event.value for event in room("translate").events(made)] == (
        ["deepfake.job_failed"] if failed else ["deepfake.scan_completed"]
    )
    nobody = analysis(media, silent(FACE, "no_detector"), kept={"type": kind})
    assert room("translate").job(nobody)["status"] == "COMPLETED", "nobody has looked"


@rows("VER-63", "VER-64", "VER-65")
def test_events_of_a_deepfake(room: Room) -> None:
    translate = room("translate")
    made = analysis("VIDEO", scored(FACE, 0.89))
    assert translate.events(made) == ("deepfake.scan_completed", "deepfake.deepfake_detected")
    assert plain(translate.told(made, translate.events(made)[1])) == {
        "event": "deepfake.deepfake_detected",
        "timestamp": "2026-11-20T12:00:05Z",
        "data": {
            "jobId": "job_vid_01kg9q2d00xv4t8w6j5y3m1n7p",
            "mediaType": "VIDEO",
            "isDeepfake": True,
            "confidence": 89,
            "manipulationType": "FACE_SWAP",
        },
    }
    for results in (GENUINE["VIDEO"], (scored(FACE, 0.69),), ()):
        assert translate.events(analysis("VIDEO", *results)) == ("deepfake.scan_completed",)


@rows("VER-50", "VER-64")
def test_events_of_sound_have_both_names(room: Room) -> None:
    made = analysis("AUDIO", scored(SPEECH, 0.94))
    said = plain(room("translate").told(made, room("translate").events(made)[1]))["data"]
    assert (said["isDeepfake"], said["manipulationType"]) == (True, "TTS_ENGINE")
    assert (said["isSynthetic"], said["method"]) == (True, "TTS_ENGINE")


@rows("VER-5", "VER-6", "VER-7", "VER-8")
@pytest.mark.parametrize(
    ("media", "seconds", "credits_"),
    [("IMAGE", None, 2), ("AUDIO", 600.0, 3), ("DOCUMENT", None, 2), ("VIDEO", 59.9, 5), ("VIDEO", 60.0, 5),
     ("VIDEO", 60.1, 10), ("VIDEO", None, 10)],
)  # fmt: skip
def test_prices_go_by_the_probed_duration(
    room: Room, media: str, seconds: float | None, credits_: int
) -> None:
    made = analysis(media, seen=facts(media, duration_s=seconds))
    assert room("translate").job(made)["creditsUsed"] == credits_


@rows("VER-17")
@pytest.mark.parametrize(
    "text",
    ["", "job_img_", "an_01kg9q2d00xv4t8w6j5y3m1n7p", "job_xyz_01kg9q2d00xv4t8w6j5y3m1n7p", "job_img_A"],
)
def test_what_is_no_job_id(room: Room, text: str) -> None:
    assert room("translate").from_job_id(text) is None


def test_job_ids_are_the_cores_ids(room: Room) -> None:
    for media in ("IMAGE", "VIDEO", "AUDIO", "DOCUMENT"):
        text = room("translate").job_id(analysis(media))
        assert re.fullmatch("job_(img|vid|aud|doc)_[0-9a-z]{26}", text)
        assert room("translate").from_job_id(text) == "an_01kg9q2d00xv4t8w6j5y3m1n7p"
