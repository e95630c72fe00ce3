"""What the network sees: log power less its mean over time, and group delay, both linear in frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "FRAME", "HOP", "spectrogram"]

FRAME, HOP, BINS = 512, 160, 256
FLOOR = 1e-7
"""Added to the mean power spectrum: about -60 dB of a loud bin, so that coders' silence is no trace."""
SCALE = 0.4
ROWS = 48
"""Frames that are transformed in one call: temporary arrays of more come fresh from the system (0086)."""
WEAK = 5e-4
"""Where the power is below this the group delay, which is noise there, is damped towards 0."""
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
_RAMP = (_WINDOW * (np.arange(FRAME) - FRAME // 2)).astype(np.float32)


def spectrogram(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planes of one window, the same numbers as ``training.speech_net.spectrogram``.

    Parameters
    ----------
    sound
        (n,) float32 at 16 kHz, n of at least `FRAME`. Its level has no effect.

    Returns
    -------
    NDArray[np.float32]
        (2, 256, frames): a frame every 10 ms, bins of 31.25 Hz without the one at 0 Hz. First log power less
        its mean over time (nepers times 0.4), then group delay, tanh of samples / 64 (Yegnanarayana 1978).
    """
    sound = sound / (np.sqrt(np.mean(np.square(sound, dtype=np.float64))) + 1e-6).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    level, planes = np.empty((len(frames), BINS), np.float32), np.empty((2, BINS, len(frames)), np.float32)
    for first in range(0, len(frames), ROWS):
        some = frames[first : first + ROWS]
        plain, ramped = (np.fft.rfft(some * shape, axis=1)[:, 1:] for shape in (_WINDOW, _RAMP))
        power = plain.real**2 + plain.imag**2
        level[first : first + ROWS] = np.log(power / FRAME + np.float32(FLOOR * FRAME))
        delay = (plain.real * ramped.real + plain.imag * ramped.imag) / (power + np.float32(FRAME * WEAK))
        planes[1, :, first : first + ROWS] = np.tanh(delay / 64).T
    level -= level.mean(axis=0, keepdims=True)
    planes[0] = (level * np.float32(SCALE)).T
    return planes
