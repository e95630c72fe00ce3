"""How might a part of a picture have been copied within it? Candidate transforms, cheap to find.

Two ways. Plain moves: windows look for their likeness in the whole picture (FFT) and vote, which also finds
copies of faint texture that have no keypoints.
Similarities (shift, turn, scale, mirror): turned patches around keypoints compared with each other, the g2NN
test of Amerini et al. (IEEE TIFS 6(3), 2011), hypotheses of one and of two matches counted by their inliers.
Both only propose; `verify` decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from bonafide_inference.detectors.moved_copies.keypoints import Grey, Points, find_points
from numpy.typing import NDArray

__all__ = ["Similarity", "keypoint_candidates", "window_candidates"]

LEAST_CORRELATION = 0.86
SECOND_RATIO = 0.6
"""g2NN: (1 - best) must be below this share of (1 - second best)."""
LEAST_DISTANCE = 20.0
"""Pixels between a part and its copy, at least."""
MOST_MATCHES = 900
NEIGHBOURS = 6
"""Matches with which each match forms hypotheses of two."""
SAME = 5.0
"""Pixels between the aims of two candidates that are one."""
REACH = 250
"""Pixels around a match in which its hypothesis is asked for inliers."""
SIDE, SIDE_LARGE, LARGE = 48, 64, 110_000
"""Pixels a side of a window that looks for its likeness; larger ones in pictures of so many pixels."""
FREE_PEAK = 4.0
"""Deviations that the best of all places reaches by chance."""
EVEN = 3.0
"""Variance (grey levels²) below which texture is not made stronger."""


@dataclass(frozen=True)
class Similarity:
    """``z → a · z + b``, or ``a · conj(z) + b`` when ``mirrored``, with pixels as complex numbers x + iy.

    ``support``: matched keypoints that agree (0 for windows), counted once in 4 × 4 pixels;
    ``density``: share of the keypoints around them that agree, too (0..1): near 1 in a copy, in which
    everything is repeated, low where single things resemble each other; ``likeness``: their median
    correlation; ``places``: where they are.
    """

    a: complex
    b: complex
    support: int = 0
    density: float = 0.0
    likeness: float = 0.0
    mirrored: bool = False
    places: tuple[complex, ...] = ()

    def of(self, z: NDArray[Any]) -> NDArray[Any]:
        """Where places go."""
        return self.a * (z.conj() if self.mirrored else z) + self.b

    def back(self) -> Similarity:
        """The inverse."""
        if self.mirrored:
            return Similarity(1 / self.a.conjugate(), -(self.b / self.a).conjugate(), mirrored=True)
        return Similarity(1 / self.a, -self.b / self.a)

    def like(self, other: Similarity) -> bool:
        """Whether two say nearly the same, forth or back, where the keypoints of one of them are."""
        if self.mirrored != other.mirrored:
            return False
        z = np.array(self.places or other.places or (0j, 500 + 500j))
        return any(
            float(np.median(np.abs(one.of(z) - another.of(z)))) < SAME
            for one, another in ((self, other), (self, other.back()))
        )

    def at_half(self) -> Similarity:
        """The same in a picture of half the size."""
        centre = 0.5 + 0.5j
        moved = (self.a * (centre.conjugate() if self.mirrored else centre) + self.b - centre) / 2
        return replace(self, b=moved, places=tuple((z - centre) / 2 for z in self.places))


def window_candidates(residual: Grey, power: Grey, most: int = 4) -> list[Similarity]:
    """Plain moves on which windows of a high-passed picture agree: each finds its best likeness elsewhere.

    ``residual``, ``power``: as `verify` takes them. Each window is correlated with the whole picture (texture
    made equally strong everywhere); its highest peak, in deviations over `FREE_PEAK`, votes for its move.
    """
    side = SIDE if residual.size < LARGE else SIDE_LARGE
    height, width = residual.shape
    if min(height, width) < 2 * side:
        return []
    plane = np.clip(residual / np.sqrt(power + EVEN), -2, 2).astype(np.float32)
    padded = _smooth_size(height), _smooth_size(width)
    spectrum = np.fft.rfft2(plane, padded)
    taper = np.hanning(side + 2)[1:-1].astype(np.float32)
    voted: list[tuple[float, complex, complex]] = []
    for top in range(0, height - side + 1, side // 2):
        for left in range(0, width - side + 1, side // 2):
            window = plane[top : top + side, left : left + side] * taper[:, None] * taper
            likeness = np.fft.irfft2(spectrum * np.fft.rfft2(window, padded).conj(), padded)
            likeness = likeness[: height - side + 1, : width - side + 1]
            deviation = float(likeness.std()) + 1e-6
            near = side // 4
            likeness[max(0, top - near) : top + near + 1, max(0, left - near) : left + near + 1] = 0
            row, column = divmod(int(likeness.argmax()), likeness.shape[1])
            peak = float(likeness[row, column]) / deviation - FREE_PEAK
            if peak > 0:
                voted.append((peak, complex(column - left, row - top), complex(left, top)))
    return _elected(voted, side, most)


def _smooth_size(least: int) -> int:
    """The first number from ``least`` on that a fast Fourier transform likes: of factors 2, 3 and 5 only."""
    while True:
        rest = least
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return least
        least += 1


def _elected(voted: list[tuple[float, complex, complex]], side: int, most: int) -> list[Similarity]:
    """The moves with the most votes (squares of the peaks), with the corners of the windows that agree."""
    found: list[tuple[float, Similarity]] = []
    left = sorted(voted, key=lambda vote: -vote[0])
    corners = (0, side, side * 1j, side * (1 + 1j))
    while left and len(found) < 3 * most:
        move = left[0][1]
        here = [one for one in left if min(abs(one[1] - move), abs(one[1] + move)) < 2]
        left = [one for one in left if one not in here]
        places = tuple(
            corner + c + (0 if abs(way - move) < 2 else way) for _, way, corner in here for c in corners
        )
        found.append((sum(peak**2 for peak, _, _ in here), Similarity(1, move, places=places)))
    return [how for _, how in sorted(found, key=lambda one: -one[0])[:most]]


def keypoint_candidates(grey: Grey, most: int = 4, most_mirrored: int = 1) -> list[Similarity]:
    """Similarities that several keypoints agree on: plain ones, best supported first, then mirrored."""
    points = find_points(grey)
    if points is None:
        return []
    found: list[Similarity] = []
    for mirrored, wanted in ((False, most), (True, most_mirrored)):
        matches = _match(points, points.mirrored() if mirrored else points.patch)
        here: list[Similarity] = []
        for _ in range(3 * wanted):
            if len(matches.first) < 4 or len(here) == wanted:
                break
            best, inliers = _agree(points, matches, mirrored)
            if best is not None and best.support >= 4:
                here.append(best)
            if best is not None:  # what says the inverse says the same
                gone = best.back().of(points.z[matches.first]) - points.z[matches.second]
                inliers |= np.abs(gone) < 6
            matches = matches.of(~inliers)
        found += here
    return found


@dataclass(frozen=True)
class _Matches:
    """Pairs of keypoints by number, and how well their patches correlate."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    like: NDArray[np.float32]

    def of(self, kept: NDArray[Any]) -> _Matches:
        return _Matches(self.first[kept], self.second[kept], self.like[kept])


