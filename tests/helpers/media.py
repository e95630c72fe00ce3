"""Small media that tests make themselves."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

__all__ = ["jpeg", "png"]


def _picture(width: int, height: int, seed: int) -> Image.Image:
    """Return a picture with the smoothness and noise of a photograph, the same for the same seed."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 255, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    noisy = smooth + random.normal(0, 6, smooth.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def jpeg(width: int = 640, height: int = 480, *, quality: int = 92, seed: int = 1) -> bytes:
    """Return a JPEG of a made-up picture."""
    out = io.BytesIO()
    _picture(width, height, seed).save(out, "JPEG", quality=quality)
    return out.getvalue()


def png(width: int = 320, height: int = 240, *, seed: int = 1) -> bytes:
    """Return a PNG of a made-up picture."""
    out = io.BytesIO()
    _picture(width, height, seed).save(out, "PNG")
    return out.getvalue()
