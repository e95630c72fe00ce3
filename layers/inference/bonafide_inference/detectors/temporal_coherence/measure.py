"""How steady a face and a picture are over time; cuts are found first, and nothing is compared across one.

Rates are per 1/25 s, lengths in eye distances, so that frame rate and size are no measure by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from bonafide_inference.detectors.temporal_coherence.blinks import Blinks, blinks, lids
from bonafide_inference.facemesh import Mesh, Roi, mesh
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
BONES = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4)
"""Points of the mesh that no expression moves much: corners of the eyes, ridge of the nose."""
SAME_POSE = 12.0
"""Degrees: looks of a face are compared only when the head is turned alike."""


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
    blinks: Blinks | None = None


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
    eyes = []
    if found.tracks:
        _drift(result, frames, found.tracks[0], far)
    for burst, track in zip(bursts, burst_faces, strict=True):
        cuts = _cuts(burst.frames, CUT_NEAR)
        near += [burst.frames[place] for place in cuts]
        if track is not None:
            _steadiness(result, burst, track, cuts)
            eyes.append(lids(burst, track))
    result.blinks = blinks(eyes)
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
    coarse = np.ascontiguousarray(rgb[:: max(1, rgb.shape[0] // 72), :: max(1, rgb.shape[1] // 128)])
    grey = np.asarray(
        Image.fromarray(coarse).convert("L").resize(THUMB, Image.Resampling.BOX), np.float64
    ).ravel()
    grey = grey - grey.mean() + 2.0
    return np.asarray(grey / np.linalg.norm(grey))


def _face(frame: Frame, face: Face) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(aligned(frame.rgb, face, FACE)).convert("L"), np.float64)


def _drift(result: Coherence, frames: Sequence[Frame], track: FaceTrack, cuts: Sequence[int]) -> None:
    """Change of the aligned face between sampled frames: 1 minus their correlation, for 1/2 s."""
    before: tuple[NDArray[np.float64], float] | None = None
    last = -1
    for face in track.faces:
        rgb = frames[face.frame].rgb
        found = mesh(rgb, Roi.of(face.box, face.roll))
        if found is None:
            continue
        look = _face(frames[face.frame], replace(face, landmarks=found.marks)).ravel()
        look = (look - look.mean()) / max(float(np.linalg.norm(look - look.mean())), 1e-6)
        follows = before is not None and face.frame == last + 1 and face.frame not in cuts
        if before is not None and follows and abs(found.yaw - before[1]) <= SAME_POSE:
            change = float(1 - (look * before[0]).sum())
            result.moments.append(Moment(face.index, face.time_s, drift=change))
        before, last = (look, found.yaw), face.frame


def _steadiness(result: Coherence, burst: Burst, track: FaceTrack, cuts: Sequence[int]) -> None:
    """Jitter and flicker of a burst.

    Jitter: how far points on bone leave their own smooth path, without the head's motion. Flicker: how much
    more the face's brightness trembles than the frame's.
    """
    faces = {face.frame: (face, found) for face, found in zip(track.faces, track.meshes, strict=True)}
    light = {place: _light(burst.frames[place], face) for place, (face, _) in faces.items()}
    for place in sorted(faces):
        trio = (place - 1, place, place + 1)
        if not all(n in faces for n in trio) or any(n in cuts for n in trio[1:]):
            continue
        step = (burst.frames[place + 1].time_s - burst.frames[place - 1].time_s) / 2
        eyes = faces[place][1].eyes_px
        if eyes < 8 or not 0 < step < 0.2:
            continue
        inner, outer = (np.array([light[n][side] for n in trio]) for side in (0, 1))
        tremble = abs(inner[0] - 2 * inner[1] + inner[2]) / max(inner[1], 8.0)
        whole = abs(outer[0] - 2 * outer[1] + outer[2]) / max(outer[1], 8.0)
        frame = burst.frames[place]
        jitter = _bend([faces[n][1] for n in trio]) / eyes / min(1.0, step * NOMINAL_FPS)
        flicker = max(0.0, float(tremble - whole))
        result.moments.append(Moment(frame.index, frame.time_s, jitter=jitter, flicker=flicker))


def _bend(trio: Sequence[Mesh]) -> float:
    """RMS of the second difference of `BONES` in pixels, without what all of them share."""
    before, now, after = (one.points[list(BONES), :2].astype(np.float64) for one in trio)
    own = before - 2 * now + after
    own -= own.mean(0)
    return float(np.sqrt((own**2).sum(-1).mean()))


def _light(frame: Frame, face: Face) -> tuple[float, float]:
    """Mean brightness of the face's middle and of the frame."""
    x, y, width, height = face.box
    part = frame.rgb[
        max(0, int(y + height / 4)) : max(1, int(y + 3 * height / 4)) : 2,
        max(0, int(x + width / 4)) : max(1, int(x + 3 * width / 4)) : 2,
    ]
    return float(part.mean()) if part.size else 0.0, float(frame.rgb[::4, ::4].mean())
