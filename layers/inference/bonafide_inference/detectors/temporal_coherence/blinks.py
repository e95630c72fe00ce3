"""Blinks: runs of frames in which the lids are near each other, against the same person's open eyes.

After Li, Chang & Lyu, "In Ictu Oculi" (WIFS 2018), without its network: early face swaps hardly blinked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bonafide_inference.facemesh import EYES, eye_opening
from bonafide_inference.faces import FaceTrack
from bonafide_inference.frames import Burst
from numpy.typing import NDArray

__all__ = ["Blinks", "blinks", "lids"]

STEP_S = 0.1
"""Eyes are looked at so often: a blink takes 0.1 to 0.4 s."""
LEAST_EYE_PX = 9.0
OPEN_QUANTILE, SHUT = 85, 0.6
"""Open is this quantile of the person's own openings; shut is below this share of it."""
LEAST_S, LONGEST_S = 1.5, 0.8
"""Seconds of eyes that are needed; eyes shut for longer are no blink."""


@dataclass(frozen=True)
class Blinks:
    """``times``: middles of the blinks in seconds; ``seconds`` looked at; ``open``: the open eye's opening.

    ``shut_share``: share of the looks at which the eyes are shut, however long.
    """

    times: tuple[float, ...]
    seconds: float
    open: float
    shut_share: float

    @property
    def per_minute(self) -> float:
        """Blinks a minute; people at rest blink some 8 to 25 times."""
        return 60 * len(self.times) / self.seconds


def lids(burst: Burst, track: FaceTrack) -> NDArray[np.float64]:
    """The opening of the eyes through a burst: (n, 2) of seconds and height over width."""
    rows: list[tuple[float, float]] = []
    for face, found in zip(track.faces, track.meshes, strict=True):
        wide = [float(np.linalg.norm(found.points[a, :2] - found.points[b, :2])) for a, b in EYES]
        if (rows and face.time_s < rows[-1][0] + STEP_S * 0.99) or max(wide) < LEAST_EYE_PX:
            continue
        rows.append((face.time_s, eye_opening(burst.frames[face.frame].rgb, found)))
    return np.array(rows, np.float64).reshape(-1, 2)


def blinks(series: Sequence[NDArray[np.float64]]) -> Blinks | None:
    """Blinks in the `lids` of one person's bursts; None when too little of the eyes is seen."""
    seen = [rows for rows in series if len(rows) > 1]
    seconds = sum(float(rows[-1, 0] - rows[0, 0]) for rows in seen)
    if seconds < LEAST_S:
        return None
    every = np.concatenate(seen)[:, 1]
    wide = float(np.percentile(every, OPEN_QUANTILE))
    found = [moment for rows in seen for moment in _runs(rows[:, 0], rows[:, 1] < SHUT * wide)]
    return Blinks(tuple(found), seconds, wide, float(np.mean(every < SHUT * wide)))


def _runs(times: NDArray[np.float64], shut: NDArray[np.bool_]) -> list[float]:
    """Middles of the runs of shut eyes that begin and end within the burst and are short enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shut, [False]]).astype(int)))
    pairs = [(first, last - 1) for first, last in edges.reshape(-1, 2)]
    return [
        float(times[first] + times[last]) / 2 for first, last in pairs
        if first > 0 and last < len(times) - 1 and times[last] - times[first] <= LONGEST_S
    ]  # fmt: skip
