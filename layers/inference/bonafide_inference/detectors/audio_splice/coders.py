"""Transforms of lossy coders, and how well their zeros come back at a place of the grid.

AAC: a modified discrete cosine transform of 1,024 coefficients, with a sine or a Kaiser-Bessel window
(ISO/IEC 14496-3). Samples are multiples of a 16-bit step throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

import numpy as np
from bonafide_inference.nativesound import NativeSound
from numpy.typing import NDArray

__all__ = ["Aac", "Coder", "mdct"]

Array = NDArray[np.float32]
LEVELS = (0.75, 3.0, 12.0)
"""What counts as a zero: rounding to 16 bits; dither; a later coding."""
CONTENT = 4.0
"""Only coefficients that are this many times as strong on average may turn out to be zero."""
LEAST = 30
"""So many of them there must be, or nothing is known."""
ZEROS = 0.3
"""Share of coefficients that a coder sets to zero, for their weights; a guess will do."""
LIKELY = 4.5
"""Standard deviations from which on a place of the grid is verified."""
HOP = 1024
BESIDE = (131, 277, 512, 769, 953)
"""Samples beside a place, which tell what chance gives."""
STEP = 16
"""Exact spectra are made this often, and interpolated between."""
BINS = 256
SHAPES = ("kbd", "sine")
ROWS = 32


class Coder(Protocol):
    """A coder's frames."""

    name: str
    period: int
    reach: int
    """Samples beyond a set that verifying it needs."""

    def candidates(self, sound: NativeSound, begin: int) -> Iterator[int]:
        """Places (modulo the period, from the start of the sound) where a grid seems to be near ``begin``."""

    def strength(self, sound: NativeSound, begin: int, place: int) -> float:
        """Standard deviations by which zeros at a place exceed chance, in the set from ``begin`` on."""


class Aac:
    """AAC with frames of 1,024."""

    name, period, reach = "AAC", HOP, 3 * HOP

    def candidates(self, sound: NativeSound, begin: int) -> Iterator[int]:
        """The two likeliest places for each window, in one frame."""
        samples = sound.read(begin - STEP, begin + 3 * HOP + 2 * STEP)
        if begin < STEP or samples.size < 3 * HOP + 3 * STEP:
            return
        for shape in SHAPES:
            scores = _everywhere(samples, shape)
            for offset in np.argsort(-scores)[:2].tolist():
                if scores[offset] > LIKELY:
                    yield (begin + offset) % HOP + (HOP if shape == "sine" else 0)

    def strength(self, sound: NativeSound, begin: int, place: int) -> float:
        """See `Coder`."""
        first = (place - begin) % HOP
        samples = sound.read(begin, begin + 6 * HOP + 3 * HOP)
        views = np.lib.stride_tricks.sliding_window_view(samples, 2 * HOP)
        rows = first + np.arange(0, 6 * HOP, HOP)
        rows = rows[rows + HOP < len(views)]
        found = np.abs(mdct(views[np.add.outer(rows, (0, *BESIDE)).ravel()], SHAPES[place >= HOP]))
        return above_chance(found.reshape(len(rows), 1 + len(BESIDE), HOP))


def weights(strong: Array, level: float) -> tuple[Array, Array]:
    """What a zero says at coefficients of this size (log-likelihood), and its chance, for each."""
    chance = np.minimum(0.8 * level / np.maximum(strong, 1e-3), 1)
    worth = np.where(strong > CONTENT * level, np.log((ZEROS + (1 - ZEROS) * chance) / chance), 0)
    return worth.astype(np.float32), chance.astype(np.float32)


class Sums:
    """Weights of the zeros at each place, of coefficients that come a few at a time."""

    def __init__(self, strong: Array, places: int) -> None:
        """Of coefficients that have these sizes on average."""
        self._worth, chance = np.stack([weights(strong, level) for level in LEVELS]).swapaxes(0, 1)
        self._spread = np.sqrt((self._worth**2 * chance).sum(axis=1))
        self._known = np.count_nonzero(self._worth, axis=1) >= LEAST
        self._sums, self._begin = np.zeros((len(LEVELS), places), np.float32), 0

    def add(self, sizes: Array) -> None:
        """Sizes of the next coefficients at all places, (coefficients, places)."""
        worth = self._worth[:, self._begin : self._begin + len(sizes)]
        self._begin += len(sizes)
        for row in np.flatnonzero(self._known):
            self._sums[row] += worth[row] @ (sizes < LEVELS[row]).astype(np.float32)

    def scores(self) -> NDArray[np.float32]:
        """Standard deviations above the middle of all places, (places,), of the best level."""
        best = np.zeros(self._sums.shape[1], np.float32)
        for row in np.flatnonzero(self._known):
            above = self._sums[row] - np.median(self._sums[row])
            wide = max(float(self._spread[row]), 1.4826 * float(np.median(np.abs(above))), 1.0)
            best = np.maximum(best, above / np.float32(wide))
        return best


