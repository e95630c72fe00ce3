"""Cameras that tests make: scenes out of a seed, and the fixed pattern of a sensor on them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["folder", "scene", "shot"]

SIZE = (384, 288)


def scene(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a smooth picture with some noise, (height, width, 3), 40..215."""
    random = np.random.default_rng(1000 + seed)
    coarse = Image.fromarray(random.integers(40, 215, (9, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float64)
    return smooth + random.normal(0, 2, smooth.shape)


def shot(
    seed: int, camera: int | None, size: tuple[int, int] = SIZE, *, quality: int = 92,
    exif: dict[int, object] | None = None, crop: int = 0, turn: int = 0, scale: float = 1.0,
) -> bytes:  # fmt: skip
    """Return a JPEG of scene ``seed`` by a camera (None: by no sensor), cut, turned by quarters, resized."""
    pixels = scene(seed, size)
    if camera is not None:
        pattern = np.random.default_rng(camera).normal(0, 0.02, pixels.shape[:2])
        pixels = pixels * (1 + pattern[..., None])
    picture = Image.fromarray(np.rot90(pixels, turn).clip(0, 255).round().astype(np.uint8))
    picture = picture.crop((crop, crop, picture.width - crop, picture.height - crop))
    if scale != 1:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    block = Image.Exif()
    for tag, value in (exif or {}).items():
        block[tag] = value
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, exif=block)
    return out.getvalue()


def folder(place: Path, camera: int | None, count: int = 12, *, first: int = 0) -> Path:
    """Make a folder of pictures by one camera, each of another scene."""
    place.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (place / f"{number:02}.jpg").write_bytes(shot(number, camera))
    return place
