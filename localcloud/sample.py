"""The picture that ``make run`` analyses when it is given none: a photograph-like scene with a pasted patch.

It is saved once as a JPEG of low quality, a patch that never was a JPEG is pasted in, and the whole is
saved again at high quality: the patch lacks the double quantisation of its surroundings.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["make_sample"]

_SIZE = (960, 720)
_PATCH = (560, 320, 752, 480)


def make_sample(path: Path) -> Path:
    """Write the sample (the same picture each time) unless it is there; returns its path."""
    if path.exists():
        return path
    from PIL import Image, ImageFilter

    path.parent.mkdir(parents=True, exist_ok=True)
    scene = _scene()
    once = io.BytesIO()
    scene.save(once, "JPEG", quality=65, subsampling=0)
    forged = Image.open(once).convert("RGB")
    patch = scene.filter(ImageFilter.GaussianBlur(0.6)).crop((60, 420, 252, 580))
    forged.paste(patch, _PATCH[:2])
    temporary = path.with_suffix(".tmp")
    forged.save(temporary, "JPEG", quality=92, subsampling=0)
    temporary.replace(path)
    return path


def _scene() -> Image.Image:
    """Sky, ground, a few things, and the grain of a sensor."""
    import random

    from PIL import Image, ImageChops, ImageDraw, ImageFilter

    dice = random.Random(20260101)  # noqa: S311 (a picture, not a secret)
    width, height = _SIZE
    slope = Image.linear_gradient("L").resize(_SIZE)
    scene = Image.merge("RGB", [slope.point(lambda v, k=k: 90 + v * k // 255) for k in (60, 90, 130)])
    draw = ImageDraw.Draw(scene)
    for _ in range(140):
        x, y, r = dice.randrange(width), dice.randrange(height), dice.randrange(6, 90)
        shade = tuple(dice.randrange(30, 220) for _ in range(3))
        box = (x - r, y - r // 2, x + r, y + r // 2)
        (draw.ellipse if dice.random() < 0.5 else draw.rectangle)(box, fill=shade)
    scene = scene.filter(ImageFilter.GaussianBlur(1.2))
    grain = Image.frombytes("L", _SIZE, dice.randbytes(width * height)).filter(ImageFilter.GaussianBlur(0.7))
    noise = grain.point(lambda v: 128 + (v - 128) // 5)
    return ImageChops.add(scene, Image.merge("RGB", [noise] * 3), scale=1, offset=-128)