def above_chance(sizes: Array) -> float:
    """By how many standard deviations the first place exceeds the others; (frames, places, coefficients)."""
    best = 0.0
    beside = sizes[:, 1:]
    strong = np.sqrt(np.einsum("fpk,fpk->fk", beside, beside) / beside.shape[1])
    for level in LEVELS:
        worth, chance = weights(strong, level)
        if np.count_nonzero(worth) < 2 * LEAST:
            continue
        sums = np.einsum("fpk,fk->p", (sizes < level).astype(np.float32), worth)
        spread = max(float(sums[1:].std()), float(np.sqrt((worth * worth * chance).sum())), 1.0)
        best = max(best, float(sums[0] - sums[1:].mean()) / spread)
    return best


def _everywhere(samples: Array, shape: str) -> NDArray[np.float32]:
    """How far zeros exceed chance at all 1,024 places of a grid in one frame, from `BINS` coefficients.

    The transform at every 16th place, with its imaginary part, is interpolated: but for its carrier, a
    coefficient changes as slowly with the place as the window's main lobe is narrow.
    """
    views = np.lib.stride_tricks.sliding_window_view(samples, 2 * HOP)[::STEP]
    parts = _lapped(views, shape, (False, True))
    parts[1] *= _signs()
    strong = np.sqrt(sum(np.einsum("nk,nk->k", part, part) for part in parts) / (2 * len(views)))
    every, blocks = _middling(strong), HOP // STEP
    sums, near = Sums(strong[every], HOP), np.empty((ROWS, blocks, 8), np.float32)
    taps = [
        np.lib.stride_tricks.sliding_window_view(np.take(part, every, 1).T.copy(), 4, 1) for part in parts
    ]
    for first in range(0, BINS, ROWS):
        some = slice(first, first + ROWS)
        near[..., :4], near[..., 4:] = taps[0][some, :blocks], taps[1][some, :blocks]
        sizes = np.matmul(near, _between()[every[some]]).reshape(ROWS, HOP)
        sums.add(np.abs(sizes, out=sizes))
    return sums.scores()


def _middling(strong: Array) -> NDArray[np.int64]:
    """Coefficients that are neither weak nor so strong that a coder spares them, spread evenly."""
    some = np.flatnonzero((strong > 6) & (strong < 750))
    if some.size < BINS:
        some = np.sort(np.argsort(np.abs(np.log(np.maximum(strong, 1e-3) / 60)))[:BINS])
    return np.asarray(some[np.linspace(0, some.size - 1, BINS).astype(int)])


@lru_cache(maxsize=1)
def _signs() -> Array:
    """The sine transform is the cosine transform of the reversed frame, but for the signs."""
    return np.asarray(2 * (np.arange(HOP) % 2) - 1, np.float32)


@lru_cache(maxsize=1)
def _between() -> Array:
    """(bins, 8, 16): real and imaginary parts at four places 16 apart to the 16 places after the second."""
    turn = np.pi / HOP * (np.arange(HOP) + 0.5)
    inner, taps = np.arange(STEP) / STEP, np.array([-1, 0, 1, 2])
    cubic = np.array(
        [np.prod([(inner - other) / (tap - other) for other in taps if other != tap], axis=0) for tap in taps]
    )
    carried = cubic * np.exp(1j * np.multiply.outer(turn, STEP * (inner - taps[:, None])))
    return np.concatenate((carried.real, carried.imag), axis=1).astype(np.float32)


def mdct(frames: Array, shape: str) -> Array:
    """Modified discrete cosine transform, orthonormal: (n, 2 N) samples to (n, N) coefficients."""
    return np.asarray(_lapped(frames, shape, (False,))[0])


def _lapped(frames: Array, shape: str, sines: tuple[bool, ...]) -> Array:
    """(len(sines), n, N): cosine, or sine transforms but for the signs of `_signs`, of the same frames.

    By folding and a complex Fourier transform of N / 2 points, a few rows at a time, as caches like it. The
    sine transform is the cosine transform of the reversed frame.
    """
    half = frames.shape[1] // 4
    window, before, after = _tables(2 * half, shape)
    found = np.empty((len(sines), len(frames), 2 * half), np.float32)
    for first in range(0, len(frames), ROWS):
        some = frames[first : first + ROWS] * window
        one, two, three, four = (some[:, k * half : (k + 1) * half] for k in range(4))
        for sine, out in zip(sines, found[:, first : first + ROWS], strict=True):
            folded = np.empty((len(some), 2 * half), np.float32)
            if sine:
                folded[:, :half], folded[:, half:] = -two - one[:, ::-1], four[:, ::-1] - three
            else:
                folded[:, :half], folded[:, half:] = -three[:, ::-1] - four, one - two[:, ::-1]
            turned = np.empty((len(some), half), np.complex64)
            turned.real, turned.imag = folded[:, ::2], folded[:, ::-2]
            turned = np.fft.fft(turned * before, axis=1) * after
            out[:, ::2] = turned.real
            out[:, 1::2] = -turned.imag[:, ::-1]
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
