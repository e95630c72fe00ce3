"""Is a proposed copy one? Local correlation that stands alone, in two separate places.

A copy that was saved again agrees with its source pixel by pixel within the noise of the save; repeated
things of the world (bricks, windows, fur) only resemble each other. So a place counts when its high-passed
surroundings correlate under the transform, and clearly less when the transform is moved by a few pixels in
any of eight directions (straight edges agree with themselves along the edge and drop out). Texture that goes
on over several periods overlaps itself under the transform; a part and its copy do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from bonafide_inference.detectors.moved_copies.candidates import Similarity
from bonafide_inference.detectors.moved_copies.keypoints import Grey, bilinear
from bonafide_inference.regions import components
from numpy.typing import NDArray

__all__ = ["FLOOR", "Copy", "box", "high_pass", "verify"]

Part = tuple[slice, slice]

RADIUS = 6
"""Radius of the correlation window: faint texture that was saved again agrees only over many pixels."""
BLUR = 4
"""Radius of the mean that is taken away."""
NUDGE = 3
"""Pixels by which the transform is moved to see whether agreement stands alone."""
FLOOR = 0.3
"""Variance (grey levels²) added to every window: what is flat correlates with nothing."""
AGREE = 0.5
SHOWN = 0.4
"""Correlation from which a place is shown as part of a confirmed copy."""
MOST = 0.995
"""A higher correlation says no more."""
ALONE = 0.7
"""1 - correlation must be below this share of 1 - the best nudged correlation."""
MARGIN = 30
"""Pixels around the keypoints of a candidate that are looked at."""
OVERLAP = 1 / 6
"""Texture that overlaps itself by this share or more is repeated, not copied; below, it counts for less."""


_AROUND = ((0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1))


@dataclass(frozen=True)
class Copy:
    """A confirmed candidate: what to show of the copy and its source (bool, height × width), its evidence.

    ``area``: pixels of the largest connected part; ``evidence``: nats, ``½ log((1 - σ²) / (1 - ρ²))`` summed
    over independent windows of it, with ρ the correlation under the transform and σ the best under a nudged
    one, less what overlaps; ``overlap``: share of the part that the transform maps onto itself.
    """

    how: Similarity
    mask: NDArray[np.bool_]
    source: NDArray[np.bool_]
    area: int
    evidence: float
    overlap: float


def high_pass(grey: Grey) -> Grey:
    """The picture minus its 9 × 9 mean."""
    return grey - box(grey, BLUR)


def box(values: Grey, radius: int = RADIUS) -> Grey:
    """Mean over (2 · ``radius`` + 1)², edge repeated; float32."""
    size = 2 * radius + 1
    for axis in (0, 1):
        pads = [(radius + 1, radius) if axis == i else (0, 0) for i in (0, 1)]
        total = np.pad(values, pads, mode="edge").cumsum(axis=axis, dtype=np.float64)
        values = (total[size:] - total[:-size]) if axis == 0 else (total[:, size:] - total[:, :-size])
        values = (values / size).astype(np.float32)
    return values


def verify(residual: Grey, power: Grey, how: Similarity) -> Copy | None:
    """Look where the picture agrees with itself under ``how``; None when nowhere.

    ``residual``: the high-passed picture; ``power``: `box` of its square plus `FLOOR`. The mask holds places
    z whose image ``a·z + b`` looks alike.
    """
    aim, part = _aim(how, _around(how, residual.shape), residual.shape)
    if aim.size < 100:
        return None
    own = _agreement(residual, power, part, aim)
    part, aim, own = _crop(part, aim, own)
    if not own.size:
        return None
    step, own = _settled(residual, power, part, aim, own)
    how, aim = replace(how, b=how.b + step), aim + step
    rival = np.full_like(own, -1.0)
    for down, right in _AROUND:
        moved = _agreement(residual, power, part, aim + NUDGE * complex(right, down))
        np.maximum(rival, moved, out=rival)
    alone = (own > AGREE) & ((1 - own) < ALONE * (1 - rival))
    gain = 0.5 * np.log((1 - np.clip(rival, 0, MOST) ** 2) / (1 - np.clip(own, 0, MOST) ** 2))
    return _measured(own, gain, alone, how, residual.shape, (part[0].start, part[1].start))


def _around(how: Similarity, shape: tuple[int, int]) -> Part:
    """The box around the keypoints of a candidate, with a margin; everything without keypoints."""
    if not how.places:
        return slice(0, shape[0]), slice(0, shape[1])
    z = np.array(how.places)
    top, left = max(0, int(z.imag.min()) - MARGIN), max(0, int(z.real.min()) - MARGIN)
    return (
        slice(top, min(shape[0], int(z.imag.max()) + MARGIN)),
        slice(left, min(shape[1], int(z.real.max()) + MARGIN)),
    )


def _aim(how: Similarity, part: Part, shape: tuple[int, int]) -> tuple[NDArray[np.complex64], Part]:
    """Where the places of ``part`` go, and the box of those that stay inside the picture."""
    height, width = shape
    y = np.arange(part[0].start, part[0].stop, dtype=np.float32)
    x = np.arange(part[1].start, part[1].stop, dtype=np.float32)
    target = how.of(x[None, :] + 1j * y[:, None]).astype(np.complex64)
    inside = (
        (target.real >= 0) & (target.real <= width - 1) & (target.imag >= 0) & (target.imag <= height - 1)
    )
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return target[:0], part
    box_ = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    target[~inside] = -1e6  # clipped to a corner: agrees with nothing
    top, left = part[0].start, part[1].start
    return target[box_], (
        slice(box_[0].start + top, box_[0].stop + top), slice(box_[1].start + left, box_[1].stop + left),
    )  # fmt: skip


def _crop(part: Part, aim: NDArray[np.complex64], own: Grey) -> tuple[Part, NDArray[np.complex64], Grey]:
    """The box around the large patches that agree, with a margin; empty when there are none."""
    groups = [g for g in components(own > AGREE)[:12] if sum(e - f for _, f, e in g) >= (2 * RADIUS + 1) ** 2]
    if not groups:
        return part, aim[:0], own[:0]
    runs = [run for group in groups for run in group]
    top, bottom = max(0, min(r for r, _, _ in runs) - RADIUS), max(r for r, _, _ in runs) + RADIUS + 1
    left, right = max(0, min(f for _, f, _ in runs) - RADIUS), max(e for _, _, e in runs) + RADIUS
    cut = slice(top, min(bottom, own.shape[0])), slice(left, min(right, own.shape[1]))
    row, column = part[0].start, part[1].start
    place = slice(cut[0].start + row, cut[0].stop + row), slice(cut[1].start + column, cut[1].stop + column)
    return place, aim[cut], own[cut]


def _agreement(residual: Grey, power: Grey, part: Part, aim: NDArray[np.complex64]) -> Grey:
    """Local correlation of ``part`` with the picture at ``aim``; the windows' own turn is neglected."""
    there, strength = bilinear((residual, power), aim)
    return np.asarray(box(residual[part] * there) / np.sqrt(power[part] * strength), dtype=np.float32)


