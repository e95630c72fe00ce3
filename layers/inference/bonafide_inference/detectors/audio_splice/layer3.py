"""MP3's frame grid: the hybrid filter bank of MPEG audio layer III at any place of the samples.

32 bands of a polyphase filter, 18 coefficients of each by a transform of 36 of its samples, and butterflies
against aliasing between neighbouring bands (ISO/IEC 11172-3); granules of 576 samples. Long blocks only:
short ones, for transients, show no zeros here. Yang, Qu & Huang (2008) count zeros at 576 places; here they
are weighed as those of AAC are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from bonafide_inference.detectors.audio_splice.coders import LIKELY, ROWS, Sums, above_chance
from bonafide_inference.nativesound import NativeSound
from numpy.typing import NDArray

__all__ = ["Mp3", "granules"]

Array = NDArray[np.float32]
PERIOD, BANDS, LINES, TAPS = 576, 32, 18, 512
SLOTS = 36
"""Samples of a band that a granule is made of."""
SPAN = BANDS * (SLOTS - 1) + TAPS
"""Samples that a granule is made of."""
SIZE = 2304
"""Of the Fourier transforms: at least a granule and all places of it."""
SEARCHED = 13
"""Bands that are searched."""
VERIFIED = 6
"""Granules that are verified together."""
BESIDE = (77, 161, 288, 402, 519)
"""Samples beside a place, which tell what chance gives."""
ALIASING = (0.6, 0.535, 0.33, 0.185, 0.095, 0.041, 0.0142, 0.0037)
"""Of the butterflies, as the standard has them."""
PROTOTYPE = (
    0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5, -5, -6, -7, -7, -8, -9, -10, -11, -13,
    -14, -16, -17, -19, -21, -24, -26, -29, -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79,
    -85, -91, -97, -104, -111, -117, -125, -132, -139, -147, -154, -161, -169, -176, -183, -190, -196,
    -202, -208, -213, -218, -222, -225, -227, -228, -228, -227, -224, -221, -215, -208, -200, -189, -177,
    -163, -146, -127, -106, -83, -57, -29, 2, 36, 72, 111, 153, 197, 244, 294, 347, 401, 459, 519, 581,
    645, 711, 779, 848, 919, 991, 1064, 1137, 1210, 1283, 1356, 1428, 1498, 1567, 1634, 1698, 1759, 1817,
    1870, 1919, 1962, 2001, 2032, 2057, 2075, 2085, 2087, 2080, 2063, 2037, 2000, 1952, 1893, 1822, 1739,
    1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185, -45, -288, -545, -814, -1095, -1388, -1692,
    -2006, -2330, -2663, -3004, -3351, -3705, -4063, -4425, -4788, -5153, -5517, -5879, -6237, -6589,
    -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998, -9219, -9416, -9585, -9727, -9838, -9916,
    -9959, -9966, -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134, -6574,
    -5959, -5288, -4561, -3776, -2935, -2037, -1082, -70, 998, 2122, 3300, 4533, 5818, 7154, 8540, 9975,
    11455, 12980, 14548, 16155, 17799, 19478, 21189, 22929, 24694, 26482, 28289, 30112, 31947, 33791,
    35640, 37489, 39336, 41176, 43006, 44821, 46617, 48390, 50137, 51853, 53534, 55178, 56778, 58333,
    59838, 61289, 62684, 64019, 65290, 66494, 67629, 68692, 69679, 70590, 71420, 72169, 72835, 73415,
    73908, 74313, 74630, 74856, 74992, 75038,
)  # fmt: skip
"""First half of the polyphase window, in units of 2**-16; the other half mirrors it."""


class Mp3:
    """MP3 of any rate."""

    name, period, reach = "MP3", PERIOD, SPAN + PERIOD

    def candidates(self, sound: NativeSound, begin: int) -> Iterator[int]:
        """The two likeliest places, in one granule."""
        samples = sound.read(begin, begin + SPAN + PERIOD - 1)
        if samples.size < SPAN + PERIOD - 1:
            return
        scores = _everywhere(samples)
        for offset in np.argsort(-scores)[:2].tolist():
            if scores[offset] > LIKELY:
                yield (begin + offset) % PERIOD

    def strength(self, sound: NativeSound, begin: int, place: int) -> float:
        """See `coders.Coder`."""
        first = (place - begin) % PERIOD
        size = (VERIFIED - 1) * PERIOD + SPAN
        samples = sound.read(begin + first, begin + first + size + max(BESIDE))
        if samples.size < size + max(BESIDE):
            return 0.0
        views = np.lib.stride_tricks.sliding_window_view(samples, size)[[0, *BESIDE]]
        return above_chance(np.abs(granules(views)).swapaxes(0, 1))


def granules(samples: Array) -> Array:
    """Coefficients of each granule, (n, granules, 576), of (n, samples) that begin at a grid's place."""
    count = (samples.shape[1] - SPAN) // PERIOD + 1
    views = np.lib.stride_tricks.sliding_window_view(samples, TAPS, axis=1)[:, ::BANDS]
    slots = LINES * (count + 1)
    bands = _polyphase(views[:, :slots])
    parts = np.lib.stride_tricks.sliding_window_view(bands, SLOTS, axis=1)[:, ::LINES]
    found = np.matmul(parts.transpose(0, 2, 1, 3), _transforms()).transpose(0, 2, 1, 3)
    return _unaliased(found).reshape(len(samples), count, PERIOD)


