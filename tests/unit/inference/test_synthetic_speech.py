"""synthetic_speech: what it says of sound made here, when it declines, and that the probe is fair."""

from __future__ import annotations

from pathlib import Path

import bonafide_inference
import numpy as np
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference import models
from bonafide_inference.detectors.synthetic_speech import detector, features, probe
from bonafide_inference.inspect import inspect
from bonafide_inference.models import Manifest, ModelError, load
from bonafide_inference.registry import run_item

from tests.unit.inference import makers
from tests.unit.inference.makers import voice, wav

FOLDER = Path(bonafide_inference.__file__).parent / "detectors" / "synthetic_speech"
RATE = 16_000


def ask(path: Path, data: bytes | None = None, channel: int | None = 0, **options: object) -> Finding:
    if data is not None:
        path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="audio", operations=(Operation.SYNTHETIC_SPEECH,), channel=channel)
    (finding,) = run_item(str(path), media, item, Options.model_validate(options), str(path.parent))
    assert finding.outcome is not Outcome.FAILED, finding.detail
    return finding


class TestAnswers:
    def test_windows_channel_and_file(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.wav", wav(voice(7)))
        assert found.outcome in (Outcome.SCORED, Outcome.INCONCLUSIVE)
        if found.outcome is Outcome.SCORED:
            assert found.interval.low <= found.p_fake <= found.interval.high
            assert found.p_fake == pytest.approx(1 / (1 + np.exp(-found.llr)))
        else:
            assert found.reason in ("unstable", "out_of_distribution")
        assert found.channel == 0
        assert found.attribution is None
        assert len(found.evidence.segments) == found.evidence.values["windows"] == 4
        assert all(s.llr is not None and s.end_s - s.start_s == 2 for s in found.evidence.segments)
        assert found.evidence.segments[-1].end_s == pytest.approx(7, abs=0.01)

    def test_a_picture_unless_unwanted(self, tmp_path: Path) -> None:
        (plot,) = ask(tmp_path / "x.wav", wav(voice(6))).artifacts
        assert plot.name == "synthetic-speech-0.png"
        assert Path(plot.path).read_bytes().startswith(b"\x89PNG")
        assert not ask(tmp_path / "x.wav", wav(voice(6)), visualize=False).artifacts

    def test_frame_length(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.wav", wav(voice(7)), frame_length_s=4)
        assert [s.end_s - s.start_s for s in found.evidence.segments] == [4, 4]

    def test_level_changes_nothing(self, tmp_path: Path) -> None:
        sound = voice(6)
        raws = [
            ask(tmp_path / f"{gain}.wav", wav(sound * gain)).evidence.values["raw_score"] for gain in (1, 0.7)
        ]
        assert raws[0] == pytest.approx(raws[1], abs=0.02)

    def test_the_same_each_time(self, tmp_path: Path) -> None:
        answers = [ask(tmp_path / "x.wav", wav(voice(5))) for _ in range(2)]
        assert answers[0].evidence == answers[1].evidence

    def test_each_channel_by_itself(self, tmp_path: Path) -> None:
        both = wav(np.stack([voice(6), voice(6, seed=3, pitch_hz=140)]))
        left, right = (ask(tmp_path / "x.wav", both, channel) for channel in (0, 1))
        assert (left.channel, right.channel) == (0, 1)
        assert left.evidence.values["raw_score"] != right.evidence.values["raw_score"]


class TestDeclines:
    @pytest.mark.rows("PHX-6")
    def test_less_than_three_seconds(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.wav", wav(np.pad(voice(2), RATE * 2)))
        assert (found.outcome, found.reason, found.p_fake) == (
            Outcome.INCONCLUSIVE,
            "too_little_speech",
            None,
        )

    def test_a_telephone(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.wav", wav(voice(6, rate=8000), 8000))
        assert (found.reason, found.p_fake) == ("narrow_band", None)

    def test_no_sound(self, tmp_path: Path) -> None:
        assert ask(tmp_path / "x.wav", wav(np.zeros(RATE * 5, np.float32))).reason == "silence"

    def test_picture_without_sound_track(self) -> None:
        media = MediaFacts(kind="video", format="mp4", mime="video/mp4", bytes=9, sha256="0" * 64)
        assert detector.SyntheticSpeech().applies(media) == "no_audio"


class TestDoubt:
    manifest = load(str(FOLDER)).manifest

    def shifted(self, raw: float) -> dict[str, float]:
        return {name: raw + self.manifest.thresholds[f"shift_{name}"] for name in probe.DISTURBANCES}

    def test_a_steady_answer_is_believed(self) -> None:
        for raw in (-6.0, 6.0):
            assert detector.doubt(self.manifest, raw, 0.1, self.shifted(raw)) is None

    def test_an_answer_that_turns_over_is_not(self) -> None:
        reason, detail = detector.doubt(self.manifest, 6.0, 0.1, self.shifted(-6.0)) or ("", "")
        assert reason == "unstable"
        assert "telephone" in detail

    def test_members_that_disagree(self) -> None:
        reason, _ = detector.doubt(self.manifest, 6.0, 99.0, {}) or ("", "")
        assert reason == "out_of_distribution"

    def test_without_calibration_it_is_no_model(self) -> None:
        bare = Manifest.model_validate(self.manifest.model_dump() | {"calibration": None})
        with pytest.raises(ModelError, match="no calibration"):
            detector.calibrated(bare, 0.0)


class TestShipped:
    def test_small_and_whole(self) -> None:
        assert (FOLDER / "model.onnx").stat().st_size <= 3e6
        assert load(str(FOLDER)).session.get_inputs()[0].shape[1:3] == [2, features.BINS]

    def test_a_changed_file_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(models, "_shipped_root", lambda: str(tmp_path))
        place = tmp_path / FOLDER.name
        place.mkdir()
        (place / "model.json").write_bytes((FOLDER / "model.json").read_bytes())
        weights = bytearray((FOLDER / "model.onnx").read_bytes())
        weights[-1] ^= 1
        (place / "model.onnx").write_bytes(weights)
        with pytest.raises(ModelError) as caught:
            load(str(place))
        assert caught.value.reason == "model_hash_mismatch"

    def test_no_source_may_gain_much_certainty(self) -> None:
        calibration = load(str(FOLDER)).manifest.calibration
        assert calibration is not None
        assert abs(calibration.apply(1e3).llr) <= 4.6
        assert calibration.apply(0.0).interval.low < 0.5 < calibration.apply(0.0).interval.high


class TestProbe:
    @pytest.mark.parametrize("name", sorted(probe.DISTURBANCES))
    def test_keeps_length_and_most_of_the_voice(self, name: str) -> None:
        sound = voice(2)
        after = probe.DISTURBANCES[name](sound)
        assert after.shape == sound.shape
        assert after.dtype == np.float32
        assert np.corrcoef(sound, after)[0, 1] > 0.8
        assert not np.allclose(sound, after, atol=1e-3)

    def test_telephone_has_no_more_than_its_band(self) -> None:
        spectrum = np.abs(np.fft.rfft(probe.telephone(makers.noise(2, rate=RATE).astype(np.float32)))) ** 2
        assert spectrum[2 * 4200 :].sum() < 0.01 * spectrum.sum()


def test_planes_know_no_level_and_no_steady_filter() -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, RATE * 2).astype(np.float32)
    planes = features.spectrogram(sound)
    assert planes.shape == (2, features.BINS, 197)
    assert np.allclose(planes, features.spectrogram(sound * 0.01), atol=0.02)
    assert np.allclose(planes[0].mean(axis=1), 0, atol=1e-4)
    filtered = np.convolve(sound, [1, -0.9], "same").astype(np.float32)
    assert np.corrcoef(planes[0].ravel(), features.spectrogram(filtered)[0].ravel())[0, 1] > 0.95
