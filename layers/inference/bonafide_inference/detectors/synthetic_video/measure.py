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

__all__ = [
    "FPS", "LEAST_FRAMES", "NAMES", "SIDE", "STEPS", "chosen", "equalised", "residuals", "steps", "unlike",
]  # fmt: skip

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
STEPS = ("change", "noise", "detail")
"""What is measured of every single frame (`steps`)."""
LEAST_SPREAD = 0.02
"""Spread of a clip's logs below which its frames are all alike."""


def chosen(frames: Sequence[Frame]) -> list[Frame]:
    """Frames at `FPS`, `MOST_FRAMES` at most."""
    found: list[Frame] = []
    for frame in frames:
        if not found or frame.time_s >= found[-1].time_s + 1 / (FPS * 1.05) - 1e-3:
            found.append(frame)
    return found[:MOST_FRAMES]


def equalised(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """The middle square of each of the `chosen` frames at `SIDE` pixels: (n, `SIDE`, `SIDE`, 3)."""
    found = []
    for frame in chosen(frames):
        height, width = frame.rgb.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = Image.fromarray(frame.rgb[top : top + side, left : left + side])
        found.append(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64))
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


def steps(frames: Array) -> Array:
    """`STEPS` of each of two or more equalised frames: logs, (n, 3).

    ``change``: mean difference from the neighbours. ``noise``: fine part of that difference where the picture
    is calm. Both are the lesser of those from before and from after: a cut belongs to neither side.
    ``detail``: fine part of the frame itself, over its contrast.
    """
    luma = frames @ (0.299, 0.587, 0.114)
    first = np.diff(luma, axis=0)
    size = np.abs(first)
    calm = size <= np.median(size, axis=(1, 2), keepdims=True)
    noise = (np.abs(_fine(first)) * calm).sum((1, 2)) / calm.sum((1, 2))
    detail = np.abs(_fine(luma)).mean((1, 2)) / np.maximum(luma.std((1, 2)), 1.0)
    found = np.stack([_lesser(size.mean((1, 2))), _lesser(noise), detail], axis=1)
    return np.asarray(np.log(found + 0.01))


def _lesser(between: Array) -> Array:
    """Of n - 1 values between neighbours, for each of n frames the lesser of its two (the ends have one)."""
    padded = np.concatenate([between[:1], between, between[-1:]])
    return np.asarray(np.minimum(padded[:-1], padded[1:]))


def unlike(found: Array) -> Array:
    """How far each frame's `steps` lie from the middle of all, in robust standard deviations: (n, 3)."""
    apart = found - np.median(found, axis=0)
    spread = 1.4826 * np.median(np.abs(apart), axis=0)
    return np.asarray(apart / np.maximum(spread, LEAST_SPREAD))


def _fine(planes: Array) -> Array:
    """The planes less the mean of each pixel's four neighbours."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return np.asarray(planes - around / 4)
