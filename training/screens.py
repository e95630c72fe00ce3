"""Photographs of screens and prints, simulated: what the camera sees of a face that is shown to it.

A screen: pixels of three stripes, a gap between rows, a glow instead of black, another white, a camera that
exposes for it (highlights clip), a slight turn and perspective (moiré), glare. A print: less gamut, less
contrast, dots, paper. Both classes then go through the same camera: exposure, blur, size, noise, JPEG.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["camera", "genuine", "printed", "screened"]

Picture = NDArray[np.float32]


def _resized(light: Picture, size: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Picture:
    planes = [
        np.asarray(Image.fromarray(light[..., i], "F").resize((size, size), how))
        for i in range(light.shape[2])
    ]
    return np.stack(planes, -1)


def screened(rgb: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Light (0..1 and above, linear, float32 (n, n, 3)) that a screen showing ``rgb`` sends to the camera."""
    shown = np.power(rgb.astype(np.float32) / 255, rng.uniform(2.0, 2.7))
    pixels = int(rng.integers(100, 260))
    small = np.clip(_resized(shown, pixels), 0, 1)
    raster = np.zeros((pixels * 3, pixels * 3, 3), np.float32)
    stripes, gap = rng.uniform(0.3, 1.0), rng.uniform(0.5, 1.0)
    for colour in range(3):
        lit = small[..., colour].repeat(3, 0)
        for column in range(3):
            raster[:, column::3, colour] = lit * (1.0 if column == colour else 1 - stripes)
    raster[2::3] *= gap
    turned = _turned(raster, rng)
    white = np.array([rng.uniform(0.75, 1.05), rng.uniform(0.9, 1.05), rng.uniform(0.95, 1.3)], np.float32)
    light = turned * white * np.exp(rng.uniform(-0.2, 1.4)) + rng.uniform(0.005, 0.09)
    return _glare(light, rng, 0.5)


def printed(rgb: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """Light that a print of ``rgb`` sends back."""
    light = np.power(rgb.astype(np.float32) / 255, rng.uniform(1.7, 2.3))
    grey = light.mean(-1, keepdims=True)
    light = grey + (light - grey) * rng.uniform(0.5, 0.85)
    light = rng.uniform(0.03, 0.12) + light * rng.uniform(0.55, 0.8)
    size = int(rng.integers(140, 320))
    light = _resized(light, size)
    rows, columns = np.mgrid[:size, :size]
    angle, period = rng.uniform(0, np.pi), rng.uniform(2.2, 5.0)
    u, v = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    dots = np.cos(2 * np.pi * u / period) * np.cos(2 * np.pi * v / period)
    light *= 1 + rng.uniform(0, 0.12) * dots[..., None].astype(np.float32)
    light *= 1 + rng.normal(0, rng.uniform(0.005, 0.03), (size, size, 1)).astype(np.float32)
    return _glare(_turned(light, rng), rng, 0.3)


def _turned(light: Picture, rng: np.random.Generator) -> Picture:
    """A slight rotation and perspective, seen at a size of its own."""
    size = light.shape[0]
    target = int(rng.integers(150, 420))
    angle, lean = np.radians(rng.normal(0, 4)), rng.normal(0, 0.04, 2) / target
    scale = size / target * rng.uniform(0.9, 1.0)
    a, b = scale * np.cos(angle), -scale * np.sin(angle)
    centre = size / 2
    c = centre - (a + b) * target / 2
    f = centre - (a - b) * target / 2
    data = (a, b, c, -b, a, f, lean[0], lean[1])
    blurred = rng.uniform(0.3, 0.9) * max(1.0, size / target)
    planes = []
    for colour in range(3):
        plane = Image.fromarray((np.clip(light[..., colour], 0, 1) * 255).astype(np.uint8))
        plane = plane.filter(ImageFilter.GaussianBlur(blurred * rng.uniform(0.6, 0.9)))
        seen = plane.transform((target, target), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)
        planes.append(np.asarray(seen, np.float32) / 255)
    return np.stack(planes, -1)


def _glare(light: Picture, rng: np.random.Generator, chance: float) -> Picture:
    """Room light mirrored in it: a soft blob or ramp."""
    if rng.random() > chance:
        return light
    size = light.shape[0]
    rows, columns = np.mgrid[:size, :size] / size
    spread = rng.uniform(0.1, 0.5)
    place = rng.uniform(-0.1, 1.1, 2)
    blob = np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / (2 * spread**2))
    return np.asarray(light + rng.uniform(0.02, 0.5) * blob[..., None], np.float32)


def camera(light: Picture, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture a camera makes of ``light``: uint8 RGB; the same for genuine faces and attacks."""
    if rng.random() < 0.3:
        light = _glare(light, rng, 0.6)
    cast = rng.uniform(0.85, 1.15, 3).astype(np.float32)
    light = light * cast * np.exp(rng.normal(0, 0.45))
    grey = light.mean(-1, keepdims=True)
    light = grey + (light - grey) * rng.uniform(0.3, 1.2) + rng.uniform(0, 0.05)  # dull sensors, haze
    size = int(rng.integers(52, 180))
    seen = _resized(light.astype(np.float32), size, Image.Resampling.BOX if light.shape[0] > size else
                    Image.Resampling.BICUBIC)  # fmt: skip
    seen = np.clip(seen + rng.normal(0, rng.uniform(0.001, 0.012), seen.shape), 0, 1)
    image = Image.fromarray((np.power(seen, 1 / rng.uniform(1.9, 2.4)) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.0)))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.UnsharpMask(rng.uniform(0.6, 1.5), int(rng.integers(30, 150)), 0))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=int(rng.integers(55, 96)))
    result: Any = np.asarray(Image.open(out).convert("RGB"))
    found: NDArray[np.uint8] = result
    return found


def genuine(rgb: NDArray[np.uint8]) -> Picture:
    """Light of a living face: the picture's own, made linear."""
    return np.asarray(np.power(rgb.astype(np.float32) / 255, 2.2), np.float32)
