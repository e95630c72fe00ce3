"""Small image arithmetic on block maps: box mean, connected regions, turning upright. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_mean", "components", "turn_upright"]


def box_mean(values: NDArray[Any], radius: int) -> NDArray[np.float64]:
    """Mean over (2·radius+1)² neighbours, the edge repeated; same shape."""
    size = 2 * radius + 1
    padded = np.pad(values.astype(np.float64), radius, mode="edge").cumsum(0).cumsum(1)
    padded = np.pad(padded, ((1, 0), (1, 0)))
    total = padded[size:, size:] - padded[:-size, size:] - padded[size:, :-size] + padded[:-size, :-size]
    return np.asarray(total / size**2)


def components(mask: NDArray[np.bool_]) -> list[list[tuple[int, int, int]]]:
    """4-connected regions of ``mask``, each a list of runs (row, first column, end column), largest first."""
    parent: list[int] = []
    runs: list[tuple[int, int, int]] = []

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    above: list[int] = []
    for row in range(mask.shape[0]):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], mask[row].astype(np.int8), [0]))))
        here = []
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            here.append(len(runs))
            parent.append(len(runs))
            runs.append((row, first, end))
        _join(here, above, runs, parent, root)
        above = here
    groups: dict[int, list[tuple[int, int, int]]] = {}
    for number, run in enumerate(runs):
        groups.setdefault(root(number), []).append(run)
    return sorted(groups.values(), key=lambda group: -sum(end - first for _, first, end in group))


def _join(here: list[int], above: list[int], runs: list[Any], parent: list[int], root: Any) -> None:
    """Unite runs of two neighbouring rows that overlap; both lists are sorted by column."""
    i = j = 0
    while i < len(here) and j < len(above):
        _, first, end = runs[here[i]]
        _, other_first, other_end = runs[above[j]]
        if first < other_end and other_first < end:
            parent[root(here[i])] = root(above[j])
        if end < other_end:
            i += 1
        else:
            j += 1


def turn_upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation (1..8) to the first two axes, as a viewer would."""
    match orientation:
        case 2:
            return values[:, ::-1]
        case 3:
            return values[::-1, ::-1]
        case 4:
            return values[::-1]
        case 5:
            return values.swapaxes(0, 1)
        case 6:
            return np.rot90(values, 3)
        case 7:
            return values[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(values, 1)
        case _:
            return values
