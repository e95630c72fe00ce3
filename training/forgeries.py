"""Forgeries with known traces, made by code: copies within a picture, patches that bring a JPEG history.

`splices` makes patches without a history in a picture that has one; here it is the other way round, or there
is no JPEG history to speak of at all.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.splices import encode

__all__ = ["blob", "copy_move", "paste_compressed"]


def blob(
    size: tuple[int, int], centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> Image.Image:
    """A random roundish mask (L, 0 or 255, edge soft over two pixels) around ``centre``."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 11))
    reach = radius * rng.uniform(0.8, 1.25, 11)
    points = [
        (centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for r, a in zip(reach, angles, strict=True)
    ]
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(1.0))


def copy_move(
    picture: Image.Image, rng: np.random.Generator, *, turned: bool = False
) -> tuple[Image.Image, NDArray[np.bool_], NDArray[np.bool_]]:
    """Copy a blob of 1 to 8 % of the picture to another place in it.

    Parameters
    ----------
    turned
        Also turn the copy by up to ±30° and scale it by 0.8 to 1.25.

    Returns
    -------
    tuple
        The forged picture, the changed pixels and the pixels they were taken from (bool, height × width).
    """
    width, height = picture.size
    radius = float(np.sqrt(rng.uniform(0.01, 0.08) * width * height / np.pi))
    margin = min(radius * 1.1, 0.45 * min(width, height))
    for _ in range(200):
        here = rng.uniform((margin, margin), (width - margin, height - margin))
        there = rng.uniform((margin, margin), (width - margin, height - margin))
        if np.hypot(*(there - here)) > 2.2 * radius:
            break
    source = blob(picture.size, (float(here[0]), float(here[1])), radius, rng)
    shift = np.rint(there - here)
    angle = np.deg2rad(rng.uniform(-30, 30)) if turned else 0.0
    scale = rng.uniform(0.8, 1.25) if turned else 1.0
    # Pillow asks for output → input: z_in = (z_out - here - shift) · e^{-iθ}/s + here
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    x0, y0 = here + shift
    coefficients = (cos, sin, here[0] - cos * x0 - sin * y0, -sin, cos, here[1] + sin * x0 - cos * y0)
    resampling = Image.Resampling.BICUBIC if turned else Image.Resampling.NEAREST
    moved = picture.transform(picture.size, Image.Transform.AFFINE, coefficients, resampling)
    mask = source.transform(picture.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    forged = Image.composite(moved, picture, mask)
    return forged, np.asarray(mask) > 127, np.asarray(source) > 127


def paste_compressed(
    picture: Image.Image, donor: Image.Image, q1: int, rng: np.random.Generator, *, aligned: bool
) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Paste a blob (3 to 15 %) of ``donor``, saved at ``q1`` before, on the picture's 8×8 grid or off it."""
    width, height = picture.size
    patch = donor.resize(picture.size, Image.Resampling.BICUBIC)
    subsampling = int(rng.choice([0, 2]))
    pixels = np.asarray(Image.open(io.BytesIO(encode(patch, q1, subsampling))).convert("RGB"))
    if not aligned:
        off = int(rng.integers(1, 64))
        pixels = np.roll(pixels, (off // 8, off % 8), axis=(0, 1))
    radius = float(np.sqrt(rng.uniform(0.03, 0.15) * width * height / np.pi))
    centre = rng.uniform(0.3, 0.7, 2) * (width, height)
    mask = blob(picture.size, (float(centre[0]), float(centre[1])), radius, rng)
    return Image.composite(Image.fromarray(pixels), picture, mask), np.asarray(mask) > 127
