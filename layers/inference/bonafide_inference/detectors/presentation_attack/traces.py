"""What filming a screen or a print leaves on a face: named measurements of one face crop.

All are taken from the face at one size (`SIDE`), so that its resolution is no measure by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["NAMES", "SIDE", "moire", "softness", "traces"]

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
    return np.array([
        np.mean(top >= 250), np.mean(top <= 12), dark / 255, span / 255, (bright - middle) / span,
        (middle - low) / span, saturation.mean(), saturation.std(), (blue - red).mean() / 64,
        (blue - red)[lit].mean() / 64, np.hypot(blue.std(), red.std()) / span, softness(luma),
        _high_band(luma), moire(luma), moire(red - blue), np.log(_noise(red + blue) / _noise(luma)),
        _fringe(rgb),
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


def _spectrum(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log power (SIDE, SIDE//2+1) under a Hann window, and each bin's frequency in cycles a pixel."""
    window = np.hanning(plane.shape[0])
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * np.outer(window, window))) ** 2
    rows, columns = np.fft.fftfreq(plane.shape[0])[:, None], np.fft.rfftfreq(plane.shape[1])[None]
    return np.log(power + 1.0), np.hypot(rows, columns)


def _high_band(luma: NDArray[np.float64]) -> float:
    """Power of the finest band against the middle one (log)."""
    power, frequency = _spectrum(luma)
    high, middle = power[(frequency > 0.3) & (frequency < 0.5)], power[(frequency > 0.1) & (frequency < 0.2)]
    return float(high.mean() - middle.mean())


def moire(plane: NDArray[np.float64]) -> float:
    """How far the strongest peaks from 0.12 to 0.5 cycles a pixel stand over their rings (log power)."""
    power, frequency = _spectrum(plane)
    ring = np.clip((frequency * 60).astype(int), 0, 30)
    inside = (frequency > 0.12) & (frequency < 0.5)
    counts = np.bincount(ring[inside], minlength=31)
    means = np.bincount(ring[inside], power[inside], minlength=31) / np.maximum(counts, 1)
    excess = power - means[ring]
    return float(np.sort(excess[inside])[-6:].mean())


def _fringe(rgb: NDArray[np.float64]) -> float:
    """How unlike the edges of red and blue are: 1 minus their correlation."""
    red, blue = (np.diff(rgb[..., place], axis=1).ravel() for place in (0, 2))
    return float(1 - np.corrcoef(red + 1e-9, blue)[0, 1]) if red.std() > 0 and blue.std() > 0 else 0.0
