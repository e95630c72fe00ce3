"""Faces as the network judges them: one score a face, one a track, one a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide_inference.centerface import Face
from bonafide_inference.detectors.face_manipulation.faces_in import MARGIN, SIDE, softness, tensor
from bonafide_inference.faces import FacesFound, crop
from bonafide_inference.frames import Frame
from bonafide_inference.models import LoadedModel
from numpy.typing import NDArray

__all__ = ["Judged", "Track", "judge"]

MOST_TRACKS = 12
PER_TRACK = 40
"""Tracks (of a picture: faces) that are judged, longest and largest first; faces of each, evenly spread."""
SHORT = 1 / 3
"""A track with a smaller share of the longest one's faces does not speak for the file."""


@dataclass(frozen=True)
class Judged:
    """One face: its raw score, its map of seams (logits), the control and the crop, uint8 RGB."""

    face: Face
    raw: float
    seams: NDArray[np.float32]
    softness: float
    crop: NDArray[np.uint8]


@dataclass(frozen=True)
class Track:
    """The judged faces of one person in time order; ``raw`` is their median."""

    id: int
    stability: float
    faces: tuple[Judged, ...]

    @property
    def raw(self) -> float:
        """The median of the faces' scores: half of them must agree."""
        return float(np.median([face.raw for face in self.faces]))


def judge(
    model: LoadedModel, frames: Sequence[Frame], found: FacesFound
) -> tuple[tuple[Track, ...], str | None]:
    """The judged tracks that speak for the file, and why the first face was not judged (None if it was)."""
    tracks: list[Track] = []
    first: str | None = None
    order = sorted(found.tracks, key=lambda track: (-len(track.faces), -track.faces[0].side))
    for track in order[:MOST_TRACKS]:
        places = np.unique(np.linspace(0, len(track.faces) - 1, PER_TRACK).astype(int))
        faces = [track.faces[place] for place in places]
        reasons = [found.quality(frames, face).reason for face in faces]
        good = [face for face, reason in zip(faces, reasons, strict=True) if reason is None]
        if good:
            tracks.append(Track(track.id, track.stability, _scored(model, frames, good)))
        elif first is None:
            first = next(reason for reason in reasons if reason)
    longest = max((len(track.faces) for track in tracks), default=0)
    return tuple(track for track in tracks if len(track.faces) >= SHORT * longest), first


def _scored(model: LoadedModel, frames: Sequence[Frame], faces: list[Face]) -> tuple[Judged, ...]:
    crops = [crop(frames[face.frame].rgb, face, SIDE, MARGIN) for face in faces]
    raw, maps = _run(model, np.stack(crops))
    return tuple(
        Judged(face, float(score), seams, softness(picture), picture)
        for face, score, seams, picture in zip(faces, raw, maps, crops, strict=True)
    )


def _run(model: LoadedModel, crops: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
    raw, maps = model.run({"crops": tensor(crops)})
    return np.asarray(raw, np.float64).ravel(), np.asarray(maps, np.float32)
