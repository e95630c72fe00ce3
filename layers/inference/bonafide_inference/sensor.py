"""A sensor's fixed pattern: taken out of one picture, estimated from many, found again in another.

Each pixel of a sensor answers to light a little differently (photo-response non-uniformity), so every picture
by one camera bears the same faint multiplicative pattern (Lukáš, Fridrich & Goljan, IEEE TIFS 2006). The
pattern is estimated by maximum likelihood and cleaned of what cameras of one model share (Chen, Fridrich,
Goljan & Lukáš, IEEE TIFS 2008), and found by the peak-to-correlation energy (Goljan, Fridrich & Filler, SPIE
7254, 2009). The noise is what the wavelet filter of Mıhçak, Kozintsev & Ramchandran (ICASSP 1999) removes.
Arrays are float32; a plane is (height, width).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "LEAST", "SIDE", "Match", "Sum", "correlate", "crop_shape", "lit", "luma", "pack", "residual",
    "signal", "waves",
]  # fmt: skip

Plane = NDArray[np.float32]

SIDE = 1024
"""Of the central crop in pixels, at most; each side is a multiple of `_STEP`."""
LEAST = 256
"""A shorter side has too few pixels."""
_LEVELS = 4
_STEP = 1 << _LEVELS
_SIGMA = 3.0
"""Standard deviation of the noise in grey levels, as the filter assumes it."""
_SATURATED = 250.0
"""Brighter pixels bear no pattern: they are clipped."""
_DARK = 20.0
"""Darker pixels bear next to none of it, but what JPEG makes of noise."""
_WINDOWS = (3, 5, 7, 9)
_AROUND = 5
"""Pixels round the peak that do not count as other correlation (a square of 11)."""
_LOOSE = 1
"""Pixels by which crops of equal pictures may lie apart (an odd side has no middle)."""

_LOW = np.array(
    [0.23037781330886, 0.71484657055292, 0.63088076792986, -0.02798376941686,
     -0.18703481171909, 0.03084138183556, 0.03288301166689, -0.01059740178507], np.float32,
)  # fmt: skip
_HIGH = _LOW[::-1] * np.array([1, -1] * 4, np.float32)
"""Daubechies' filters of eight taps (Daubechies 1988, table 1)."""


class Match(NamedTuple):
    """A peak: its energy over that of all other shifts, negative for a negative peak, and (down, right)."""

    pce: float
    shift: tuple[int, int]


