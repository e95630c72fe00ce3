"""Streaming spectrum of a sound of any length: bounded columns, a cut-off for each, and simple counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spectrum", "analyse"]

WINDOW, HOP = 2048, 1024
COLUMNS = 600
FLOOR_DB = -118.0
"""Rounding to 16 bits leaves about -126 dBFS a bin: below this is no content."""
LOUD_DB = -60.0
"""A column whose loudest band is below this is silence: it has no cut-off."""
CLIP = 0.999


class Spectrum:
    """What `analyse` measured.

    ``levels``: (columns, 256) band levels in dBFS; ``cutoff``: (columns,) Hz, NaN in silence; ``edge``:
    (columns,) dB of the drop there; ``column_s``: seconds a column; ``start_s``: of the first sample.
    """

    def __init__(self) -> None:
        self.rate = 0
        self.start_s = 0.0
        self.samples = 0
        self.peak = 0.0
        self.clipped = 0
        self.silent = 0
        self.non_finite = 0
        self.column_s = 0.0
        self.levels: NDArray[np.float64] = np.zeros((0, 256))
        self.cutoff: NDArray[np.float64] = np.zeros(0)
        self.edge: NDArray[np.float64] = np.zeros(0)

    @property
    def seconds(self) -> float:
        """Length of what was decoded."""
        return self.samples / self.rate if self.rate else 0.0


def analyse(blocks: Iterable[tuple[float, int, NDArray[Any]]]) -> Spectrum:
    """Measure (start in s, rate in Hz, float samples) blocks, as `Piece.sound` yields them.

    Memory is bounded whatever the length: columns are merged in pairs when there are more than 2 × 600.
    """
    found = Spectrum()
    columns = _Columns()
    rest = np.zeros(0, dtype=np.float32)
    for start, rate, block in blocks:
        if not found.rate:
            found.rate, found.start_s = rate, start
        clean = _count(found, block)
        rest = np.concatenate((rest, clean))
        while rest.size >= WINDOW:
            hops = (rest.size - WINDOW) // HOP + 1
            columns.add(np.lib.stride_tricks.sliding_window_view(rest, WINDOW)[::HOP][:hops])
            rest = rest[hops * HOP :]
    if found.samples and not columns.count:  # shorter than one window
        columns.add(np.pad(rest, (0, WINDOW - rest.size))[None, :])
    if found.rate:
        columns.finish(found)
    return found


def _count(found: Spectrum, block: NDArray[Any]) -> NDArray[np.float32]:
    finite = np.isfinite(block)
    found.non_finite += int(block.size - finite.sum())
    clean = np.where(finite, block, 0).clip(-8, 8).astype(np.float32)  # floats may exceed full scale
    magnitude = np.abs(clean)
    found.samples += clean.size
    found.peak = max(found.peak, float(magnitude.max(initial=0)))
    found.clipped += int((magnitude >= CLIP).sum())
    found.silent += int((clean == 0).sum())
    return clean


class _Columns:
    """Mean power spectra of equal numbers of windows, merged in pairs to stay bounded."""

    def __init__(self) -> None:
        self.per = 1
        self.count = 0
        self.done: list[NDArray[np.float64]] = []
        self.open: NDArray[np.float64] = np.zeros(WINDOW // 2 + 1)
        self.open_n = 0
        self.shape = np.hanning(WINDOW).astype(np.float32)
        self.scale = 4.0 / float(self.shape.sum()) ** 2

    def add(self, windows: NDArray[Any]) -> None:
        """Take (n, WINDOW) samples; at most 64 windows are transformed at a time."""
        for first in range(0, len(windows), 64):
            power = np.abs(np.fft.rfft(windows[first : first + 64] * self.shape, axis=1)) ** 2 * self.scale
            for row in power:
                self.open = self.open + row
                self.open_n += 1
                self.count += 1
                if self.open_n == self.per:
                    self._close()

    def _close(self) -> None:
        self.done.append(self.open / self.open_n)
        self.open, self.open_n = np.zeros_like(self.open), 0
        if len(self.done) >= 2 * COLUMNS:
            self.done = [(a + b) / 2 for a, b in zip(self.done[::2], self.done[1::2], strict=True)]
            self.per *= 2

    def finish(self, found: Spectrum) -> None:
        """Write levels, cut-offs and edges into ``found``."""
        if self.open_n and (self.open_n * 2 >= self.per or not self.done):
            self._close()
        spectra = np.array(self.done)
        found.column_s = self.per * HOP / found.rate
        bands = 10 * np.log10(np.maximum(_into_bands(spectra, 256), 1e-12))
        found.levels = bands
        found.cutoff, found.edge = _cutoffs(bands, found.rate / 2)


def _into_bands(spectra: NDArray[Any], bands: int) -> NDArray[Any]:
    """Mean power in ``bands`` equal bands (the DC bin is left out)."""
    used = spectra[:, 1 : 1 + (spectra.shape[1] - 1) // bands * bands]
    return np.asarray(used.reshape(len(spectra), bands, -1).mean(axis=2))


def _cutoffs(bands: NDArray[Any], nyquist: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per column: the highest band with content, and the drop at its end.

    Content is louder than 75 dB under the loudest band and than `FLOOR_DB`; where the quietest bands lie
    in a gap (25 dB under the median), it also stands 12 dB over them.
    """
    peak = bands.max(axis=1)
    quiet, middle = np.percentile(bands, [5, 50], axis=1)
    gap = np.where(quiet < middle - 25, quiet + 12, FLOOR_DB)
    above = bands > np.maximum(np.maximum(peak - 75, FLOOR_DB), gap)[:, None]
    last = bands.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    width = nyquist / bands.shape[1]
    reach = max(1, round(600 / width))
    rows = np.arange(len(bands))
    inside = bands[rows, np.maximum(0, last - reach)]
    outside = bands[rows, np.minimum(bands.shape[1] - 1, last + reach)]
    silent = (peak < LOUD_DB) | ~above.any(axis=1)
    cutoff = np.where(silent, np.nan, (last + 1) * width)
    return cutoff, np.where(silent | (last + reach >= bands.shape[1]), 0.0, inside - outside)
