"""The stability probe: an answer about pixels has to survive what every picture goes through.

An answer that turns on one more JPEG is about the JPEG. The changes are those of platforms: saving again,
another format, another size, a crop.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["CHANGES", "flipped"]

Picture = NDArray[np.uint8]
Answer = TypeVar("Answer")
_SIDE = 1024
"""The middle of the picture, at most so many pixels a side, is what is probed."""


def _saved(form: str, quality: int) -> Callable[[Picture], Picture]:
    def change(rgb: Picture) -> Picture:
        held = io.BytesIO()
        Image.fromarray(rgb).save(held, form, quality=quality)
        return np.asarray(Image.open(held).convert("RGB"))

    return change


def _sized(factor: float) -> Callable[[Picture], Picture]:
    def change(rgb: Picture) -> Picture:
        size = max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor))
        return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))

    return change


def _cropped(rgb: Picture) -> Picture:
    down, right = rgb.shape[0] // 8, rgb.shape[1] // 8
    return rgb[down : rgb.shape[0] - down, right : rgb.shape[1] - right]


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "JPEG 95": _saved("JPEG", 95),
    "JPEG 85": _saved("JPEG", 85),
    "JPEG 70": _saved("JPEG", 70),
    "WebP 80": _saved("WEBP", 80),
    "half size": _sized(0.5),
    "1.5 times the size": _sized(1.5),
    "crop to three quarters": _cropped,
}
"""Name for people → change of uint8 (height, width, 3)."""


def flipped(picture: Image.Image, answer: Callable[[Picture], Answer | None]) -> list[str]:
    """Names of the `CHANGES` under which ``answer`` (pure, of uint8 RGB) differs from that of the picture.

    Where it answers None (what is left of the picture is too small, say) nothing has flipped.
    """
    left, top = max(0, picture.width - _SIDE) // 2, max(0, picture.height - _SIDE) // 2
    box = (left, top, min(picture.width, left + _SIDE), min(picture.height, top + _SIDE))
    rgb = np.asarray(picture.crop(box))
    before = answer(rgb)
    return [name for name, change in CHANGES.items() if answer(change(rgb)) not in (before, None)]
