"""Synthetic splices with a known history: a JPEG at quality Q1, pixels from elsewhere, saved at Q2.

Genuine twins go through the same steps without the paste, so that nothing but the paste differs.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["Sample", "encode", "forget_history", "make_pair", "paste"]


@dataclass(frozen=True)
class Sample:
    """One JPEG in memory, its label (1 = spliced) and, when spliced, its pixel mask (bool, H × W)."""

    data: bytes
    label: int
    mask: NDArray[np.bool_] | None
    q1: int
    q2: int


def encode(image: Image.Image, quality: int, subsampling: int) -> bytes:
    """JPEG bytes; ``subsampling`` 0 = 4:4:4, 2 = 4:2:0."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=subsampling)
    return out.getvalue()


def forget_history(image: Image.Image, rng: np.random.Generator, least: int = 256) -> Image.Image:
    """Shrink by 0.3..0.8, never below ``least`` on the short side, which wipes an earlier JPEG grid."""
    scale = max(rng.uniform(0.3, 0.8), least / min(image.size))
    if scale >= 1:
        return image
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def _mask(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A random blob of 2 to 20 % of the picture."""
    width, height = size
    radius = np.sqrt(rng.uniform(0.02, 0.20) * width * height / np.pi)
    centre = rng.uniform(0.25, 0.75, 2) * (width, height)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    reach = radius * rng.uniform(0.75, 1.3, 9)
    points = [
        (centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for r, a in zip(reach, angles, strict=True)
    ]
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(1.0))


def paste(
    base: Image.Image, donor: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Paste a blob of ``donor`` (resized to cover ``base``) into ``base``; also the changed pixels."""
    mask = _mask(base.size, rng)
    patch = donor.resize(base.size, Image.Resampling.BICUBIC)
    return Image.composite(patch, base, mask), np.asarray(mask) > 127


def make_pair(
    picture: Image.Image, donor: Image.Image, q1: int, q2: int, rng: np.random.Generator
) -> tuple[Sample, Sample]:
    """(genuine twin, splice) of one picture: both are compressed at q1 and saved at q2 on the same grid.

    The donor is another picture, or (half the time) the same picture moved off the grid: a copy-move.
    """
    subsampling = int(rng.choice([0, 2]))
    first = Image.open(io.BytesIO(encode(picture, q1, subsampling))).convert("RGB")
    if rng.random() < 0.5:
        shift = int(rng.integers(1, 8)) + 8 * int(rng.integers(4, 12)), int(rng.integers(1, 8)) + 32
        donor = Image.fromarray(np.roll(np.asarray(first), shift, axis=(0, 1)))
    spliced, mask = paste(first, donor, rng)
    return (
        Sample(encode(first, q2, subsampling), 0, None, q1, q2),
        Sample(encode(spliced, q2, subsampling), 1, mask, q1, q2),
    )
