"""How the opening of a mouth goes with the energy of speech, over lags.

The opening is the distance of the inner lips of the face mesh, in eye distances. Correlation and offset are
of the parts that change faster than a second, so that a turn of the head or a fade is no speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BAND_HZ",
    "MAX_LAG_S",
    "NEAR_S",
    "STEP_S",
    "Lips",
    "Pair",
    "Sync",
    "correlogram",
    "curves",
    "envelope",
    "lags_s",
    "paired",
    "synchrony",
]

Array = NDArray[np.float64]
STEP_S = 0.04
MAX_LAG_S = 0.6
NEAR_S = 0.12
"""Lags within this are near zero."""
SLOW_S = 1.0
BAND_HZ = (300.0, 3500.0)
"""Where vowels are: an open mouth raises this band, not the pitch below it, nor hiss above it."""
EDGE_S = 0.2


@dataclass(frozen=True)
class Lips:
    """A mouth through a burst: seconds (n,), and its opening in eye distances (n,)."""

    times: Array
    opening: Array


@dataclass(frozen=True)
class Pair:
    """Opening of a mouth (n,) and loudness (n + 2 x `MAX_LAG_S`), each without what changes slowly."""

    mouth: Array
    loud: Array


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


def envelope(sound: NDArray[np.float32], rate_hz: int, begun_s: float, times: Array) -> Array:
    """Loudness of the speech band in 80 ms around each time, as heard (power 0.3 of the RMS; Stevens).

    0 in silence and outside the sound.
    """
    begin = int(np.clip((times[0] - begun_s - EDGE_S) * rate_hz, 0, sound.size))
    end = int(np.clip((times[-1] - begun_s + EDGE_S) * rate_hz, begin, sound.size))
    band = _speech_band(sound[begin:end].astype(np.float64), rate_hz)
    power = np.concatenate([[0.0], np.cumsum(band**2)])
    first, last = (
        np.clip(((times - begun_s + shift) * rate_hz).astype(int) - begin, 0, band.size)
        for shift in (-0.04, 0.04)
    )
    mean = (power[last] - power[first]) / np.maximum(last - first, 1)
    return np.asarray(np.maximum(mean, 0) ** (0.3 / 2))


def _speech_band(sound: Array, rate_hz: int) -> Array:
    """The part of the sound between `BAND_HZ`."""
    if not sound.size:
        return sound
    spectrum = np.fft.rfft(sound)
    pitch = np.fft.rfftfreq(sound.size, 1 / rate_hz)
    spectrum[(pitch < BAND_HZ[0]) | (pitch > BAND_HZ[1])] = 0
    return np.asarray(np.fft.irfft(spectrum, sound.size))


def paired(lips: Lips, energy: Array, grid: Array) -> Pair:
    """The opening, and ``energy`` of ``grid``, which reaches further by `MAX_LAG_S` either way."""
    steps = round(MAX_LAG_S / STEP_S)
    mouth = np.interp(grid[steps : len(grid) - steps], lips.times, lips.opening)
    return Pair(_quick(mouth), _quick(energy))


def curves(mouths: Array, louds: Array) -> Array:
    """Correlation by lag of mouths (a, n) and loudness (b, n + 2 x reach): (a or b, 2 x reach + 1).

    One of a and b is 1. What does not move correlates with nothing.
    """
    length = mouths.shape[1]
    mouths = mouths - mouths.mean(1, keepdims=True)
    found = []
    for lag in range(louds.shape[1] - length + 1):
        part = louds[:, lag : lag + length]
        spread = mouths.std(1) * part.std(1)
        product = (mouths @ part.T).ravel() / length
        found.append(np.where(spread > 1e-9, product / np.maximum(spread, 1e-9), 0.0))
    return np.stack(found, axis=1)


def lags_s() -> Array:
    """The lags of a correlogram in seconds, positive when the sound is late."""
    steps = round(MAX_LAG_S / STEP_S)
    return np.asarray(np.arange(-steps, steps + 1) * STEP_S, np.float64)


def correlogram(lips: Lips, energy: Array, grid: Array) -> Array:
    """Correlation of the opening with ``energy`` (of ``grid``, which reaches further) by lag."""
    pair = paired(lips, energy, grid)
    return np.asarray(curves(pair.mouth[None], pair.loud[None])[0])


def _quick(series: Array) -> Array:
    """The part that changes faster than `SLOW_S`."""
    width = round(SLOW_S / STEP_S) | 1
    padded = np.pad(series, width // 2, mode="edge")
    return np.asarray(series - np.convolve(padded, np.ones(width) / width, "valid"))


def synchrony(curves: Sequence[Array], weights: Sequence[float]) -> Sync:
    """Join the correlograms of the bursts, each by its length."""
    curve = np.average(np.stack(curves), axis=0, weights=np.array(weights))
    lags = lags_s()
    near = np.abs(lags) <= NEAR_S + 1e-9
    best = int(curve.argmax())
    return Sync(
        curve, round(float(lags[best]), 3), float(curve[best]), float(curve[near].max()),
        float(curve[near].max() - curve[~near].max()),
    )  # fmt: skip
