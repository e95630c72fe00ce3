"""From out-of-fold scores to a `calibration.Platt` whose interval knows that sources differ.

For scores that a line fits; `calibrate.fit_curve` is for those of which part goes unheard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bonafide_inference.calibration import Platt
from numpy.typing import NDArray

from training.calibrate import PURE, TAIL, UNDECIDED, balanced_weights

__all__ = ["fit_platt"]

Array = NDArray[Any]
MOST_LLR = 4.6
"""No LLR beyond ±4.6 (p of 0.99): some thousand clips of some tens of sources support no more."""


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
            lows.append(_tails(scores[pick], labels[pick], again)[0])
    covariance = np.cov(np.array(draws).T)
    shift = _between_sources(slope * scores + offset, labels, names)
    low, high = _tails(scores, labels, weights)
    low = low if float(np.quantile(lows, 0.95)) <= PURE else max(low, UNDECIDED)
    return Platt(
        kind="platt", slope=round(slope, 5), offset=round(offset, 5),
        llr_low=round(low, 4), llr_high=round(high, 4),
        covariance=(
            round(float(covariance[0, 0]), 6), round(float(covariance[0, 1]), 6),
            round(float(covariance[1, 1] + shift), 6),
        ),
    )  # fmt: skip


def _tails(scores: Array, labels: Array, weights: Array) -> tuple[float, float]:
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


def _between_sources(llrs: Array, labels: Array, groups: Array) -> float:
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
