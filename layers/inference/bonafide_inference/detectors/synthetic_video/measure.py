"""What time does to the noise and the residuals of a video, on frames made equal first.

Every clip becomes `SIDE` pixels square from its middle and `FPS` frames a second, so small that the codec's
blocks and the resolution of the file are mostly gone; what is left is compared with the clip's own contrast.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bonafide_inference.frames import Frame
from numpy.typing import NDArray
from PIL import Image

__all__ = ["FPS", "LEAST_FRAMES", "NAMES", "SIDE", "equalised", "residuals"]

Array = NDArray[np.float64]
SIDE = 64
FPS = 6.0
LEAST_FRAMES = 8
MOST_FRAMES = 48
NAMES = (
    "change", "jerk", "still_noise", "flicker", "persistence", "change_fine", "detail", "tails",
    "tint_change",
)  # fmt: skip
"""Log of the change from frame to frame over the contrast; second against first differences; noise of the
stillest fifth of the pixels; trembling of the whole brightness; how much fine detail stays from frame to
frame where nothing moves; fine against coarse change; fine detail of the frames; kurtosis of the change;
change of colour against that of luma."""


def equalised(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Frames at `FPS`, their middle square at `SIDE` pixels: (n, `SIDE`, `SIDE`, 3), bounded in number."""
    found: list[NDArray[np.float64]] = []
    due = -1.0
    for frame in frames:
        if frame.time_s < due - 1e-3:
            continue
        due = frame.time_s + 1 / (FPS * 1.05)
        height, width = frame.rgb.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = Image.fromarray(frame.rgb[top : top + side, left : left + side])
        found.append(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64))
        if len(found) == MOST_FRAMES:
            break
    return np.stack(found) if found else np.zeros((0, SIDE, SIDE, 3))


def residuals(frames: Array) -> NDArray[np.float32] | None:
    """`NAMES` of equalised frames, float32; None when there are too few or nothing is in the picture."""
    if len(frames) < LEAST_FRAMES:
        return None
    luma = frames @ (0.299, 0.587, 0.114)
    contrast = float(luma.std((1, 2)).mean())
    if contrast < 3:
        return None
    luma = luma / contrast
    first, second = np.diff(luma, axis=0), np.diff(luma, 2, axis=0)
    moving = np.abs(first).mean() + 1e-4
    still = luma.std(0)
    quiet = still <= np.quantile(still, 0.2)
    fine = _fine(luma)
    calm = np.abs(first) <= np.median(np.abs(first), axis=(1, 2), keepdims=True)
    before, after = fine[:-1][calm], fine[1:][calm]
    persistence = float((before * after).mean() / (np.sqrt((before**2).mean() * (after**2).mean()) + 1e-9))
    whole = luma.mean((1, 2))
    tint = np.abs(np.diff(frames[..., 0] - frames[..., 2], axis=0)).mean() / contrast
    return np.array([
        np.log(moving), np.log((np.abs(second).mean() + 1e-4) / moving), np.log(still[quiet].mean() + 1e-4),
        np.log(np.abs(np.diff(whole, 2)).mean() + 1e-4), persistence,
        np.log((np.abs(_fine(first)).mean() + 1e-4) / moving), np.log(np.abs(fine).mean() + 1e-4),
        np.log((first**4).mean() / ((first**2).mean() ** 2 + 1e-12) + 1e-4),
        np.log((tint + 1e-4) / moving),
    ], np.float32)  # fmt: skip


def _fine(planes: Array) -> Array:
    """The planes less the mean of each pixel's four neighbours."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return np.asarray(planes - around / 4)
