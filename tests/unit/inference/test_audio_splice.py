"""The cut detector: what it measures, what it answers, and what it must not hold against a recording."""

from __future__ import annotations

from pathlib import Path

import bonafide_inference
import numpy as np
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, Segment, WorkItem
from bonafide_inference.detectors.audio_splice import detector, features
from bonafide_inference.detectors.audio_splice.features import NAMES, measure
from bonafide_inference.inspect import inspect
from bonafide_inference.models import load
from bonafide_inference.registry import run_item

from tests.unit.inference.makers import voice, wav

FOLDER = Path(bonafide_inference.__file__).parent / "detectors" / "audio_splice"
RATE = 16_000


def cut_voice() -> tuple[np.ndarray, tuple[float, float]]:
    """Twelve seconds of a voice; from 5 to 7 s another one, recorded in a noisy place."""
    sound = voice(12, seed=4)
    hiss = np.random.default_rng(3).normal(0, 0.05, 2 * RATE)
    sound[5 * RATE : 7 * RATE] = voice(2.0, seed=7, pitch_hz=120) * 0.9 + hiss
    return sound.astype(np.float32), (5.0, 7.0)


def ask(path: Path, data: bytes, channel: int | None = 0, **options: object) -> Finding:
    path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="audio", operations=(Operation.AUDIO_SPLICE,), channel=channel)
    (finding,) = run_item(str(path), media, item, Options.model_validate(options), str(path.parent))
    assert finding.outcome is not Outcome.FAILED, finding.detail
    return finding


