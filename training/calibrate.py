"""From out-of-fold scores to a calibration that knows that sources differ and that some voices go unheard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide_inference.calibration import Calibration, LikelihoodRatioTable
from numpy.typing import NDArray
from scipy import optimize, stats

__all__ = [
    "PURE",
    "UNDECIDED",
    "Confidence",
    "Judged",
    "balanced_weights",
    "between_sources",
    "confidence",
    "expected_calibration_error",
    "fit_curve",
    "leave_out",
    "top",
]

Array = NDArray[Any]
TAIL = 0.1
"""Share of the synthetic clips above the score whose likelihood ratio bounds the LLR."""
BEND = 0.1
"""Slope, against the fitted one, of the curve's lower end: low scores mean little, but keep their order."""
GRID = 25
SURE = 0.995
"""Each end of the interval: at .99 the worst genuine source has 9 % of its clips called fake (0068)."""
PURE = float(np.log(0.05 / 0.95))
"""What the lower end must reach in 95 of 100 draws of sources before a low score may clear a voice."""
UNDECIDED = -1.6
"""Lowest LLR otherwise: p of 0.17, short of the default policy's "genuine"."""


def balanced_weights(labels: Array, groups: Sequence[Any]) -> NDArray[np.float64]:
    """A weight a clip: both classes half, within a class every source by the root of its size."""
    keys = np.array([f"{int(label)}/{group}" for label, group in zip(labels, groups, strict=True)])
    weights = np.zeros(len(keys))
    for key in np.unique(keys):
        weights[keys == key] = 1 / np.sqrt((keys == key).sum())
    for label in (0, 1):
        weights[labels == label] *= 0.5 / max(weights[labels == label].sum(), 1e-12)
    return weights * len(keys)


def fit_curve(
    scores: Array, labels: Array, groups: Sequence[Any], rounds: int = 200, seed: int = 3
) -> LikelihoodRatioTable:
    """LLR of a score as ``log(e + (1 - e) exp(a s + b))``, with intervals, as a table.

    ``e`` is the share of synthetic speech that the network does not hear at all: it scores as genuine speech
    does, so a low score is never worth less than ``log e``. A straight line would clear it. Unless that share
    is surely small, the curve is nearly flat below the ratio found for the lowest scores and ends at
    `UNDECIDED`; above, it ends at the ratio found for the highest scores.

    The interval holds the spread of the curve over draws of whole sources, and a random effect: sources are
    shifted against each other, and a new one draws a new shift (DerSimonian & Laird 1986, by moments). Its
    lower end, which keeps from accusing, takes the shifts of genuine sources along ``a s + b``; its upper end
    those of synthetic sources along the curve.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels).astype(int)
    names = np.asarray(groups)
    weights = balanced_weights(labels, groups)
    fitted = _fit(scores, labels, weights)
    most = top(scores, labels, weights)
    first, last = (float(end) for end in np.quantile(scores, [0.005, 0.995]))
    grid = np.linspace(first, last, GRID)
    draws = [_curve(again, grid) for again in _redrawn(scores, labels, names, fitted, rounds, seed)]
    middle = _curve(fitted, grid)
    genuine, curve = labels == 0, _curve(fitted, scores)
    shift = between_sources((fitted[0] * scores + fitted[1])[genuine], names[genuine])
    lift = between_sources(curve[~genuine], names[~genuine])
    count = len(set(names[genuine]))
    wide = float(stats.t.ppf(SURE, max(2, count - 1)))
    down, up = (
        wide * np.sqrt(np.var(draws, axis=0) + variance * (1 + 1 / count)) for variance in (shift, lift)
    )
    surely = float(np.quantile([draw[0] for draw in draws], 0.95)) <= PURE
    bounded = np.minimum(middle, most) if surely else _bent(middle, _bottom(scores, labels, weights), most)
    return LikelihoodRatioTable(
        kind="likelihood-ratio-table",
        score=tuple(round(float(x), 4) for x in grid),
        llr=tuple(round(float(x), 4) for x in bounded),
        low=tuple(round(float(x), 4) for x in np.minimum(middle - down, bounded)),
        high=tuple(round(float(x), 4) for x in np.clip(middle + up, bounded, most)),
    )


def _redrawn(
    scores: Array, labels: Array, names: Array, fitted: Array, rounds: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Fits to draws of whole sources."""
    rng = np.random.default_rng(seed)
    rows = {name: np.flatnonzero(names == name) for name in np.unique(names)}
    for _ in range(rounds):
        pick = np.concatenate([rows[name] for name in rng.choice(list(rows), len(rows))])
        if 0 < labels[pick].sum() < len(pick):
            yield _fit(scores[pick], labels[pick], balanced_weights(labels[pick], names[pick]), fitted)


def _curve(fitted: Array, scores: Array) -> NDArray[np.float64]:
    slope, offset, logit = fitted
    unheard = 1 / (1 + np.exp(-logit))
    line = np.clip(slope * scores + offset, -30, 30)
    return np.asarray(np.log(unheard + (1 - unheard) * np.exp(line)), dtype=np.float64)


