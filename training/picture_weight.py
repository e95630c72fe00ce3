"""The weight that a picture network earns: its slope on groups held out, and where it may decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_WRONG", "Earned", "earned", "slope"]

MOST_WRONG = 0.05
"""Of each source of photographs that may be accused, and of the verdicts that may be wrong."""
LEAST_FOUND = 20
"""Generated pictures of at least two groups that a region of scores must hold to be believed."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Earned:
    """``slope`` (nats a unit of the score) with its 95 % interval, groups and pictures in them drawn again.

    ``begins``: the score from which on a picture may be called generated; None where no such region exists.
    ``tried``: for the surest shares of all scores: (share, found, accused of the worst source, wrong).
    """

    slope: float
    low: float
    high: float
    begins: float | None
    tried: list[tuple[float, float, float, float]]

    @property
    def weight(self) -> float:
        """In fusion: the slope where a region supports a verdict, else nothing."""
        return round(self.slope, 3) if self.begins is not None and self.low > 0 else 0.0


def earned(
    scores: Scores, labels: NDArray[np.int64], groups: NDArray[np.str_], folders: NDArray[np.str_]
) -> Earned:
    """Judge scores of pictures that were held out.

    Parameters
    ----------
    scores, labels
        (pictures,), labels 1 for generated.
    groups, folders
        The matched group of each, and the source of which no more than `MOST_WRONG` may be accused.
    """
    low, high = _spread(scores, labels, groups)
    tried, begins = [], None
    for share in (0.2, 0.1, 0.05, 0.02, 0.01):
        edge = float(np.quantile(scores, 1 - share))
        row = _region(scores >= edge, labels, groups, folders)
        tried.append((share, *row[1:]))
        if begins is None and row[0]:
            begins = edge
    return Earned(slope(scores, labels, groups), low, high, begins, tried)


def _spread(scores: Scores, labels: NDArray[np.int64], groups: NDArray[np.str_]) -> tuple[float, float]:
    """95 % interval of the slope: groups are drawn again, then as many pictures of either class in each."""
    rng = np.random.default_rng(7)
    cells = [[np.flatnonzero((groups == g) & (labels == y)) for y in (0, 1)] for g in np.unique(groups)]
    draws = []
    for _ in range(500):
        drawn = [
            [rng.choice(cell, len(cell)) for cell in cells[k]]
            for k in rng.integers(0, len(cells), len(cells))
        ]
        rows = np.concatenate([np.concatenate(pair) for pair in drawn])
        places = np.repeat(np.arange(len(drawn)), [sum(map(len, pair)) for pair in drawn])
        draws.append(slope(scores[rows], labels[rows], places))
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _region(
    inside: NDArray[np.bool_], labels: NDArray[np.int64], groups: NDArray[np.str_], folders: NDArray[np.str_]
) -> tuple[bool, float, float, float]:
    """(whether it supports a verdict, generated found, worst source accused, share of wrong verdicts)."""
    found = inside & (labels == 1)
    accused = {str(name): float(inside[folders == name].mean()) for name in np.unique(folders[labels == 0])}
    rates = float(found[labels == 1].mean()), float(inside[labels == 0].mean())
    wrong = rates[1] / max(sum(rates), 1e-9)
    enough = int(found.sum()) >= LEAST_FOUND and len(set(groups[found])) >= 2
    fits = enough and max(accused.values()) <= MOST_WRONG and wrong <= MOST_WRONG
    return fits, rates[0], max(accused.values()), wrong


def slope(scores: Scores, labels: NDArray[np.int64], groups: Sequence[int] | NDArray[np.generic]) -> float:
    """Of a logistic line with an offset for each group; groups and the classes in them count the same."""
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    table = np.c_[scores, member[:, None] == np.arange(len(names))].astype(float)
    cells = np.bincount(2 * member + labels, minlength=2 * len(names))
    share = 1 / (2 * len(names) * cells[2 * member + labels])
    weights, ridge = np.zeros(table.shape[1]), 1e-6 * np.eye(table.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        down = table.T @ (share * (chance - labels)) + ridge @ weights
        curve = (table * (share * chance * (1 - chance))[:, None]).T @ table + ridge
        weights -= np.linalg.solve(curve, down)
    return float(weights[0])