# ---- one picture ------------------------------------------------------------------------------------
def crop_shape(width: int, height: int) -> tuple[int, int]:
    """(height, width) of the central crop that is looked at: at most `SIDE`, multiples of 16."""
    wide, high = (min(SIDE, side) // _STEP * _STEP for side in (width, height))
    return high, wide


def luma(picture: Image.Image) -> Plane:
    """The central crop of a picture's luma, 0..255."""
    high, wide = crop_shape(*picture.size)
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    return np.asarray(picture.crop((left, top, left + wide, top + high)).convert("L"), np.float32)


def lit(plane: Plane) -> float:
    """Share of the pixels that are neither dark nor clipped, 0..1: where a pattern can be seen."""
    return float(np.mean((plane >= _DARK) & (plane < _SATURATED)))


def residual(plane: Plane) -> Plane:
    """What the wavelet filter takes for noise: details, weighed down where they are strong."""
    sides, low = [], plane
    for _ in range(_LEVELS):
        low, *details = _split(low)
        sides.append(_faint(np.stack(details), _SIGMA**2))
    low = np.zeros_like(low)
    for details_ in reversed(sides):
        low = _merge(low, *details_)
    return low


def _faint(coefficients: Plane, variance: float) -> Plane:
    """Coefficients (…, h, w) times variance / (local variance), where that is below one.

    The local variance is the least mean square of four square windows round the coefficient.
    """
    weights = variance / np.maximum(_energy(np.square(coefficients)), variance)
    return np.asarray(coefficients * weights, np.float32)


def _energy(power: Plane) -> Plane:
    reach = _WINDOWS[-1] // 2
    high, wide = power.shape[-2:]
    margin = [(0, 0)] * (power.ndim - 2) + [(reach, reach)] * 2
    padded = np.pad(power, margin, mode="wrap")
    down = padded[..., reach : reach + high, :].copy()
    least = np.full_like(power, np.inf)
    for window in _WINDOWS:
        far = window // 2
        down += padded[..., reach - far : reach - far + high, :]
        down += padded[..., reach + far : reach + far + high, :]
        both = down[..., reach - far : reach - far + wide].copy()
        for shift in range(1 - far, far + 1):
            both += down[..., reach + shift : reach + shift + wide]
        np.minimum(least, both / window**2, out=least)
    return least


def _split(plane: Plane) -> tuple[Plane, Plane, Plane, Plane]:
    """One level of the periodic wavelet transform; the parts lie transposed."""
    low, high = _halves(plane)
    return (*_halves(np.ascontiguousarray(low.T)), *_halves(np.ascontiguousarray(high.T)))


def _merge(low: Plane, one: Plane, two: Plane, three: Plane) -> Plane:
    return _whole(np.ascontiguousarray(_whole(low, one).T), np.ascontiguousarray(_whole(two, three).T))


def _halves(plane: Plane) -> tuple[Plane, Plane]:
    count = len(plane) // 2
    even, odd = (np.concatenate([plane[k::2], plane[k : 6 + k : 2]]) for k in (0, 1))
    low, high = (
        sum(taps[2 * j] * even[j : j + count] + taps[2 * j + 1] * odd[j : j + count] for j in range(4))
        for taps in (_LOW, _HIGH)
    )
    return np.asarray(low), np.asarray(high)


def _whole(low: Plane, high: Plane) -> Plane:
    count = len(low)
    parts = [(np.concatenate([part[-3:], part]), taps) for part, taps in ((low, _LOW), (high, _HIGH))]
    plane = np.empty((2 * count, low.shape[1]), np.float32)
    for k in (0, 1):
        plane[k::2] = sum(
            taps[2 * j + k] * part[3 - j : 3 - j + count] for part, taps in parts for j in range(4)
        )
    return plane


def _cleaned(noise: Plane) -> Plane:
    """Without what is no sensor's own: means of lines in each of four CFA phases, and peaks of the DFT."""
    noise = noise.copy()
    for down in (0, 1):
        for right in (0, 1):
            phase = noise[down::2, right::2]
            phase -= phase.mean(axis=0, keepdims=True)
            phase -= phase.mean(axis=1, keepdims=True)
    waves = np.fft.rfft2(noise)
    variance = float(np.mean(np.square(noise)))
    power = np.asarray((np.square(waves.real) + np.square(waves.imag)) / noise.size, np.float32)
    waves *= variance / np.maximum(_energy(power), max(variance, 1e-12))
    return np.asarray(np.fft.irfft2(waves, noise.shape), np.float32)


def signal(plane: Plane, noise: Plane | None = None) -> Plane:
    """Noise times light of a `luma`: what is correlated. ``noise``: its `residual`, where it is known."""
    return _cleaned(residual(plane) if noise is None else noise) * _light(plane)


def _light(plane: Plane) -> Plane:
    return np.where(plane < _SATURATED, plane, np.float32(0))


# ---- many pictures ----------------------------------------------------------------------------------
class Sum:
    """Numerator and denominator of the maximum-likelihood estimate K = Σ W·I / Σ I² (Chen et al. 2008, 6)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._above, self._below = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def add(self, noise: Plane, plane: Plane, sign: float = 1.0) -> None:
        """Add one picture, or take it away again with sign -1: its `residual`, and the `luma`."""
        light = _light(plane)
        self._above += sign * noise * light
        self._below += sign * np.square(light)

    def pattern(self) -> Plane:
        """The cleaned estimate; about 0.01 where the sensor is usual."""
        return _cleaned(np.asarray(self._above / np.maximum(self._below, 1), np.float32))


def pack(pattern: Plane) -> NDArray[np.int8]:
    """The pattern in 8 bits, four deviations to full scale; PCE knows no scale."""
    scale = 127 / (4 * max(float(pattern.std()), 1e-12))
    return np.asarray(np.clip(np.rint(pattern * scale), -127, 127), np.int8)


def waves(packed: NDArray[np.int8]) -> NDArray[np.complex64]:
    """The conjugate spectrum of a packed pattern."""
    return np.asarray(np.conj(np.fft.rfft2(packed.astype(np.float32))), np.complex64)


# ---- finding it -------------------------------------------------------------------------------------
def correlate(given: Plane, pattern: NDArray[np.complex64], shape: tuple[int, int], *, whole: bool) -> Match:
    """Look for a pattern in a `signal`.

    Parameters
    ----------
    given
        No larger than the pattern; what is missing counts as zero.
    pattern, shape
        Its `waves`, and its shape.
    whole
        Of a picture of the sensor's size: the peak is where the pattern lies. Else of a cut-out: it is the
        highest of all shifts.
    """
    surface = np.fft.irfft2(np.fft.rfft2(given, shape) * pattern, shape)
    reach = range(-_LOOSE, _LOOSE + 1)
    place = max(((y, x) for y in reach for x in reach), key=lambda at: surface[at])
    if not whole:
        row, column = np.unravel_index(int(np.argmax(surface)), shape)
        place = int(row), int(column)
    peak = float(surface[place])
    sides = zip(place, shape, strict=True)
    inside = surface[np.ix_(*(np.arange(at - _AROUND, at + _AROUND + 1) % side for at, side in sides))]
    energy = float(np.sum(np.square(surface), dtype=np.float64) - np.sum(np.square(inside), dtype=np.float64))
    return Match(peak * abs(peak) * (surface.size - inside.size) / max(energy, 1e-30), place)
