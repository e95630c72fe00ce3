"""The frame grid of an earlier compression, and where it jumps.

A transform coder sets weak coefficients of each frame to zero. Where decoded sound is cut into frames at the
very places where the coder cut it, these zeros come back; a sample beside it, they do not. So the grid of an
earlier coding can be read from the samples, and where something was left out or put in, the grid behind the
cut starts at another place (Yang, Qu & Huang 2008 for MP3; Gärtner et al., AES 2014, across coders). The grid
is that of AAC: frames of 1,024 samples, a sine or a Kaiser-Bessel window (ISO/IEC 14496-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["HOP", "GridWatch", "Jump", "mdct"]

Array = NDArray[np.float32]
HOP = 1024
FRAMES = 6
"""Frames that are looked at together."""
LSB = 1 / 32768
LEVELS = (0.75 * LSB, 3 * LSB, 12 * LSB)
"""What counts as a zero: rounding to 16 bits; dither; a later coding."""
CONTENT = 4.0
"""Only coefficients that are this many times as strong on average may turn out to be zero."""
LEAST = 60
"""So many of them a set of frames must have, or nothing is known of it."""
BEGINS, HOLDS = 14.0, 6.0
"""Standard deviations: a grid is found among 1,024 places; a known one is still there."""
CONTROLS = (131, 277, 389, 512, 641, 769, 887, 953)
"""Places beside the grid that tell what chance gives."""
SEARCHES = 24
"""Searches of a piece at most: they cost some 0.1 s each."""
CONFIRMED = 2
"""Sets of frames that must show a grid at the same place: one alone may be chance."""
SHAPES = ("kbd", "sine")
ROWS = 32


@dataclass(frozen=True)
class Jump:
    """The grid changes between two moments (seconds of the stream)."""

    start_s: float
    end_s: float
    samples: int
    """How far the grid moved, 1..1,023."""


@dataclass
class _Mark:
    start_s: float
    end_s: float
    place: int
    seen: int = 1


class GridWatch:
    """Takes a stream of mono samples at the file's own rate; tells where the grid jumps."""

    def __init__(self, rate_hz: int, start_s: float = 0.0) -> None:
        self.rate_hz, self.start_s = rate_hz, start_s
        self._rest = np.zeros(0, np.float32)
        self._first = 0
        self._shape, self._place = SHAPES[0], -1
        self._marks: list[_Mark] = []
        self._searches, self._without, self._due = SEARCHES, 0, 1

    @property
    def found(self) -> bool:
        """Whether there is a grid anywhere."""
        return any(mark.seen >= CONFIRMED for mark in self._marks)

    def feed(self, samples: Array) -> None:
        """Take the next samples."""
        self._rest = np.concatenate((self._rest, samples.astype(np.float32, copy=False)))
        while self._rest.size >= (FRAMES + 2) * HOP:
            self._look(self._rest[: (FRAMES + 2) * HOP])
            self._rest = self._rest[FRAMES * HOP :]
            self._first += FRAMES * HOP

    def jumps(self) -> list[Jump]:
        """Where the grid changed: within the last frames of the one or the first of the other, or between."""
        found, sure = [], [mark for mark in self._marks if mark.seen >= CONFIRMED]
        spare = FRAMES * HOP / self.rate_hz
        for one, other in pairwise(sure):
            if one.place != other.place:
                end = max(one.end_s, other.start_s + spare / 2)
                found.append(Jump(one.end_s - spare, end, (other.place - one.place) % HOP))
        return found

    def _look(self, sound: Array) -> None:
        if self._place >= 0 and _holds(sound, (self._place - self._first) % HOP, self._shape):
            self._keep()
            return
        self._without += 1
        if self._searches and self._without >= self._due and _moves(sound):
            self._search(sound)

    def _search(self, sound: Array) -> None:
        self._searches -= 1
        self._due = 2 * self._without if self._marks else 4 * self._without
        for shape in SHAPES if not self._marks else (self._shape,):
            place = _begins(sound, shape)
            if place is not None:
                self._shape, self._place = shape, (place + self._first) % HOP
                self._keep()
                return

    def _keep(self) -> None:
        start = self.start_s + self._first / self.rate_hz
        end = self.start_s + (self._first + (FRAMES + 1) * HOP) / self.rate_hz
        self._without, self._due = 0, 1
        if self._marks and self._marks[-1].place == self._place:
            self._marks[-1].end_s = end
            self._marks[-1].seen += 1
        else:
            self._marks.append(_Mark(start, end, self._place))