def _polyphase(views: Array) -> Array:
    """(n, slots, 512) samples to (n, slots, 32) bands."""
    folded = (views * _window()).reshape(*views.shape[:2], 8, 64).sum(axis=2)
    return np.asarray(folded @ _cosines())


def _unaliased(found: Array) -> Array:
    """The encoder's butterflies between neighbouring bands, (..., bands, 18) in place."""
    turn = np.arctan(-np.array(ALIASING))
    near, far = np.cos(turn).astype(np.float32), np.sin(turn).astype(np.float32)
    upper, lower = found[..., 1:, :8], found[..., :-1, :9:-1]
    one, other = lower * near + upper * far, upper * near - lower * far
    found[..., :-1, :9:-1], found[..., 1:, :8] = one, other
    return found


def _everywhere(samples: Array) -> Array:
    """How far zeros exceed chance at all 576 places of a grid in one granule, from `SEARCHED` bands.

    The bands at every sample come by Fourier transform; the places of a grid take every 32nd of them.
    """
    spectrum = np.fft.rfft(samples, SIZE)
    first = _middling(spectrum)
    bands = np.fft.irfft(spectrum * _responses()[first : first + SEARCHED], SIZE)
    found = np.empty((SEARCHED, LINES, PERIOD), np.float32)
    for row, band in enumerate(bands):
        slots = np.lib.stride_tricks.sliding_window_view(band, PERIOD)[: BANDS * SLOTS : BANDS]
        np.matmul(_transforms()[first + row].T, np.ascontiguousarray(slots), out=found[row])
    sizes = _unaliased(found.transpose(2, 0, 1)).transpose(1, 2, 0).reshape(-1, PERIOD)[8:-8]
    sizes = np.abs(sizes, out=sizes)
    sums = Sums(np.sqrt(np.einsum("kn,kn->k", sizes, sizes) / PERIOD), PERIOD)
    for begin in range(0, len(sizes), ROWS):
        sums.add(sizes[begin : begin + ROWS])
    return sums.scores()


def _middling(spectrum: NDArray[np.complexfloating]) -> int:
    """The first of the neighbouring bands that are neither weak nor so strong that a coder spares them."""
    power = np.square(np.abs(spectrum[1:])).reshape(BANDS, -1).mean(axis=1) / (SPAN + PERIOD)
    suited = (power > 6**2) & (power < 750**2)
    return int(np.convolve(suited, np.ones(SEARCHED), "valid").argmax())


@lru_cache(maxsize=1)
def _window() -> Array:
    half = np.array(PROTOTYPE, np.float64)
    window = np.concatenate((half, half[-2:0:-1])) * (1 - 2 * (np.arange(TAPS) // 64 % 2))
    return np.asarray(window / 65536, np.float32)


@lru_cache(maxsize=1)
def _responses() -> NDArray[np.complex64]:
    """(32, 1153): spectra of the bands' filters, turned round."""
    filters = _window().reshape(8, 64, 1) * _cosines()
    return np.asarray(np.conj(np.fft.rfft(filters.reshape(TAPS, BANDS).T, SIZE)), np.complex64)


@lru_cache(maxsize=1)
def _cosines() -> Array:
    """(64, 32), so scaled that the whole bank is orthonormal."""
    turn = np.multiply.outer(np.arange(64) + 16, 2 * np.arange(BANDS) + 1) * np.pi / 64
    return np.asarray(np.cos(turn) / np.sqrt(32), np.float32)


@lru_cache(maxsize=1)
def _transforms() -> Array:
    """(32, 36, 18): of each band; every second sample of odd bands is turned over."""
    slots = np.arange(SLOTS)
    cosines = np.cos(np.pi / 72 * np.multiply.outer(2 * slots + 19, 2 * np.arange(LINES) + 1))
    plain = cosines * np.sin(np.pi / 36 * (slots + 0.5))[:, None] / 3
    turned = plain * (1 - 2 * (slots % 2))[:, None]
    return np.asarray(np.where((np.arange(BANDS) % 2 == 1)[:, None, None], turned, plain), np.float32)
