"""Self-blended faces: a genuine face pasted over itself, slightly changed (Shiohara & Yamasaki, CVPR 2022).

Nobody's face is swapped: what is learnt is the seam (as in Face X-ray, Li et al., CVPR 2020) and the mismatch
of colour, detail and place between the inner face and its surroundings. The changed copy is as often the one
below as the one pasted, so that a pasted face is as often softer as sharper than what is around it; and the
genuine member of a pair is as often the changed copy, whole, so that no change by itself says anything. Both
members go through the same compression, noise and resizing.
"""

from __future__ import annotations

import io
import math
from fractions import Fraction
from typing import Any

import av
import numpy as np
from bonafide_inference.detectors.face_manipulation.faces_in import CELLS, MARGIN, SIDE
from bonafide_inference.facemesh import FIVE
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from training.face_material import KEPT, KEPT_MARGIN

__all__ = ["blended", "hull", "pair"]

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]
Soft = NDArray[np.float32]
SMALLEST = 96
"""A kept crop is made this small at least before anything is pasted: a face of 53 pixels."""
GRID = 4
"""Cells a side of the elastic warp."""


def pair(rgb: Pixels, points: Points, side: float, rng: np.random.Generator) -> tuple[Pixels, Pixels, Soft]:
    """One genuine and one self-blended picture of a face as the network sees it, and where the seam is.

    ``rgb``, ``points``, ``side`` as in `face_material.Crops`. Returns uint8 (`SIDE`, `SIDE`, 3) twice and
    float32 (`CELLS`, `CELLS`), 0..1.
    """
    largest = float(np.clip(side * KEPT / 80, SMALLEST * 1.2, KEPT))
    size = 2 * int(math.exp(rng.uniform(math.log(SMALLEST), math.log(largest))) / 2)
    small = np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS))
    where = points * size / KEPT
    if rng.random() < 0.5:
        small, where = small[:, ::-1].copy(), where * (-1, 1) + (size - 1, 0)
    genuine, fake, seam = blended(small, where.astype(np.float32), rng)
    genuine, fake = _travelled([genuine, fake], rng)
    window = _window(size, rng)
    shown = [
        np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC, window))
        for one in (genuine, fake)
    ]
    cells = Image.fromarray(seam).resize((CELLS, CELLS), Image.Resampling.BOX, window)
    return shown[0], shown[1], np.asarray(cells, np.float32)


def blended(rgb: Pixels, points: Points, rng: np.random.Generator) -> tuple[Pixels, Pixels, Soft]:
    """The genuine member, the self-blended one, and the seam 4 m (1 - m) of its mask m."""
    below, pasted = rgb, _changed(rgb, rng)
    if rng.random() < 0.5:
        below, pasted = pasted, below
    pasted = _warped(pasted, rng)
    genuine = below if rng.random() < 0.4 else pasted
    mask = _mask(rgb.shape[0], points, rng)
    if rng.random() < 0.5:
        pasted = _matched(pasted, below, mask, rng.uniform(0.4, 1.0))
    weight = mask[..., None] * float(rng.choice((0.5, 0.75, 1.0, 1.0, 1.0, 1.0)))
    mixed = pasted * weight + below * (1 - weight)
    seam = np.asarray(4 * mask * (1 - mask), np.float32)
    return genuine, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), seam


