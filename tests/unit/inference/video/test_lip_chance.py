"""The chance that `lip_sync` gives: p-values of strangers are uniform, and belonging is found."""

from __future__ import annotations

import numpy as np
import pytest
from bonafide_inference.detectors.lip_sync.chance import ALPHA, Chance, chance, in_step
from bonafide_inference.detectors.lip_sync.detector import REASONS, WORDS, relation
from bonafide_inference.detectors.lip_sync.measure import MAX_LAG_S, STEP_S, Pair, Sync, lags_s

STEPS = round(MAX_LAG_S / STEP_S)


def series(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise that is alike over a fifth of a second, as mouths and loudness are."""
    return np.convolve(rng.normal(size=length + 4), np.ones(5) / 5, "valid")


def related(length: int, lag: int, rng: np.random.Generator, noise: float = 0.3) -> Pair:
    """A mouth, and sound that follows it ``lag`` steps later."""
    loud = series(length + 2 * STEPS, rng)
    mouth = loud[STEPS + lag : STEPS + lag + length] + noise * series(length, rng)
    return Pair(mouth, loud)


def test_strangers_have_uniform_chances() -> None:
    """Of 80 pairs of strangers as many are below a limit as it says, within four standard deviations."""
    rng = np.random.default_rng(8)
    found = [chance([Pair(series(100, rng), series(100 + 2 * STEPS, rng))], [4.0], seed=n) for n in range(80)]
    for name in ("any_lag", "in_step"):
        values = np.array([getattr(one, name) for one in found])
        assert values.min() > 0
        for limit in (0.1, 0.3, 0.5):
            slack = 4 * np.sqrt(limit * (1 - limit) / len(values))
            assert abs(float((values <= limit).mean()) - limit) < slack


@pytest.mark.parametrize(("lag", "near"), [(0, True), (3, True), (-1, True), (9, False), (-8, False)])
def test_what_belongs_together_is_found(lag: int, near: bool) -> None:
    pair = related(120, lag, np.random.default_rng(2))
    odds = chance([pair], [4.8])
    assert odds.any_lag <= ALPHA
    assert (odds.in_step <= ALPHA) == near
    assert odds == chance([pair], [4.8]), "the same each time"


def test_two_bursts_show_what_one_does_not() -> None:
    rng = np.random.default_rng(4)
    pairs = [related(60, 0, rng, noise=1.6) for _ in range(4)]
    alone, joined = chance(pairs[:1], [2.4]), chance(pairs, [2.4] * 4)
    assert joined.power > alone.power
    assert joined.in_step <= alone.in_step


def test_silence_is_no_relation() -> None:
    odds = chance([Pair(series(100, np.random.default_rng(1)), np.zeros(100 + 2 * STEPS))], [4.0])
    assert (odds.any_lag, odds.in_step, odds.power) == (1.0, 1.0, 0.0)


def test_what_viewers_do_not_notice() -> None:
    lags = lags_s()[in_step()]
    assert (lags.min(), lags.max()) == (pytest.approx(-0.08), pytest.approx(0.16))


def curve(lag: int) -> Sync:
    """A correlogram with its peak ``lag`` steps from zero."""
    values = np.zeros(2 * STEPS + 1)
    values[STEPS + lag] = 0.6
    return Sync(values, lag * STEP_S, 0.6, 0.6, 0.0)


@pytest.mark.parametrize(("lag", "odds", "said"), [
    (1, Chance(0.001, 0.001, 0.9), "in_step"),
    (10, Chance(0.001, 0.4, 0.9), "out_of_step"),
    (2, Chance(0.004, 0.02, 0.9), "none"),
    (10, Chance(0.2, 0.4, 0.9), "none"),
    (10, Chance(0.2, 0.4, 0.5), "unknown"),
])  # fmt: skip
def test_what_is_said(lag: int, odds: Chance, said: str) -> None:
    assert relation(curve(lag), odds) == said
    assert REASONS[said] in WORDS
