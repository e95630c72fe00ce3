"""From out-of-fold scores to a `calibration.Platt` whose interval knows that sources differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide_inference.calibration import Platt
from numpy.typing import NDArray

__all__ = [
    "Confidence",
    "balanced_weights",
    "confidence",
    "expected_calibration_error",
    "fit_platt",
    "leave_out",
]

Array = NDArray[Any]
MOST_LLR = 4.6
"""No LLR beyond ±4.6 (p of 0.99): some thousand clips of some tens of sources support no more."""
TAIL = 0.1
"""Share of the favoured class in the tail that bounds the LLR on its side."""
PURE = float(np.log(0.05 / 0.95))
"""Log ratio that the lowest tenth must reach before a low score may clear a voice: one error in twenty."""
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


def fit_platt(scores: Array, labels: Array, groups: Sequence[Any], rounds: int = 200, seed: int = 3) -> Platt:
    """Balanced logistic regression; the covariance holds both sampling and source-to-source variance.

    The first is a bootstrap over sources. The second is a random effect on the offset: for every source and
    class the shift that fits it best, its variance less the variance of estimating it (method of moments,
    DerSimonian & Laird 1986). A new source draws a new shift, so an interval without it would be too narrow.

    A line goes on for ever, evidence does not: some generators are not heard at all, however genuine they
    score. So the LLR stays within the likelihood ratios of the two tails as they were found, and above
    `UNDECIDED` as long as the lower tail is not `PURE` in 95 of 100 draws of sources.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels).astype(int)
    names = np.asarray(groups)
    weights = balanced_weights(labels, groups)
    slope, offset = _logistic(scores, labels, weights)
    rng = np.random.default_rng(seed)
    unique = np.unique(names)
    rows = {name: np.flatnonzero(names == name) for name in unique}
    draws, lows = [], []
    for _ in range(rounds):
        pick = np.concatenate([rows[name] for name in rng.choice(unique, len(unique))])
        if 0 < labels[pick].sum() < len(pick):
            again = balanced_weights(labels[pick], names[pick])
            draws.append(_logistic(scores[pick], labels[pick], again))
            lows.append(tails(scores[pick], labels[pick], again)[0])
    covariance = np.cov(np.array(draws).T)
    shift = between_sources(slope * scores + offset, labels, names)
    low, high = tails(scores, labels, weights)
    low = low if float(np.quantile(lows, 0.95)) <= PURE else max(low, UNDECIDED)
    return Platt(
        kind="platt", slope=round(slope, 5), offset=round(offset, 5),
        llr_low=round(low, 4), llr_high=round(high, 4),
        covariance=(
            round(float(covariance[0, 0]), 6), round(float(covariance[0, 1]), 6),
            round(float(covariance[1, 1] + shift), 6),
        ),
    )  # fmt: skip


def tails(scores: Array, labels: Array, weights: Array) -> tuple[float, float]:
    """Log ratios of the classes' weights below the `TAIL` quantile of genuine and above that of synthetic."""
    found = []
    for favoured, sign in ((0, 1.0), (1, -1.0)):
        turned, mine = sign * scores, labels == favoured
        order = np.argsort(turned[mine])
        share = np.cumsum(weights[mine][order]) / weights[mine].sum()
        edge = turned[mine][order][int(np.searchsorted(share, TAIL))]
        inside = turned <= edge
        ratio = (weights[~mine & inside].sum() / weights[~mine].sum() + 5e-3) / TAIL
        found.append(float(np.log(min(1.0, ratio))))
    return max(-MOST_LLR, found[0]), min(MOST_LLR, -found[1])


def between_sources(llrs: Array, labels: Array, groups: Array) -> float:
    """Variance (nats²) of the mean LLR from source to source, less sampling, of the class with more."""
    found = []
    for label in (0, 1):
        means, errors = [], []
        for name in np.unique(groups[labels == label]):
            some = llrs[(groups == name) & (labels == label)]
            if len(some) >= 8:
                means.append(some.mean())
                errors.append(some.var(ddof=1) / len(some))
        if len(means) >= 3:
            found.append(max(0.0, float(np.var(means, ddof=1) - np.mean(errors))))
    return max(found, default=1.0)


def _logistic(scores: Array, labels: Array, weights: Array) -> tuple[float, float]:
    """Newton steps with a slight ridge on the slope."""
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    beta = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weights * (labels - p)) - np.array([1e-3, 0]) * beta
        hessian = (design * (weights * p * (1 - p))[:, None]).T @ design + np.diag([1e-3, 1e-6])
        step = np.linalg.solve(hessian, gradient)
        beta += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), float(beta[1])


@dataclass(frozen=True)
class Judged:
    """Calibrated out-of-source probabilities (n,) with their intervals."""

    p: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def leave_out(scores: Array, labels: Array, groups: Sequence[Any]) -> Judged:
    """Every source judged by a calibration that was fitted without it."""
    names = np.asarray(groups)
    p, low, high = (np.zeros(len(names)) for _ in range(3))
    for name in np.unique(names):
        inside = names == name
        fitted = fit_platt(scores[~inside], labels[~inside], names[~inside], rounds=60)
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
