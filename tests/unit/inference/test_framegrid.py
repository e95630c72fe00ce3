"""The frame grid of an earlier AAC coding: found, followed, and seen to jump where sound was cut."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from bonafide.model import Operation, Outcome
from bonafide_inference.calibration import Calibrated, Platt
from bonafide_inference.detectors.audio_splice import detector
from bonafide_inference.detectors.audio_splice.coders import HOP, mdct
from bonafide_inference.detectors.audio_splice.framegrid import Grid, follow
from bonafide_inference.nativesound import NativeSound

from tests.unit.inference.makers import sound, voice, wav
from tests.unit.inference.test_audio_splice import ask
from training import grid_cuts
from training.grid_cuts import Watched

RATE = 16_000


def decoded(path: Path, seconds: float = 6, seed: int = 1, rate: int = RATE) -> np.ndarray:
    """A voice after AAC, as an editor has it: 16 bits."""
    sound(path, "aac", voice(seconds, seed=seed, rate=rate), rate, "adts")
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


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_words_left_out_move_the_grid(tmp_path: Path, rate: int) -> None:
    whole = decoded(tmp_path / "x", rate=rate)
    assert watched(whole, rate).found
    assert watched(whole, rate).jumps() == []
    cut, gone = round(2.9 * rate), round(0.61 * rate)
    (jump,) = watched(np.concatenate((whole[:cut], whole[cut + gone :])), rate, start_s=10.0).jumps()
    assert jump.start_s - 0.15 <= 12.9 <= jump.end_s + 0.15
    assert jump.samples == -gone % HOP


def test_words_put_in_move_it_twice_or_hide_it(tmp_path: Path) -> None:
    whole, other = decoded(tmp_path / "x"), decoded(tmp_path / "y", seed=4)
    both = np.concatenate((whole[: 2 * RATE], other[1_000 : 1_000 + 2 * RATE], whole[2 * RATE :]))
    assert len(watched(both).jumps()) == 2


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
            return [Watched(f"s{n}", kind, "16 bits", 4.0, True, j, j > 0) for n, j in enumerate(jumps)]

        sure = grid_cuts.worth(some("whole", [0] * 90) + some("words left out", [1] * 80 + [0] * 10))
        unsure = grid_cuts.worth(some("whole", [0] * 9 + [1]) + some("words left out", [1] * 5 + [0] * 5))
        assert 4 < sure["grid_jump_llr"] <= grid_cuts.MOST_LLR
        assert unsure["grid_jump_low"] < unsure["grid_jump_llr"] < sure["grid_jump_llr"]
        text = grid_cuts.section(some("whole", [0, 1]))
        assert "False jumps: 1 in 0.1 minutes" in text
