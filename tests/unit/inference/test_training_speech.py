"""What trains and measures the voice detector: folds, channels, calibration, figures, a network on toys."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import bonafide_inference
import numpy as np
import pytest
from bonafide_inference.models import load
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import speech as whole
from benchmarks import speech_speed
from benchmarks import speech_voices as bench
from benchmarks.report import Asked
from tests.unit.inference import makers
from tests.unit.inference.makers import voice
from training import calibrate, channels, speech_card, speech_figures, train
from training.speech_cache import CLEAN, DISTURBED, Waves
from training.speech_material import RATE_HZ, Clip, folds, read_sound, speech


def clip(group: str, synthetic: bool, number: int = 0, clear: bool = True) -> Clip:
    kind = "synthetic" if synthetic else "genuine"
    return Clip(Path(f"/m/speech/{kind}/{group}/{number}.flac"), group, "gen" * synthetic, synthetic, clear)


class TestMaterial:
    @pytest.fixture
    def material(self, tmp_path: Path) -> Path:
        rows = []
        for label, generator, source, release in (
            ("genuine", "", "github:a/b", "clear"),
            ("synthetic", "TTS", "github:a/b", "unstated"),
            ("synthetic", "codec2-1300", "generated here", "clear"),
            ("genuine", "", "made/here", "test-only"),
        ):
            path = f"speech/{label}/x/{len(rows)}.flac"
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            makers.sound(place, "flac", voice(1.2, rate=22_050), 22_050)
            rows.append(
                {"path": path, "label": label, "generator": generator, "source": source, "release": release}
            )
        rows.append(dict(rows[0], path="speech/genuine/x/absent.flac"))
        with open(tmp_path / "SOURCES.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path

    def test_rows(self, material: Path) -> None:
        clips = speech(material)
        assert [(c.group, c.kind, c.clear) for c in clips] == [("a/b", "a/b", True), ("a/b", "TTS", False)]
        assert len(read_sound(clips[0].path)) == pytest.approx(1.2 * RATE_HZ, abs=2)

    def test_cache_goes_on_where_it_stopped(self, material: Path, tmp_path: Path) -> None:
        clips = speech(material)
        first = Waves.of(clips, tmp_path / "cache", versions=1)
        assert first.samples.shape[:2] == (2, DISTURBED + 1)
        (lengths,) = (tmp_path / "cache").rglob("lengths.npy")
        np.save(lengths, np.array([first.lengths[0], 0]))
        again = Waves.of(clips, tmp_path / "cache", versions=1)
        assert np.array_equal(again.samples, first.samples)
        assert np.array_equal(again.lengths, first.lengths)

    def test_crops(self) -> None:
        waves = Waves(np.arange(100, dtype=np.int16)[None, None], np.array([100]))
        middle = waves.crop(0, CLEAN, 40, None) * 32768
        assert middle.tolist() == list(range(30, 70))
        assert len(waves.crop(0, CLEAN, 250, np.random.default_rng(0))) == 250


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=8, max_size=60))
def test_folds_keep_sources_whole(rows: list[tuple[int, bool]]) -> None:
    clips = [clip(f"g{group}", synthetic, n) for n, (group, synthetic) in enumerate(rows)]
    found = folds(clips, 3)
    for group in {c.group for c in clips}:
        assert len({int(f) for c, f in zip(clips, found, strict=True) if c.group == group}) == 1
    assert set(found) <= {0, 1, 2}


class TestChannels:
    sound = voice(1.5)

    @pytest.mark.parametrize("name", sorted(channels.CODECS))
    def test_codecs_keep_time(self, name: str) -> None:
        _, encoder, _, rates = channels.CODECS[name]
        if encoder not in av.codecs_available:
            pytest.skip(f"this build of FFmpeg has no {encoder}")
        back = channels.codec(self.sound * 0.5, name, rates[-1])
        assert len(back) == len(self.sound)
        assert np.corrcoef(self.sound, back)[0, 1] > 0.7

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 10**6))
    def test_any_path_keeps_length_and_sense(self, seed: int) -> None:
        after = channels.disturb(self.sound, np.random.default_rng(seed))
        assert after.shape == self.sound.shape
        assert np.isfinite(after).all()
        assert 0.02 < np.abs(after).max() <= 1.001

    def test_the_same_seed_gives_the_same_path(self) -> None:
        one, two = (channels.disturb(self.sound, np.random.default_rng(4)) for _ in range(2))
        assert np.array_equal(one, two)


def scored(shift: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Scores of 12 sources of 40 clips; each source is moved by a draw of standard deviation ``shift``."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(12) % 2, 40)
    groups = [f"s{n}" for n in range(12) for _ in range(40)]
    moved = np.repeat(rng.normal(0, shift, 12), 40)
    return rng.normal(0, 1, 480) + 2 * labels + moved, labels, groups


class TestCalibration:
    def test_curve_is_found(self) -> None:
        curve = calibrate.fit_curve(*scored(0.0), rounds=20)  # two normals, two apart: an LLR of 2 s - 2
        assert [curve.apply(s).llr for s in (0.5, 1.0, 1.5)] == pytest.approx([-1, 0, 1], abs=0.45)

    def test_what_is_never_heard_bounds_a_low_score(self) -> None:
        scores, labels, groups = scored(0.0)
        deaf = np.where(np.isin(groups, ["s1", "s3"]), scores - 2, scores + 2 * labels)  # two of six sources
        assert calibrate.fit_curve(deaf, labels, groups, rounds=20).apply(-2.0).llr > -1.7
        assert calibrate.fit_curve(deaf, labels, groups, rounds=20).apply(4.0).llr > 1.5

    def test_sources_that_differ_widen_the_interval(self) -> None:
        calm, wild = (
            calibrate.fit_curve(*scored(shift), rounds=20).apply(2.0).interval for shift in (0.0, 2.0)
        )
        assert wild.high - wild.low > calm.high - calm.low
        assert wild.low < 0.5

    def test_a_low_score_clears_only_where_nothing_synthetic_scores_low(self) -> None:
        scores, labels, groups = scored(0.0)
        assert calibrate.fit_curve(scores, labels, groups, rounds=20).apply(-9.0).llr == calibrate.UNDECIDED
        assert (
            calibrate.fit_curve(scores + 6 * labels, labels, groups, rounds=20).apply(-9.0).llr
            <= calibrate.PURE
        )

    def test_a_source_is_judged_without_itself(self) -> None:
        scores, labels, groups = scored(0.0)
        judged = calibrate.leave_out(scores, labels, groups, rounds=8)
        assert calibrate.expected_calibration_error(judged.p, labels) < 0.08
        counted = calibrate.confidence(judged, labels, groups)
        assert counted.error < 0.1
        assert counted.decided > 0.1
        assert set(counted.false_alarms) == {f"s{n}" for n in range(0, 12, 2)}

    def test_ece(self) -> None:
        assert calibrate.expected_calibration_error(np.array([0.9, 0.9]), np.array([1, 1])) == pytest.approx(
            0.1
        )
        assert calibrate.expected_calibration_error(np.array([1.0, 0.0]), np.array([0, 1])) == 1


class TestFigures:
    def test_eer(self) -> None:
        assert speech_figures.eer(np.array([0.0, 1, 2, 3]), np.array([0, 0, 1, 1])) == 0
        assert speech_figures.eer(np.array([3.0, 2, 1, 0]), np.array([0, 0, 1, 1])) == 1

    def test_tables(self) -> None:
        clips = [clip("a", n % 2 == 1, n) for n in range(20)]
        scores, labels = np.arange(20.0), np.array([c.synthetic for c in clips], int)
        assert speech_figures.within_sources(scores, labels, ["a"] * 20)["a"] == pytest.approx(0.55)
        value, low, high, count = speech_figures.by_generator(scores, clips)["gen"]
        assert (count, low <= value <= high) == (10, True)

    def test_trivial_variables_are_seen(self) -> None:
        samples = np.zeros((8, 1, 32000), np.int16)
        samples[:, 0, 4000:] = np.random.default_rng(0).normal(0, 3000, (8, 28000))
        waves = Waves(samples, np.array([16000] * 4 + [32000] * 4))
        found = speech_figures.probes(speech_figures.trivial(waves, range(8)), np.repeat([0, 1], 4))
        assert found["duration_s"] == 1
        assert found["leading_silence_s"] == 0.5

    def test_risk_falls_with_certainty(self) -> None:
        p = np.array([0.95, 0.9, 0.55, 0.45, 0.05])
        curve = speech_figures.risk_coverage(p, np.array([1, 1, 0, 1, 0]), (0.6, 1.0))
        assert curve == [(0.6, 0.0), (1.0, 0.4)]


def test_the_shipped_card_has_the_words_of_its_code() -> None:
    folder = Path(bonafide_inference.__file__).parent / "detectors" / "synthetic_speech"
    text = (folder / "card.md").read_text(encoding="utf-8")
    assert text.startswith(speech_card.INTRODUCTION.format(version=speech_card.VERSION))
    assert (speech_card.OLDER.format(version="1.0.0") in text) == ("`clear`, version 1.0.0" in text)
    assert text.endswith(speech_card.LIMITS)
    assert load(str(folder)).manifest.version == speech_card.VERSION


class TestBenchmark:
    model = load(str(Path(bonafide_inference.__file__).parent / "detectors" / "synthetic_speech"))

    def scored(self, raw: list[float], gates: list[str]) -> bench.Scored:
        clips = [clip("a", n % 2 == 1, n) for n in range(len(raw))]
        values = np.array(raw)
        shifts = self.model.manifest.thresholds
        versions = {"clean": values}
        versions |= {f"probe_{name}": values + shifts[f"shift_{name}"] for name in ("telephone", "coarse")}
        return bench.Scored(clips, versions, np.zeros(len(raw)), gates)

    def test_refusals_are_the_detectors(self) -> None:
        scored = self.scored([9.0, 9.0, 9.0], ["", "music", ""])
        scored.raw["probe_coarse"][2] = -9.0
        judged, refusals = bench.judge(self.model, scored)
        assert refusals == ["", "music", "unstable"]
        assert judged.p[0] > 0.85

    def test_an_accused_source_fails_the_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        guilty = self.scored([9.0, 9.0] * 6, [""] * 12)
        found = {one.what: one.held for one in bench.verdicts(self.model, guilty)}
        assert not found["voices: worst genuine source called fake"]
        assert "worst source of genuine speech 1.000" in capsys.readouterr().out

    def test_needs_material(self, tmp_path: Path) -> None:
        with pytest.raises(SystemExit) as caught:
            whole.main(["--data", str(tmp_path)])
        assert caught.value.code == 2

    @pytest.mark.parametrize(("found", "status"), [(19.0, 0), (21.0, 1)])
    def test_says_what_was_missed(
        self, found: float, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        (tmp_path / "SOURCES.csv").write_text("path,release\n")
        asked = [Asked("ms a window", found, 20), Asked("AUC", 0.9, 0.8, most=False)]
        monkeypatch.setattr(speech_speed, "measure", lambda get: ([], asked))
        arguments = ["--data", str(tmp_path), "--cache", str(tmp_path / "kept"), "--parts", "speed"]
        assert whole.main(arguments) == status
        told = capsys.readouterr().out
        assert ("missed: ms a window" if status else "missed: nothing") in told

    def test_what_was_measured_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speech_speed, "_file", lambda *_: pytest.fail("measured again"))
        kept = {"front": 8.0, "peak_mb": 250.0} | dict.fromkeys(speech_speed.OPERATIONS, 15.0)
        tables, asked = speech_speed.measure(lambda name, make: kept)
        assert len(tables[0].rows) == 9
        assert all(one.held for one in asked)


class TestNetwork:
    """Only where torch is (requirements/train.txt)."""

    @pytest.fixture(autouse=True)
    def torch(self):
        return pytest.importorskip("torch")

    def test_planes_are_those_of_the_detector(self, torch) -> None:
        from bonafide_inference.detectors.synthetic_speech import features

        from training import speech_net

        sound = voice(1.5)
        theirs = speech_net.spectrogram(torch.from_numpy(sound)[None])[0].numpy()
        assert np.abs(theirs - features.spectrogram(sound)).max() < 2e-3

    def test_learns_exports_and_resumes(self, torch, tmp_path: Path) -> None:
        import onnxruntime

        from training import speech_contrast, speech_export, speech_fit

        rng = np.random.default_rng(0)
        samples = rng.normal(0, 3000, (16, DISTURBED + 2, 16000))
        labels = np.arange(16) % 2
        samples[labels == 1] *= np.where(np.arange(16000) % 4000 < 2000, 1, 0.05)  # flickers
        waves = Waves(samples.astype(np.int16), np.full(16, 16000))
        groups = np.array([f"g{n // 4}" for n in range(16)])
        recipe = speech_fit.Recipe(steps=40, pairs=4, samples=16000, widths=(8, 8, 8, 8), average=0.9)
        keep = tmp_path / "net.pt"
        net = speech_fit.fit(waves, labels, groups, np.arange(16), recipe, keep)
        found = speech_fit.scores([net], waves, np.arange(16), size=16000)[:, 0]
        assert found[labels == 1].min() > found[labels == 0].max()
        again = speech_fit.fit(waves, labels, groups, np.arange(16), recipe, keep)
        assert np.array_equal(found, speech_fit.scores([again], waves, np.arange(16), size=16000)[:, 0])
        table = speech_contrast.table(waves, 16000)
        contrast = speech_contrast.discriminant(table, labels, groups)
        judges = [speech_contrast.Judge(one, contrast).eval() for one in (net, again)]
        session = onnxruntime.InferenceSession(speech_export.export(judges))
        assert session.run(None, {"spectrogram": np.zeros((3, 2, 256, 120), np.float32)})[0].shape == (3, 2)

    def test_statistics_know_neither_gain_nor_microphone(self, torch) -> None:
        from training.speech_contrast import statistics
        from training.speech_net import spectrogram

        sound = torch.from_numpy(voice(2.0))[None]
        plain = spectrogram(sound)
        tilted = plain + torch.tensor([1.0, 0.0])[:, None, None] * torch.linspace(-2, 2, 256)[:, None]
        tilted[:, 0] -= tilted[:, 0].mean(dim=2, keepdim=True)
        given = torch.cat([plain, spectrogram(0.1 * sound), tilted])
        found = statistics(given)
        assert found.shape == (3, 136)
        assert (found[0] - found[1:]).abs().max() < 2e-2

    def test_a_contrast_is_learnt_inside_sources(self, torch) -> None:
        """The first column tells sources apart and, over all of them, classes; the second classes in each."""
        from training.speech_contrast import LEAST, discriminant

        rng = np.random.default_rng(0)
        labels, groups = np.arange(240) % 2, np.array([f"s{n // 40}" for n in range(240)])
        groups[labels == 0] = np.where(rng.random(120) < 0.5, groups[labels == 0], "studio")
        table = rng.normal(0, 1, (240, 2, 3))
        table[:, :, 0] += 4 * (groups != "studio")[:, None]
        table[:, :, 1] += 1.5 * labels[:, None]
        given = torch.from_numpy(table[:, 0].astype(np.float32))
        contrast = discriminant(table, labels, groups)
        assert contrast.weight[1] > 5 * contrast.weight[0].abs()
        found = contrast(given).numpy()
        assert found[labels == 1].mean() > found[labels == 0].mean() + 0.3
        assert found.min() >= LEAST  # what it does not hear is not cleared by it
        assert contrast(torch.full((1, 3), 1e6)) < 10  # no statistic decides alone
        with pytest.raises(ValueError, match="no source"):
            discriminant(table, labels, np.where(labels == 1, "a", "b"))

    def test_every_source_is_unheard_by_one_network(self, torch) -> None:
        from training.speech_packages import GROUP
        from training.synthetic_speech import FOLDS, dealt

        clips = [clip(f"g{n // 4}", n % 2 == 1, n, clear=n < 24) for n in range(48)]
        clips += [clip(GROUP, False, n) for n in range(4)]
        every, clear = dealt(clips, clear=False), dealt(clips, clear=True)
        assert set(every) == set(range(FOLDS))
        assert np.flatnonzero(clear < 0).tolist() == list(range(24, 48))
        for group in {c.group for c in clips}:
            assert len({int(f) for c, f in zip(clips, every, strict=True) if c.group == group}) == 1


@pytest.mark.parametrize("flag", ["--unstated", "--clear"])
def test_a_flag_that_a_model_does_not_know(flag: str, tmp_path: Path) -> None:
    (tmp_path / "SOURCES.csv").write_text("path,release\n")
    with pytest.raises(SystemExit) as caught:
        train.main(["error_level", "--data", str(tmp_path), flag])
    assert caught.value.code == 2
