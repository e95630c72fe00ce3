"""Whether the map of `face_manipulation` points at the seam, beside what another face's map would do there.

Seams of pasted faces lie around the face: a map that always shows a ring there looks right and knows nothing.
So the map of a face is laid over the seams of another one, too, and only what its own does better counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics import auc, bootstrap

__all__ = ["Places", "places", "pointing"]


@dataclass(frozen=True)
class Places:
    """One row a picture with a seam, all (n,).

    ``own``, ``other``: AUC of the seam's cells over the picture's cells by its own map, and by the map of
    another face; ``peak``, ``peak_other``: whether the hottest cell lies on the seam; ``share`` of the cells
    on the seam, what a random cell hits.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    peak: NDArray[np.float64]
    peak_other: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[Places]) -> Places:
        """All rows of several."""
        return cls(*(np.concatenate([vars(part)[name] for part in parts]) for name in cls.__annotations__))


def places(maps: NDArray[np.float64], seams: NDArray[np.bool_]) -> Places:
    """Maps and seams of different faces, (n, cells, cells); the other face is half the list away."""
    flat, truth = maps.reshape(len(maps), -1), seams.reshape(len(seams), -1)
    other = np.roll(flat, len(flat) // 2, axis=0)
    kept = truth.any(1) & ~truth.all(1)
    rows = [
        (auc(own, seam), auc(foreign, seam), seam[own.argmax()], seam[foreign.argmax()], seam.mean())
        for own, foreign, seam in zip(flat[kept], other[kept], truth[kept], strict=True)
    ]
    return Places(*np.array(rows, float).reshape(-1, 5).T)


def pointing(found: Mapping[str, Places]) -> tuple[str, dict[str, float]]:
    """The table of the card, and the figures of the manifest: means over sources, each counting alike."""
    lines = [
        "| simulated, not heard | faces | own map: AUC | another's | own map: peak | another's | any cell |",
        "|---|---|---|---|---|---|---|",
    ]
    means = []
    for name, one in found.items():
        middle = [float(vars(one)[column].mean()) for column in Places.__annotations__]
        means.append(middle)
        lines.append(_row(name, str(len(one.own)), middle))
    table = np.array(means)
    middle = table.mean(0).tolist()
    lines.append(_row("mean of the sources", str(sum(len(one.own) for one in found.values())), middle))
    gains: dict[str, float] = {}
    for name, first in (("heat_auc", 0), ("heat_peak", 2)):
        gain = table[:, first] - table[:, first + 1]
        low, high = bootstrap(lambda rows: float(gain[rows].mean()), list(found))  # noqa: B023
        gains |= {
            name: middle[first], f"{name}_other": middle[first + 1], f"{name}_gain": float(gain.mean()),
            f"{name}_gain_low": low, f"{name}_gain_high": high,
        }  # fmt: skip
    figures = {name: round(value, 3) for name, value in (gains | {"heat_peak_random": middle[4]}).items()}
    return "\n".join(lines), figures


def _row(name: str, count: str, middle: Sequence[float]) -> str:
    own, other, peak, peak_other, share = middle
    return f"| {name} | {count} | {own:.3f} | {other:.3f} | {peak:.0%} | {peak_other:.0%} | {share:.0%} |"
