"""Measure and calibrate ``jpeg_grid``: patches that bring an 8×8 grid of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.jpeg_grid.detector import weigh
from numpy.typing import NDArray
from PIL import Image

from training import localisers
from training.forgeries import paste_compressed
from training.localisers import Recipe, Sample, laundered, luma_of
from training.splices import encode

__all__ = ["RECIPE", "train"]

SAVES = (0, 97, 95, 90, 85)
"""0: PNG of a picture that was a JPEG."""


def look(data: bytes) -> tuple[float, NDArray[Any] | None] | None:
    """Raw score (minus log10 NFA) and map of picture bytes; None when out of reach."""
    if data[:3] == b"\xff\xd8\xff":
        luma = luma_of(data)
        found = None if luma is None else weigh(luma.plane, luma.table, 99.0)
    else:
        found = weigh(np.asarray(Image.open(io.BytesIO(data)).convert("L")), None, 99.0)
    return None if found is None or found.score is None else (found.score, found.map)


def forge(picture: Image.Image, donor: Image.Image, rng: np.random.Generator) -> Iterator[Sample]:
    """A patch off the grid for each last save, and a laundered forgery."""
    for save in SAVES:
        base, most = picture, save - 9
        if save == 0:
            base, most = Image.open(io.BytesIO(encode(picture, 85, 2))).convert("RGB"), 86
        forged, mask = paste_compressed(base, donor, int(rng.integers(45, most)), rng, aligned=False)
        yield Sample("forged", save, encode(forged, save, 2) if save else png(forged), mask)
        yield laundered(picture, donor, save or 90, rng)


def png(picture: Image.Image) -> bytes:
    """PNG bytes, quickly."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


RECIPE = Recipe(
    name="jpeg_grid", title="JPEG grid alignment", entry="detector:JpegGrid", threshold="max_nfa_log10",
    look=look, forge=forge, floor=3.0, negate=True,
    input={
        "format": "jpeg, or lossless with the grid of an earlier JPEG", "least_side_px": 128,
        "luma_quality_above": 75,
    },
    preprocessing={"plane": "decoded Y", "cell_px": 8, "noise_steps": 0.3},
    introduction="""
**Asks** whether a part of a picture was compressed on another 8×8 grid than the rest (after ZERO,
Nikoukhah et al., IPOL 2021, with one vote a cell and soft zeros). A rule, no learned weights. The score
is minus log10 of the number of false alarms of the least likely window of votes: an a-contrario test,
whose threshold never falls below 3.

**Silence** (`inconclusive`) means: no JPEG and no grid of one, saved at quality 75 or below, under 128
pixels, or nothing unexpected. Silence is no acquittal. **Limits**: the nine origins on and next to the
picture's own grid are not tested (13 % of patches lie there by chance); the last save must be clearly
finer than the patch's. An old grid all over the picture (an innocent crop) raises the chance rate and
is no finding. Collages are found as forgeries are.
""",
)  # fmt: skip


def train(data: Path, target: Path) -> None:
    """Measure, fit and write; see `localisers`."""
    localisers.train(RECIPE, data, target)