def _match(points: Points, patches: NDArray[np.float32]) -> _Matches:
    """Pairs (one way each) of patches that resemble each other and nothing else as much."""
    first, second, likes = [], [], []
    x, y = points.z.real.astype(np.float32), points.z.imag.astype(np.float32)
    for start in range(0, len(x), 512):
        rows = slice(start, start + 512)
        like = points.patch[rows] @ patches.T
        apart = (x[rows][:, None] - x[None, :]) ** 2
        apart += (y[rows][:, None] - y[None, :]) ** 2
        like[apart < LEAST_DISTANCE**2] = -1
        best = like.argmax(axis=1)
        value = like[np.arange(len(best)), best]
        some = np.flatnonzero(value > LEAST_CORRELATION)
        others = like[some]
        others[np.abs(points.z[best[some]][:, None] - points.z[None, :]) < 8] = -1
        good = some[(1 - value[some]) < SECOND_RATIO * (1 - others.max(axis=1, initial=-1))]
        first.append(good + start)
        second.append(best[good])
        likes.append(value[good])
    found = _Matches(np.concatenate(first), np.concatenate(second), np.concatenate(likes))
    return found.of(np.argsort(-found.like, kind="stable")[:MOST_MATCHES])


def _agree(points: Points, matches: _Matches, mirrored: bool) -> tuple[Similarity | None, NDArray[np.bool_]]:
    """The hypothesis that most matches fit, refined by least squares, and who fits it."""
    places, target = points.z[matches.first], points.z[matches.second]
    source = places.conj() if mirrored else places
    before = points.angle[matches.first] * (-1 if mirrored else 1)
    turn = points.angle[matches.second] - before
    single = points.scale[matches.second] / points.scale[matches.first] * np.exp(1j * turn)
    a, origin = _hypotheses(source, target, single)
    b = target[origin] - a * source[origin]
    near = np.abs(source[origin][:, None] - source[None, :]) < REACH
    fits = (np.abs(a[:, None] * source[None, :] + b[:, None] - target[None, :]) < 4) & near
    place = int(fits.sum(axis=1).argmax())
    inliers = fits[place]
    solved: tuple[complex, complex] | None = None
    for _ in range(3):
        solved = _solve(source[inliers], target[inliers])
        if solved is None:
            return None, fits[place]
        inliers = np.abs(solved[0] * source + solved[1] - target) < 3
        if inliers.sum() < 3:
            return None, fits[place]
    assert solved is not None
    mine = places[inliers]
    distinct = {(round(z.real / 4), round(z.imag / 4)) for z in mine}
    around = (np.abs(points.z[:, None] - mine[None, :]) < 16).sum(axis=1) >= 2
    density = float(inliers.sum()) / max(1, int(around.sum()), int(inliers.sum()))
    likeness = float(np.median(matches.like[inliers]))
    how = Similarity(*solved, len(distinct), density, likeness, mirrored, tuple(complex(z) for z in mine))
    return how, inliers | fits[place]


