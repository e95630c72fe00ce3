"""Whether a correlation of mouth and sound is more than chance: a test against the clip itself.

The null hypothesis: they have nothing to do with each other. Shifting the sound far away would be the plain
test of it, but a clip of seconds has hardly ten such shifts that do not depend on each other. So one of the
two series is replaced by surrogates, which have its spectrum, and so its autocorrelation, and other phases
(Theiler et al., Physica D 58, 1992). Neither series is stationary, as surrogates are: with one of them alone
p-values are too small. Of the two p-values (surrogates of the mouth, surrogates of the loudness) the larger
counts; that one is uniform on other people's sound (card).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bonafide_inference.detectors.lip_sync.measure import STEP_S, Pair, curves, lags_s
from numpy.typing import NDArray

__all__ = ["ALPHA", "EARLY_S", "LATE_S", "Chance", "chance", "in_step"]

Array = NDArray[np.float64]
ALPHA = 0.01
SURROGATES = 499
EARLY_S, LATE_S = 0.045, 0.125
"""Sound early or late by so much is not noticed (ITU-R BT.1359-1)."""
RELATED, RELATED_LAG_S = 0.5, STEP_S
"""Correlation and lag of a mouth that belongs to the sound, for the power: those of the clips that are in
step here (card), a little on the weak side."""
SIMULATED = 200


@dataclass(frozen=True)
class Chance:
    """``any_lag``, ``in_step``: p-values of the highest correlation at all lags, and at those of `in_step`.

    ``power``: in what share of simulations a mouth that does belong to this sound has ``in_step`` of `ALPHA`
    or less; where that is low, nothing follows from finding no relation.
    """

    any_lag: float
    in_step: float
    power: float


def in_step() -> NDArray[np.bool_]:
    """Which lags of a correlogram nobody would notice, one step of doubt included."""
    lags, slack = lags_s(), STEP_S + 1e-9
    return np.asarray((lags >= -EARLY_S - slack) & (lags <= LATE_S + slack))


def chance(pairs: Sequence[Pair], weights: Sequence[float], seed: int = 0) -> Chance:
    """The chances of the correlogram that `measure.synchrony` joins of these; the same each time."""
    rng, near = np.random.default_rng(seed), in_step()
    share = np.array(weights) / sum(weights)

    def joined(parts: list[Array]) -> Array:
        return np.asarray(np.tensordot(share, np.stack(parts), 1))

    mouths = [_surrogates(pair.mouth, SURROGATES, rng) for pair in pairs]
    own = joined([curves(pair.mouth[None], pair.loud[None]) for pair in pairs])[0]
    nulls = [
        joined([curves(some, pair.loud[None]) for some, pair in zip(mouths, pairs, strict=True)]),
        joined([
            curves(pair.mouth[None], _surrogates(pair.loud, SURROGATES, rng)) for pair in pairs
        ]),
    ]  # fmt: skip
    any_lag, near_only = (
        max(_p(float(own[lags].max()), null[:, lags].max(1)) for null in nulls)
        for lags in (np.ones_like(near), near)
    )
    related = joined([
        curves(_related(pair, some[:SIMULATED]), pair.loud[None])
        for pair, some in zip(pairs, mouths, strict=True)
    ])  # fmt: skip
    limit = max(np.sort(null[:, near].max(1))[-int(ALPHA * (SURROGATES + 1))] for null in nulls)
    return Chance(any_lag, near_only, float((related[:, near].max(1) > limit).mean()))


def _p(found: float, null: Array) -> float:
    return float((1 + (null >= found).sum()) / (1 + len(null)))


def _surrogates(series: Array, count: int, rng: np.random.Generator) -> Array:
    """``count`` series with the spectrum of this one, (count, n)."""
    spectrum = np.abs(np.fft.rfft(series - series.mean()))
    phases = np.exp(2j * np.pi * rng.random((count, len(spectrum))))
    return np.asarray(np.fft.irfft(spectrum * phases, len(series)))


def _related(pair: Pair, noise: Array) -> Array:
    """Mouths that follow the loudness as far as `RELATED` says, the rest of each as in ``noise``."""
    reach = (len(pair.loud) - len(pair.mouth)) // 2 + round(RELATED_LAG_S / STEP_S)
    heard = pair.loud[reach : reach + len(pair.mouth)]
    heard, rest = (
        (x - x.mean(-1, keepdims=True)) / np.maximum(x.std(-1, keepdims=True), 1e-9) for x in (heard, noise)
    )
    return np.asarray(RELATED * heard + np.sqrt(1 - RELATED**2) * rest)
