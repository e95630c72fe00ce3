"""Faces: finding them, following them over time, and whether they are good enough to judge.

The detector itself is `centerface`. Boxes and landmarks are pixels of the upright picture that was given.

>>> found = follow(piece.frames())            # also: piece.faces(), decoded and found once a piece
>>> for track in found.tracks:                # longest first
...     for face in track.faces: crop(frame.rgb, face, 224), assess(frame.rgb, face).reason
>>> follow_burst(burst, frames, found.tracks) # the largest face, frame by frame, with its mesh
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.centerface import FRAME_SIDE, PICTURE_SIDE, Face, find, find_in, overlaps
from bonafide_inference.facemesh import Mesh, Roi, mesh, turned
from bonafide_inference.frames import SMALL_SIDE, Burst, Frame

__all__ = [
    "PICTURE_SIDE", "Face", "FaceTrack", "FacesFound", "Quality", "aligned", "assess", "crop", "find",
    "follow", "follow_burst", "overlap",
]  # fmt: skip

NEAR_S = 0.6
"""A face seen in a sampled frame is looked for in frames of a burst within this time."""
MAX_FACES = 50
"""Faces kept of one frame, the largest; how many were left out is counted."""
MAX_TRACKS = 100
LARGE, QUICK_SIDE, FULL_EVERY = 0.2, 192, 4
"""While all faces are at least this share of the frame's longer side they are looked for at so many pixels
(a third of the time); if there are not as many, and in every fourth frame, at the full size."""
GAP_S = 2.0
"""A face that is not seen for longer begins a new track."""

LEAST_SIDE = 48
DARK, BRIGHT = 45.0, 225.0
BLURRED = 22.0
TURNED = 0.34
"""Quality limits: shorter side (pixels); mean luma; mean absolute Laplacian of the face at 112 pixels, in
thousandths of its contrast range (FFHQ: 1 % below 53; a face enlarged from 28 pixels has 33, from 14 17);
distance of the nose from the middle between the eyes, in eye distances."""

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where the five landmarks lie in an aligned face of 112 pixels (Deng et al., ArcFace, CVPR 2019)."""


@dataclass(frozen=True)
class Quality:
    """Measurements of one face, and the machine reason why it is not good enough (None when it is).

    ``reason``: ``face_too_small``, ``face_too_dark``, ``face_too_bright``, ``face_too_blurred``,
    ``pose_too_extreme``; the first that applies.
    """

    side: float
    light: float
    sharpness: float
    yaw: float
    roll: float
    reason: str | None


@dataclass(frozen=True)
class FaceTrack:
    """One face over time; ``id`` counts from 0 in order of length.

    ``stability`` 0..1: the share of the searched frames between its first and last in which it was found;
    ``meshes``: of a burst's track, one for each of its faces.
    """

    id: int
    faces: tuple[Face, ...]
    stability: float
    meshes: tuple[Mesh, ...] = ()

    @property
    def mean_score(self) -> float:
        """Mean of the detector's scores, 0..1."""
        return float(np.mean([face.score for face in self.faces]))

    @property
    def span_s(self) -> tuple[float, float]:
        """(first, last) time in seconds."""
        return self.faces[0].time_s, self.faces[-1].time_s


@dataclass(frozen=True)
class FacesFound:
    """Faces of a sequence: by frame, and as tracks; ``left_out`` faces were beyond the limits."""

    by_frame: tuple[tuple[Face, ...], ...]
    tracks: tuple[FaceTrack, ...]
    left_out: int
    _assessed: dict[tuple[Any, ...], Quality] = field(default_factory=dict, repr=False, compare=False)

    def quality(self, frames: Sequence[Frame], face: Face) -> Quality:
        """What `assess` says of a face of these frames, asked once."""
        key = (face.frame, face.box)
        if key not in self._assessed:
            self._assessed[key] = assess(frames[face.frame].rgb, face)
        return self._assessed[key]


def overlap(one: Face, other: Face) -> float:
    """Intersection over union of two faces' boxes, 0..1."""
    return float(overlaps(_corners(one), _corners(other)[None])[0])


def _corners(face: Face) -> NDArray[np.float64]:
    x, y, width, height = face.box
    return np.array([[x, y], [x + width, y + height]])


@dataclass
class _Open:
    """A track that still grows."""

    faces: list[Face]
    look: NDArray[np.float32]
    seen: set[int] = field(default_factory=set)


