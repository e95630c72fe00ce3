"""From an owner's pictures by one camera to the pattern of its sensor; nothing is taken on trust.

That the pictures have a pattern in common is not believed but measured: each is compared with the pattern of
all others. The decoding runs in the cell.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bonafide import cameras
from bonafide.cameras import INDEX, Camera, Cameras, pattern_file
from bonafide.model import MediaFacts
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.sensor import LEAST
from pydantic import TypeAdapter

from ownmodels.folder import Refused
from ownmodels.hostile import believe, cell

__all__ = ["Enrolment", "enrol", "enrol_task", "write"]

FEWEST, MOST = 10, 60
"""Pictures: fewer say too little of a pattern (docs/cameras.md has the table); more are thinned evenly."""
FORMATS = ("jpeg", "heic", "tiff")
"""What cameras write."""
MATCH = 60.0
"""Peak-to-correlation energy from which a picture bears the pattern (as the detector's manifest says)."""
_SECONDS, _MEMORY_MB = 8.0, 3072
_SAME = ("Make", "Model", "BodySerialNumber")


@dataclass(frozen=True)
class Enrolment:
    """A camera and its pattern's bytes; ``strangers``: pictures that do not bear what the others share."""

    camera: Camera
    pattern: bytes
    strangers: tuple[str, ...]


def enrol(folder: Path, *, tenants: Sequence[str] = (), now: datetime) -> Enrolment:
    """Estimate the pattern of the camera that took the pictures of a folder.

    Raises
    ------
    Refused
        ``no_data``, ``not_a_camera_format``, ``mixed_sizes``, ``too_small``, ``too_few``; from within the
        cell ``mixed_cameras``, ``resized``, ``no_common_pattern``, ``hangs``, ``too_much_memory``,
        ``crashes``.
    """
    paths = _pictures(folder)
    paths = paths[:: -(-len(paths) // MOST)]
    args = {"paths": [[str(path.absolute()), form] for path, form in paths]}
    answer = cell().run("enrol", args, seconds=30 + _SECONDS * len(paths), memory_mb=_MEMORY_MB)
    found = believe(answer)
    pattern = base64.b64decode(found["pattern"])
    energies = [float(value) for value in found["energies"]]
    bearing = sum(energy >= MATCH for energy in energies)
    if 2 * bearing < len(paths):
        raise Refused(
            "no_common_pattern",
            f"{bearing} of {len(paths)} pictures bear the pattern of the others: not one camera's, or"
            " resized, stabilised, or filtered",
        )
    camera = Camera(
        width=found["width"], height=found["height"], sha256=hashlib.sha256(pattern).hexdigest(),
        pictures=len(paths), tenants=tuple(sorted(set(tenants))), added_at=now,
        figures={"bearing": bearing, "pce_median": round(sorted(energies)[len(energies) // 2], 1),
                 "pce_least": round(min(energies), 1)},
    )  # fmt: skip
    strangers = [path.name for (path, _), pce in zip(paths, energies, strict=True) if pce < MATCH]
    return Enrolment(camera, pattern, tuple(strangers))


def write(folder: Path, name: str, made: Enrolment) -> None:
    """Enrol into a folder of models on a disk, for ``make score`` and benchmarks: no cloud is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / INDEX
    kind = TypeAdapter(dict[str, Camera])
    known: Cameras = kind.validate_json(index.read_bytes()) if index.exists() else {}
    after = cameras.enrol(known, name, made.camera)
    (folder / pattern_file(made.camera)).write_bytes(made.pattern)
    index.write_bytes(kind.dump_json(after, indent=1))


def _pictures(folder: Path) -> list[tuple[Path, str]]:
    """The pictures of a folder with their formats, sorted; every file must be one, and all of one size."""
    if not folder.is_dir():
        raise Refused("no_data", f"{folder} is no folder")
    found: list[tuple[Path, MediaFacts]] = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(name for name in names if not name.startswith(".")):
            facts = inspect(str(Path(root, name)))
            if isinstance(facts, Refusal) or facts.format not in FORMATS:
                what = facts.detail if isinstance(facts, Refusal) else facts.format
                raise Refused("not_a_camera_format", f"{name}: {what}; wanted are {', '.join(FORMATS)}")
            found.append((Path(root, name), facts))
    if len(found) < FEWEST:
        raise Refused("too_few", f"{folder} has {len(found)} pictures; {FEWEST} are needed, 50 are better")
    return [(path, facts.format) for path, facts in found]


# ---- in the cell ------------------------------------------------------------------------------------
def enrol_task(args: dict[str, Any]) -> dict[str, Any]:
    """Read all pictures, estimate the pattern, and compare each with the pattern of the others."""
    import numpy as np
    from bonafide_inference import sensor
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # inspect has checked the pixels
    kept: list[tuple[Any, Any]] = []
    said: dict[str, Any] = {}
    for path, form in args["paths"]:
        refused = _strange(path, form, said)
        if refused:
            return refused
        plane = _stored(path, form)
        kept.append((sensor.residual(plane).astype(np.float16), plane.astype(np.uint8)))
    total = sensor.Sum(kept[0][1].shape)
    for noise, plane in kept:
        total.add(noise.astype(np.float32), plane.astype(np.float32))
    energies = [_energy(total, noise.astype(np.float32), plane.astype(np.float32)) for noise, plane in kept]
    packed = sensor.pack(total.pattern())
    width, height = said["size"]
    return {
        "pattern": base64.b64encode(packed.tobytes()).decode(), "energies": energies,
        "width": width, "height": height,
    }  # fmt: skip


def _stored(path: str, form: str) -> Any:
    """The luma of the picture as the file has it: the sensor's lines, unturned."""
    from bonafide_inference import sensor
    from bonafide_inference.pictures import open_picture
    from bonafide_inference.piece import eight_bits

    with open_picture(path, form) as image:
        return sensor.luma(eight_bits(image))


def _energy(total: Any, noise: Any, plane: Any) -> float:
    """Of one picture and the pattern of all others."""
    from bonafide_inference import sensor

    total.add(noise, plane, -1.0)
    waves = sensor.waves(sensor.pack(total.pattern()))
    total.add(noise, plane)
    return sensor.correlate(sensor.signal(plane, noise), waves, plane.shape, whole=True).pce


def _strange(path: str, form: str, said: dict[str, Any]) -> dict[str, Any] | None:
    """Whether a picture does not go with the first (size, maker, model, serial), or was resized."""
    from bonafide_inference.metadata import read
    from bonafide_inference.pictures import open_picture

    name = os.path.basename(path)
    with open_picture(path, form) as image:
        size = image.size
    exif = read(path, form).exif
    sides = [exif.get("ExifImageWidth"), exif.get("ExifImageHeight")]
    first = said.setdefault("size", size)
    if size != first:
        return _no(
            "mixed_sizes", f"{name} is {size[0]} x {size[1]} as stored, others {first[0]} x {first[1]}"
        )
    if min(size) < LEAST:
        return _no("too_small", f"{name}: the shorter side is below {LEAST} pixels")
    if all(isinstance(side, int) and side > 0 for side in sides) and set(sides) != set(size):
        return _no("resized", f"{name}: its camera wrote {sides[0]} x {sides[1]}, and it is another size")
    for tag in _SAME:
        value = str(exif.get(tag) or "").strip()
        if value and said.setdefault(tag, value) != value:
            return _no("mixed_cameras", f"{name} names another camera than others do ({tag})")
    return None


def _no(reason: str, detail: str) -> dict[str, Any]:
    return {"refused": reason, "detail": detail}