def _moves(sound: Array) -> bool:
    return float(np.abs(sound).max()) > 30 * LSB


def _begins(sound: Array, shape: str) -> int | None:
    """Where the grid begins within a frame's length of the start of the sound, if there is one."""
    views = np.lib.stride_tricks.sliding_window_view(sound, 2 * HOP)
    sizes = [np.abs(mdct(views[k * HOP : (k + 1) * HOP], shape)) for k in range(0, FRAMES, 2)]
    loud = np.sqrt([np.einsum("nk,nk->k", size, size) / HOP for size in sizes])
    best, place = 0.0, None
    for level in LEVELS:
        content = loud > CONTENT * level
        if content.sum() < LEAST:
            continue
        limits = np.where(content, level, -1).astype(np.float32)
        counts = np.sum(
            [np.count_nonzero(size < limit, axis=1) for size, limit in zip(sizes, limits, strict=True)], 0
        )
        middle = float(np.median(counts))
        spread = max(1.4826 * float(np.median(np.abs(counts - middle))), float(np.sqrt(middle)), 1.0)
        score = (float(counts.max()) - middle) / spread
        if score > max(best, BEGINS):
            best, place = score, int(counts.argmax())
    return place


def _holds(sound: Array, place: int, shape: str) -> bool:
    """Whether the grid at this place is there."""
    views = np.lib.stride_tricks.sliding_window_view(sound, 2 * HOP)
    shifts = [0, *CONTROLS]
    rows = np.array([place + k * HOP for k in range(FRAMES)])
    rows = rows[rows + HOP < len(views)]
    sizes = np.abs(mdct(views[(rows[:, None] + np.array(shifts)).ravel()], shape))
    sizes = sizes.reshape(len(rows), len(shifts), HOP)
    for level in LEVELS:
        content = np.sqrt((sizes[:, 1:] ** 2).mean(axis=1)) > CONTENT * level
        if content.sum() < LEAST:
            continue
        counts = ((sizes < level) & content[:, None]).sum(axis=(0, 2))
        middle = float(counts[1:].mean())
        spread = max(float(counts[1:].std()), float(np.sqrt(middle)), 1.0)
        if (float(counts[0]) - middle) / spread > HOLDS:
            return True
    return False


def mdct(frames: Array, shape: str) -> Array:
    """Modified discrete cosine transform, orthonormal: (n, 2 N) samples to (n, N) coefficients.

    By folding and a complex Fourier transform of N / 2 points, a few rows at a time, as caches like it.
    """
    half = frames.shape[1] // 4
    window, before, after = _tables(2 * half, shape)
    found = np.empty((len(frames), 2 * half), np.float32)
    for first in range(0, len(frames), ROWS):
        some = frames[first : first + ROWS] * window
        folded = np.empty((len(some), 2 * half), np.float32)
        folded[:, :half] = -some[:, 2 * half : 3 * half][:, ::-1] - some[:, 3 * half :]
        folded[:, half:] = some[:, :half] - some[:, half : 2 * half][:, ::-1]
        turned = np.empty((len(some), half), np.complex64)
        turned.real, turned.imag = folded[:, ::2], folded[:, ::-2]
        turned = np.fft.fft(turned * before, axis=1) * after
        found[first : first + ROWS, ::2] = turned.real
        found[first : first + ROWS, 1::2] = -turned.imag[:, ::-1]
    return found


@lru_cache(maxsize=4)
def _tables(size: int, shape: str) -> tuple[Array, NDArray[np.complex64], NDArray[np.complex64]]:
    if shape == "sine":
        window = np.sin(np.pi * (np.arange(2 * size) + 0.5) / (2 * size))
    else:
        sums = np.cumsum(np.kaiser(size + 1, 4 * np.pi))
        half = np.sqrt(sums[:size] / sums[-1])
        window = np.concatenate((half, half[::-1]))
    places = np.arange(size // 2)
    before = np.exp(-1j * np.pi * (places + 0.25) / size)
    after = np.exp(-1j * np.pi * places / size) * np.sqrt(2 / size)
    return window.astype(np.float32), before.astype(np.complex64), after.astype(np.complex64)