def follow(frames: Sequence[Frame], side: int = FRAME_SIDE) -> FacesFound:
    """Find the faces of every frame and join them to tracks by place and appearance."""
    tracks: list[_Open] = []
    by_frame: list[tuple[Face, ...]] = []
    left_out = 0
    for place, frame in enumerate(frames):
        found = [
            replace(face, frame=place, index=frame.index, time_s=frame.time_s)
            for face in _searched(frame, side, by_frame[-1] if place % FULL_EVERY else ())
        ]
        left_out += max(0, len(found) - MAX_FACES)
        found = found[:MAX_FACES]
        by_frame.append(tuple(found))
        left_out += _join(tracks, found, frame)
    tracks.sort(key=lambda track: (-len(track.faces), track.faces[0].frame))
    closed = tuple(_closed(number, track) for number, track in enumerate(tracks))
    return FacesFound(tuple(by_frame), closed, left_out)


def _searched(frame: Frame, side: int, before: Sequence[Face]) -> list[Face]:
    """The faces of a frame; ``before``: those of the frame before it, none when it is to be searched anew."""
    if side > SMALL_SIDE:
        return find(frame.rgb, side)
    tall, wide = frame.rgb.shape[:2]
    if before and min(max(face.box[2:]) for face in before) >= LARGE * max(wide, tall):
        found = find_in(frame.small, (wide, tall), QUICK_SIDE)
        if len(found) == len(before):
            return found
    return find_in(frame.small, (wide, tall), side)


def _closed(number: int, track: _Open) -> FaceTrack:
    first, last = track.faces[0].frame, track.faces[-1].frame
    return FaceTrack(number, tuple(track.faces), len(track.faces) / (last - first + 1))


def _join(tracks: list[_Open], found: list[Face], frame: Frame) -> int:
    """Give each face to its track or a new one; returns how many found no room."""
    looks = [_look(frame.rgb, face) for face in found]
    active = [track for track in tracks if frame.time_s - track.faces[-1].time_s <= GAP_S]
    pairs = sorted(
        (
            (likeness, a, b)
            for a, track in enumerate(active)
            for b, face in enumerate(found)
            if (likeness := _likeness(track, face, looks[b])) > 0
        ),
        reverse=True,
    )
    taken_tracks: set[int] = set()
    taken: set[int] = set()
    for _, a, b in pairs:
        if a not in taken_tracks and b not in taken:
            active[a].faces.append(found[b])
            active[a].look = 0.7 * active[a].look + 0.3 * looks[b]
            taken_tracks.add(a)
            taken.add(b)
    fresh = [b for b in range(len(found)) if b not in taken]
    room = max(0, MAX_TRACKS - len(tracks))
    tracks += [_Open([found[b]], looks[b]) for b in fresh[:room]]
    return max(0, len(fresh) - room)


def _likeness(track: _Open, face: Face, look: NDArray[np.float32]) -> float:
    """How well a face continues a track; 0 when it does not (elsewhere, or another person after a cut)."""
    last = track.faces[-1]
    alike = float((track.look * look).sum())
    shared = overlap(last, face)
    if shared < 0.1:
        gap = math.dist(_middle(last), _middle(face)) / max(last.side, face.side, 1.0)
        if gap > 1.0 or alike < 0.6:
            return 0.0
    return shared + alike if alike > 0.2 else 0.0


def _middle(face: Face) -> tuple[float, float]:
    return face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2


