"""Face crops of the material, found once and kept: what `face_manipulation` is trained and measured on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bonafide_inference.centerface import Face, find
from bonafide_inference.detectors.face_manipulation.faces_in import MARGIN, marks_in
from bonafide_inference.faces import assess, crop, follow
from bonafide_inference.frames import Frame, Stretch, read_reel
from numpy.typing import NDArray
from PIL import Image

__all__ = ["CLEAR", "KEPT", "Crops", "face_crops"]

KEPT = 128
"""Side of a kept crop in pixels; the network sees fewer."""
PER_TRACK = 8
LONGEST_S = 6.0
LEAST_SIDE = 48
FOLDERS = (
    "image/genuine/ecuador", "image/genuine/ffhq256", "video/genuine/driving", "video/genuine/intel",
    "video/genuine/ffpp", "video/genuine/vidtimit", "video/faceswap/ffpp", "video/faceswap/pairs",
    "video/reenactment/ffpp", "video/lipsync/loopy",
)  # fmt: skip
PER_FOLDER = 100
CLEAR = "clear"


@dataclass(frozen=True)
class Crops:
    """Crops (n, `KEPT`, `KEPT`, 3), landmarks in them (n, 5, 2), and of each: folder, file, release, label.

    ``side``: shorter side of the face in the file's pixels; ``softness``: mean absolute Laplacian, negated.
    """

    rgb: NDArray[np.uint8]
    marks: NDArray[np.float32]
    folder: NDArray[np.str_]
    origin: NDArray[np.str_]
    release: NDArray[np.str_]
    fake: NDArray[np.bool_]
    side: NDArray[np.float32]

    def pick(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Crops:
        """Those rows."""
        return Crops(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def face_crops(data: Path, cache: Path | None = None) -> Crops:
    """All judged faces of `FOLDERS`; a folder's are read from ``cache`` if there, else kept there."""
    parts = [found for folder in FOLDERS if len((found := _folder(data, folder, cache)).fake)]
    return Crops(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Crops.__dataclass_fields__)
    )


def _folder(data: Path, folder: str, cache: Path | None) -> Crops:
    names = tuple(Crops.__dataclass_fields__)
    kept = cache / f"{folder.replace('/', '-')}.npz" if cache is not None else None
    if kept is not None and kept.is_file():
        with np.load(kept) as table:
            return Crops(*(table[name] for name in names))
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["path"].startswith(folder + "/")]
    rows = [row for row in sorted(rows, key=lambda r: r["path"]) if row["release"] != "test-only"]
    parts: list[tuple[object, ...]] = [
        (
            crop(rgb, face, KEPT, MARGIN), marks_in(face, KEPT), folder, row["path"], row["release"],
            row["label"] != "genuine", np.float32(face.side),
        )
        for row in rows[:PER_FOLDER] for rgb, face in _judged(data / row["path"])
    ]  # fmt: skip
    found = Crops(*(np.array(column) for column in (zip(*parts, strict=True) if parts else [()] * 7)))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **{name: getattr(found, name) for name in names})
    return found


def _judged(path: Path) -> Iterator[tuple[NDArray[np.uint8], Face]]:
    """Faces that are good enough: the longest track of a video, the two largest of a picture."""
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
        pairs = [(frame, face) for face in find(frame.rgb)[:2]]
    for frame, face in pairs:
        if face.side >= LEAST_SIDE and assess(frame.rgb, face).reason is None:
            yield frame.rgb, face
