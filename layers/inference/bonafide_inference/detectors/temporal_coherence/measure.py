"""How steady a face and a picture are over time; cuts are found first, and nothing is compared across one.

Rates are per 1/25 s, lengths in eye distances, so that frame rate and size are no measure by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from bonafide_inference.faces import Face, FacesFound, FaceTrack, aligned
from bonafide_inference.frames import Burst, Frame
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Coherence", "Moment", "measure"]

THUMB = (32, 18)
CUT_NEAR, CUT_FAR = 0.55, 0.25
"""Correlation of two thumbnails below which there is a cut: consecutive frames, sampled frames."""
FACE = 48
NOMINAL_FPS = 25.0


@dataclass(frozen=True)
class Moment:
    """One comparison of neighbouring frames: the later frame, and what was measured between them."""

    index: int
    time_s: float
    jitter: float | None = None
    drift: float | None = None
    flicker: float | None = None


@dataclass
class Coherence:
    """All comparisons of a piece; ``values`` are medians (``*_p90``: upper tenth), None if unmeasured."""

    moments: list[Moment] = field(default_factory=list)
    cuts: list[Frame] = field(default_factory=list)
    values: dict[str, float | None] = field(default_factory=dict)


def measure(
    frames: Sequence[Frame],
    bursts: Sequence[Burst],
    found: FacesFound,
    burst_faces: Sequence[FaceTrack | None],
) -> Coherence:
    """Compare neighbours within the sampled frames (identity) and within the bursts (jitter, flicker)."""
    result = Coherence()
    far = _cuts(frames, CUT_FAR)
    near: list[Frame] = []
    if found.tracks:
        _drift(result, frames, found.tracks[0], far)
    for burst, track in zip(bursts, burst_faces, strict=True):
        cuts = _cuts(burst.frames, CUT_NEAR)
        near += [burst.frames[place] for place in cuts]
        if track is not None:
            _steadiness(result, burst, track, cuts)
    seen = [frame.time_s for frame in near]
    late = [frames[place] for place in far if not any(0 <= frames[place].time_s - t < 0.6 for t in seen)]
    result.cuts = sorted(near + late, key=lambda frame: frame.time_s)
    result.moments.sort(key=lambda moment: moment.time_s)
    for name in ("jitter", "drift", "flicker"):
        series = [x for moment in result.moments if (x := getattr(moment, name)) is not None]
        result.values[name] = float(np.median(series)) if len(series) >= 5 else None
        result.values[f"{name}_p90"] = float(np.percentile(series, 90)) if len(series) >= 10 else None
    return result


def _cuts(frames: Sequence[Frame], least: float) -> list[int]:
    """Places whose frame is not like the one before it."""
    thumbs = [_thumb(frame.rgb) for frame in frames]
    return [n for n in range(1, len(thumbs)) if float((thumbs[n] * thumbs[n - 1]).sum()) < least]


def _thumb(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A unit vector of the small picture without its mean; a plain one is like every other."""
    grey = np.asarray(
        Image.fromarray(rgb).convert("L").resize(THUMB, Image.Resampling.BOX), np.float64
    ).ravel()
    grey = grey - grey.mean() + 2.0
    return np.asarray(grey / np.linalg.norm(grey))


def _face(frame: Frame, face: Face) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(aligned(frame.rgb, face, FACE)).convert("L"), np.float64)


def _drift(result: Coherence, frames: Sequence[Frame], track: FaceTrack, cuts: Sequence[int]) -> None:
    """Change of the aligned face between sampled frames: 1 minus their correlation, for 1/2 s."""
    before: NDArray[np.float64] | None = None
    last = -1
    for face in track.faces:
        look = _face(frames[face.frame], face).ravel()
        look = (look - look.mean()) / max(float(np.linalg.norm(look - look.mean())), 1e-6)
        if before is not None and face.frame == last + 1 and face.frame not in cuts:
            change = float(1 - (look * before).sum())
            result.moments.append(Moment(face.index, face.time_s, drift=change))
        before, last = look, face.frame


def _steadiness(result: Coherence, burst: Burst, track: FaceTrack, cuts: Sequence[int]) -> None:
    """Jitter and flicker of a burst.

    Jitter: how far the landmarks leave their own smooth path, without the head's motion. Flicker: how much
    more the face's brightness trembles than the frame's.
    """
    faces = {face.frame: face for face in track.faces}
    light = {
        place: (float(_face(burst.frames[place], face).mean()), float(burst.frames[place].rgb.mean()))
        for place, face in faces.items()
    }
    for place in sorted(faces):
        trio = (place - 1, place, place + 1)
        if not all(n in faces for n in trio) or any(n in cuts for n in trio[1:]):
            continue
        points = [faces[n].landmarks.astype(np.float64) for n in trio]
        eyes = float(np.linalg.norm(points[1][1] - points[1][0]))
        step = (burst.frames[place + 1].time_s - burst.frames[place - 1].time_s) / 2
        if eyes < 8 or not 0 < step < 0.2:
            continue
        bend = points[0] - 2 * points[1] + points[2]
        own = bend - bend.mean(0)
        inner, outer = (np.array([light[n][side] for n in trio]) for side in (0, 1))
        tremble = abs(inner[0] - 2 * inner[1] + inner[2]) / max(inner[1], 8.0)
        whole = abs(outer[0] - 2 * outer[1] + outer[2]) / max(outer[1], 8.0)
        frame = burst.frames[place]
        result.moments.append(
            Moment(
                frame.index,
                frame.time_s,
                jitter=float(np.sqrt((own**2).sum(-1).mean())) / eyes / min(1.0, step * NOMINAL_FPS),
                flicker=max(0.0, float(tremble - whole)),
            )
        )