def _settled(
    residual: Grey, power: Grey, part: Part, aim: NDArray[np.complex64], own: Grey
) -> tuple[complex, Grey]:
    """The step of a pixel at most, none included, with which most agrees, and the agreement then."""
    best, step = float(own[own > AGREE].sum()), 0j
    for down, right in _AROUND:
        moved = _agreement(residual, power, part, aim + complex(right, down))
        total = float(moved[moved > AGREE].sum())
        if total > best:
            best, step, own = total, complex(right, down), moved
    return step, own


def _measured(
    own: Grey, gain: Grey, alone: NDArray[np.bool_], how: Similarity, shape: tuple[int, int],
    corner: tuple[int, int],
) -> Copy | None:  # fmt: skip
    groups = components(alone)
    if not groups:
        return None
    part = _placed(groups[0], shape, corner)
    area = int(part.sum())
    overlap = float((part & _image_of(part, how)).sum()) / max(1, area)
    nats = sum(float(gain[row, first:end].sum()) for row, first, end in groups[0]) / (RADIUS + 0.5) ** 2
    grown = part | _placed(_grown(own, alone), shape, corner)
    return Copy(how, grown, _image_of(grown, how), area, nats * max(0.0, 1 - overlap / OVERLAP), overlap)


def _grown(own: Grey, alone: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Runs of the patches that agree well enough to show, of those that hold confirmed places."""
    runs: list[tuple[int, int, int]] = []
    for group in components(own > SHOWN)[:40]:
        if any(alone[row, first:end].any() for row, first, end in group):
            runs += group
    return runs


def _placed(
    runs: list[tuple[int, int, int]], shape: tuple[int, int], corner: tuple[int, int]
) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    for row, first, end in runs:
        mask[row + corner[0], first + corner[1] : end + corner[1]] = True
    return mask


def _image_of(mask: NDArray[np.bool_], how: Similarity) -> NDArray[Any]:
    """Where ``how`` takes the mask: bool, same shape."""
    height, width = mask.shape
    if abs(how.a) < 1e-3:
        return np.zeros_like(mask)
    y, x = np.mgrid[:height, :width]
    back = how.back().of(x + 1j * y)
    column, row = np.rint(back.real).astype(np.int64), np.rint(back.imag).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.asarray(mask[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)] & inside)
