"""How the opening of a mouth goes with the energy of speech, over lags.

CenterFace marks the corners of the mouth only, so its opening is a proxy: how dark and how uneven the mouth
region of the aligned face is, against the face's own brightness. Correlation and offset are of the parts that
change faster than a second, so that a turn of the head or a fade is no speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FACE",
    "MAX_LAG_S",
    "NEAR_S",
    "STEP_S",
    "Lips",
    "Sync",
    "correlogram",
    "envelope",
    "openness",
    "synchrony",
]

Array = NDArray[np.float64]
FACE = 112
MOUTH = (slice(80, 106), slice(40, 74))
CHEEKS = (slice(40, 80), slice(30, 82))
"""Rows and columns of the mouth, and of the middle of the face, in an aligned face of `FACE` pixels."""
STEP_S = 0.04
MAX_LAG_S = 0.6
NEAR_S = 0.12
"""Lags within this are in sync: broadcasting allows -0.125 to +0.045 s (ITU-R BT.1359)."""
SLOW_S = 1.0


@dataclass(frozen=True)
class Lips:
    """A mouth through a burst: seconds (n,), and its opening (n, 2): darkness and unevenness."""

    times: Array
    opening: Array


@dataclass(frozen=True)
class Sync:
    """``curve``: correlation at each lag (`MAX_LAG_S` either way in steps of `STEP_S`).

    ``offset_s``: the lag of its peak, positive when the sound is late; ``near``: the best correlation in
    sync; ``margin``: ``near`` less the best out of sync (below 0: another offset fits better).
    """

    curve: Array
    offset_s: float
    peak: float
    near: float
    margin: float


def openness(aligned: NDArray[np.uint8]) -> tuple[float, float]:
    """Darkness and unevenness of the mouth of an aligned face, uint8 RGB (`FACE`, `FACE`, 3)."""
    grey = aligned.astype(np.float64) @ (0.299, 0.587, 0.114)
    light = max(float(np.median(grey[CHEEKS])), 8.0)
    mouth = grey[MOUTH] / light
    return float(np.clip(0.55 - mouth, 0, None).mean()), float(mouth.std())


def envelope(sound: NDArray[np.float32], rate_hz: int, begun_s: float, times: Array) -> Array:
    """Log10 of the RMS in 80 ms around each time; -4 in silence and outside the sound."""
    power = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    first, last = (
        np.clip(((times - begun_s + shift) * rate_hz).astype(int), 0, sound.size) for shift in (-0.04, 0.04)
    )
    mean = (power[last] - power[first]) / np.maximum(last - first, 1)
    return np.asarray(np.log10(np.sqrt(np.maximum(mean, 0)) + 1e-4))


def correlogram(lips: Lips, energy: Array, grid: Array) -> Array:
    """Correlation of the mean of both proxies with ``energy`` (of ``grid``, which reaches further) by lag."""
    steps = round(MAX_LAG_S / STEP_S)
    inside = grid[steps : len(grid) - steps]
    moves = [_quick(np.interp(inside, lips.times, column)) for column in lips.opening.T]
    mouth = np.sum([move / move.std() for move in moves if move.std() > 1e-6] or [np.zeros(len(inside))], 0)
    loud = _quick(energy)
    found = []
    for lag in range(2 * steps + 1):
        part = loud[lag : lag + len(inside)]
        spread = float(mouth.std() * part.std())
        found.append(
            float(((mouth - mouth.mean()) * (part - part.mean())).mean()) / spread if spread > 1e-9 else 0.0
        )
    return np.array(found)


def _quick(series: Array) -> Array:
    """The part that changes faster than `SLOW_S`."""
    width = round(SLOW_S / STEP_S) | 1
    padded = np.pad(series, width // 2, mode="edge")
    return np.asarray(series - np.convolve(padded, np.ones(width) / width, "valid"))


def synchrony(curves: Sequence[Array], weights: Sequence[float]) -> Sync:
    """Join the correlograms of the bursts, each by its length."""
    curve = np.average(np.stack(curves), axis=0, weights=np.array(weights))
    lags = (np.arange(len(curve)) - len(curve) // 2) * STEP_S
    near = np.abs(lags) <= NEAR_S + 1e-9
    best = int(curve.argmax())
    return Sync(
        curve, round(float(lags[best]), 3), float(curve[best]), float(curve[near].max()),
        float(curve[near].max() - curve[~near].max()),
    )  # fmt: skip
