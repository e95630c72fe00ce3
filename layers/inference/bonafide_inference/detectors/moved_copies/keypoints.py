"""Keypoints of a grey picture: blobs on a small pyramid, spread over it, each with a patch turned upright."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["PATCH", "Grey", "Points", "bilinear", "find_points", "reduced", "smooth"]

Grey = NDArray[np.float32]

LEVELS = (1.0, 0.72, 0.52, 0.37)
"""Scales of the pyramid."""
PER_LEVEL = (1600, 1000, 700, 400)
PATCH, SPACING = 13, 1.5
"""Samples a side of a patch, and pixels between them."""
LEAST_BLOB, LEAST_CONTRAST = 0.4, 1.5
"""Grey levels: strength of a blob, and standard deviation within a patch."""
QUARTER = 64
"""Pixels a side of the cells among which the keypoints are dealt out, so that faint parts get some, too."""


@dataclass(frozen=True)
class Points:
    """``z``: complex places x + iy; ``scale``, ``angle`` (radians); ``patch``: (n, PATCH²) unit vectors."""

    z: NDArray[np.complex128]
    scale: NDArray[np.float64]
    angle: NDArray[np.float64]
    patch: NDArray[np.float32]

    def mirrored(self) -> NDArray[np.float32]:
        """The patches as a mirror would show them: the direction of a keypoint is mirrored with it."""
        patch = self.patch.reshape(-1, PATCH, PATCH)[:, ::-1]
        return np.ascontiguousarray(patch).reshape(len(self.patch), -1)


def find_points(grey: Grey) -> Points | None:
    """Keypoints of all levels, None when there are none."""
    parts = [_of_level(grey, level, count) for level, count in zip(LEVELS, PER_LEVEL, strict=True)]
    found = [part for part in parts if part is not None and len(part.z)]
    if not found:
        return None
    return Points(*(np.concatenate([getattr(p, k) for p in found]) for k in ("z", "scale", "angle", "patch")))


def smooth(values: Grey, sigma: float) -> Grey:
    """Gaussian blur, edge repeated; float32, same shape."""
    radius = max(1, math.ceil(2.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pads = [(radius, radius) if axis == i else (0, 0) for i in (0, 1)]
        padded = np.pad(values, pads, mode="edge")
        size = values.shape[axis]
        values = _convolve(padded, kernel, axis, size)
    return values


def _convolve(padded: Grey, kernel: Grey, axis: int, size: int) -> Grey:
    total: Grey | None = None
    for place, weight in enumerate(kernel):
        part = padded[place : place + size] if axis == 0 else padded[:, place : place + size]
        total = part * weight if total is None else np.add(total, part * weight, out=total)
    assert total is not None
    return total


def reduced(grey: Grey, level: float) -> Grey:
    """The picture at ``level`` ≤ 1 of its size."""
    if level == 1:
        return grey
    size = max(1, round(grey.shape[1] * level)), max(1, round(grey.shape[0] * level))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX), dtype=np.float32)


def _of_level(grey: Grey, level: float, count: int) -> Points | None:
    if min(grey.shape) * level < 40:
        return None
    fine = smooth(reduced(grey, level), 1.2)
    y, x = _peaks(np.abs(fine - smooth(fine, 1.6)), count)
    if len(x) < 2:
        return None
    angle = _angles(fine, x, y)
    patch, lively = _patches(fine, x, y, angle)
    z = np.asarray(((x + 0.5) + 1j * (y + 0.5)) / level - (0.5 + 0.5j), dtype=np.complex128)
    return Points(z[lively], np.full(int(lively.sum()), 1 / level), angle[lively], patch[lively])


def _peaks(blob: Grey, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local maxima in 3 × 3, away from the edge: of each cell the strongest first, ``count`` in all."""
    inner = blob[1:-1, 1:-1]
    top = np.ones(inner.shape, dtype=bool)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if (down, right) != (1, 1):
                top &= inner >= blob[down : down + inner.shape[0], right : right + inner.shape[1]]
    edge = 10
    top[:edge] = top[-edge:] = False
    top[:, :edge] = top[:, -edge:] = False
    y, x = np.nonzero(top & (inner > LEAST_BLOB))
    order = np.argsort(-inner[y, x], kind="stable")
    y, x = y[order] + 1, x[order] + 1
    rank = _rank((y // 12) * 100_000 + x // 12)
    y, x = y[rank < 2], x[rank < 2]
    kept = np.argsort(_rank((y // QUARTER) * 100_000 + x // QUARTER), kind="stable")[:count]
    return y[kept], x[kept]


def _rank(cell: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many earlier entries share an entry's cell."""
    order = np.argsort(cell, kind="stable")
    sorted_ = cell[order]
    first = np.concatenate(([True], sorted_[1:] != sorted_[:-1])) if len(cell) else np.zeros(0, bool)
    place = np.arange(len(cell))
    rank = np.empty(len(cell), dtype=np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(first, place, 0))
    return rank


_DISC = np.array([(dx, dy) for dy in range(-7, 8) for dx in range(-7, 8) if dx * dx + dy * dy <= 52])


def _angles(fine: Grey, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Direction from each point to the centre of brightness around it (Rosin 1999)."""
    values = fine[
        np.clip(y[:, None] + _DISC[:, 1], 0, fine.shape[0] - 1),
        np.clip(x[:, None] + _DISC[:, 0], 0, fine.shape[1] - 1),
    ]
    values = values - values.mean(axis=1, keepdims=True)
    moment = values @ _DISC.astype(np.float32)
    return np.asarray(np.arctan2(moment[:, 1], moment[:, 0]), dtype=np.float64)


def _patches(
    fine: Grey, x: NDArray[Any], y: NDArray[Any], angle: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Patches turned upright, mean 0 and norm 1, and which of them have any contrast."""
    steps = (np.arange(PATCH) - PATCH // 2) * SPACING
    offsets = (steps[None, :] + 1j * steps[:, None]).ravel()
    places = (x + 1j * y)[:, None] + offsets[None, :] * np.exp(1j * angle)[:, None]
    (values,) = bilinear((fine,), places)
    values -= values.mean(axis=1, keepdims=True)
    norm = np.sqrt((values**2).sum(axis=1))
    return values / np.maximum(norm, 1e-6)[:, None], norm > LEAST_CONTRAST * PATCH


def bilinear(planes: tuple[Grey, ...], places: NDArray[Any]) -> list[Grey]:
    """Sample each plane at complex places x + iy, clipped to the picture."""
    height, width = planes[0].shape
    x = np.clip(places.real, 0, width - 1.001).astype(np.float32)
    y = np.clip(places.imag, 0, height - 1.001).astype(np.float32)
    left, top = x.astype(np.int32), y.astype(np.int32)
    base = top * width + left
    x -= left
    y -= top
    if not (x.any() or y.any()):
        return [plane.ravel()[base] for plane in planes]
    out = []
    for plane in planes:
        flat = plane.ravel()
        upper = flat[base] * (1 - x) + flat[base + 1] * x
        lower = flat[base + width] * (1 - x) + flat[base + width + 1] * x
        out.append(np.asarray(upper * (1 - y) + lower * y, dtype=np.float32))
    return out
