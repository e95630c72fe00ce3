"""The copy-move search over one grey plane: reduce, propose, make exact, verify at two sizes, score.

The score of a candidate adds logarithms of what speaks for it: keypoints that agree (above `FREE`, by the
share of those around them that do) and nats of the dense check, at the working size or, where the save has
wiped the fine detail, at half of it. A mirrored candidate starts lower: faces, reflections and ornaments are
alike. A picture in which other transforms are almost as good (windows, bricks, print) is its own null.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from bonafide_inference.detectors.moved_copies.candidates import (
    Similarity,
    keypoint_candidates,
    shift_candidates,
)
from bonafide_inference.detectors.moved_copies.exact import equal_parts
from bonafide_inference.detectors.moved_copies.keypoints import Grey, reduced, smooth
from bonafide_inference.detectors.moved_copies.refine import refine
from bonafide_inference.detectors.moved_copies.verify import FLOOR, OVERLAP, Copy, box, high_pass, verify
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Found", "search"]

WORKING_PIXELS = 600_000
MOST_ENLARGED = 2.0
LEAST_SIDE = 64
FREE = 4
"""Matched keypoints that agree by chance everywhere."""
FLAT_SHARE = 0.7
"""A drawing or a screenshot: more of it than this has no texture at all, and its parts repeat by design."""
LEAST_NATS = 25.0
"""Nats of the dense check without which keypoints count for nothing; twice as many for mirrored ones."""
MIRRORED = 1.5
"""What a mirrored candidate must show more."""
RIVAL = 0.5
"""Share of the second candidate's score that the best one loses: what repeats in many ways is a pattern."""


@dataclass(frozen=True)
class Found:
    """``reason`` when nothing can be said; ``mask`` (float 0..1, a grid over the picture): copy and source.

    ``score`` ≥ 0 (0: no candidate at all), ``how`` and ``copy`` belong to the best candidate; ``equal``:
    blocks that are equal to the bit, when that decided.
    """

    reason: str | None = None
    score: float = 0.0
    how: Similarity | None = None
    copy: Copy | None = None
    mask: NDArray[np.float64] | None = None
    equal: int = 0


@dataclass(frozen=True)
class _Size:
    """The high-passed picture and the power of its surroundings (see `verify`)."""

    residual: Grey
    power: Grey

    @classmethod
    def of(cls, grey: Grey, floor: float) -> _Size:
        residual = high_pass(grey)
        return cls(residual, box(residual**2) + np.float32(floor))


def search(plane: NDArray[np.uint8], *, lossless: bool = False) -> Found:
    """Search a grey plane (height, width) for parts that were copied within it.

    ``lossless``: the plane is as it was saved, so that copies may be equal to the bit.
    """
    if min(plane.shape) < LEAST_SIDE:
        return Found("too_small")
    grey = working(plane)
    full, half = _Size.of(grey, FLOOR), _Size.of(reduced(grey, 0.5), FLOOR / 2)
    if float((np.abs(full.residual) < 0.3).mean()) > FLAT_SHARE:
        return Found("not_photographic")
    soft = smooth(grey, 1.0)
    soft -= box(box(soft))
    hows = [refine(soft, how) for how in keypoint_candidates(grey)]
    hows = _distinct(hows + shift_candidates(full.residual)[:2])
    judged = sorted((_judged(how, full, half) for how in hows), key=lambda one: -one.score)
    equal = _equal(plane) if lossless else Found()
    if not judged:
        return equal
    rival = judged[1].score if len(judged) > 1 else 0.0
    best = replace(judged[0], score=max(0.0, judged[0].score - RIVAL * rival))
    return max(best, equal, key=lambda one: one.score)


def working(plane: NDArray[np.uint8]) -> Grey:
    """The plane at about `WORKING_PIXELS`, float32: small ones are enlarged, by `MOST_ENLARGED` at most."""
    height, width = plane.shape
    scale = min(MOST_ENLARGED, (WORKING_PIXELS / (height * width)) ** 0.5)
    size = max(LEAST_SIDE, round(width * scale)), max(LEAST_SIDE, round(height * scale))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(plane).resize(size, how), dtype=np.float32)


def _equal(plane: NDArray[np.uint8]) -> Found:
    """What is equal to the bit, on the same scale: a hundred blocks or more in one piece are no chance."""
    part = equal_parts(plane)
    if part is None:
        return Found()
    shift, mask, blocks = part
    down, right = round(shift.imag), round(shift.real)
    both = mask.copy()
    y, x = np.nonzero(mask)
    both[y + down, x + right] = True
    return Found(
        None, 3 * math.log1p(blocks / 8), Similarity(1, shift), None, both.astype(np.float64), blocks
    )


def _judged(how: Similarity, full: _Size, half: _Size) -> Found:
    """A candidate verified at both sizes and scored."""
    fine = verify(full.residual, full.power, how)
    coarse = verify(half.residual, half.power, how.at_half())
    copies = [copy for copy in (fine, coarse) if copy is not None]
    if not copies or any(copy.overlap > OVERLAP for copy in copies):
        return Found()  # nothing alike, or texture that goes on under its own transform
    nats = max(fine.evidence if fine else 0.0, 2 * coarse.evidence if coarse else 0.0)
    if nats < LEAST_NATS * (2 if how.mirrored else 1):
        return Found()  # keypoints alone: the two eyes of a face, the crossings of a lattice
    support = max(0, how.support - FREE) * how.density * 4
    score = 1.5 * math.log1p(support) + math.log1p(nats) - MIRRORED * how.mirrored
    shown = max(copies, key=lambda copy: float(copy.mask.mean()))
    return Found(None, max(0.0, score), how, shown, (shown.mask | shown.source).astype(np.float64))


def _distinct(candidates: list[Similarity]) -> list[Similarity]:
    """Without those that say the same as, or the inverse of, an earlier one."""
    kept: list[Similarity] = []
    for one in candidates:
        if not any(one.like(other) for other in kept):
            kept.append(one)
    return kept