def _hypotheses(
    source: NDArray[Any], target: NDArray[Any], single: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Turns with scale ``a`` of one match (its own patch) and of two neighbours, and the match of each."""
    count = len(source)
    apart = np.abs(source[:, None] - source[None, :])
    apart[apart < 6] = np.inf
    nearest = np.argsort(apart, axis=1)[:, : min(NEIGHBOURS, count)]
    origin = np.repeat(np.arange(count), nearest.shape[1])
    other = nearest.ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (target[other] - target[origin]) / (source[other] - source[origin])
        unlike = np.abs(np.log(a / single[origin]))
    good = np.isfinite(a) & (unlike < 0.5) & (apart[origin, other] < 150)
    return np.concatenate((single, a[good])), np.concatenate((np.arange(count), origin[good]))


def _solve(source: NDArray[Any], target: NDArray[Any]) -> tuple[complex, complex] | None:
    """Least-squares similarity; snapped to a plain move when it is one within the noise."""
    if len(source) < 2:
        return None
    middle, goal = source.mean(), target.mean()
    spread = float((np.abs(source - middle) ** 2).sum())
    if spread < 1e-6:
        return None
    a = complex(((target - goal) * np.conj(source - middle)).sum() / spread)
    if abs(a) < 0.2 or abs(a) > 5:
        return None
    if abs(a - 1) * math.sqrt(spread / len(source)) < 0.7:
        shift = complex(np.median((target - source).real), np.median((target - source).imag))
        return 1 + 0j, complex(round(shift.real), round(shift.imag))
    return a, complex(goal - a * middle)