def _look(rgb: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
    """Appearance as a unit vector: the aligned face, 16 pixels a side, without its mean."""
    small = np.asarray(Image.fromarray(aligned(rgb, face, 16)), np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def follow_burst(burst: Burst, frames: Sequence[Frame], tracks: Sequence[FaceTrack]) -> FaceTrack | None:
    """One face of a burst, in each frame where its mesh is found; None without any.

    ``tracks`` were found in ``frames`` (the sampled ones of the same piece): the face that is largest there
    while the burst lasts is the one. Its mesh is found where it was a frame before (as MediaPipe does), or
    where it was seen nearest in time; the whole frame is never searched: no face costs nothing.
    """
    known = _known(burst, frames, tracks)
    faces: list[Face] = []
    meshes: list[Mesh] = []
    last: Mesh | None = None
    for place, frame in enumerate(burst.frames if known else ()):
        found = mesh(frame.rgb, Roi.around(last.points)) if last else None
        if found is None:
            moment, roi = min(known, key=lambda one: abs(one[0] - frame.time_s))
            found = mesh(frame.rgb, roi) if abs(moment - frame.time_s) <= NEAR_S else None
        last = found
        if found is not None:
            faces.append(_seen(found, place, frame))
            meshes.append(found)
    if not faces:
        return None
    stability = len(faces) / (faces[-1].frame - faces[0].frame + 1)
    return FaceTrack(0, tuple(faces), stability, tuple(meshes))


def _known(burst: Burst, frames: Sequence[Frame], tracks: Sequence[FaceTrack]) -> list[tuple[float, Roi]]:
    """When and where (in the burst's pixels) the largest face is near the time of the burst."""
    start, end = burst.frames[0].time_s - NEAR_S, burst.frames[-1].time_s + NEAR_S
    best: list[Face] = []
    for track in tracks:
        inside = [face for face in track.faces if start <= face.time_s <= end]
        best = max(best, inside, key=lambda some: sum(face.side**2 for face in some))
    wide = burst.frames[0].rgb.shape[1]
    found = []
    for face in best:
        scale = wide / frames[face.frame].rgb.shape[1]
        x, y, width, height = (scale * value for value in face.box)
        found.append((face.time_s, Roi.of((x, y, width, height), face.roll)))
    return found


def _seen(found: Mesh, place: int, frame: Frame) -> Face:
    low, high = found.points[:, :2].min(0), found.points[:, :2].max(0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Face(box, found.seen, found.marks, place, frame.index, frame.time_s)


def aligned(rgb: NDArray[np.uint8], face: Face, size: int = 112) -> NDArray[np.uint8]:
    """The face turned and scaled so that its landmarks lie on `TEMPLATE`: uint8 RGB (size, size, 3).

    Outside the picture it is black. Least-squares similarity (Umeyama, PAMI 1991), no reflection.
    """
    target = TEMPLATE * size / 112
    source = face.landmarks.astype(np.float64)
    a, b = source - source.mean(0), target - target.mean(0)
    spread = max(float((b * b).sum()), 1e-9)
    cosine = float((a * b).sum()) / spread
    sine = float((b[:, 0] * a[:, 1] - b[:, 1] * a[:, 0]).sum()) / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(turned(rgb, turn, source.mean(0) - turn @ target.mean(0), size))


def crop(
    rgb: NDArray[np.uint8], face: Face, size: int | None = None, margin: float = 0.3
) -> NDArray[np.uint8]:
    """The square around a face, ``margin`` of its longer side more on each side: uint8 RGB.

    Native pixels without ``size``, else (size, size, 3). What lies outside the picture repeats its edge.
    """
    x, y = _middle(face)
    half = max(2, round(max(face.box[2], face.box[3]) * (0.5 + margin)))
    left, top = round(x) - half, round(y) - half
    part = rgb[max(0, top) : top + 2 * half, max(0, left) : left + 2 * half]
    if part.shape[:2] != (2 * half, 2 * half):
        rows = np.clip(np.arange(top, top + 2 * half), 0, rgb.shape[0] - 1)
        columns = np.clip(np.arange(left, left + 2 * half), 0, rgb.shape[1] - 1)
        part = rgb[rows[:, None], columns[None, :]]
    if size is None:
        return part
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC))


def assess(rgb: NDArray[np.uint8], face: Face) -> Quality:
    """Whether a face is good enough to be judged, and what was measured."""
    grey = np.asarray(Image.fromarray(aligned(rgb, face, 112)).convert("L"), np.float32)
    middle = grey[24:104, 20:92]
    light = float(middle.mean())
    contrast = max(float(np.percentile(middle, 95) - np.percentile(middle, 5)), 8.0)
    laplacian = (
        4 * middle[1:-1, 1:-1] - middle[:-2, 1:-1] - middle[2:, 1:-1] - middle[1:-1, :-2] - middle[1:-1, 2:]
    )
    sharpness = float(np.abs(laplacian).mean()) / contrast * 1000
    checks = (
        (face.side < LEAST_SIDE, "face_too_small"),
        (light < DARK, "face_too_dark"),
        (light > BRIGHT, "face_too_bright"),
        (abs(face.yaw) > TURNED, "pose_too_extreme"),
        (sharpness < BLURRED, "face_too_blurred"),
    )
    reason = next((words for failed, words in checks if failed), None)
    return Quality(face.side, light, sharpness, face.yaw, face.roll, reason)
