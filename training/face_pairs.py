"""Genuine and self-blended pairs, made once and kept on disk: what `face_manipulation` is trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.face_manipulation.faces_in import CELLS, SIDE
from numpy.typing import NDArray

from training import face_blend
from training.face_material import Crops

__all__ = ["VERSIONS", "Pairs", "face_pairs"]

VERSIONS = 10
"""Pairs of each face."""
OFTEN = 200
"""After so many pairs what was made is noted down."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of every genuine face.

    ``pictures``: uint8 (versions, faces, 2, `SIDE`, `SIDE`, 3), genuine and blended; ``seams``: uint8
    (versions, faces, `CELLS`, `CELLS`), 0..255; ``usable``: (faces,), False where no mesh was found;
    ``name``: of the folder, which holds a hash of the faces and of how pairs are made.
    """

    pictures: NDArray[np.uint8]
    seams: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    name: str


def face_pairs(crops: Crops, cache: Path, seed: int = 5) -> Pairs:
    """The pairs of all genuine faces, read from ``cache``; an interrupted making goes on where it stopped."""
    code = Path(face_blend.__file__).read_text(encoding="utf-8")
    key = "\n".join([code, *crops.origin, str((VERSIONS, SIDE, seed))])
    place = cache / f"pairs-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    count = len(crops.fake)
    pictures = _table(place / "pictures.npy", (VERSIONS, count, 2, SIDE, SIDE, 3))
    seams = _table(place / "seams.npy", (VERSIONS, count, CELLS, CELLS))
    usable = ~crops.fake & ~np.isnan(crops.points[:, 0, 0])
    tasks = [(v, int(row)) for v in range(VERSIONS) for row in np.flatnonzero(usable)]
    note = place / "made.txt"
    made = int(note.read_text()) if note.exists() else 0
    for number, (version, row) in enumerate(tasks[made:], made + 1):
        rng = np.random.default_rng((seed, version, row))
        genuine, fake, seam = face_blend.pair(crops.rgb[row], crops.points[row], float(crops.side[row]), rng)
        pictures[version, row] = genuine, fake
        seams[version, row] = np.clip(255 * seam + 0.5, 0, 255)
        if number % OFTEN == 0 or number == len(tasks):
            pictures.flush()
            seams.flush()
            note.write_text(str(number))
            print(f"pairs {number}/{len(tasks)}", flush=True)
    return Pairs(pictures, seams, usable, place.name)


def _table(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    if path.exists():
        return np.lib.format.open_memmap(path, "r+")
    return np.lib.format.open_memmap(path, "w+", np.uint8, shape)
