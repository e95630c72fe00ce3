"""What people see of lips and sound: both over time, and the faces where they differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bonafide.model import Artifact
from bonafide_inference.detectors.lip_sync.measure import Lips, Pair
from bonafide_inference.faces import FaceTrack, crop
from bonafide_inference.frames import Burst, Frame
from bonafide_inference.registry import Job
from bonafide_inference.video_report import sheet_artifact, timeline_artifact
from numpy.typing import NDArray

__all__ = ["Mouth", "pictures"]

Array = NDArray[np.float64]
SHOWN = 8
APART_S = 0.2
"""Moments of the sheet lie so far apart: about a syllable."""
MARGIN = 0.2


@dataclass(frozen=True)
class Mouth:
    """A mouth through a burst, and the face that it belongs to (one of the track for each time)."""

    lips: Lips
    burst: Burst
    track: FaceTrack


def pictures(
    job: Job,
    mouths: Sequence[Mouth],
    grids: Sequence[Array],
    energies: Sequence[Array],
    pairs: Sequence[Pair],
) -> tuple[Artifact, ...]:
    """The timeline and the contact sheet; none where nobody wants them."""
    if not job.options.visualize:
        return ()
    mouth = [
        (float(t), float(v)) for one in mouths
        for t, v in zip(one.lips.times, _unit(one.lips.opening), strict=True)
    ]  # fmt: skip
    sound = [
        (float(t), float(v)) for grid, energy in zip(grids, energies, strict=True)
        for t, v in zip(grid, _unit(energy), strict=True)
    ]  # fmt: skip
    title = "Opening of the mouth, and loudness, over time"
    span = (float(grids[0][0]), float(grids[-1][-1]))
    words = (
        "Moments where mouth and loudness differ most, in standard deviations of each (many sounds are made "
        "so, and others may be speaking; no accusation)"
    )
    return timeline_artifact(
        job, "lips-timeline.png", title, [("mouth", mouth), ("sound", sound)], span
    ) + sheet_artifact(job, "lips-frames.jpg", words, _sheet(mouths, grids, pairs))


def _sheet(mouths: Sequence[Mouth], grids: Sequence[Array], pairs: Sequence[Pair]) -> list[tuple[str, Frame]]:
    """The faces at these moments, in time order."""
    every = [
        (gap, mouth, place)
        for mouth, grid, pair in zip(mouths, grids, pairs, strict=True)
        for place, gap in enumerate(_gaps(mouth.lips, grid, pair).tolist())
    ]
    kept: list[tuple[float, Mouth, int]] = []
    for gap, mouth, place in sorted(every, key=lambda one: -abs(one[0])):
        moment = mouth.lips.times[place]
        if all(abs(other.lips.times[at] - moment) >= APART_S for _, other, at in kept):
            kept.append((gap, mouth, place))
        if len(kept) == SHOWN:
            break
    kept.sort(key=lambda one: float(one[1].lips.times[one[2]]))
    return [_shown(*one) for one in kept]


def _gaps(lips: Lips, grid: Array, pair: Pair) -> Array:
    """Opening less loudness at each time of the mouth, both in standard deviations, without lag."""
    reach = (len(pair.loud) - len(pair.mouth)) // 2
    inner, loud = grid[reach : len(grid) - reach], pair.loud[reach : len(grid) - reach]
    mouth, heard = (x / max(float(x.std()), 1e-9) for x in (pair.mouth, loud))
    return np.asarray(np.interp(lips.times, inner, mouth - heard))


def _shown(gap: float, mouth: Mouth, place: int) -> tuple[str, Frame]:
    face = mouth.track.faces[place]
    frame = mouth.burst.frames[face.frame]
    words = f"{face.time_s:.2f} s  {'wide, quiet' if gap > 0 else 'narrow, loud'} {abs(gap):.1f}"
    return words, Frame(frame.index, frame.time_s, crop(frame.rgb, face, margin=MARGIN))


def _unit(series: Array) -> Array:
    return np.asarray((series - series.min()) / max(float(np.ptp(series)), 1e-6))
