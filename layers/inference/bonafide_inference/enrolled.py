"""The cameras that an owner has enrolled, read from a folder: ``cameras.json`` and a pattern a camera.

Read in the cell. A pattern comes from outside: it is believed only with the hash and the length that the
index gives it, and is bare bytes, so nothing of it is parsed.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bonafide.cameras import INDEX, Camera, pattern_file
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from bonafide_inference.models import ModelError
from bonafide_inference.sensor import SIDE, crop_shape

__all__ = ["Enrolled", "read"]

_INDEX = TypeAdapter(dict[str, Camera])


@dataclass(frozen=True)
class Enrolled:
    """One camera, and the path of its pattern."""

    name: str
    camera: Camera
    path: str

    @property
    def shape(self) -> tuple[int, int]:
        """Of the pattern."""
        return crop_shape(self.camera.width, self.camera.height)

    def turns(self, width: int, height: int) -> tuple[tuple[int, ...], bool]:
        """Quarter turns in which an upright picture may be the sensor's, and whether it is the whole of it.

        No turn: the picture is larger than the sensor's, so this camera did not make it.
        """
        sides = ((0, 2), (width, height)), ((1, 3), (height, width))
        size = self.camera.width, self.camera.height
        same = [turns for turns, given in sides if given == size]
        fits = [turns for turns, given in sides if given[0] <= size[0] and given[1] <= size[1]]
        return sum(same or fits, ()), bool(same)

    def pattern(self) -> NDArray[np.int8]:
        """The packed pattern.

        Raises
        ------
        ModelError
            ``pattern_missing``, ``pattern_hash_mismatch``, ``pattern_invalid`` (not one byte a pixel).
        """
        try:
            with open(self.path, "rb") as file:
                data = file.read(SIDE * SIDE + 1)
        except OSError as error:
            raise ModelError("pattern_missing", f"The pattern of {self.name} is not there.") from error
        if hashlib.sha256(data).hexdigest() != self.camera.sha256:
            raise ModelError("pattern_hash_mismatch", f"The pattern of {self.name} is another one.")
        if len(data) != self.shape[0] * self.shape[1] or not data.strip(b"\0"):
            raise ModelError("pattern_invalid", f"The pattern of {self.name} is no array of {self.shape}.")
        return np.frombuffer(data, np.int8).reshape(self.shape)


def read(folder: str) -> list[Enrolled]:
    """The cameras of a folder, by name.

    Raises
    ------
    ModelError
        ``cameras_invalid``: the index cannot be read.
    """
    try:
        found = _INDEX.validate_json(Path(folder, INDEX).read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError("cameras_invalid", f"{INDEX}: {error}"[:300]) from error
    return [
        Enrolled(name, camera, os.path.join(folder, pattern_file(camera)))
        for name, camera in sorted(found.items())
    ]
