"""A proposed transform made exact: least squares on the grey values themselves (Lucas & Kanade 1981).

A dozen keypoints fix a turn to a few hundredths; at the rim of the part that is a pixel, and the fine detail
that tells a copy from a likeness no longer agrees.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from bonafide_inference.detectors.moved_copies.candidates import Similarity
from bonafide_inference.detectors.moved_copies.keypoints import Grey, bilinear
from numpy.typing import NDArray

__all__ = ["refine"]

ROUNDS = 6
AROUND = 14
"""Pixels around a keypoint that take part."""
MOST_SAMPLES = 6000
FARTHEST = 4.0
"""Pixels by which a keypoint may move in all: more would be another transform."""


def refine(smoothed: Grey, how: Similarity) -> Similarity:
    """The transform near ``how`` that fits the smoothed, high-passed picture best around its keypoints."""
    if len(how.places) < 3 or (how.a == 1 and not how.mirrored):
        return how
    z = _samples(how, smoothed.shape)
    source = z.conj() if how.mirrored else z
    middle = source.mean()
    (wanted,) = bilinear((smoothed,), z)
    down, right = (np.asarray(slope, dtype=np.float32) for slope in np.gradient(smoothed))
    a, b = how.a, how.b
    best, least = how, np.inf
    for _ in range(ROUNDS):
        found, along, across = bilinear((smoothed, right, down), a * source + b)
        error = (wanted - found).astype(np.float64)
        loss = float(np.abs(error).mean())
        if loss < least:
            best, least = replace(how, a=complex(a), b=complex(b)), loss
        away = source - middle
        slopes = np.stack(
            (along * away.real + across * away.imag, across * away.real - along * away.imag, along, across), 1
        )
        weight = 1 / np.maximum(1.0, np.abs(error) / (2 * loss + 1e-6))
        step, *_ = np.linalg.lstsq(slopes * weight[:, None], error * weight, rcond=None)
        change = complex(step[0], step[1])
        a, b = a + change, b + complex(step[2], step[3]) - change * middle
        if abs(a - how.a) * np.abs(away).max() + abs(a * middle + b - how.a * middle - how.b) > FARTHEST:
            break
    return best


def _samples(how: Similarity, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Places around the keypoints, at most `MOST_SAMPLES`."""
    near = np.zeros((shape[0] // 2 + 1, shape[1] // 2 + 1), dtype=bool)
    for z in how.places[:400]:
        top, left = max(0, int(z.imag) - AROUND) // 2, max(0, int(z.real) - AROUND) // 2
        near[top : top + AROUND, left : left + AROUND] = True
    y, x = np.nonzero(near)
    every = max(1, len(x) // MOST_SAMPLES)
    return np.asarray(2 * x[::every] + 2j * y[::every], dtype=np.complex64)
