"""Figures with their uncertainty: AUC, F1, bootstrap over groups, an isotonic calibration table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["auc", "bootstrap", "f1", "isotonic_table"]


def auc(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """Area under the ROC curve, ties counted half; NaN when a class is empty."""
    labels = np.asarray(labels).astype(bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def f1(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """F1 of two masks; 0 when both are empty."""
    both = int(np.logical_and(predicted, truth).sum())
    total = int(predicted.sum()) + int(truth.sum())
    return 2 * both / total if total else 0.0


def bootstrap(
    figure: Callable[[NDArray[np.int64]], float], groups: Sequence[Any], rounds: int = 500, seed: int = 7
) -> tuple[float, float]:
    """95 % interval of ``figure(row numbers)`` when whole groups (pictures, sources) are drawn again."""
    rng = np.random.default_rng(seed)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(member == i) for i in range(len(names))]
    draws = [
        figure(np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]))
        for _ in range(rounds)
    ]
    return float(np.nanpercentile(draws, 2.5)), float(np.nanpercentile(draws, 97.5))


def isotonic_table(
    scores: NDArray[Any], labels: NDArray[Any], groups: Sequence[Any], bins: int = 12, rounds: int = 300
) -> dict[str, Any]:
    """A monotone LLR table (`calibration.LikelihoodRatioTable`) with bootstrap bounds over groups.

    Counts are smoothed by one in each cell, so no LLR exceeds what the amount of data supports.
    """
    labels = np.asarray(labels).astype(bool)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)))
    cell = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    centres = np.array([float(np.median(scores[cell == i])) for i in range(len(edges) - 1)])
    middle = _monotone_llr(cell, labels, len(centres))
    rng = np.random.default_rng(11)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(member == i) for i in range(len(names))]
    draws = []
    for _ in range(rounds):
        pick = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        draws.append(_monotone_llr(cell[pick], labels[pick], len(centres)))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return {
        "kind": "isotonic-table",
        "score": [round(float(x), 4) for x in centres],
        "llr": [round(float(x), 4) for x in middle],
        "low": [round(float(x), 4) for x in np.minimum(low, middle)],
        "high": [round(float(x), 4) for x in np.maximum(high, middle)],
    }


def _monotone_llr(cell: NDArray[Any], labels: NDArray[Any], bins: int) -> NDArray[np.float64]:
    """Log ratio of class frequencies by cell, made monotone by pooling adjacent violators."""
    positive = np.bincount(cell[labels], minlength=bins).astype(float)
    negative = np.bincount(cell[~labels], minlength=bins).astype(float)
    totals = positive.sum() + 2, negative.sum() + 2
    blocks: list[list[float]] = []
    for p, n in zip(positive, negative, strict=True):
        blocks.append([p, n, 1])
        while len(blocks) > 1 and _ratio(blocks[-2], totals) >= _ratio(blocks[-1], totals):
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return np.concatenate([np.full(int(block[2]), np.log(_ratio(block, totals))) for block in blocks])


def _ratio(block: list[float], totals: tuple[float, float]) -> float:
    return ((block[0] + 1) / totals[0]) / ((block[1] + 1) / totals[1])
