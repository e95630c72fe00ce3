"""Which 8×8 grid was each place of a picture compressed on? Votes by DCT zeros, and their chance.

After Nikoukhah, Anger, Colom, Morel, Grompone von Gioi, "ZERO: a Local JPEG Grid Origin Detector Based on
the Number of DCT Zeros and its Applications in Image Forensics" (CVPRW 2019, IPOL 2021), written from the
paper. A block that lies on the grid of an earlier compression has more DCT coefficients near zero than the
63 blocks around it that do not. Two changes. Each 8×8 cell has one vote among the 64 origins in it (the
paper gives each pixel a vote and divides the counts by 64, as overlapping votes are no evidence twice). And
"zero" is soft and knows the noise that the last save left: a coefficient counts ``log(1 + (c / t)²)`` with
t = 0.3 steps of the last table, never below 0.5; the cell votes for the least sum. (Hard zeros at 0.5 found
2 of 70 foreign patches after a last save at Q95, this finds three quarters.) Coefficients of the first row
and column are left out, so that flat and one-dimensional texture ties.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Foreign", "Votes", "cast_votes", "find_foreign", "log10_tail"]

CELL = 8
NONE = 64
"""The vote of a cell in which no origin has more zeros than all others."""
MOST_CELLS = 40_000
"""Larger pictures are sampled: every second cell, every third … in both directions."""
SIDES = (4, 6, 9, 13, 19, 28, 42)
"""Window sides tried, in cells."""
NOISE_SHARE = 0.3
"""Noise that a quantisation leaves, in steps (1/√12 of a step)."""
_BATCH = 24
"""Rows of cells transformed at a time."""


@dataclass(frozen=True)
class Votes:
    """``origin``: int16 (rows, columns) of 0..63 = 8 · dy + dx, or `NONE`; ``step``: pixels between cells."""

    origin: NDArray[np.int16]
    step: int


@dataclass(frozen=True)
class Foreign:
    """The most surprising window of one origin: its log10 NFA (below 0 = unexpected), votes and place.

    ``box`` is (row, column, side) in cells; ``rate`` is how often the rest of the picture votes that way.
    """

    origin: int
    log10_nfa: float
    box: tuple[int, int, int]
    count: int
    valid: int
    rate: float


def _basis() -> NDArray[np.float32]:
    """(15 pixels, 8 origins · 7 frequencies): the DCT of 8 pixels at each origin, without the mean."""
    k = np.arange(8)
    matrix = 0.5 * np.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16)
    out = np.zeros((15, 8, 7), dtype=np.float32)
    for origin in range(8):
        out[origin : origin + 8, origin, :] = matrix[1:].T
    return out.reshape(15, 56)


_BASIS = _basis()


def cast_votes(plane: NDArray[np.uint8], table: NDArray[np.float64] | None = None) -> Votes:
    """Let each (sampled) 8×8 cell of a grey plane (height, width) vote for one of its 64 grid origins.

    ``table``: the 64 steps of the last save, row-major; None for pixels stored without loss.
    """
    rows, columns = (plane.shape[0] - 7) // CELL, (plane.shape[1] - 7) // CELL
    if rows < 1 or columns < 1:
        return Votes(np.zeros((0, 0), np.int16), CELL)
    every = max(1, math.ceil(math.sqrt(rows * columns / MOST_CELLS)))
    tops = np.arange(0, rows, every) * CELL
    lefts = np.arange(0, columns, every) * CELL
    scale = np.full((7, 7), 2.0, dtype=np.float32)
    if table is not None:
        steps = table.reshape(8, 8)[1:, 1:].astype(np.float32)
        scale = 1 / np.maximum(0.5, NOISE_SHARE * steps)
    origin = np.empty((len(tops), len(lefts)), dtype=np.int16)
    reach = np.arange(15)
    for first in range(0, len(tops), _BATCH):
        some = tops[first : first + _BATCH]
        pixels = plane[(some[:, None] + reach)[:, :, None, None], (lefts[:, None] + reach)[None, None]]
        origin[first : first + _BATCH] = _vote(pixels.astype(np.float32), scale)
    return Votes(origin, CELL * every)


def _vote(pixels: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.int16]:
    """Votes of cells given as (rows, 15, columns, 15) pixels; ``scale``: (7 v, 7 u) of 1 / noise."""
    rows, _, columns, _ = pixels.shape
    across = pixels @ _BASIS  # (rows, 15, columns, 8 dx · 7 u)
    votes = np.empty((rows, columns), dtype=np.int16)
    for row in range(rows):
        both = (_BASIS.T @ across[row].reshape(15, -1)).reshape(8, 7, columns * 8, 7)  # (dy, v, cell · dx, u)
        both *= scale[None, :, None, :]
        np.multiply(both, both, out=both)
        np.log1p(both, out=both)
        sums = np.rint(both.sum(axis=1).sum(axis=2) * 64)  # rounded, so that flat cells tie
        flat = sums.reshape(8, columns, 8).transpose(1, 0, 2).reshape(columns, 64)
        alone = (flat == flat.min(axis=1)[:, None]).sum(axis=1) == 1
        votes[row] = np.where(alone, flat.argmin(axis=1), NONE)
    return votes


def log10_tail(valid: NDArray[np.int64], count: NDArray[np.int64], rate: float) -> NDArray[np.float64]:
    """Upper bound (Hoeffding 1963) of log10 P[at least ``count`` of ``valid`` votes] at ``rate``; ≤ 0."""
    share = count / np.maximum(valid, 1)
    inner = np.clip(share, 1e-12, 1 - 1e-12)
    gain = share * np.log(inner / rate) + (1 - share) * np.log((1 - inner) / (1 - rate))
    return np.where(share > rate, -valid * gain / math.log(10), 0.0)


def find_foreign(votes: Votes, most: int = 3) -> list[Foreign]:
    """The least likely concentrations of votes for an origin, one an origin, least likely first.

    The chance rate of an origin is 1/64 or, when higher, the rate at which the whole picture votes so: an
    innocent crop leaves an old grid everywhere, and only a part that differs from the rest is foreign. The
    number of tests is 64 origins × all windows of `SIDES`. The picture's own grid and the eight origins
    around it are not tested: smooth shading votes for them by itself.
    """
    origin = votes.origin
    valid = origin != NONE
    counts = np.bincount(origin[valid].ravel(), minlength=64)[:64]
    total = int(counts.sum())
    if total < 64:
        return []
    own = int(counts.argmax())
    sides = [side for side in SIDES if side <= min(origin.shape)]
    tests = math.log10(64 * origin.size * max(1, len(sides)))
    found = []
    for candidate in np.argsort(-counts):
        if counts[candidate] >= 4 and not _near(int(candidate), own):
            best = _best_window(origin == candidate, valid, sides, int(candidate), total, tests)
            if best is not None:
                found.append(best)
    return sorted(found, key=lambda one: one.log10_nfa)[:most]


def _near(one: int, other: int) -> bool:
    """Whether two origins are at most one pixel apart in both directions (the grid repeats every 8)."""
    down, right = (one // 8 - other // 8) % 8, (one % 8 - other % 8) % 8
    return down in (0, 1, 7) and right in (0, 1, 7)


def _best_window(
    cast: NDArray[np.bool_], valid: NDArray[np.bool_], sides: list[int], origin: int, total: int, tests: float
) -> Foreign | None:
    best: Foreign | None = None
    everywhere = int(cast.sum())
    for side in sides:
        hits, able = _window_sums(cast, side), _window_sums(valid, side)
        place = int(hits.argmax())  # the fullest window first: if even it is likely, so are the others
        outside = max(1, total - int(able.flat[place]))
        rate = max(1 / 64, (everywhere - int(hits.flat[place])) / outside)
        tail = log10_tail(able, hits, rate)
        place = int(tail.argmin())
        score = float(tail.flat[place]) + tests
        if best is None or score < best.log10_nfa:
            row, column = divmod(place, hits.shape[1])
            best = Foreign(
                origin, score, (row, column, side), int(hits.flat[place]), int(able.flat[place]), rate
            )
    return best


def _window_sums(values: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    """Sums over all ``side``² windows: (rows - side + 1, columns - side + 1)."""
    total = np.pad(values.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    window = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return np.asarray(window, dtype=np.int64)
