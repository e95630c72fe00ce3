"""JPEG ghosts: places that were saved at a lower quality before than the rest.

After Farid, "Exposing Digital Forgeries from JPEG Ghosts" (IEEE TIFS 4(1), 2009): save the picture again at
each quality and look where the difference is small; what was compressed at that quality before hardly
changes. Here the second save is made in the DCT domain on the picture's own grid: the difference of a
coefficient c to the nearest multiple of the candidate's step q. Each value's expected difference is read from
the picture's coefficients on a grid moved by four pixels, which no quantisation shows in, so that the map is
in standard deviations whatever the content (Farid normalises by the range over the qualities).

Double quantisation asks for the part that lacks the history of the majority; a ghost is a minority that has
one. Together they cover both ways.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide_inference.jpegdct import STANDARD, ZIGZAG, Luma, block_dct
from bonafide_inference.regions import box_mean
from numpy.typing import NDArray

__all__ = ["QUALITIES", "Ghost", "find_ghost", "standard_table"]

QUALITIES = tuple(range(34, 95, 2))
"""Candidate qualities of the earlier save (IJG tables)."""
FREQUENCIES = 15
"""AC frequencies used, in zigzag order."""
REACH = 60
"""Quantised values beyond ±REACH are pooled."""
LEAST_RATIO = 1.5
"""A candidate step must be this many times the last save's, or its trace is gone."""
MOST_BLOCKS = 50_000
"""Larger pictures are sampled: every second block, every third … in both directions."""
EVERYWHERE = 1.5
"""A ghost whose median over the picture exceeds this is the history of the whole picture."""
RADIUS = 3
"""Box of 7 × 7 blocks over which a ghost is averaged."""


@dataclass(frozen=True)
class Ghost:
    """``map``: float (rows, columns), standard deviations below the expected difference, smoothed.

    Its cells are ``step`` pixels wide and high. ``quality`` is that of the candidate with the highest peak;
    ``peak``: the map's maximum above its median; ``share``: blocks above half the peak.
    """

    quality: int
    map: NDArray[np.float64]
    peak: float
    share: float
    step: int


def standard_table(quality: int) -> NDArray[np.float64]:
    """The IJG luma table (64, row-major) of a quality 1..100."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((np.array(STANDARD) * scale + 50) / 100), 1, 255)


def find_ghost(luma: Luma) -> Ghost | None:
    """The strongest ghost of a picture; None when no candidate is coarse enough to be seen.

    Parameters
    ----------
    luma
        At least 2 × 2 blocks.
    """
    indices = list(ZIGZAG[1 : FREQUENCIES + 1])
    steps = luma.table[indices]
    every = max(1, math.ceil(math.sqrt(luma.blocks[0] * luma.blocks[1] / MOST_BLOCKS)))
    levels = _levels(block_dct(_thinned(luma.plane, every), indices), steps)
    chance = _levels(block_dct(_thinned(luma.plane[4:, 4:], every), indices), steps)
    counts = np.stack(
        [np.bincount(chance[..., k].ravel(), minlength=2 * REACH + 1) for k in range(len(indices))]
    )
    best: Ghost | None = None
    for quality in QUALITIES:
        gain, spread = _gain(levels, counts, steps, standard_table(quality)[indices])
        if gain is None:
            continue
        deviation = box_mean(gain, RADIUS) / np.sqrt(box_mean(spread, RADIUS) / (2 * RADIUS + 1) ** 2 + 1e-3)
        middle = float(np.median(deviation))
        if middle > EVERYWHERE:
            continue  # the whole picture was saved so: no minority, and its texture would make the peak
        peak = float(deviation.max()) - max(0.0, middle)
        if best is None or peak > best.peak:
            best = Ghost(quality, deviation, peak, float((deviation > peak / 2).mean()), 8 * every)
    return best


def _thinned(plane: NDArray[np.uint8], every: int) -> NDArray[np.uint8]:
    """Every ``every``-th 8×8 block in both directions, put together to a plane of its own."""
    if every == 1:
        return plane
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = plane[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)[::every, :, ::every]
    return np.ascontiguousarray(blocks).reshape(blocks.shape[0] * 8, blocks.shape[2] * 8)


def _levels(coefficients: NDArray[np.float32], steps: NDArray[Any]) -> NDArray[np.int16]:
    """Quantised values moved to 0..2·REACH."""
    return (np.clip(np.rint(coefficients / steps.astype(np.float32)), -REACH, REACH) + REACH).astype(np.int16)


def _gain(
    levels: NDArray[np.int16], counts: NDArray[np.int64], steps: NDArray[Any], candidate: NDArray[Any]
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
    """Per block: expected minus found difference, and its variance, both summed over the frequencies."""
    total: NDArray[np.float32] | None = None
    spread = np.zeros(levels.shape[:2], dtype=np.float32)
    values = np.arange(-REACH, REACH + 1)
    for k, (step, q) in enumerate(zip(steps, candidate, strict=True)):
        if q < LEAST_RATIO * step:
            continue
        exact = values * step
        difference = ((exact - q * np.rint(exact / q)) / q) ** 2
        telling = np.abs(exact) > q / 2  # what rounds to zero is no trace
        weights = counts[k] * telling
        if weights.sum() < 20:
            continue
        mean = float((difference * weights).sum() / weights.sum())
        variance = float((((difference - mean) ** 2) * weights).sum() / weights.sum())
        if variance < 1e-4:
            continue
        scale = 1 / np.sqrt(variance)
        gain = np.where(telling, (mean - difference) * scale, 0).astype(np.float32)[levels[..., k]]
        total = gain if total is None else total + gain
        spread += telling.astype(np.float32)[levels[..., k]]
    return total, spread