def column(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[:, NAMES.index(name)]


class TestMeasurements:
    @pytest.mark.parametrize(("size", "segments"), [(0, 0), (6399, 0), (6400, 1), (9599, 1), (9600, 2)])
    def test_a_segment_every_200_ms(self, size: int, segments: int) -> None:
        assert measure(np.ones(size, np.float32)).shape == (segments, len(NAMES))

    def test_they_know_no_level(self) -> None:
        sound = voice(4)
        assert np.allclose(measure(sound), measure(sound * 0.05), atol=0.02)

    def test_silence_and_a_tone_give_numbers(self) -> None:
        for sound in (np.zeros(3 * RATE), np.sin(np.arange(3 * RATE) / 5)):
            assert np.isfinite(measure(sound.astype(np.float32))).all()

    def test_a_minute_at_a_time_gives_what_all_at_once_gives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sound = voice(7)
        whole = measure(sound)
        monkeypatch.setattr(features, "CHUNK", 9)
        parts = measure(sound)
        hum = [NAMES.index("hum_turn"), NAMES.index("hum_level")]
        assert np.allclose(np.delete(whole, hum, 1), np.delete(parts, hum, 1), atol=1e-3)

    def test_the_background_changes_at_a_cut(self) -> None:
        rows = measure(cut_voice()[0])
        shape = column(rows, "floor_shape")
        assert int(shape.argmax()) in (23, 24, 25, 33, 34, 35)

    def test_the_hum_turns_at_a_cut_and_nowhere_else(self) -> None:
        moments = np.arange(6 * RATE) / RATE
        noise = np.random.default_rng(2).normal(0, 0.01, 6 * RATE)
        steady = noise + 0.05 * np.cos(2 * np.pi * 50.02 * moments)
        turned = noise + 0.05 * np.cos(2 * np.pi * 50.02 * moments + 2.2 * (moments > 3))
        assert column(measure(steady.astype(np.float32)), "hum_turn").max() < 0.1
        found = column(measure(turned.astype(np.float32)), "hum_turn")
        assert int(found.argmax()) in (12, 13, 14, 15)
        assert found.max() > 0.5


class TestAnswers:
    @pytest.mark.rows("PHX-7")
    def test_an_insertion_is_found_where_it_is(self, tmp_path: Path) -> None:
        sound, cuts = cut_voice()
        found = ask(tmp_path / "x.wav", wav(sound))
        assert found.outcome is Outcome.SCORED
        stretches = detector.joined(found.evidence.segments)
        assert any(a - 0.3 <= cut <= b + 0.3 for a, b in stretches for cut in cuts)
        untouched = ask(tmp_path / "y.wav", wav(voice(12, seed=4)))
        assert not detector.joined(untouched.evidence.segments)
        assert found.llr > untouched.llr

    @pytest.mark.rows("PHX-7", "PHX-9")
    def test_segments_of_400_ms_overlap_by_half(self, tmp_path: Path) -> None:
        segments = ask(tmp_path / "x.wav", wav(voice(5)), channel=0).evidence.segments
        assert len(segments) == 24
        assert {round(s.end_s - s.start_s, 3) for s in segments} == {0.4}
        assert [s.start_s for s in segments[:3]] == [0, 0.2, 0.4]
        assert all(s.llr is not None and s.channel == 0 for s in segments)

    def test_times_are_those_of_the_media(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.wav", wav(voice(12)), start_s=2.0, end_s=11.0)
        assert found.evidence.segments[0].start_s == pytest.approx(2.0, abs=0.01)
        assert found.evidence.segments[-1].end_s <= 11.01

    def test_moving_the_fader_is_no_cut(self, tmp_path: Path) -> None:
        sound = voice(14)
        gain = np.interp(np.arange(sound.size), [3 * RATE, 4 * RATE], [1.0, 0.4])
        found = ask(tmp_path / "x.wav", wav((sound * gain).astype(np.float32)))
        assert not found.p_fake >= 0.85

    def test_the_picture_is_made_when_it_is_wanted(self, tmp_path: Path) -> None:
        sound = wav(voice(5))
        (picture,) = ask(tmp_path / "x.wav", sound).artifacts
        assert picture.media_type == "image/png"
        assert Path(picture.path).read_bytes()[:4] == b"\x89PNG"
        assert ask(tmp_path / "x.wav", sound, visualize=False).artifacts == ()

    @pytest.mark.parametrize(
        ("sound", "reason"),
        [
            (np.zeros(5 * RATE, np.float32), "silence"),
            (np.full(5 * RATE, 0.5, np.float32), "dc_only"),
            (np.full(5 * RATE, np.nan, np.float32), "non_finite_samples"),
            (voice(2.8), "too_little_speech"),
        ],
    )
    def test_bad_sound_is_declined(self, tmp_path: Path, sound: np.ndarray, reason: str) -> None:
        found = ask(tmp_path / "x.wav", wav(sound))
        assert (found.outcome, found.reason, found.p_fake) == (Outcome.INCONCLUSIVE, reason, None)

    def test_the_voice_track_is_shown_where_it_was_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "x.wav"
        path.write_bytes(wav(voice(9)))
        media = inspect(str(path))
        assert isinstance(media, MediaFacts)
        both = (Operation.AUDIO_SPLICE, Operation.SYNTHETIC_SPEECH)
        item = WorkItem(id="i", detector="audio", operations=both, channel=0)
        cut, voices = run_item(str(path), media, item, Options(visualize=False), str(tmp_path))
        assert (cut.operation, voices.operation) == both
        llrs = [segment.llr for segment in voices.evidence.segments]
        assert len(llrs) > 1
        ends = cut.evidence.values["voice_track_low"], cut.evidence.values["voice_track_high"]
        assert ends == (min(llrs), max(llrs))
        alone = ask(path, path.read_bytes(), visualize=False)
        assert "voice_track_low" not in alone.evidence.values
        assert (alone.llr, alone.detail) == (cut.llr, None)

    def test_a_track_that_changes_much_is_put_into_words(self) -> None:
        words = detector._words({"voice_track_low": -1.0, "voice_track_high": 2.5}, 3.0)
        assert words is not None
        assert "from -1 to 2.5" in words
        assert detector._words({"voice_track_low": -1.0, "voice_track_high": 1.5}, 3.0) is None
        assert detector._words({}, 3.0) is None

    def test_picture_without_sound_track(self) -> None:
        media = MediaFacts(kind="video", format="mp4", mime="video/mp4", bytes=9, sha256="0" * 64)
        assert detector.AudioSplice().applies(media) == "no_audio"


class TestScores:
    def test_a_longer_sound_needs_more(self) -> None:
        quiet = np.full(40, -6.0)
        loud = np.append(quiet, 2.0)
        assert detector.file_score(loud) > detector.file_score(quiet)
        assert detector.file_score(loud) > detector.file_score(np.append(np.full(4000, -6.0), 2.0))
        assert detector.file_score(np.zeros(0)) == 0.0

    def test_adjacent_segments_are_joined(self) -> None:
        segments = [
            Segment(start_s=k * 0.2, end_s=k * 0.2 + 0.4, llr=llr)
            for k, llr in enumerate((-1.0, 0.5, 2.0, -1, -1, -1, 1.0))
        ]
        assert np.allclose(detector.joined(segments), [(0.2, 0.8), (1.2, 1.6)])

    def test_small_and_bounded(self) -> None:
        model = load(str(FOLDER))
        assert (FOLDER / "model.onnx").stat().st_size < 1e5
        calibration = model.manifest.calibration
        assert calibration is not None
        assert abs(calibration.apply(1e3).llr) <= 4.6
        assert abs(calibration.apply(-1e3).llr) <= 4.6
