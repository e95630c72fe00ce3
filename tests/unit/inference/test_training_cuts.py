"""What trains the cut and replay detectors: recordings with a known history, a perceptron, a small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from bonafide_inference.models import load

from benchmarks import speech_cuts
from tests.unit.inference.makers import voice, wav
from training import (
    audio_splice,
    cuts_cache,
    grid_cuts,
    perceptron,
    recordings,
    replays,
    train,
    voice_track,
)
from training.cuts_cache import Made
from training.speech_material import Clip
from training.voice_track import KINDS, Tracked

RATE = 16_000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Two clips of each of three sources."""
    folder = tmp_path_factory.mktemp("speech")
    found = []
    for number in range(6):
        group = f"house{number % 3}"
        path = folder / group / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(wav(voice(3.4, seed=number, pitch_hz=100 + 25 * number)))
        found.append(Clip(path, group, "", False, number % 3 < 2))
    return found


class TestRecordings:
    @pytest.mark.parametrize("kind", recordings.GENUINE)
    def test_genuine_ones_hold_no_cut(self, kind: str) -> None:
        made = recordings.genuine(kind, voice(3), voice(3, seed=2), np.random.default_rng(1))
        assert (made.cuts, made.join, made.kind) == ((), "", kind)
        assert np.isfinite(made.sound).all()
        assert np.abs(made.sound).max() > 0.05

    @pytest.mark.parametrize("kind", recordings.SPLICES)
    @pytest.mark.parametrize("join", recordings.JOINS)
    def test_cuts_are_where_they_are_said_to_be(self, kind: str, join: str) -> None:
        made = recordings.cut(kind, join, voice(4), voice(3, seed=2), np.random.default_rng(2))
        assert len(made.cuts) == (1 if kind == "words left out" else 2)
        assert all(0.2 < moment < made.sound.size / RATE - 0.1 for moment in made.cuts)
        assert np.isfinite(made.sound).all()

    def test_a_hard_cut_shows_at_its_moment(self) -> None:
        steps = np.repeat([[0.0, 1.0]], 100, 0)
        whole, cuts = recordings._joined([steps[:, 0].astype(np.float32), steps[:, 1].astype(np.float32)], 0)
        assert cuts == (100 / RATE,)
        assert (whole[:100].max(), whole[100:].min()) == (0, 1)

    def test_the_same_place_twice(self) -> None:
        scene = recordings.Scene(7, 20.0, 1.0, 30.0, 50.0, 5000.0, None)
        first, second = (scene.record(voice(3), np.random.default_rng(n)) for n in (1, 2))
        assert 0.9 < np.corrcoef(first, second)[0, 1] < 0.99999


class TestReplays:
    @pytest.mark.parametrize("kind", [*replays.GENUINE, *replays.REPLAYS])
    def test_each_kind_is_sound_of_the_same_length(self, kind: str) -> None:
        made = replays.made(kind, voice(3), np.random.default_rng(3))
        assert made.size == 3 * RATE
        assert np.isfinite(made).all()

    def test_a_room_is_louder_far_off(self) -> None:
        near, far = (replays.impulse(0.5, metres, np.random.default_rng(1)) for metres in (0.3, 3.0))
        assert (far[80:] ** 2).sum() > 20 * (near[80:] ** 2).sum()


class TestPerceptron:
    rng = np.random.default_rng(5)
    rows = rng.normal(0, 1, (3000, 4)).astype(np.float32)
    labels = np.hypot(rows[:, 0], rows[:, 1]) > 1.2

    def test_it_learns_what_no_line_can(self) -> None:
        model = perceptron.fit(self.rows, self.labels, np.ones(3000))
        assert ((model(self.rows) > 0) == self.labels).mean() > 0.93

    def test_onnx_says_the_same(self) -> None:
        models = [perceptron.fit(self.rows, self.labels, np.ones(3000), steps=40, seed=s) for s in (1, 2)]
        model = perceptron.averaged(models).scaled(1.5, -0.3)
        session = onnxruntime.InferenceSession(perceptron.onnx_bytes(model))
        (said,) = session.run(None, {"rows": self.rows})
        expected = 1.5 * np.mean([m(self.rows) for m in models], axis=0) - 0.3
        assert np.allclose(said[:, 0], expected, atol=1e-4)


