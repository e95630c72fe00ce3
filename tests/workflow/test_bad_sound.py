"""Bad recordings through the real state machine and handlers: each ends with a reason of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bonafide.model import MediaFacts, Operation, Options
from bonafide.plan import catalogue, plan
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item

from tests.helpers.aws import Aws
from tests.unit.inference import makers
from tests.unit.inference.makers import voice, wav
from tests.unit.inference.test_speech import music, tones
from tests.workflow.test_analysis import begin, end

RATE = 16_000
ASKED = ("synthetic_speech", "audio_splice", "audio_replay")
WARNED = {"truncated", "wrong_length", "unknown_length"}
VOICE = voice(5)


def told(aws: Aws, body: bytes, **options: Any) -> dict[str, tuple[str, str | None]]:
    """Outcome and reason of each operation."""
    wish = {"inline": body, "operations": ASKED} | ({"options": options} if options else {})
    status, done = end(aws, begin(aws, **wish))
    assert (status, done.state, done.media.kind) == ("SUCCEEDED", "completed", "audio")
    assert done.verdict.label != "genuine"
    return {result.operation: (result.outcome, result.reason) for result in done.results}


@pytest.mark.parametrize(
    ("sound", "rate", "reason"),
    [
        (np.zeros(5 * RATE), RATE, "silence"),
        (music(6), RATE, "music"),
        (tones(440), RATE, "tone"),
        (np.full(5 * RATE, 0.4), RATE, "dc_only"),
        (np.full(5 * RATE, np.nan), RATE, "non_finite_samples"),
        (voice(5, rate=8_000), 8_000, "narrow_band"),
    ],
    ids=["silence", "music", "a tone", "DC", "NaN", "8 kHz"],
)
def test_has_its_reason(aws_running: Aws, sound: np.ndarray, rate: int, reason: str) -> None:
    found = told(aws_running, wav(sound.astype(np.float32), rate))
    assert found["synthetic_speech"] == ("inconclusive", reason)
    assert all(outcome in ("inconclusive", "scored") for outcome, _ in found.values())
    if reason != "narrow_band":
        assert {outcome for outcome, _ in found.values()} == {"inconclusive"}


def test_any_rate_and_many_channels_are_heard(aws_running: Aws, tmp_path: Path) -> None:
    fast = makers.sound(tmp_path / "x.wav", "pcm_s16le", voice(5, rate=192_000), 192_000).read_bytes()
    assert told(aws_running, fast)["audio_splice"][0] == "scored"
    one = voice(3.5, rate=12_000)
    many = np.stack([one, *[np.zeros_like(one)] * 23])
    found = told(aws_running, wav(many, 12_000))
    assert found["audio_splice"][0] == "scored"


def test_a_container_that_no_signature_names_is_heard(aws_running: Aws, tmp_path: Path) -> None:
    old = makers.sound(tmp_path / "x", "pcm_s16le", VOICE, RATE, "ircam").read_bytes()
    assert told(aws_running, old)["audio_splice"][0] == "scored"


@pytest.mark.parametrize(
    ("body", "reason"),
    [(wav(VOICE)[: len(wav(VOICE)) * 4 // 5], "truncated"), (wav(VOICE, says=10**9), "truncated"),
     (wav(VOICE, says=200_000), "wrong_length"), (wav(VOICE, says=0), "unknown_length")],
    ids=["cut off", "says more", "says less", "says nothing"],
)  # fmt: skip
def test_what_is_there_is_heard_and_what_is_wrong_is_said(aws_running: Aws, body: bytes, reason: str) -> None:
    _, done = end(aws_running, begin(aws_running, inline=body, operations=ASKED))
    assert WARNED & set(done.media.warnings) == {reason}
    outcomes = {result.operation: result.outcome for result in done.results}
    assert outcomes["audio_splice"] == "scored"


@pytest.mark.parametrize(
    ("sound", "reason"),
    [(np.zeros(3 * RATE), "silence"), (tones(440), "tone"), (music(6), "music"),
     (np.full(3 * RATE, 0.4), "dc_only"), (np.full(3 * RATE, np.nan), "non_finite_samples")],
    ids=["silence", "a tone", "music", "DC", "NaN"],
)  # fmt: skip
def test_a_transcript_of_nothing_fails_nothing(tmp_path: Path, sound: np.ndarray, reason: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(sound.astype(np.float32)))
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    (item,) = plan(media, (Operation.TRANSCRIPTION,), Options(), catalogue(), max_items=4)
    (found,) = run_item(str(path), media, item, Options(), str(tmp_path))
    assert (found.outcome, found.reason) == ("not_applicable", reason)


@pytest.mark.parametrize(
    ("body", "code"),
    [(wav(VOICE[:0]), "empty_file"), (b"RIFF\0\0\0\0WAVE", "unreadable_media")],
    ids=["no samples", "a head alone"],
)
def test_nothing_to_hear(aws_running: Aws, body: bytes, code: str) -> None:
    _, done = end(aws_running, begin(aws_running, inline=body, operations=ASKED))
    assert (done.state, done.failure.code) == ("failed", code)
    assert len(done.failure.detail) > 10