def _fit(scores: Array, labels: Array, weights: Array, start: Array | None = None) -> NDArray[np.float64]:
    """(slope, offset, logit of the unheard share) of least weighted log loss, with slight priors."""

    def loss(fitted: Array) -> float:
        llr = _curve(fitted, scores)
        missed = np.logaddexp(0, np.where(labels == 1, -llr, llr))
        return float((weights * missed).mean() + 1e-3 * (fitted[0] ** 2 + (fitted[2] + 1.4) ** 2))

    first = np.array([1.0, 0.0, -1.4]) if start is None else start
    bounds = [(0.01, 8.0), (-12.0, 12.0), (-6.0, 1.0)]
    return np.asarray(optimize.minimize(loss, first, method="L-BFGS-B", bounds=bounds).x, dtype=np.float64)


def top(scores: Array, labels: Array, weights: Array) -> float:
    """Log ratio of the classes' weights above the score that `TAIL` of the synthetic weight exceeds."""
    synthetic = labels == 1
    order = np.argsort(-scores[synthetic])
    share = np.cumsum(weights[synthetic][order]) / weights[synthetic].sum()
    inside = scores >= scores[synthetic][order][int(np.searchsorted(share, TAIL))]
    ratio = TAIL / (weights[~synthetic & inside].sum() / weights[~synthetic].sum() + 5e-3)
    return float(np.log(max(1.0, ratio)))


def _bottom(scores: Array, labels: Array, weights: Array) -> float:
    """As `top`, below the score that `TAIL` of the genuine weight undercuts; 0 at most."""
    return -top(-scores, 1 - labels, weights)


def _bent(curve: Array, floor: float, most: float) -> NDArray[np.float64]:
    """``curve`` with a tenth of its slope below ``floor``, between `UNDECIDED` and ``most``."""
    slow = np.where(curve < floor, floor + BEND * (curve - floor), curve)
    return np.asarray(np.clip(slow, UNDECIDED, most), dtype=np.float64)


def between_sources(llrs: Array, groups: Array) -> float:
    """Variance (nats²) of the mean LLR from source to source, less what sampling explains."""
    means, errors = [], []
    for name in np.unique(groups):
        some = llrs[groups == name]
        if len(some) >= 8:
            means.append(some.mean())
            errors.append(some.var(ddof=1) / len(some))
    return max(0.0, float(np.var(means, ddof=1) - np.mean(errors))) if len(means) >= 3 else 1.0


@dataclass(frozen=True)
class Judged:
    """Calibrated out-of-source probabilities (n,) with their intervals."""

    p: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def leave_out(
    scores: Array,
    labels: Array,
    groups: Sequence[Any],
    rounds: int = 60,
    fit: Callable[..., Calibration] = fit_curve,
) -> Judged:
    """Every source judged by a calibration that ``fit`` made without it."""
    names = np.asarray(groups)
    p, low, high = (np.zeros(len(names)) for _ in range(3))
    for name in np.unique(names):
        inside = names == name
        fitted = fit(scores[~inside], labels[~inside], names[~inside], rounds=rounds)
        for row in np.flatnonzero(inside):
            found = fitted.apply(float(scores[row]))
            p[row], low[row], high[row] = found.p_fake, found.interval.low, found.interval.high
    return Judged(p, low, high)


def expected_calibration_error(
    p: Array, labels: Array, weights: Array | None = None, bins: int = 10
) -> float:
    """Mean distance of probability and frequency over equal bins of [0, 1], by weight."""
    weights = np.ones(len(p)) if weights is None else weights
    cell = np.minimum((np.asarray(p) * bins).astype(int), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = cell == number
        if inside.any():
            share = weights[inside]
            error += abs(float(((p[inside] - labels[inside]) * share).sum()))
    return error / float(weights.sum())


@dataclass(frozen=True)
class Confidence:
    """What a policy would have said: share decided, error among decided, alarms by genuine source."""

    decided: float
    error: float
    detected: float
    false_alarms: dict[str, float]


def confidence(judged: Judged, labels: Array, groups: Sequence[Any], at: float = 0.85) -> Confidence:
    """Count verdicts of the default policy: p beyond ``at``, the interval on the same side of one half."""
    names, labels = np.asarray(groups), np.asarray(labels).astype(bool)
    accused = (judged.p >= at) & (judged.low > 0.5)
    cleared = (judged.p <= 1 - at) & (judged.high < 0.5)
    wrong = (accused & ~labels) | (cleared & labels)
    decided = accused | cleared
    return Confidence(
        decided=float(decided.mean()), error=float(wrong.sum() / max(1, decided.sum())),
        detected=float(accused[labels].mean()),
        false_alarms={
            name: float(accused[(names == name) & ~labels].mean()) for name in np.unique(names[~labels])
        },
    )  # fmt: skip