class TestMade:
    def test_segments_at_a_cut_and_beside_it(self) -> None:
        near = np.array([0.0, 0.14, 0.2, 0.4, 0.5, np.inf])
        made = Made(
            np.zeros((6, 1)), np.zeros(6, int), near, *(np.array([x]) for x in ("", "", "", True, 1.0))
        )
        assert made.holds.tolist() == [True, True, False, False, False, False]
        assert made.between.tolist() == [False, False, True, True, False, False]

    def test_another_source_judges(self, clips: list[Clip], tmp_path: Path) -> None:
        made = cuts_cache.of(clips, tmp_path, most=2)
        assert set(made.group) == {"house0", "house1", "house2"}
        assert made.spliced.mean() == 0.5
        judged, model = audio_splice.judge(made, clear=True)
        assert np.isfinite(judged.llr).all()
        assert judged.raw.shape == made.kind.shape
        unheard = ~made.clear[made.recording]
        assert np.allclose(judged.llr[unheard], model(made.rows[unheard]), atol=1e-4)
        again = cuts_cache.of(clips, tmp_path, most=2)
        assert (again.rows == made.rows).all()

    def test_the_benchmark_prints_its_tables(
        self, clips: list[Clip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        speech_cuts.measure(clips, tmp_path, most=2)
        told = capsys.readouterr().out
        for words in ("false stretches a minute", "far off: above 0", "segment_f1", "trivial"):
            assert words in told


class TestVoiceTrack:
    def test_it_is_measured_by_a_network_that_heard_neither_source(self, tmp_path: Path) -> None:
        fold = load(str(voice_track.FOLDER.parent / "synthetic_speech")).manifest.input["held_out"]
        groups = [name for name in fold if fold[name] == fold[min(fold)]][:2]
        clips = []
        for number in range(6):
            path = tmp_path / f"{number}.wav"
            path.write_bytes(wav(voice(3.4, seed=number, pitch_hz=100 + 25 * number)))
            clips.append(Clip(path, groups[number % 2], "made up" if number > 3 else "", number > 3, True))
        made = cuts_cache.of(clips, tmp_path / "cache", most=2)
        seen = voice_track.tracked(clips, made, most=1)
        assert [one.kind for one in seen] == 2 * list(voice_track.KINDS)
        assert all(one.track and np.isfinite(one.raw) for one in seen)

    def test_the_card_keeps_what_is_around_it(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(4)
        seen = [
            Tracked(kind, f"s{n % 5}", float(rng.normal(kind != KINDS[0], 1)), tuple(rng.normal(0, 1, 2)))
            for n in range(40)
            for kind in KINDS
        ]
        (tmp_path / "model.json").write_text('{"thresholds": {"grid_jump_llr": 4.6}}')
        (tmp_path / "card.md").write_text(f"Before.\n\n{grid_cuts.HEADING} After.\n")
        for _ in range(2):
            voice_track.write(seen, tmp_path)
        told = (tmp_path / "card.md").read_text()
        assert told.startswith(f"Before.\n\n{voice_track.HEADING}")
        assert told.endswith(f"\n\n{grid_cuts.HEADING} After.\n")
        assert told.count(voice_track.HEADING) == 1
        assert set(json.loads((tmp_path / "model.json").read_text())["thresholds"]) == {
            "grid_jump_llr", "voice_track_change",
        }  # fmt: skip
        alone, change, both, low, high = voice_track.gain(seen, KINDS[1])
        assert alone > 0.6
        assert low <= both - alone <= high
        assert 0 <= change <= 1


def test_both_can_be_made() -> None:
    assert {"audio_splice", "audio_replay"} <= set(train.MODELS)
