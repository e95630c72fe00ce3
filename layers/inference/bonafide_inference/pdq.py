"""PDQ, the industry's perceptual hash of pictures, 256 bits, in numpy.

After Meta's paper "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019):
luma, a tent filter down to 64 × 64, the 16 × 16 lowest cosine frequencies without the constant one, and a bit
for each that exceeds their median. Two pictures whose hashes differ in 31 bits or fewer are, by the
industry's convention, the same picture; a quality below 50 (of 100) says that there is too little in
the picture to tell. Written as 64 hexadecimal digits, frequency (15, 15) first, as everybody does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "BITS",
    "LEAST_QUALITY",
    "TURNS",
    "Print",
    "distance",
    "luma_of",
    "of_luma",
    "of_picture",
    "turned",
    "without_border",
]

BITS = 256
LEAST_QUALITY = 50
"""Below this the published description advises to match nothing."""
SIDE, KEPT, LARGEST = 64, 16, 512
EVEN = 20.0  # how far the luma of a border row may spread: a JPEG rings
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_COSINES: NDArray[np.float64] = np.sqrt(2 / SIDE) * np.cos(
    np.pi / (2 * SIDE) * np.outer(np.arange(1, KEPT + 1), 2 * np.arange(SIDE) + 1)
)
_TURNS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "mirrored": np.fliplr,
    "upside_down": np.flipud,
    "turned_180": lambda plane: np.rot90(plane, 2),
    "transposed": np.transpose,
    "turned_90_right": lambda plane: np.rot90(plane, -1),
    "turned_90_left": np.rot90,
    "transversed": lambda plane: np.rot90(plane, 2).T,
}
TURNS = tuple(_TURNS)
"""What was done to a picture before it was hashed, so that it may look like the known one."""


@dataclass(frozen=True)
class Print:
    """The hash of a picture, and its quality 0..100."""

    pdq: str
    quality: int


def luma_of(picture: Image.Image) -> NDArray[np.float64]:
    """Return the luma plane to hash; beyond 512 pixels scaled to 512 × 512, as the reference does."""
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    if max(rgb.size) > LARGEST:
        rgb = rgb.resize((LARGEST, LARGEST), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(np.asarray(rgb, dtype=np.float32) @ _LUMA, dtype=np.float64)


def of_picture(picture: Image.Image) -> Print:
    """Hash a picture."""
    return of_luma(luma_of(picture))


def of_luma(luma: NDArray[np.float64]) -> Print:
    """Hash a luma plane (height, width), 0..255."""
    small = _tent(luma)
    return Print(_hex(_COSINES @ small @ _COSINES.T), _quality(small))


def turned(luma: NDArray[np.float64], names: Iterable[str] = TURNS) -> dict[str, str]:
    """Hash a luma plane mirrored and turned.

    The plane itself is turned. Changing signs among the frequencies is faster, but the filter's windows lie
    off their middle by half a sample: it misses by up to 14 bits what is met exactly here.
    """
    return {name: of_luma(_TURNS[name](luma)).pdq for name in names}


def without_border(luma: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the plane without even rows and columns at its edges; ``None`` if there is no such border.

    A border under 1 % of a side changes no hash, and one of over 60 % leaves too little.
    """
    edges = []
    for axis in (0, 1):
        busy = np.flatnonzero(np.ptp(luma, axis=1 - axis) > EVEN)
        side = luma.shape[axis]
        if not busy.size or busy[-1] - busy[0] + 1 < 0.4 * side:
            return None
        edges.append((int(busy[0]), int(busy[-1]) + 1, side))
    (top, bottom, height), (left, right, width) = edges
    if bottom - top > 0.99 * height and right - left > 0.99 * width:
        return None
    return luma[top:bottom, left:right]


def distance(one: str, other: str) -> int:
    """Bits in which two hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _tent(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two box filters along each axis (together a tent), then the middle sample of each of 64 cells."""
    for axis in (0, 1):
        window = (luma.shape[axis] + 2 * SIDE - 1) // (2 * SIDE)
        for _ in range(2):
            luma = _box(luma, window, axis)
        places = ((np.arange(SIDE) + 0.5) * luma.shape[axis] / SIDE).astype(int)
        luma = luma.take(places, axis=axis)
    return luma


def _box(plane: NDArray[np.float64], window: int, axis: int) -> NDArray[np.float64]:
    """Running mean over ``window`` samples; at an edge over those that there are."""
    size = plane.shape[axis]
    right = (window + 2) // 2 - 1
    start = np.maximum(np.arange(size) - (window - 1 - right), 0)
    end = np.minimum(np.arange(size) + right + 1, size)
    zero = np.zeros_like(plane.take([0], axis=axis))
    total = np.concatenate([zero, np.cumsum(plane, axis=axis)], axis=axis)
    count = (end - start).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.asarray((total.take(end, axis=axis) - total.take(start, axis=axis)) / count)


def _quality(small: NDArray[np.float64]) -> int:
    """How much the 64 × 64 picture changes from sample to sample, 0..100."""
    steps = [np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum() for axis in (0, 1)]
    return min(100, int(sum(steps) / 90))


def _hex(waves: NDArray[np.float64]) -> str:
    """Bits above the (lower) median, the highest frequency first."""
    flat = waves.ravel()
    median = np.partition(flat, BITS // 2 - 1)[BITS // 2 - 1]
    return np.packbits((flat > median)[::-1]).tobytes().hex()
