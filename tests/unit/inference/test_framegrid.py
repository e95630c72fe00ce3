"""The frame grid of an earlier AAC or MP3 coding: found, followed, and seen to jump where sound was cut."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from bonafide.model import Operation, Outcome
from bonafide_inference.calibration import Calibrated, Platt
from bonafide_inference.detectors.audio_splice import coders, detector, layer3
from bonafide_inference.detectors.audio_splice.coders import HOP, mdct
from bonafide_inference.detectors.audio_splice.framegrid import Grid, follow
from bonafide_inference.nativesound import NativeSound

from tests.unit.inference.makers import sound, voice, wav
from tests.unit.inference.test_audio_splice import ask
from training import grid_cuts
from training.grid_cuts import Watched

RATE = 16_000


CODERS = [("aac", "adts", 1024), ("libmp3lame", "mp3", 576)]


def decoded(
    path: Path, seconds: float = 6, seed: int = 1, rate: int = RATE, coder: tuple[str, str, int] = CODERS[0]
) -> np.ndarray:
    """A voice after a lossy coder, as an editor has it: 16 bits."""
    sound(path, coder[0], voice(seconds, seed=seed, rate=rate), rate, coder[1])
    with av.open(str(path)) as container:
        planes = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return (np.round(planes * 32768) / 32768).astype(np.float32)


def watched(samples: np.ndarray, rate: int = RATE, start_s: float = 0.0) -> Grid:
    kept = NativeSound()
    for block in np.array_split(samples, 7):
        kept.add(start_s, rate, block)
    return follow(kept)


def test_the_transform_is_the_one_of_the_books() -> None:
    size = 32
    given = np.random.default_rng(1).normal(size=(3, 2 * size)).astype(np.float32)
    n, k = np.arange(2 * size), np.arange(size)[:, None]
    matrix = np.cos(np.pi / size * (n + 0.5 + size / 2) * (k + 0.5)) * np.sqrt(2 / size)
    window = np.sin(np.pi * (n + 0.5) / (2 * size))
    assert np.allclose(mdct(given, "sine"), (given * window) @ matrix.T, atol=1e-5)


def by_hand(samples: np.ndarray, shape: str) -> np.ndarray:
    """A transform coder with this window: what is small for its frame becomes zero, and 16 bits."""
    padded = np.pad(samples, (HOP, 2 * HOP - samples.size % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP]
    basis = mdct(np.eye(2 * HOP, dtype=np.float32), shape)
    coefficients = mdct(frames, shape)
    step = 0.3 * np.abs(coefficients).mean(axis=1, keepdims=True)
    back = (np.round(coefficients / step) * step) @ basis.T
    made = np.zeros(padded.size)
    for row, part in enumerate(back):
        made[row * HOP : row * HOP + 2 * HOP] += part
    return (np.round(made * 32768) / 32768).astype(np.float32)[HOP : HOP + samples.size]


@pytest.mark.parametrize("shape", ["sine", "kbd"])
def test_either_window_is_known(shape: str) -> None:
    coded = by_hand(voice(5), shape)
    grid = watched(coded)
    assert grid.found
    assert set(grid.places[grid.places >= 0] % HOP) == {0}
    (jump,) = watched(np.concatenate((coded[: 2 * RATE], coded[2 * RATE + 700 :]))).jumps()
    assert jump.samples == HOP - 700


@pytest.mark.parametrize("coder", CODERS, ids=["AAC", "MP3"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_words_left_out_move_the_grid(tmp_path: Path, rate: int, coder: tuple[str, str, int]) -> None:
    whole = decoded(tmp_path / "x", rate=rate, coder=coder)
    assert watched(whole, rate).found
    assert watched(whole, rate).jumps() == []
    cut, gone = round(2.9 * rate), round(0.61 * rate)
    (jump,) = watched(np.concatenate((whole[:cut], whole[cut + gone :])), rate, start_s=10.0).jumps()
    assert jump.start_s - 0.15 <= 12.9 <= jump.end_s + 0.15
    assert jump.samples == -gone % coder[2]


def test_words_put_in_move_it_twice_or_hide_it(tmp_path: Path) -> None:
    whole, other = decoded(tmp_path / "x"), decoded(tmp_path / "y", seed=4)
    both = np.concatenate((whole[: 2 * RATE], other[1_000 : 1_000 + 2 * RATE], whole[2 * RATE :]))
    assert len(watched(both).jumps()) == 2


def test_the_filter_bank_of_mp3_loses_nothing_and_adds_nothing() -> None:
    size = layer3.SPAN + layer3.PERIOD
    rows = layer3.granules(np.eye(size, dtype=np.float32)).reshape(size, -1)
    assert np.allclose(rows.T @ rows, np.eye(2 * layer3.PERIOD), atol=2e-4)


@pytest.mark.parametrize("coder", CODERS, ids=["AAC", "MP3"])
def test_a_search_looks_at_every_place_as_the_transform_does(coder: tuple[str, str, int]) -> None:
    """`weighed` at all places is what the exact transform gives at a few of them."""
    samples = np.round(voice(1.0) * 8_000).astype(np.float32)[4_000:]
    places, found = [0, 1, 17, 300, 575], []

    class Kept(coders.Sums):
        def add(self, sizes: np.ndarray) -> None:
            found.append(sizes[:, places].copy())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coders, "Sums", Kept)
        patch.setattr(layer3, "Sums", Kept)
        if coder[2] == HOP:
            coders._everywhere(samples[: 3 * HOP + 3 * coders.STEP], "kbd")
            views = np.stack([samples[coders.STEP + n :][: 2 * HOP] for n in places])
            exact = mdct(views, "kbd")
        else:
            layer3._everywhere(samples[: layer3.SPAN + layer3.PERIOD - 1])
            exact = layer3.granules(np.stack([samples[n:][: layer3.SPAN] for n in places]))[:, 0]
    seen = np.concatenate(found)
    for column, sizes in enumerate(np.abs(exact)):
        assert all(np.abs(sizes - value).min() < 0.1 for value in seen[:, column])


def test_the_grid_of_the_file_itself_is_no_news(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    sound(path, "libmp3lame", voice(6, rate=RATE), RATE, "mp3")
    assert watched(decoded(tmp_path / "y", coder=CODERS[1])).found
    assert ask(path, path.read_bytes()).evidence.values["coding_grid"] is False


def test_the_copy_at_the_files_rate_ends_where_the_rate_does() -> None:
    kept = NativeSound.of(np.array([0.5, -0.5, 0.0, 2.0], np.float32), RATE, 3.0)
    assert kept.read(0, 9).tolist() == [16384, -16384, 0, 32767]
    assert kept.read(2, 3).tolist() == [0]
    kept.add(4.0, 8_000, np.ones(5, np.float32))
    kept.add(5.0, RATE, np.ones(5, np.float32))
    assert (len(kept), kept.rate_hz, kept.start_s) == (4, RATE, 3.0)


@pytest.mark.parametrize("kind", ["never coded", "silence", "noise", "short"])
def test_no_grid_is_no_news(kind: str) -> None:
    samples = {
        "never coded": voice(6), "silence": np.zeros(4 * RATE, np.float32),
        "noise": np.random.default_rng(1).normal(0, 0.1, 4 * RATE).astype(np.float32), "short": voice(0.3),
    }[kind]  # fmt: skip
    watch = watched((np.round(samples * 32768) / 32768).astype(np.float32))
    assert not watch.found
    assert watch.jumps() == []


def test_the_detector_says_where(tmp_path: Path) -> None:
    whole = decoded(tmp_path / "x")
    cut, gone = round(2.9 * RATE), round(0.61 * RATE)
    found = ask(tmp_path / "y.wav", wav(np.concatenate((whole[:cut], whole[cut + gone :]))))
    assert (found.operation, found.outcome) == (Operation.AUDIO_SPLICE, Outcome.SCORED)
    assert found.evidence.values["coding_grid_jumps"] == 1
    assert [flag.code for flag in found.evidence.flags] == ["coding_grid_jumps"]
    assert "AAC" in found.evidence.flags[0].message
    assert found.evidence.values["coding_grid_of"] == "AAC"
    assert found.p_fake >= 0.85
    assert found.interval.low > 0.5
    top = max(segment.llr for segment in found.evidence.segments)
    assert any(s.start_s <= 2.9 <= s.end_s for s in found.evidence.segments if s.llr == top)
    same = ask(tmp_path / "z.wav", wav(whole))
    assert same.evidence.values["coding_grid"] is True
    assert not same.evidence.flags
    assert same.p_fake < 0.85


def test_two_traces_are_mixed() -> None:
    weak = Platt(kind="platt", slope=1, offset=0, covariance=(0.1, 0, 0.1)).apply(-2.0)
    strong = Platt(kind="platt", slope=1, offset=0, covariance=(0.01, 0, 0.01)).apply(4.0)
    found = detector.either(weak, strong)
    assert isinstance(found, Calibrated)
    assert 4 - np.log(2) < found.llr < 4
    assert found.interval.low <= found.p_fake <= found.interval.high


class TestWorth:
    def test_counts_decide(self) -> None:
        def some(kind: str, jumps: list[int]) -> list[Watched]:
            return [
                Watched(f"s{n}", "AAC", RATE, 32, kind, "16 bits", 4.0, True, j, j > 0)
                for n, j in enumerate(jumps)
            ]

        sure = grid_cuts.worth(some("whole", [0] * 90) + some("words left out", [1] * 80 + [0] * 10))
        unsure = grid_cuts.worth(some("whole", [0] * 9 + [1]) + some("words left out", [1] * 5 + [0] * 5))
        assert 4 < sure["grid_jump_llr"] <= grid_cuts.MOST_LLR
        assert unsure["grid_jump_low"] < unsure["grid_jump_llr"] < sure["grid_jump_llr"]
        text = grid_cuts.section(some("whole", [0, 1]))
        assert "False jumps: 1 in 0.1 minutes" in text
