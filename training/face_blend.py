"""Self-blended faces: a genuine face pasted over itself, slightly changed (Shiohara & Yamasaki, CVPR 2022).

Nobody's face is swapped: what is learnt is the seam and the mismatch of colour, sharpness and place between
the inner face and its surroundings. Both classes go through `finished` alike.
"""

from __future__ import annotations

import io

import numpy as np
from bonafide_inference.detectors.face_manipulation.faces_in import SIDE
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

__all__ = ["blended", "finished", "jittered"]

Pixels = NDArray[np.uint8]
Marks = NDArray[np.float32]


def jittered(rgb: Pixels, marks: Marks, rng: np.random.Generator) -> tuple[Pixels, Marks]:
    """The crop moved, scaled and mirrored a little, as another detector would have boxed it."""
    side = rgb.shape[0]
    scale = rng.uniform(0.86, 1.0)
    left, top = rng.uniform(0, 1 - scale, 2) * side
    image = Image.fromarray(rgb).resize(
        (side, side), Image.Resampling.BICUBIC, (left, top, left + scale * side, top + scale * side)
    )
    moved = (marks - (left, top)) / scale
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        moved = moved * (-1, 1) + (side - 1, 0)
        moved = moved[[1, 0, 2, 4, 3]]
    return np.asarray(image), moved.astype(np.float32)


def blended(rgb: Pixels, marks: Marks, rng: np.random.Generator) -> tuple[Pixels, NDArray[np.float32]]:
    """A self-blended copy and its mask (0..1): one of two copies is changed, then pasted over the other."""
    pasted, below = _changed(rgb, rng), rgb
    if rng.random() < 0.5:
        pasted, below = below, pasted
    side = rgb.shape[0]
    mask = _mask(side, marks, rng)
    image = Image.fromarray(pasted).transform(
        (side, side), Image.Transform.AFFINE, _nudge(side, rng), Image.Resampling.BICUBIC
    )
    share = float(rng.choice((0.5, 0.75, 1.0, 1.0, 1.0)))
    weight = mask[..., None] * share
    mixed = np.asarray(image, np.float32) * weight + below.astype(np.float32) * (1 - weight)
    return np.clip(mixed, 0, 255).astype(np.uint8), mask


def _nudge(side: int, rng: np.random.Generator) -> tuple[float, ...]:
    """A similarity about the middle: at most 2 degrees, 4 % of size, 4 % of place."""
    angle, scale = np.radians(rng.uniform(-2, 2)), rng.uniform(0.96, 1.04)
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    half = side / 2
    right, down = rng.uniform(-0.035, 0.035, 2) * side
    return (
        cosine, -sine, half - cosine * half + sine * half + right,
        sine, cosine, half - sine * half - cosine * half + down,
    )  # fmt: skip


def _changed(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Another colour, brightness or sharpness, as a generator or another camera would give it."""
    shifted = np.clip(rgb + rng.uniform(-18, 18, 3), 0, 255).astype(np.uint8)
    image = Image.fromarray(shifted)
    image = ImageEnhance.Color(image).enhance(rng.uniform(0.75, 1.25))
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.9, 1.1))
    image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.85, 1.15))
    kind, side = rng.random(), rgb.shape[0]
    if kind < 0.5:
        small = max(16, int(side * rng.uniform(0.3, 0.85)))
        image = image.resize((small, small), Image.Resampling.BILINEAR)
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    elif kind < 0.7:
        image = image.filter(ImageFilter.UnsharpMask(2, int(rng.uniform(40, 160)), 0))
    return np.asarray(image)


def _mask(side: int, marks: Marks, rng: np.random.Generator) -> NDArray[np.float32]:
    """The inner face (or its lower half, or the mouth) as a soft blob around the landmarks."""
    eyes, mouth = marks[:2].mean(0), marks[3:].mean(0)
    down = mouth - eyes
    length = max(float(np.hypot(*down)), 4.0)
    across = np.array([down[1], -down[0]]) / length
    wide = max(float(np.hypot(*(marks[1] - marks[0]))), 0.6 * length)
    kind = rng.random()
    middle, tall, broad = eyes + 0.55 * down, 1.35 * length, 1.1 * wide
    if kind < 0.15:
        middle, tall, broad = eyes + 0.95 * down, 0.7 * length, 0.8 * wide
    elif kind < 0.25:
        middle, tall, broad = mouth, 0.4 * length, 0.6 * wide
    angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    reach = rng.uniform(0.8, 1.15) * (1 + 0.1 * rng.standard_normal(18))
    points = middle + np.outer(np.cos(angles) * reach * broad, across)
    points = points + np.outer(np.sin(angles) * reach * tall, down / length)
    image = Image.new("L", (side, side), 0)
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in points], 255)
    soft = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 7.0)))
    return np.asarray(np.asarray(soft) / 255.0, np.float32)


def finished(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """What happens to any picture on its way: resize, blur, noise, JPEG; `SIDE` pixels in the end."""
    side = int(SIDE * rng.uniform(0.6, 1.35))
    image = Image.fromarray(rgb).resize((side, side), Image.Resampling.BICUBIC)
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.1)))
    if rng.random() < 0.5:
        noisy = np.asarray(image) + rng.normal(0, rng.uniform(0.5, 5), (side, side, 1))
        image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if rng.random() < 0.8:
        coded = io.BytesIO()
        image.save(coded, "JPEG", quality=int(rng.uniform(35, 96)))
        image = Image.open(coded).convert("RGB")
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
