"""Two disturbances that leave a voice what it is: a telephone, and a poor codec.

An answer that turns over under one of them rests on something that the next forwarding would remove. Both
are arithmetic on the samples, so that the probe costs few milliseconds and needs no encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["DISTURBANCES", "coarse", "telephone"]

Sound = NDArray[np.float32]
TAPS = 161
FRAME = 512
MU = 255.0


def telephone(sound: Sound) -> Sound:
    """300-3400 Hz at 8 kHz through mu-law (ITU-T G.711), back at 16 kHz."""
    peak = float(np.abs(sound).max()) + 1e-9
    narrow = np.convolve(sound / peak, _band(300.0, 3400.0), "same")[::2]
    packed = np.round(np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU) * 127) / 127
    opened = np.sign(packed) * np.expm1(np.abs(packed) * np.log1p(MU)) / MU
    doubled = np.zeros(2 * len(opened), np.float32)
    doubled[::2] = 2 * opened
    return (np.convolve(doubled, _band(0.0, 3600.0), "same")[: len(sound)] * peak).astype(np.float32)


def coarse(sound: Sound) -> Sound:
    """As a transform coder at a low rate leaves it: noise 12 dB below each band, nothing above 7 kHz.

    Sine-windowed frames of 32 ms that overlap by half; 20 bands, each rounded to steps of 0.6 of its level.
    """
    window = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)
    half = FRAME // 2
    padded = np.pad(sound, (half, half + (-len(sound)) % half))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::half] * window
    spectrum = np.fft.rfft(frames, axis=1).astype(np.complex64)
    for first, last in _bands():
        part = spectrum[:, first:last]
        step = np.float32(0.6) * np.sqrt((np.abs(part) ** 2).mean(axis=1, keepdims=True)) + np.float32(1e-9)
        spectrum[:, first:last] = np.round(part / step) * step
    spectrum[:, 224:] = 0
    back = np.fft.irfft(spectrum, FRAME, axis=1).astype(np.float32) * window
    whole = np.zeros(len(padded), np.float32)
    even, odd = back[::2], back[1::2]
    whole[: even.size] += even.ravel()
    whole[half : half + odd.size] += odd.ravel()
    return whole[half : half + len(sound)]


DISTURBANCES: dict[str, Callable[[Sound], Sound]] = {"telephone": telephone, "coarse": coarse}


@lru_cache(maxsize=4)
def _band(low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """A windowed-sinc band pass at 16 kHz."""
    n = np.arange(TAPS) - TAPS // 2
    taps = 2 * high_hz / 16000 * np.sinc(2 * high_hz / 16000 * n)
    taps -= 2 * low_hz / 16000 * np.sinc(2 * low_hz / 16000 * n)
    return np.asarray(taps * np.hamming(TAPS), dtype=np.float32)


@lru_cache(maxsize=1)
def _bands() -> tuple[tuple[int, int], ...]:
    """Bin ranges of 20 bands that widen with frequency."""
    edges = np.unique(np.round(224 * (np.arange(21) / 20) ** 1.6).astype(int))
    return tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
