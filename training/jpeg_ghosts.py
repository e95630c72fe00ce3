"""Measure and calibrate ``jpeg_ghosts``: patches saved coarser before, on the picture's grid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.jpeg_ghosts.detector import weigh
from numpy.typing import NDArray
from PIL import Image

from training import localisers
from training.forgeries import paste_compressed
from training.localisers import Recipe, Sample, laundered, luma_of
from training.splices import encode

__all__ = ["RECIPE", "train"]

SAVES = (95, 90, 85, 80)


def look(data: bytes) -> tuple[float, NDArray[Any] | None] | None:
    """Raw score and map of JPEG bytes; None when out of reach."""
    if data[:3] != b"\xff\xd8\xff":
        return None
    found = weigh(luma_of(data), 0.0)
    return None if found.score is None or found.ghost is None else (found.score, found.ghost.map)


def forge(picture: Image.Image, donor: Image.Image, rng: np.random.Generator) -> Iterator[Sample]:
    """One patch with a coarser history for each last save, and a laundered forgery."""
    for save in SAVES:
        q1 = int(rng.integers(45, save - 9))
        forged, mask = paste_compressed(picture, donor, q1, rng, aligned=True)
        yield Sample("forged", save, encode(forged, save, 2), mask)
        yield laundered(picture, donor, save, rng)


RECIPE = Recipe(
    name="jpeg_ghosts", title="JPEG ghosts", entry="detector:JpegGhosts", threshold="min_peak",
    look=look, forge=forge, floor=15.0,
    input={"format": "jpeg", "least_side_px": 128, "luma_quality_above": 75},
    preprocessing={"plane": "decoded Y", "frequencies": 15, "box_mean_blocks": 7},
    introduction="""
**Asks** whether a part of a JPEG was saved at a lower quality before than the rest (JPEG ghosts, Farid
2009), on the picture's own 8×8 grid. A rule, no learned weights. The score is how far the ghost stands
out of the map, in standard deviations of what the content alone would show.

**Silence** (`inconclusive`) means: no JPEG, saved at quality 75 or below, under 128 pixels, or no ghost
beyond what genuine pictures show. Silence is no acquittal. **Limits**: standard (IJG) tables of the
earlier save only; a patch off the grid is for `jpeg_grid`; pictures in pictures (collages) have ghosts
without any fraud.
""",
)  # fmt: skip


def train(data: Path, target: Path) -> None:
    """Measure, fit and write; see `localisers`."""
    localisers.train(RECIPE, data, target)
