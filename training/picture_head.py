"""A linear judge of what the network sees in crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import logistic

__all__ = ["Head", "fit", "mean_of"]

_RIDGE = 0.1
"""On the standardised weights, of the mean loss."""


@dataclass(frozen=True)
class Head:
    """Weights of the features and the offset; in units of the score's spread over what it was fitted on."""

    weights: NDArray[np.float64]
    offset: float

    def __call__(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scores of (…, features)."""
        return np.asarray(features @ self.weights + self.offset, np.float64)


def fit(features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.str_]) -> Head:
    """A class-balanced logistic regression on (pictures, versions, features).

    Its zero is moved to the middle between the classes, in the mean over the matched groups, and its scale to
    the spread within them, so that judges fitted on other groups can be averaged.
    """
    rows = features.reshape(-1, features.shape[-1])
    found = logistic.fit(rows, np.repeat(labels == 1, features.shape[1]), ridge=_RIDGE * len(rows))
    weights = found.weights[:-1] / found.std
    scores = (features @ weights).mean(axis=1)
    cells = [[scores[(groups == name) & (labels == y)] for y in (0, 1)] for name in np.unique(groups)]
    middle = float(np.mean([np.mean([part.mean() for part in pair]) for pair in cells]))
    spread = float(np.sqrt(np.mean([part.var() for pair in cells for part in pair])))
    return Head(weights / spread, -middle / spread)


def mean_of(heads: Sequence[Head]) -> Head:
    """The judge whose score is the mean of theirs."""
    return Head(
        np.mean([head.weights for head in heads], axis=0), float(np.mean([head.offset for head in heads]))
    )
