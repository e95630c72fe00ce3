"""What filming a screen or a print leaves on a face: named measurements of one face crop.

All are taken from the face at one size (`SIDE`), so that its resolution is no measure by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["NAMES", "SIDE", "softness", "traces"]

SIDE = 96
NAMES = (
    "clipped_bright", "clipped_dark", "black_level", "contrast", "upper_tail", "lower_tail", "saturation",
    "saturation_spread", "blueness", "blueness_of_bright", "hue_spread", "softness", "high_band",
    "moire_luma", "moire_chroma", "chroma_noise", "fringe",
)  # fmt: skip
"""In the order of `traces`."""


def traces(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Measure a uint8 RGB face crop (any square size): float32, one value for each of `NAMES`."""
    rgb = np.asarray(Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float64)
    luma = rgb @ (0.299, 0.587, 0.114)
    blue, red = (rgb[..., 2] - luma) * 0.564, (rgb[..., 0] - luma) * 0.713
    dark, low, middle, high, bright = np.percentile(luma, (2, 10, 50, 90, 98))
    span = max(bright - dark, 8.0)
    top, bottom = rgb.max(-1), rgb.min(-1)
    saturation = (top - bottom) / np.maximum(top, 8)
    lit = luma >= high
    power = _power(luma)
    return np.array([
        np.mean(top >= 250), np.mean(top <= 12), dark / 255, span / 255, (bright - middle) / span,
        (middle - low) / span, saturation.mean(), saturation.std(), (blue - red).mean() / 64,
        (blue - red)[lit].mean() / 64, np.hypot(blue.std(), red.std()) / span, softness(luma),
        _high_band(power), _moire(power), _moire(_power(red - blue)),
        np.log(_noise(red + blue) / _noise(luma)), _fringe(rgb),
    ], np.float32)  # fmt: skip


def softness(luma: NDArray[np.float64]) -> float:
    """Log variance of the Laplacian over the squared contrast: the control that needs no learning."""
    laplacian = _laplacian(luma)
    span = max(float(np.percentile(luma, 98) - np.percentile(luma, 2)), 8.0)
    return float(np.log(laplacian.var() / span**2 + 1e-6))


def _laplacian(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return 4 * plane[1:-1, 1:-1] - plane[:-2, 1:-1] - plane[2:, 1:-1] - plane[1:-1, :-2] - plane[1:-1, 2:]


def _noise(plane: NDArray[np.float64]) -> float:
    """Robust deviation of the finest detail."""
    return float(np.median(np.abs(_laplacian(plane)))) + 0.05


WINDOW = np.outer(np.hanning(SIDE), np.hanning(SIDE))
FREQUENCY = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
HIGH, MIDDLE = (
    np.flatnonzero((low < FREQUENCY) & (high > FREQUENCY)) for low, high in ((0.3, 0.5), (0.1, 0.2))
)
AROUND = np.flatnonzero((FREQUENCY > 0.12) & (FREQUENCY < 0.5))
RINGS = np.clip((FREQUENCY.ravel()[AROUND] * 60).astype(int), 0, 30)
"""Of the spectrum of `SIDE` pixels: its window, cycles a pixel of each bin, bands (places), rings."""


def _power(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log power of (`SIDE`, `SIDE`) under a Hann window, flat, in the order of `FREQUENCY`."""
    return np.asarray(np.log(np.abs(np.fft.rfft2((plane - plane.mean()) * WINDOW)) ** 2 + 1.0).ravel())


def _high_band(power: NDArray[np.float64]) -> float:
    """Power of the finest band against the middle one (log)."""
    return float(power[HIGH].mean() - power[MIDDLE].mean())


def _moire(power: NDArray[np.float64]) -> float:
    """How far the strongest peaks from 0.12 to 0.5 cycles a pixel stand over their rings (log power)."""
    inside = power[AROUND]
    counts = np.bincount(RINGS, minlength=31)
    excess = inside - (np.bincount(RINGS, inside, minlength=31) / np.maximum(counts, 1))[RINGS]
    return float(np.partition(excess, -6)[-6:].mean())


def _fringe(rgb: NDArray[np.float64]) -> float:
    """How unlike the edges of red and blue are: 1 minus their correlation."""
    red, blue = (np.diff(rgb[..., place], axis=1).ravel() for place in (0, 2))
    return float(1 - np.corrcoef(red + 1e-9, blue)[0, 1]) if red.std() > 0 and blue.std() > 0 else 0.0
