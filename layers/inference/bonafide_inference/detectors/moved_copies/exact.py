"""Parts that are equal to the bit: what a plain copy leaves in a file that was never compressed since.

Blocks of 8 × 8 pixels are compared by a rolling hash. A block counts when it has texture and just one equal
elsewhere, and moves the same way as its neighbours; flat, saturated and printed parts repeat many times.
"""

from __future__ import annotations

import numpy as np
from bonafide_inference.regions import components
from numpy.typing import NDArray

__all__ = ["Equal", "equal_parts"]

SIDE = 8
MOST_PIXELS = 4_000_000
"""Larger pictures are not compared so: time and memory."""
LEAST_DEVIATION = 1.0
"""Grey levels (standard deviation) that a block needs to be more than flat."""
LEAST_APART = 16

Equal = tuple[complex, NDArray[np.bool_], int]
"""(shift x + iy, the part's mask in pixels of the plane, blocks that agree)."""


def equal_parts(plane: NDArray[np.uint8]) -> Equal | None:
    """The largest part of a grey plane that stands again elsewhere, bit for bit; None when there is none."""
    if min(plane.shape) < 4 * SIDE or plane.size > MOST_PIXELS:
        return None
    place = np.flatnonzero(_lively(plane).ravel())
    hashes = _hashes(plane).ravel()[place]
    order = np.argsort(hashes, kind="stable")
    place, hashes = place[order], hashes[order]
    same = np.concatenate((hashes[1:] == hashes[:-1], [False]))
    before = np.concatenate(([False], same[:-1]))
    after = np.concatenate((same[1:], [False]))
    first = np.flatnonzero(same & ~before & ~after)  # exactly two of a kind
    if not len(first):
        return None
    width = plane.shape[1] - SIDE + 1
    one, other = np.sort(np.stack((place[first], place[first + 1])), axis=0)
    down, right = other // width - one // width, other % width - one % width
    far = down**2 + right**2 >= LEAST_APART**2
    moves, counts = np.unique(down[far] * 100_000 + right[far], return_counts=True)
    if not len(moves):
        return None
    move = int(moves[counts.argmax()])
    mine = one[far & (down * 100_000 + right == move)]
    mask = np.zeros((plane.shape[0] - SIDE + 1, width), dtype=bool)
    mask.flat[mine] = True
    group = components(mask)[0]
    whole = np.zeros(plane.shape, dtype=bool)
    for row, left, end in group:
        whole[row : row + SIDE, left : end + SIDE - 1] = True
    row = round(move / 100_000)
    return complex(move - row * 100_000, row), whole, sum(end - left for _, left, end in group)


def _hashes(plane: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A 64-bit polynomial of each block (row, column of its corner), modulo 2^64."""
    values = plane.astype(np.uint64) + np.uint64(1)
    height, width = plane.shape[0] - SIDE + 1, plane.shape[1] - SIDE + 1
    base = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
    across = np.zeros((plane.shape[0], width), dtype=np.uint64)
    for step in range(SIDE):
        across = across * base[0] + values[:, step : step + width]
    across ^= across >> np.uint64(29)
    total = np.zeros((height, width), dtype=np.uint64)
    for step in range(SIDE):
        total = total * base[1] + across[step : step + height]
    return total


def _lively(plane: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which blocks have texture."""
    values = plane.astype(np.int64)
    total, squares = (_sums(part) for part in (values, values**2))
    count = SIDE * SIDE
    return np.asarray(squares * count - total**2 > (LEAST_DEVIATION * count) ** 2)


def _sums(values: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return np.asarray(
        total[SIDE:, SIDE:] - total[:-SIDE, SIDE:] - total[SIDE:, :-SIDE] + total[:-SIDE, :-SIDE]
    )
