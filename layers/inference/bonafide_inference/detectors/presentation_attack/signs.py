"""What a screen shows around a face and over time: straight dark edges, and bands that travel.

Signs, not scores: they are flags with a false-alarm rate of their own (card), for no real recording of a
screen with its surroundings is in the material.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bonafide_inference.faces import Face
from bonafide_inference.frames import Burst
from numpy.typing import NDArray
from PIL import Image

__all__ = ["BAND_SHARE", "Edge", "banding", "screen_edges", "shown_on_screen"]

Array = NDArray[np.float64]
FACE_PX = 48
"""The face's longer side in pixels when its surroundings are looked at."""
REACH = 2.5
"""How far from the face an edge is looked for, in faces."""
SLOPES = np.tan(np.radians(np.linspace(-8, 8, 9)))
COHERENT, STRONG, DARK = 0.9, 8.0, 80.0
"""Of an edge: share of its gradient with one sign; mean step in grey levels; luma of the bezel beyond it."""
BAND_SHARE, BAND_LEAST = 0.6, 0.002
"""Share of what moves down or up the frame that one frequency holds, and its least amplitude."""
LEAST_FRAMES, LEAST_HZ = 24, 1.0
CYCLES = slice(1, 13)
"""Bands over the height of the frame that are looked for."""


@dataclass(frozen=True)
class Edge:
    """A straight edge beside a face: side, distance from the face in faces, whether a dark band follows."""

    side: str
    distance: float
    dark: bool


def screen_edges(rgb: NDArray[np.uint8], face: Face) -> tuple[Edge, ...]:
    """The nearest straight edge on each side of a face (uint8 RGB picture), as far as they make a screen.

    Right, bottom, left, top; the first side without a dark one ends the search: it is no screen then.
    """
    scale = FACE_PX / max(face.box[2], face.box[3], 1.0)
    size = max(8, round(rgb.shape[1] * scale)), max(8, round(rgb.shape[0] * scale))
    if scale > 1 or min(size) < FACE_PX:
        return ()
    grey = np.asarray(Image.fromarray(rgb).convert("L").resize(size, Image.Resampling.BOX), np.float64)
    x, y = (face.box[k] * scale + face.box[k + 2] * scale / 2 for k in (0, 1))
    half = FACE_PX / 2
    found = []
    for side, turns in (("right", 0), ("bottom", 1), ("left", 2), ("top", 3)):
        view, across, down = _facing_right(grey, x, y, turns)
        edge = _nearest(view, across + half, down)
        if edge is None:
            break
        found.append(Edge(side, edge[0] / FACE_PX, edge[1]))
        if not edge[1]:
            break
    return tuple(found)


def _facing_right(grey: Array, x: float, y: float, turns: int) -> tuple[Array, float, float]:
    """The picture turned so that the side in question is on the right, and where (x, y) lies then."""
    for _ in range(turns):
        grey, x, y = np.rot90(grey), y, grey.shape[1] - 1 - x
    return np.ascontiguousarray(grey), x, y


def _nearest(grey: Array, begin: float, middle: float) -> tuple[float, bool] | None:
    """Pixels to the nearest straight edge right of ``begin``, and whether it is dark beyond (those first)."""
    rows = np.arange(max(0, int(middle - 0.8 * FACE_PX)), min(len(grey), int(middle + 0.8 * FACE_PX)))
    first, last = max(1, int(begin)), min(grey.shape[1] - 4, int(begin + REACH * FACE_PX))
    if len(rows) < FACE_PX or last - first < 3:
        return None
    columns = np.arange(first, last)
    best: tuple[float, bool] | None = None
    for slope in SLOPES:
        places = np.clip(
            columns[None] + np.round(slope * (rows - middle)).astype(int)[:, None], 1, grey.shape[1] - 3
        )
        step = grey[rows[:, None], places + 1] - grey[rows[:, None], places - 1]
        mean = np.abs(step.mean(0))
        straight = np.flatnonzero((mean > STRONG) & (mean > COHERENT * np.abs(step).mean(0)))
        for column in straight:
            band = np.minimum(places[:, column, None] + np.arange(1, 4), grey.shape[1] - 1)
            outside = grey[rows[0] : rows[-1], places[:, column].max() + 2 :]
            if outside.std() < 2:  # a plain border to the end of the picture: letterboxed
                continue
            dark = bool(grey[rows[:, None], band].mean() < DARK)
            found = (float(column), dark)
            if best is None or (dark, -found[0]) > (best[1], -best[0]):
                best = found
    return best


def shown_on_screen(edges: Sequence[Edge]) -> bool:
    """Whether the edges are those of a screen or a frame: on all four sides, with a dark band."""
    return len(edges) == 4 and all(edge.dark for edge in edges)


def banding(bursts: Sequence[Burst]) -> float | None:
    """Share (0..1) of one travelling band in what changes along the rows of the frame; None if unmeasured.

    A screen is refreshed line by line while the camera reads line by line: bands wander over it.
    Lamps on mains current do the same to a genuine recording.
    """
    found = [_band(burst) for burst in bursts if len(burst.frames) >= LEAST_FRAMES]
    return max(found) if found else None


def _band(burst: Burst) -> float:
    shape = burst.frames[0].rgb.shape
    same = [frame for frame in burst.frames if frame.rgb.shape == shape]
    profile = np.stack([frame.rgb[:, ::4].mean((1, 2)) for frame in same]) + 4.0
    change = np.log(profile)
    change -= change.mean(0)
    change -= change.mean(1, keepdims=True)
    window = np.outer(np.hanning(len(change)), np.hanning(change.shape[1]))
    power = np.abs(np.fft.fft2(change * window)) ** 2
    seconds = max(same[-1].time_s - same[0].time_s, 1e-3)
    hertz = np.abs(np.fft.fftfreq(len(change))) * len(change) / seconds
    power[hertz < LEAST_HZ] = 0
    band = power[:, CYCLES]
    total = float(band.sum())
    row, column = np.unravel_index(int(band.argmax()), band.shape)
    around = band[np.arange(row - 2, row + 3)[:, None] % len(band), max(0, column - 1) : column + 2]
    amplitude = 2 * float(np.sqrt(band.max())) / float(window.sum())
    return float(around.sum()) / total if total > 0 and amplitude >= BAND_LEAST else 0.0