def _changed(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Another colour and another detail, as a generator or another camera would give it."""
    image = Image.fromarray(rgb)
    if rng.random() < 0.8:
        shifted = rgb + rng.uniform(-14, 14, 3)
        image = Image.fromarray(np.clip(shifted, 0, 255).astype(np.uint8))
        image = ImageEnhance.Color(image).enhance(rng.uniform(0.75, 1.3))
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.9, 1.1))
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.85, 1.18))
    kind, side = rng.random(), rgb.shape[0]
    if kind < 0.3:
        small = int(side * rng.uniform(0.35, 0.85))
        ways = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
        image = image.resize((small, small), ways[rng.integers(2)])
        image = image.resize((side, side), ways[rng.integers(2)])
    elif kind < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3)))
    elif kind < 0.6:
        image = image.filter(ImageFilter.UnsharpMask(rng.uniform(1, 2), int(rng.uniform(40, 160)), 0))
    elif kind < 0.75:
        image = _jpeg(image, int(rng.uniform(30, 85)))
    if rng.random() < 0.15:
        noisy = np.asarray(image) + rng.normal(0, rng.uniform(1, 6), (side, side, 3))
        image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    return np.asarray(image)


def _matched(pasted: Pixels, below: Pixels, mask: Soft, share: float) -> Pixels:
    """The pasted face in the colours of the other, as swapping tools do it (Reinhard et al., 2001)."""
    inside = mask > 0.5
    if int(inside.sum()) < 32:
        return pasted
    mean, spread = pasted[inside].mean(0), pasted[inside].std(0) + 1
    wanted = (pasted - mean) * (below[inside].std(0) + 1) / spread + below[inside].mean(0)
    return np.clip(pasted + share * (wanted - pasted) + 0.5, 0, 255).astype(np.uint8)


def _warped(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Turned, scaled and moved (2 degrees, 4 %, 3 % at most) and bent by 1.2 % of the side."""
    side = rgb.shape[0]
    corners = np.stack(np.meshgrid(*[np.linspace(0, side, GRID + 1)] * 2), -1) - side / 2
    angle, scale = np.radians(rng.uniform(-2, 2)), rng.uniform(0.96, 1.04)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = corners @ turn.T + side / 2 + rng.uniform(-0.02, 0.02, 2) * side
    there = there + rng.normal(0, rng.uniform(0, 0.012), there.shape) * side
    edges = np.linspace(0, side, GRID + 1).round().astype(int)
    quads: list[Any] = []
    for row in range(GRID):
        for column in range(GRID):
            box = (edges[column], edges[row], edges[column + 1], edges[row + 1])
            four = [there[row, column], there[row + 1, column], there[row + 1, column + 1]]
            quads.append((
                tuple(int(v) for v in box), tuple(float(v) for v in np.ravel([*four, there[row, column + 1]]))
            ))  # fmt: skip
    image = Image.fromarray(rgb)
    return np.asarray(image.transform((side, side), Image.Transform.MESH, quads, Image.Resampling.BICUBIC))


def hull(points: NDArray[Any]) -> NDArray[Any]:
    """Corners of the convex hull of (n, 2) points, in order (Andrew's monotone chain)."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    corners: list[NDArray[Any]] = []
    for run in (ordered, ordered[::-1]):
        chain: list[NDArray[Any]] = []
        for point in run:
            while len(chain) > 1:
                a, b = chain[-1] - chain[-2], point - chain[-2]
                if a[0] * b[1] - a[1] * b[0] > 0:
                    break
                chain.pop()
            chain.append(point)
        corners += chain[:-1]
    return np.array(corners)


def _mask(side: int, points: Points, rng: np.random.Generator) -> Soft:
    """The hull of a part of the mesh, bent, grown or shrunk, and softened."""
    some = points[_part(points, rng)]
    middle = some.mean(0)
    corners = hull(some)
    corners = middle + (corners - middle) * rng.uniform(0.82, 1.1)
    corners = corners + rng.normal(0, rng.uniform(0, 0.015) * side, corners.shape)
    image = Image.new("L", (side, side), 0)
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in corners], 255)
    length = float(np.ptp(points[:, 1]))
    first = image.filter(ImageFilter.GaussianBlur(length * math.exp(rng.uniform(*np.log((0.008, 0.09))))))
    soft = np.asarray(first, np.float32) / 255
    if rng.random() < 0.5:  # pulled inwards, so that nothing of the surroundings is pasted along
        soft = np.clip(2 * soft - 1, 0, 1)
    return np.asarray(soft, np.float32)


def _part(points: Points, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which points: the whole face; from the brows down; the inner face; below the eyes; the mouth."""
    five = np.stack([points[list(places)].mean(0) for places in FIVE])
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    down = mouth - eyes
    length = max(float(np.hypot(*down)), 1.0)
    low = (points - eyes) @ down / length**2
    across = np.abs((points - eyes) @ np.array([down[1], -down[0]])) / length**2
    choices = (
        low > -9, low > -0.45, (low > -0.5) & (low < 1.35) & (across < 0.75),
        (low > 0.25) & (low < 1.8), (low > 0.6) & (low < 1.5) & (across < 0.6),
    )  # fmt: skip
    return np.asarray(choices[int(rng.choice(5, p=(0.35, 0.2, 0.2, 0.13, 0.12)))])


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    coded = io.BytesIO()
    image.save(coded, "JPEG", quality=quality)
    return Image.open(coded).convert("RGB")


def _travelled(both: list[Pixels], rng: np.random.Generator) -> list[Pixels]:
    """What happens to any picture on its way, to both alike: blur, noise, JPEG or H.264."""
    radius = rng.uniform(0.2, 1.0) if rng.random() < 0.25 else 0.0
    noise = rng.uniform(0.5, 5) if rng.random() < 0.3 else 0.0
    images = [np.asarray(Image.fromarray(one).filter(ImageFilter.GaussianBlur(radius))) for one in both]
    found = [np.asarray(one) + rng.normal(0, noise, one.shape[:2])[..., None] for one in images]
    plain = [np.clip(one + 0.5, 0, 255).astype(np.uint8) for one in found]
    kind = rng.random()
    if kind < 0.4:
        quality = int(rng.uniform(40, 97))
        return [np.asarray(_jpeg(Image.fromarray(one), quality)) for one in plain]
    return _filmed(plain, int(rng.uniform(16, 33))) if kind < 0.8 else plain


def _filmed(pictures: list[Pixels], crf: int) -> list[Pixels]:
    """Each as an intra frame of H.264."""
    coder, decoder = av.CodecContext.create("libx264", "w"), av.CodecContext.create("h264", "r")
    coder.height, coder.width = pictures[0].shape[:2]
    coder.pix_fmt, coder.time_base = "yuv420p", Fraction(1, 25)
    coder.options = {"crf": str(crf), "preset": "veryfast", "g": "1", "tune": "zerolatency", "threads": "1"}
    frames = []
    for number, one in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(one, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        frames += [f for packet in coder.encode(frame) for f in decoder.decode(packet)]
    frames += [f for packet in coder.encode(None) for f in decoder.decode(packet)]
    frames += decoder.decode(None)
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def _window(size: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """What of a kept crop the network would see, boxed a little differently."""
    wide = size * (1 + 2 * MARGIN) / (1 + 2 * KEPT_MARGIN) * rng.uniform(0.93, 1.12)
    left, top = (size - wide) / 2 + rng.uniform(-0.03, 0.03, 2) * size
    left, top = np.clip((left, top), 0, size - wide)
    return float(left), float(top), float(left + wide), float(top + wide)
