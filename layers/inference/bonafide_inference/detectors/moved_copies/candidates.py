"""How might a part of a picture have been copied within it? Candidate transforms, cheap to find.

Two ways. Shifts: peaks of the whitened autocorrelation (one FFT), which also finds copies of faint texture.
Similarities (shift, turn, scale): keypoints on a small pyramid, turned patches compared with each other, the
g2NN test of Amerini et al. (IEEE TIFS 6(3), 2011), and one-match hypotheses counted by their inliers. Both
only propose; `verify` decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Similarity", "keypoint_candidates", "shift_candidates", "smooth"]

Grey = NDArray[np.float32]

LEVELS = (1.0, 0.72, 0.52, 0.37)
"""Scales of the pyramid."""
PER_LEVEL = (1600, 1000, 700, 400)
PATCH, SPACING = 13, 1.5
"""Samples a side of a patch, and pixels between them."""
LEAST_CORRELATION = 0.9
SECOND_RATIO = 0.6
"""g2NN: (1 - best) must be below this share of (1 - second best)."""
LEAST_DISTANCE = 20.0
"""Pixels between a part and its copy, at least."""


@dataclass(frozen=True)
class Similarity:
    """``z → a · z + b`` with pixels as complex numbers x + iy.

    ``support``: matched keypoints that agree (0 for a shift's peak), counted once in 4 × 4 pixels;
    ``density``: share of the keypoints around them that agree, too (0..1): near 1 in a copy, in which
    everything is repeated, low where single things resemble each other; ``likeness``: their median
    correlation.
    """

    a: complex
    b: complex
    support: int = 0
    density: float = 0.0
    likeness: float = 0.0

    @property
    def is_shift(self) -> bool:
        """A plain move by whole pixels."""
        return self.a == 1 and self.b == complex(round(self.b.real), round(self.b.imag))


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


def shift_candidates(residual: Grey, most: int = 4) -> list[Similarity]:
    """Shifts at which a high-passed picture (height, width) resembles itself, strongest first."""
    spectrum = np.fft.rfft2(np.clip(residual, -12, 12))
    power = np.abs(spectrum) ** 2
    floor = np.median(power) + 1e-6
    correlation = np.fft.irfft2(
        power / np.sqrt(power + floor) / np.sqrt(power.mean() + floor), residual.shape
    )
    height, width = residual.shape
    rows = np.minimum(np.arange(height), height - np.arange(height))[:, None]
    columns = np.minimum(np.arange(width), width - np.arange(width))[None, :]
    correlation[(rows**2 + columns**2) < LEAST_DISTANCE**2] = 0
    correlation[height // 2 + 1 :] = 0  # the other half says the same
    found: list[Similarity] = []
    for _ in range(most):
        place = int(correlation.argmax())
        row, column = divmod(place, width)
        if correlation.flat[place] <= 0:
            break
        top, left = max(0, row - 3), max(0, column - 3)
        correlation[top : row + 4, left : column + 4] = 0
        down, right = row - height * (row > height // 2), column - width * (column > width // 2)
        found.append(Similarity(1, complex(right, down)))
    return found


@dataclass(frozen=True)
class _Points:
    """``z``: complex places in the picture; ``scale``, ``angle``; ``patch``: (n, PATCH²) unit vectors."""

    z: NDArray[np.complex128]
    scale: NDArray[np.float64]
    angle: NDArray[np.float64]
    patch: NDArray[np.float32]


def keypoint_candidates(grey: Grey, most: int = 4) -> list[Similarity]:
    """Similarities that several matched keypoints agree on, best supported first."""
    parts = [_points(grey, level, count) for level, count in zip(LEVELS, PER_LEVEL, strict=True)]
    parts = [part for part in parts if part is not None and len(part.z)]
    if not parts:
        return []
    points = _Points(
        *(np.concatenate([getattr(p, k) for p in parts]) for k in ("z", "scale", "angle", "patch"))
    )
    matches = _match(points)
    found: list[Similarity] = []
    for _ in range(3 * most):
        if len(matches.first) < 4 or len(found) == most:
            break
        best, inliers = _agree(points, matches)
        if best is not None and best.support >= 4:
            found.append(best)
        matches = matches.without(inliers)
    return found


def _points(grey: Grey, level: float, count: int) -> _Points | None:
    height, width = round(grey.shape[0] * level), round(grey.shape[1] * level)
    if min(height, width) < 40:
        return None
    if level < 1:
        small = Image.fromarray(grey).resize((width, height), Image.Resampling.BOX)
        grey = np.asarray(small, dtype=np.float32)
    fine = smooth(grey, 1.2)
    blob = np.abs(fine - smooth(fine, 1.6))
    y, x = _peaks(blob, count)
    if len(x) < 2:
        return None
    angle = _angles(fine, x, y)
    patch, lively = _patches(fine, x, y, angle)
    z = np.asarray(((x + 0.5) + 1j * (y + 0.5)) / level - (0.5 + 0.5j), dtype=np.complex128)
    return _Points(z[lively], np.full(int(lively.sum()), 1 / level), angle[lively], patch[lively])


def _peaks(blob: Grey, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local maxima in 3 × 3, away from the edge, the strongest ``count``, at most two a 12 × 12 cell."""
    inner = blob[1:-1, 1:-1]
    top = np.ones(inner.shape, dtype=bool)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if (down, right) != (1, 1):
                top &= inner >= blob[down : down + inner.shape[0], right : right + inner.shape[1]]
    edge = 10
    top[:edge] = top[-edge:] = False
    top[:, :edge] = top[:, -edge:] = False
    y, x = np.nonzero(top & (inner > 0.8))
    order = np.argsort(-inner[y, x], kind="stable")
    y, x = y[order] + 1, x[order] + 1
    cell = (y // 12) * 100_000 + x // 12
    by_cell = np.argsort(cell, kind="stable")
    fresh = np.ones(len(cell), dtype=bool)
    fresh[2:] = cell[by_cell][2:] != cell[by_cell][:-2]
    kept = np.sort(by_cell[fresh])[:count]
    return y[kept], x[kept]


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
    return values / np.maximum(norm, 1e-6)[:, None], norm > 3.0 * PATCH


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


@dataclass(frozen=True)
class _Matches:
    """Pairs of keypoints by number, and how well their patches correlate."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    like: NDArray[np.float32]

    def without(self, gone: NDArray[np.bool_]) -> _Matches:
        return _Matches(self.first[~gone], self.second[~gone], self.like[~gone])


def _match(points: _Points) -> _Matches:
    """Pairs (one way each) of patches that resemble each other and nothing else as much."""
    first, second, likes = [], [], []
    for start in range(0, len(points.z), 512):
        rows = slice(start, start + 512)
        like = points.patch[rows] @ points.patch.T
        apart = np.abs(points.z[rows][:, None] - points.z[None, :])
        like[apart < LEAST_DISTANCE] = -1
        best = like.argmax(axis=1)
        value = like[np.arange(len(best)), best]
        like[np.abs(points.z[best][:, None] - points.z[None, :]) < 8] = -1
        runner = like.max(axis=1)
        good = (value > LEAST_CORRELATION) & ((1 - value) < SECOND_RATIO * (1 - runner))
        first += (np.flatnonzero(good) + start).tolist()
        second += best[good].tolist()
        likes += value[good].tolist()
    return _Matches(
        np.array(first, dtype=np.int64), np.array(second, dtype=np.int64), np.array(likes, dtype=np.float32)
    )


def _agree(points: _Points, matches: _Matches) -> tuple[Similarity | None, NDArray[np.bool_]]:
    """The hypothesis of one match that most matches fit, refined by least squares, and who fits it."""
    source, target = points.z[matches.first], points.z[matches.second]
    turn = points.angle[matches.second] - points.angle[matches.first]
    a = points.scale[matches.second] / points.scale[matches.first] * np.exp(1j * turn)
    b = target - a * source
    near = np.abs(source[:, None] - source[None, :]) < 200  # one match fixes the turn only nearby
    fits = (np.abs(a[:, None] * source[None, :] + b[:, None] - target[None, :]) < 5) & near
    place = int(fits.sum(axis=1).argmax())
    inliers = fits[place]
    refined: tuple[complex, complex] | None = None
    for _ in range(3):
        refined = _solve(source[inliers], target[inliers])
        if refined is None:
            return None, fits[place]
        inliers = np.abs(refined[0] * source + refined[1] - target) < 3
        if inliers.sum() < 3:
            return None, fits[place]
    assert refined is not None
    distinct = {(round(z.real / 4), round(z.imag / 4)) for z in source[inliers]}
    around = (np.abs(points.z[:, None] - source[inliers][None, :]) < 16).sum(axis=1) >= 2
    density = float(inliers.sum()) / max(1, int(around.sum()), int(inliers.sum()))
    likeness = float(np.median(matches.like[inliers]))
    return Similarity(*refined, len(distinct), density, likeness), inliers | fits[place]


def _solve(source: NDArray[Any], target: NDArray[Any]) -> tuple[complex, complex] | None:
    """Least-squares similarity; snapped to a plain move when it is one within the noise."""
    if len(source) < 2:
        return None
    middle, goal = source.mean(), target.mean()
    spread = float((np.abs(source - middle) ** 2).sum())
    if spread < 1e-6:
        return None
    a = complex(((target - goal) * np.conj(source - middle)).sum() / spread)
    if abs(a - 1) * math.sqrt(spread / len(source)) < 0.7:
        shift = complex(np.median((target - source).real), np.median((target - source).imag))
        return 1 + 0j, complex(round(shift.real), round(shift.imag))
    return a, complex(goal - a * middle)
