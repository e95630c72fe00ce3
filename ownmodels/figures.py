"""Figures: equal error rate, calibration error, held-out calibration, the probe of trivial variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bonafide_inference.calibration import Platt, probability
from numpy.typing import NDArray

__all__ = ["balanced", "ece", "eer", "fit_platt", "held_out", "logistic", "probe_scores", "shares"]

Floats = NDArray[np.float64]
LEAST = 10
"""Files of each class without which nothing is calibrated."""
_LLR_CAP = 4.6


def balanced(labels: NDArray[Any]) -> Floats:
    """Return weights that make both classes count one half: the prior of every ``p_fake``."""
    labels = np.asarray(labels).astype(bool)
    share = np.where(labels, labels.mean(), 1 - labels.mean())
    return np.asarray(0.5 / np.maximum(share, 1e-12) / len(labels), dtype=np.float64)


def eer(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the rate at which misses and false alarms are equal, between the two nearest thresholds."""
    labels = np.asarray(labels).astype(bool)
    order = np.unique(scores)
    edges = np.concatenate([[order[0] - 1], (order[1:] + order[:-1]) / 2, [order[-1] + 1]])
    below = [np.searchsorted(np.sort(scores[kind]), edges, side="right") for kind in (~labels, labels)]
    alarms, misses = 1 - below[0] / (~labels).sum(), below[1] / labels.sum()
    at = int(np.argmin(np.abs(alarms - misses)))
    return float((alarms[at] + misses[at]) / 2)


def ece(p: NDArray[Any], labels: NDArray[Any], bins: int = 10) -> float:
    """Return the expected calibration error over equal bins of ``p``, both classes counting one half."""
    labels = np.asarray(labels).astype(float)
    weights = balanced(labels)
    place = np.clip((np.asarray(p) * bins).astype(int), 0, bins - 1)
    gaps = [
        abs(float(np.sum(weights[place == b] * (np.asarray(p)[place == b] - labels[place == b]))))
        for b in range(bins)
    ]
    return float(sum(gaps))


def logistic(features: Floats, labels: NDArray[Any], ridge: float = 1e-3) -> Floats:
    """Return (weights…, offset) of a class-balanced logistic regression by Newton's method.

    Targets are Platt's (1999): never quite 0 or 1, so that separable data give finite weights.
    """
    labels = np.asarray(labels).astype(bool)
    weights = balanced(labels) * len(labels)
    high, low = (labels.sum() + 1) / (labels.sum() + 2), 1 / ((~labels).sum() + 2)
    target = np.where(labels, high, low)
    x = np.column_stack([features, np.ones(len(labels))])
    penalty = np.diag([ridge] * features.shape[1] + [0.0]) * len(labels)
    at = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ at, -30, 30)))
        gradient = x.T @ (weights * (p - target)) + penalty @ at
        curvature = (x * (weights * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ x + penalty
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(at)), gradient)
        at = at - step * min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-8:
            break
    return at


def _line(scores: Floats, labels: NDArray[Any]) -> tuple[float, float]:
    """Return (slope, offset) of a Platt calibration; scores are standardised for the fit."""
    mean, spread = float(scores.mean()), max(float(scores.std()), 1e-9)
    slope, offset = logistic(((scores - mean) / spread)[:, None], labels)
    return float(slope / spread), float(offset - slope * mean / spread)


def fit_platt(
    scores: NDArray[Any], labels: NDArray[Any], groups: Sequence[Any], rounds: int = 200
) -> Platt | None:
    """Return a calibration with the covariance of a bootstrap over ``groups``; None where it cannot be had.

    None: fewer than `LEAST` files of a class, or the score does not rise with "fake" on these data.
    """
    labels = np.asarray(labels).astype(bool)
    scores = np.asarray(scores, dtype=np.float64)
    if min(labels.sum(), (~labels).sum()) < LEAST:
        return None
    slope, offset = _line(scores, labels)
    if slope <= 0:
        return None
    rng = np.random.default_rng(7)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(member == i) for i in range(len(names))]
    drawn = []
    for _ in range(rounds):
        pick = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        if 0 < labels[pick].sum() < len(pick):
            drawn.append(_line(scores[pick], labels[pick]))
    spread = np.cov(np.array(drawn).T)
    cap = min(_LLR_CAP, float(np.log(min(labels.sum(), (~labels).sum()) + 1)))
    return Platt(
        kind="platt",
        slope=round(slope, 6),
        offset=round(offset, 6),
        llr_low=-round(cap, 4),
        llr_high=round(cap, 4),
        covariance=(float(spread[0, 0]), float(spread[0, 1]), float(spread[1, 1])),
    )


def held_out(scores: NDArray[Any], labels: NDArray[Any], fold: Sequence[int]) -> Floats:
    """Return the LLR of each sample by a line fitted without its fold, bounded as by `fit_platt`."""
    scores, labels, place = np.asarray(scores, np.float64), np.asarray(labels).astype(bool), np.asarray(fold)
    out = np.zeros(len(scores))
    for number in np.unique(place):
        test, rest = place == number, place != number
        slope, offset = _line(scores[rest], labels[rest])
        cap = min(_LLR_CAP, float(np.log(min(labels[rest].sum(), (~labels[rest]).sum()) + 1)))
        out[test] = np.clip(slope * scores[test] + offset, -cap, cap)
    return out


def probe_scores(trivial: NDArray[Any], labels: NDArray[Any], fold: Sequence[int]) -> Floats:
    """Return held-out scores of a regression on trivial variables (size, format, length) alone."""
    x, place = np.asarray(trivial, np.float64), np.asarray(fold)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    out = np.zeros(len(x))
    for number in np.unique(place):
        test, rest = place == number, place != number
        at = logistic(x[rest], np.asarray(labels)[rest], ridge=1e-2)
        out[test] = x[test] @ at[:-1] + at[-1]
    return out


def shares(llr: NDArray[Any]) -> Floats:
    """Return ``p_fake`` of LLRs at the prior of one half."""
    return np.array([probability(float(value)) for value in llr])
