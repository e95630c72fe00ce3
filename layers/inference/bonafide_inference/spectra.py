"""Power spectra of many frames, a few at a time: what fits into a cache costs a fifth of what does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["power"]

VALUES = 64 * 512
"""Samples that are transformed in one call."""


def power(frames: NDArray[np.float32], window: NDArray[np.float32]) -> NDArray[np.float32]:
    """|DFT|² of frames (n, size), which may be a view, times a window (size,): (n, size / 2 + 1)."""
    found = np.empty((len(frames), frames.shape[1] // 2 + 1), np.float32)
    rows = max(1, VALUES // frames.shape[1])
    for first in range(0, len(frames), rows):
        bins = np.fft.rfft(frames[first : first + rows] * window, axis=1)
        np.add(
            np.square(bins.real), np.square(bins.imag), out=found[first : first + rows], casting="same_kind"
        )
    return found
