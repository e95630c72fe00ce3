"""A piece's sound at the file's own rate, kept on an unnamed file while the front end resamples it.

Traces of an earlier coding are in the samples as decoded; whoever looks for them later reads stretches of
this copy instead of decoding again. 16 bits are enough: what is looked for is larger than their rounding.
"""

from __future__ import annotations

import os
import tempfile

import numpy as np
from numpy.typing import NDArray

__all__ = ["NativeSound"]

MOST_BYTES = 512 * 2**20
"""The copy ends there: half an hour at 96 kHz fits."""


class NativeSound:
    """Samples of one rate, 16 bits. A stream that changes its rate is kept up to there."""

    def __init__(self) -> None:
        self.rate_hz, self.start_s = 0, 0.0
        self._size, self._whole = 0, False
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (lives as long as this)

    def __len__(self) -> int:
        return self._size

    @classmethod
    def of(cls, samples: NDArray[np.float32], rate_hz: int, start_s: float = 0.0) -> NativeSound:
        """Of samples at hand, full scale ±1."""
        kept = cls()
        kept.add(start_s, rate_hz, samples)
        return kept

    def add(self, start_s: float, rate_hz: int, samples: NDArray[np.float32]) -> None:
        """Keep the next block: finite, full scale ±1."""
        if not self.rate_hz:
            self.rate_hz, self.start_s = rate_hz, start_s
        self._whole = self._whole or rate_hz != self.rate_hz or 2 * (self._size + samples.size) > MOST_BYTES
        if self._whole:
            return
        scaled = samples * np.float32(32768)
        np.rint(scaled, out=scaled)
        np.clip(scaled, -32768, 32767, out=scaled)
        self._size += os.write(self._file.fileno(), scaled.astype(np.int16).tobytes()) // 2

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Samples ``first`` to ``last`` as multiples of a 16-bit step; fewer where the sound ends."""
        first, last = max(0, first), min(last, self._size)
        held = os.pread(self._file.fileno(), 2 * max(0, last - first), 2 * first)
        return np.frombuffer(held, np.int16).astype(np.float32)
