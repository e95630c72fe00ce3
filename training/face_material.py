"""Face crops of the material with their meshes, found once and kept: for `face_manipulation` only."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from bonafide_inference.centerface import Face, find
from bonafide_inference.detectors.face_manipulation.faces_in import MARGIN, SIDE
from bonafide_inference.facemesh import POINTS, Roi, mesh
from bonafide_inference.faces import assess, crop, follow
from bonafide_inference.frames import Frame, Stretch, read_reel
from numpy.typing import NDArray
from PIL import Image

__all__ = ["KEPT", "KEPT_MARGIN", "UNSEEN", "Crops", "face_crops"]

KEPT, KEPT_MARGIN = 192, 0.4
"""Side of a kept crop in pixels and its margin: wider than what the network sees, so that it can be moved."""
PER_TRACK = 12
LONGEST_S = 6.0
PER_PICTURE = 2
FOLDS = {
    "image/genuine/ffhq256": 0, "image/genuine/ffhq1024": 0,
    "image/genuine/ecuador": 1, "video/genuine/driving": 1, "liveness/live": 1,
    "image/genuine/bsds500": 2, "image/genuine/imagenet": 2, "image/genuine/dreambooth": 2,
    "video/genuine/intel": 2,
}  # fmt: skip
"""Genuine sources that are trained on, and the network that does not hear them."""
UNSEEN = -1
"""The fold of what nobody is trained on: these genuine clips, and everything manipulated."""
HELD = (
    "video/genuine/ffpp", "video/genuine/vidtimit", "video/faceswap/ffpp", "video/faceswap/pairs",
    "video/reenactment/ffpp", "video/lipsync/loopy",
)  # fmt: skip


@dataclass(frozen=True)
class Crops:
    """Faces: one row each.

    ``rgb``: uint8 (n, `KEPT`, `KEPT`, 3); ``points``: float32 (n, 468, 2), the mesh in it, NaN where there is
    none; ``seen``: uint8 (n, `SIDE`, `SIDE`, 3), what the detector cuts; ``folder``, ``origin``: source and
    file; ``clear``: a licence is stated; ``fake``: the file is manipulated; ``side``: shorter side of the
    face in the file's pixels; ``fold``: the network that has not heard the source, or `UNSEEN`.
    """

    rgb: NDArray[np.uint8]
    points: NDArray[np.float32]
    seen: NDArray[np.uint8]
    folder: NDArray[np.str_]
    origin: NDArray[np.str_]
    clear: NDArray[np.bool_]
    fake: NDArray[np.bool_]
    side: NDArray[np.float32]
    fold: NDArray[np.int64]

    def pick(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Crops:
        """Those rows."""
        return Crops(*(getattr(self, field.name)[rows] for field in fields(self)))


def face_crops(data: Path, cache: Path) -> Crops:
    """All faces of the material that are good enough to be judged; a folder's are kept in ``cache``."""
    parts = [
        found
        for folder, fold in (*FOLDS.items(), *((name, UNSEEN) for name in HELD))
        if len((found := _folder(data, folder, fold, cache)).fake)
    ]
    return Crops(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Crops)))


def _folder(data: Path, folder: str, fold: int, cache: Path) -> Crops:
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["path"].startswith(folder + "/")]
    rows = [row for row in sorted(rows, key=lambda r: r["path"]) if row["release"] != "test-only"]
    key = "\n".join([*(row["path"] for row in rows), str((KEPT, KEPT_MARGIN, MARGIN, SIDE, PER_TRACK))])
    name = f"{folder.replace('/', '-')}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.npz"
    kept = cache / "crops" / name
    if kept.is_file():
        with np.load(kept) as table:
            return Crops(*(table[field.name] for field in fields(Crops)))
    parts: list[tuple[object, ...]] = [
        (
            crop(rgb, face, KEPT, KEPT_MARGIN), _points(rgb, face), crop(rgb, face, SIDE, MARGIN), folder,
            row["path"], row["release"] == "clear", row["label"] not in ("genuine", "live"),
            np.float32(face.side), fold,
        )
        for row in rows for rgb, face in _judged(data / row["path"])
    ]  # fmt: skip
    columns = zip(*parts, strict=True) if parts else [()] * len(fields(Crops))
    found = Crops(*(np.array(column) for column in columns))
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part.npz")
    np.savez(part, **{field.name: getattr(found, field.name) for field in fields(Crops)})
    part.rename(kept)
    print(f"faces of {folder}: {len(found.fake)}", flush=True)
    return found


def _points(rgb: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
    """The mesh in the pixels of the kept crop (see `faces.crop` for where that lies)."""
    found = mesh(rgb, Roi.of(face.box, face.roll))
    if found is None:
        return np.full((POINTS, 2), np.nan, np.float32)
    x, y, width, height = face.box
    half = max(2, round(max(width, height) * (0.5 + KEPT_MARGIN)))
    corner = np.array([round(x + width / 2) - half, round(y + height / 2) - half])
    return np.asarray((found.points[:, :2] - corner) * KEPT / (2 * half), np.float32)


def _judged(path: Path) -> Iterator[tuple[NDArray[np.uint8], Face]]:
    """Faces that are good enough: the longest track of a video, the largest ones of a picture."""
    if path.suffix in (".mp4", ".mkv"):
        family = "matroska" if path.suffix == ".mkv" else "mov"
        reel = read_reel(str(path), family, Stretch(end_s=LONGEST_S, bursts=False))
        tracks = follow(reel.frames).tracks
        faces = tracks[0].faces if tracks else ()
        places = np.unique(np.linspace(0, max(len(faces) - 1, 0), PER_TRACK).astype(int))
        pairs = [(reel.frames[faces[i].frame], faces[i]) for i in places[: len(faces)]]
    else:
        image = Image.open(path).convert("RGB")
        image.thumbnail((1280, 1280))
        frame = Frame(0, 0.0, np.asarray(image))
        pairs = [(frame, face) for face in find(frame.rgb)[:PER_PICTURE]]
    for frame, face in pairs:
        if assess(frame.rgb, face).reason is None:
            yield frame.rgb, face
