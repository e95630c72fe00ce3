"""From the core's words to the vendor's: states, scores per channel, segments, and why a score is null."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import ids
from bonafide.fuse import fuse
from bonafide.model import (
    Analysis,
    Evidence,
    Failure,
    Finding,
    Interval,
    MediaFacts,
    MediaKind,
    ModelRef,
    Operation,
    Options,
    Outcome,
    Segment,
    Source,
    State,
    Track,
)
from bonafide.policy import POLICIES

ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"
ASKED = ["deepfake_detection", "replay_attack_detection", "audio_manipulation_detection"]
SPEECH, REPLAY, SPLICE = Operation.SYNTHETIC_SPEECH, Operation.AUDIO_REPLAY, Operation.AUDIO_SPLICE
MODEL = ModelRef(name="m", version="1", sha256="0" * 64, type="learned")


def facts(
    kind: MediaKind = MediaKind.AUDIO, *, channels: int | None = 1, seconds: float | None = 10.0
) -> Any:
    tracks = () if channels == 0 else (Track(index=0, type="audio", codec="pcm", channels=channels),)
    return MediaFacts(
        kind=kind, format="wav", mime="audio/wav", bytes=9, sha256="0" * 64, duration_s=seconds, tracks=tracks
    )


def analysis(state: State = State.COMPLETED, media: Any = None, **more: Any) -> Analysis:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    echo = {"operations": more.pop("asked", ASKED), "raw_segmentation": more.pop("raw", False)}
    given = {
        "source": Source(type="inline"),
        "operations": (SPEECH, REPLAY, SPLICE),
        "created_at": now,
    } | more
    done = state is State.COMPLETED
    return Analysis(
        id=ID, tenant="acme", state=state, media=media or (facts() if done else None), dialect="phonexia",
        echo=echo, **given,
    )  # fmt: skip


def said(operation: Operation, llr: float | None, channel: int | None = None, **more: Any) -> Finding:
    if llr is None:
        return Finding(operation=operation, outcome=Outcome.INCONCLUSIVE, channel=channel, **more)
    interval = Interval(low=0.1, high=0.9)
    return Finding(
        operation=operation, outcome=Outcome.SCORED, p_fake=0.5, llr=llr, interval=interval,
        channel=channel, **({"model": MODEL} | more),
    )  # fmt: skip


def stretches(*found: tuple[float, float, float | None], channel: int | None = None) -> Evidence:
    return Evidence(segments=tuple(Segment(start_s=a, end_s=b, llr=s, channel=channel) for a, b, s in found))


@pytest.fixture
def tell(phonexia: Any) -> Any:
    def run(told: Analysis, *findings: Finding) -> Any:
        results, verdict = fuse(told.operations, findings, MediaKind.AUDIO, POLICIES["default"])
        if told.state is State.COMPLETED:
            told = told.model_copy(update={"results": results, "verdict": verdict})
        return phonexia("translate").tell(told, findings)

    return run


# ---- states ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "code", "word", "kind"),
    [
        (State.QUEUED, "", "pending", None),
        (State.RUNNING, "", "running", None),
        (State.COMPLETED, "", "done", None),
        (State.FAILED, "unsupported_format", "rejected", "task.validation-error"),
        (State.FAILED, "source_unavailable", "rejected", "task.validation-error"),
        (State.FAILED, "infrastructure_failure", "failed", "internal"),
        (State.FAILED, "execution_timed_out", "failed", "internal"),
    ],
)
def test_states(tell: Any, state: State, code: str, word: str, kind: str | None) -> None:
    failure = Failure(code=code, detail="Words for people.") if code else None
    document = tell(analysis(state, failure=failure)).document
    assert document["task"] == {"task_id": ids.to_uuid(ID), "state": word}
    assert ("result" in document) == (word == "done")
    assert document.get("error", {}).get("type") == kind
    if kind:
        assert document["error"]["message"] == (
            "Words for people." if word == "rejected" else "The task could not be executed."
        )


@pytest.mark.parametrize(
    ("media", "options", "words"),
    [
        (facts(MediaKind.IMAGE, channels=0), {}, "no audio"),
        (facts(MediaKind.VIDEO, channels=0), {}, "no audio"),
        (facts(channels=2), {"channels": (0, 2)}, "out of range"),
        (facts(seconds=4.0), {"start_s": 4.0}, "after the end"),
    ],
)
def test_media_that_does_not_meet_the_wish_is_rejected(
    tell: Any, media: Any, options: Any, words: str
) -> None:
    document = tell(analysis(media=media, options=Options(**options))).document
    assert document["task"]["state"] == "rejected"
    assert document["error"]["type"] == "task.validation-error"
    assert words in document["error"]["message"]


# ---- results -----------------------------------------------------------------------------------------


def test_without_a_detector_a_task_is_done_and_says_nothing(tell: Any) -> None:
    told = tell(analysis(media=facts(channels=2)))
    silent = [{"channel_number": n, "score": None} for n in (0, 1)]
    assert told.document["result"] == {
        "deepfake_detection": {"channels": silent},
        "replay_attack_detection": {"channels": silent},
        "audio_manipulation_detection": {
            "channels": [{"channel_number": n, "segments": None} for n in (0, 1)]
        },
    }
    assert told.notes[0] == "deepfake_detection/0=no_detector"
    assert len(told.notes) == 6


def test_what_was_not_requested_is_null(tell: Any) -> None:
    result = tell(analysis(asked=["replay_attack_detection"]), said(REPLAY, -1.5)).document["result"]
    assert result == {
        "deepfake_detection": None,
        "replay_attack_detection": {"channels": [{"channel_number": 0, "score": -1.5}]},
        "audio_manipulation_detection": None,
    }


def scores(told: Any, name: str = "deepfake_detection") -> list[float | None]:
    return [entry["score"] for entry in told.document["result"][name]["channels"]]


def test_each_channel_has_its_own_score(tell: Any) -> None:
    wish = analysis(media=facts(channels=2))
    told = tell(wish, said(SPEECH, 4.25, 0), said(SPEECH, -2.0, 1), said(REPLAY, None, 0, reason="noise"))
    assert scores(told) == [4.25, -2.0]
    assert scores(told, "replay_attack_detection") == [None, None]
    assert "replay_attack_detection/0=noise" in told.notes


@pytest.mark.rows("PHX-4")
def test_a_channel_that_repeats_another_has_its_answer(tell: Any) -> None:
    twin = Finding(
        operation=SPEECH, outcome=Outcome.NOT_APPLICABLE, reason="same_as_channel", channel=1,
        evidence=Evidence(values={"same_as_channel": 0}),
    )  # fmt: skip
    told = tell(analysis(media=facts(channels=2)), said(SPEECH, 4.25, 0), twin)
    assert scores(told) == [4.25, 4.25]
    short = tell(analysis(media=facts(channels=2)), said(SPEECH, None, 0, reason="music"), twin)
    assert scores(short) == [None, None]
    assert "deepfake_detection/1=music" in short.notes


def test_llrs_are_not_clipped(tell: Any) -> None:
    assert scores(tell(analysis(), said(SPEECH, 40.0))) == [40.0]


def test_a_score_of_the_whole_file_is_no_score_of_its_channels(tell: Any) -> None:
    told = tell(analysis(media=facts(channels=2)), said(SPEECH, 3.0))
    assert scores(told) == [None, None]
    assert "deepfake_detection/0=not_per_channel" in told.notes
    mixed = analysis(media=facts(channels=2), options=Options(mix_channels=True))
    assert scores(tell(mixed, said(SPEECH, 3.0))) == [3.0]


def test_only_the_channels_asked_for(tell: Any) -> None:
    wish = analysis(media=facts(channels=4), options=Options(channels=(1, 3)))
    told = tell(wish, *(said(SPEECH, float(n), n) for n in range(4)))
    assert [
        entry["channel_number"] for entry in told.document["result"]["deepfake_detection"]["channels"]
    ] == [1, 3]
    assert scores(told) == [1.0, 3.0]


def test_shadow_models_do_not_speak(tell: Any) -> None:
    shadow = MODEL.model_copy(update={"name": "s", "shadow": True})
    assert scores(tell(analysis(), said(SPEECH, 1.0), said(SPEECH, 9.0, model=shadow))) == [1.0]
    told = tell(analysis(), said(SPLICE, 9.0, model=shadow, evidence=stretches((0, 1, 9.0))))
    assert told.document["result"]["audio_manipulation_detection"]["channels"][0]["segments"] is None


@pytest.mark.parametrize(
    ("seconds", "options", "values", "score"),
    [
        (2.99, {}, {}, None),
        (3.0, {}, {}, 2.0),
        (10.0, {"start_s": 7.5}, {}, None),
        (10.0, {"start_s": 1.0, "end_s": 3.9}, {}, None),
        (10.0, {"end_s": 3.0}, {}, 2.0),
        (10.0, {}, {"speech_s": 2.5}, None),
        (10.0, {}, {"speech_s": 3.5}, 2.0),
        (None, {}, {}, 2.0),
    ],
)
def test_less_than_three_seconds_have_no_deepfake_score(
    tell: Any, seconds: float | None, options: Any, values: Any, score: float | None
) -> None:
    wish = analysis(media=facts(seconds=seconds), options=Options(**options))
    told = tell(wish, said(SPEECH, 2.0, evidence=Evidence(values=values)), said(REPLAY, 1.0))
    assert scores(told) == [score]
    assert scores(told, "replay_attack_detection") == [1.0], "that rule is of deepfake detection only"
    assert ("deepfake_detection/0=less_than_3_seconds" in told.notes) == (score is None)


def test_a_quiet_half_hour_does_not_silence_a_long_recording(tell: Any) -> None:
    pieces = [
        said(SPEECH, llr, evidence=Evidence(values={"speech_s": s})).model_copy(update={"item": f"audio-{n}"})
        for n, (llr, s) in enumerate(((2.0, 900.0), (2.0, 1.5)))
    ]
    assert scores(tell(analysis(media=facts(seconds=3600.0)), *pieces)) == [2.0]
    silent = tell(analysis(media=facts(seconds=3600.0)), pieces[1])
    assert scores(silent) == [None]


def test_a_result_without_its_findings_still_speaks(tell: Any, phonexia: Any) -> None:
    done = analysis()
    results, _ = fuse(done.operations, [said(SPEECH, 2.0)], MediaKind.AUDIO, POLICIES["default"])
    told = phonexia("translate").tell(done.model_copy(update={"results": results}))
    assert scores(told) == [2.0]


# ---- segments ----------------------------------------------------------------------------------------

FOUND = stretches(
    (0.0, 0.4, -1.0), (0.2, 0.6, 1.0), (0.4, 0.8, 3.0), (0.8, 1.2, 0.5), (2.0, 2.4, 2.0), (3, 4, None)
)


def segments(told: Any, number: int = 0) -> Any:
    entry = told.document["result"]["audio_manipulation_detection"]["channels"][number]
    return entry["segments"] and [(s["start_time"], s["end_time"], s["score"]) for s in entry["segments"]]


def test_adjacent_suspicious_segments_are_joined(tell: Any) -> None:
    assert segments(tell(analysis(), said(SPLICE, 2.0, evidence=FOUND))) == [(0.2, 1.2, 3.0), (2.0, 2.4, 2.0)]


def test_raw_segments_are_all_there(tell: Any) -> None:
    told = tell(analysis(raw=True), said(SPLICE, 2.0, evidence=FOUND))
    assert segments(told) == [
        (0.0, 0.4, -1.0),
        (0.2, 0.6, 1.0),
        (0.4, 0.8, 3.0),
        (0.8, 1.2, 0.5),
        (2.0, 2.4, 2.0),
    ]


def test_judged_and_nothing_found_is_an_empty_list(tell: Any) -> None:
    assert segments(tell(analysis(), said(SPLICE, -2.0, evidence=stretches((0, 0.4, -1.0))))) == []


def test_segments_belong_to_their_channel(tell: Any) -> None:
    told = tell(
        analysis(media=facts(channels=2)),
        said(SPLICE, 2.0, 0, evidence=stretches((0, 0.4, 1.0), channel=0)),
        said(SPLICE, -2.0, 1, evidence=stretches((0, 0.4, -1.0), channel=1)),
    )
    assert (segments(told, 0), segments(told, 1)) == ([(0, 0.4, 1.0)], [])
