"""The copy-move search over one grey plane: reduce, propose, make exact, verify, score.

The score of a candidate is the logarithm of the nats of the dense check, which is made at half the working
size: a save wipes the finest detail, and small pictures were enlarged to find keypoints. A mirrored candidate
starts lower: faces, reflections and ornaments are alike. A picture in which other transforms are almost as
good (windows, bricks, print) is its own null.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from bonafide_inference.detectors.moved_copies.candidates import (
    Similarity,
    keypoint_candidates,
    window_candidates,
)
from bonafide_inference.detectors.moved_copies.exact import equal_parts
from bonafide_inference.detectors.moved_copies.keypoints import Grey, reduced, smooth
from bonafide_inference.detectors.moved_copies.refine import refine
from bonafide_inference.detectors.moved_copies.verify import BLUR, FLOOR, Copy, box, high_pass, verify
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Found", "search"]

WORKING_PIXELS = 600_000
MOST_ENLARGED = 2.0
LEAST_SIDE = 64
FLAT_SHARE = 0.7
"""A drawing or a screenshot: more of it than this has no texture at all, and its parts repeat by design."""
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


def search(plane: NDArray[np.uint8], *, lossless: bool = False) -> Found:
    """Search a grey plane (height, width) for parts that were copied within it.

    ``lossless``: the plane is as it was saved, so that copies may be equal to the bit.
    """
    if min(plane.shape) < LEAST_SIDE:
        return Found("too_small")
    grey = working(plane)
    if float((np.abs(high_pass(grey)) < 0.3).mean()) > FLAT_SHARE:
        return Found("not_photographic")
    residual = high_pass(reduced(grey, 0.5))
    power = box(residual**2) + np.float32(FLOOR)
    soft = smooth(grey, 1.0)
    soft -= box(box(soft, BLUR), BLUR)
    hows = [refine(soft, how).at_half() for how in keypoint_candidates(grey)]
    hows = _distinct(hows + window_candidates(residual, power))
    judged = sorted((_judged(how, residual, power) for how in hows), key=lambda one: -one.score)
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
    return Found(None, math.log1p(blocks / 10), Similarity(1, shift), None, both.astype(np.float64), blocks)


def _judged(how: Similarity, residual: Grey, power: Grey) -> Found:
    """A candidate verified and scored."""
    copy = verify(residual, power, how)
    if copy is None:
        return Found()
    score = math.log1p(copy.evidence) - MIRRORED * how.mirrored
    return Found(None, max(0.0, score), how, copy, (copy.mask | copy.source).astype(np.float64))


def _distinct(candidates: list[Similarity]) -> list[Similarity]:
    """Without those that say the same as, or the inverse of, an earlier one."""
    kept: list[Similarity] = []
    for one in candidates:
        if not any(one.like(other) for other in kept):
            kept.append(one)
    return kept
