"""Perceptrons of ``audio_splice``, each fitted without one source, and the line from logits to an LLR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import audio_splice_card, perceptron
from training.cuts_cache import Made
from training.platt import fit_platt

__all__ = ["CACHE", "apart", "judged", "segment_line"]

CACHE = Path(".cache/speech")
MEMBERS = 3
FALSE_A_MINUTE = 0.5
"""Stretches of genuine speech that may be marked."""


def apart(made: Made) -> dict[str, perceptron.Perceptron]:
    """For each source the model that knows nothing of it, its scores a segment's LLR."""
    models, _, logits = judged(made)
    line = segment_line(made, logits)
    return {name: model.scaled(*line) for name, model in models.items()}


def judged(
    made: Made, clear: bool = False
) -> tuple[dict[str, perceptron.Perceptron], perceptron.Perceptron, NDArray[np.float64]]:
    """Models without each source, the one of all sources, and all segments' logits by the former.

    ``clear`` fits on sources of that release alone; the others are then judged by the one of all.
    """
    usable = ~made.between & (made.clear[made.recording] | (not clear))
    group = made.group[made.recording]
    models, logits = {}, np.full(len(made.rows), np.nan)
    for name in np.unique(made.group):
        inside = group == name
        if (usable & inside).any():
            models[str(name)] = _fitted(made, usable & ~inside)
            logits[inside] = models[str(name)](made.rows[inside])
    shipped = _fitted(made, usable)
    unheard = np.isnan(logits)
    logits[unheard] = shipped(made.rows[unheard])
    return models, shipped, logits


def _fitted(made: Made, rows: NDArray[np.bool_]) -> perceptron.Perceptron:
    """One perceptron as wide as `MEMBERS` of different seeds beside each other."""
    labels = made.holds[rows]
    weights = np.where(labels, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    return perceptron.averaged(
        [perceptron.fit(made.rows[rows], labels, weights, seed=seed) for seed in range(MEMBERS)]
    )


def segment_line(made: Made, logits: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and offset from logit to a segment's LLR, 0 where genuine speech has `FALSE_A_MINUTE`.

    The slope is that of the calibrated likelihood ratio; the zero is found by bisection.
    """
    usable = ~made.between
    line = fit_platt(
        logits[usable], made.holds[usable].astype(int), list(made.group[made.recording][usable]), 2
    )
    genuine = np.flatnonzero(~made.spliced)
    parts = [line.slope * logits[made.recording == number] for number in genuine]
    most = FALSE_A_MINUTE * float(made.seconds[genuine].sum()) / 60
    low, high = (float(end([part.max() for part in parts])) for end in (min, max))
    for _ in range(30):
        middle = (low + high) / 2
        enough = sum(len(audio_splice_card.stretches(part - middle)) for part in parts) > most
        low, high = (middle, high) if enough else (low, middle)
    return line.slope, -high
