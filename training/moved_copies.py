"""Measure and calibrate ``moved_copies``: parts copied within their picture, moved, turned or scaled."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.moved_copies.search import search
from numpy.typing import NDArray
from PIL import Image

from training import localisers
from training.forgeries import copy_move
from training.jpeg_grid import png
from training.localisers import Recipe, Sample, laundered, luma_of
from training.splices import encode

__all__ = ["RECIPE", "train"]

SAVES = (0, 90, 75)
"""0: PNG."""


def look(data: bytes) -> tuple[float, NDArray[Any] | None] | None:
    """Raw score and map of picture bytes; None when out of reach."""
    luma = luma_of(data) if data[:3] == b"\xff\xd8\xff" else None
    plane = luma.plane if luma else np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    found = search(plane, lossless=luma is None)
    return None if found.reason else (found.score, found.mask)


def forge(picture: Image.Image, donor: Image.Image, rng: np.random.Generator) -> Iterator[Sample]:
    """A copy for each last save, a third of them turned and scaled, and laundered forgeries."""
    for save in SAVES:
        forged, copy, source = copy_move(picture, rng, turned=rng.random() < 1 / 3)
        yield Sample("forged", save, encode(forged, save, 2) if save else png(forged), copy | source)
    yield laundered(picture, donor, 90, rng)


RECIPE = Recipe(
    name="moved_copies", title="Copy-move", entry="detector:MovedCopies", threshold="min_score",
    look=look, forge=forge, quantile=0.97, floor=2.1, version="3.0.0", per_corpus=8, clear_most=24,
    input={"least_side_px": 64}, preprocessing={"plane": "grey", "working_pixels": 600_000},
    introduction="""
**Asks** whether a part of the picture was copied to another place in it: moved, turned, scaled or mirrored
(keypoints with the g2NN test after Amerini et al. 2011, windows that look for their likeness, the transform
made exact by least squares, then a dense check; in lossless files also parts equal to the bit).
A rule, no learned weights. Needs no compression history: PNG and strongly compressed pictures are searched,
too.

**Silence** (`inconclusive`) means: a drawing or a screen, under 64 pixels, or no two parts alike beyond
what genuine pictures show. Silence is no acquittal. **Limits**: copies of flat parts (sky, wall) leave
nothing to compare once they are compressed; reflections and faces resemble their mirror image, so mirrored
copies need more evidence; a part that was copied several times looks like a pattern, and printed patterns
and several copies of one product repeat without any fraud.
""",
)  # fmt: skip


def train(data: Path, target: Path) -> None:
    """Measure, fit and write; see `localisers`."""
    localisers.train(RECIPE, data, target)
