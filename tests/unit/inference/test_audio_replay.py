"""The replay detector: what a loudspeaker changes, what it answers, and when it declines."""

from __future__ import annotations

from pathlib import Path

import bonafide_inference
import numpy as np
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference.detectors.audio_replay import detector
from bonafide_inference.detectors.audio_replay.features import NAMES, measure
from bonafide_inference.inspect import inspect
from bonafide_inference.models import load
from bonafide_inference.registry import run_item

from tests.unit.inference.makers import voice, wav

FOLDER = Path(bonafide_inference.__file__).parent / "detectors" / "audio_replay"
RATE = 16_000


def tail(seconds: float, seed: int = 3) -> np.ndarray:
    """A room: direct sound and noise that dies away."""
    n = np.arange(int(seconds * RATE))
    response = np.random.default_rng(seed).normal(0, 0.08, n.size) * np.exp(-6.9 * n / n.size)
    response[0] = 1
    return response


def played(sound: np.ndarray) -> np.ndarray:
    """By a small loudspeaker without lows, driven hard, in a room."""
    spectrum = np.fft.rfft(np.tanh(sound * 6))
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
    thin = np.fft.irfft(spectrum * np.clip(hertz / 500, 0, 1) ** 3, sound.size)
    size = sound.size + 8000
    echoed = np.fft.irfft(np.fft.rfft(thin, size) * np.fft.rfft(tail(0.4), size), size)[: sound.size]
    hiss = np.random.default_rng(4).normal(0, 0.002, sound.size)
    return (0.3 * echoed / np.abs(echoed).max() + hiss).astype(np.float32)


def ask(path: Path, data: bytes, **options: object) -> Finding:
    path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="audio", operations=(Operation.AUDIO_REPLAY,), channel=0)
    (finding,) = run_item(str(path), media, item, Options.model_validate(options), str(path.parent))
    assert finding.outcome is not Outcome.FAILED, finding.detail
    return finding


def value(sound: np.ndarray, name: str) -> float:
    return float(measure(sound)[NAMES.index(name)])


class TestMeasurements:
    def test_they_know_no_level(self) -> None:
        assert np.allclose(measure(voice(4)), measure(voice(4) * 0.1), atol=0.02)

    def test_silence_and_a_tone_give_numbers(self) -> None:
        for sound in (np.zeros(3 * RATE), np.sin(np.arange(3 * RATE) / 5), np.ones(3 * RATE)):
            assert np.isfinite(measure(sound.astype(np.float32))).all()

    def test_a_loudspeaker_loses_the_lows(self) -> None:
        assert value(played(voice(4)), "low_loss") < value(voice(4), "low_loss") - 0.3

    def test_a_room_fills_the_pauses(self) -> None:
        sound = voice(4) * (np.arange(4 * RATE) % RATE < 0.6 * RATE).astype(np.float32)
        echoed = np.convolve(sound, tail(0.5))[: sound.size].astype(np.float32)
        assert value(echoed, "depth") < value(sound, "depth")


class TestAnswers:
    def test_window_by_window(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.wav", wav(voice(9, seed=4)))
        assert found.outcome is Outcome.SCORED
        assert len(found.evidence.segments) == found.evidence.values["windows"] == 3
        assert all(s.llr is not None and s.channel == 0 for s in found.evidence.segments)
        assert found.interval.low <= found.p_fake <= found.interval.high

    def test_the_picture_is_made_when_it_is_wanted(self, tmp_path: Path) -> None:
        (picture,) = ask(tmp_path / "x.wav", wav(voice(6))).artifacts
        assert (picture.name, picture.media_type) == ("replays-0-0.png", "image/png")
        assert Path(picture.path).read_bytes()[:4] == b"\x89PNG"
        assert ask(tmp_path / "x.wav", wav(voice(6)), visualize=False).artifacts == ()

    def test_played_again_scores_higher(self) -> None:
        model = load(str(FOLDER))
        near, again = (
            detector.scores(model, measure(sound)[None])[0] for sound in (voice(4), played(voice(4)))
        )
        assert again > near

    def test_simulation_supports_no_certainty(self) -> None:
        calibration = load(str(FOLDER)).manifest.calibration
        assert calibration is not None
        assert abs(calibration.apply(1e3).llr) <= 2.2
        assert abs(calibration.apply(-1e3).llr) <= 2.2
        assert "simulated" in (FOLDER / "card.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("sound", "reason"),
        [
            (np.zeros(5 * RATE, np.float32), "silence"),
            (np.full(5 * RATE, np.inf, np.float32), "non_finite_samples"),
            (voice(2), "too_little_speech"),
            (np.sin(np.arange(5 * RATE) / 3).astype(np.float32), "tone"),
        ],
    )
    def test_bad_sound_is_declined(self, tmp_path: Path, sound: np.ndarray, reason: str) -> None:
        found = ask(tmp_path / "x.wav", wav(sound))
        assert (found.outcome, found.reason, found.p_fake) == (Outcome.INCONCLUSIVE, reason, None)

    def test_picture_without_sound_track(self) -> None:
        media = MediaFacts(kind="video", format="mp4", mime="video/mp4", bytes=9, sha256="0" * 64)
        assert detector.AudioReplay().applies(media) == "no_audio"
