"""Measure, calibrate and describe the localisers of ``image_forgery``: one recipe for all of them.

A localiser gives every picture a raw score. Genuine pictures go through what innocent pictures go through
(as they are, saved again, cropped off the grid, resized, saved twice); forged ones carry the trace that the
localiser looks for, and as many *laundered* ones carry a forgery without it, so that the LLR knows that most
forgeries leave no such trace. The threshold below which the localiser is silent is a quantile of the genuine
scores, the calibration is isotonic; both are fitted on ``clear`` corpora only. The others are only measured.
"""

from __future__ import annotations

import io
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.jpegdct import Luma, read_luma
from bonafide_inference.regions import box_mean
from numpy.typing import NDArray
from PIL import Image

from training import localisers_card
from training.material import Row, pictures
from training.metrics import auc, f1
from training.splices import encode, forget_history, paste

__all__ = ["Measured", "Recipe", "Sample", "genuine_samples", "laundered", "luma_of", "measure_all", "train"]


@dataclass(frozen=True)
class Sample:
    """One picture file in memory.

    ``kind``: as_is, resaved, cropped, resized, twice (all genuine), forged or laundered.
    ``save``: quality of the last save, 0 for PNG; ``mask``: forged pixels (bool, height × width).
    """

    kind: str
    save: int
    data: bytes
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Recipe:
    """What is particular to one localiser; functions at module level, so that workers can import them."""

    name: str
    title: str
    entry: str
    threshold: str
    look: Callable[[bytes], tuple[float, NDArray[Any] | None] | None]
    forge: Callable[[Image.Image, Image.Image, np.random.Generator], Iterator[Sample]]
    introduction: str
    quantile: float = 0.99
    floor: float = 0.0
    """The threshold is the genuine quantile, and never below this (in the score's own unit)."""
    negate: bool = False
    """The manifest states the threshold with its sign turned (an NFA instead of its logarithm's size)."""
    version: str = "1.0.0"
    per_corpus: int = 12
    clear_most: int = 40
    input: dict[str, Any] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """One measured sample; ``score`` None: the picture is out of the localiser's reach.

    Of a forged one also the side (pixels) of a square as large as what was changed, and its texture: the mean
    deviation (grey levels) from the 9 × 9 mean there, in the file as saved.
    """

    corpus: str
    clear: bool
    picture: str
    kind: str
    save: int
    score: float | None
    bytes_per_pixel: float
    pixels: int
    pixel_auc: float | None = None
    f1_oracle: float | None = None
    part_side: float | None = None
    part_texture: float | None = None


def train(recipe: Recipe, data: Path, target: Path) -> None:
    """Measure everything, fit threshold and calibration, write ``model.json`` and ``card.md``, print them."""
    measured = measure_all(recipe, data)
    localisers_card.write(recipe, measured, target)


def measure_all(recipe: Recipe, data: Path) -> list[Measured]:
    """All samples of the chosen pictures, measured by two workers; the same each time."""
    rows = _choose(pictures(data), recipe)
    tasks = [(recipe, row, rows[(place * 7 + 3) % len(rows)], place) for place, row in enumerate(rows)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        measured: list[Measured] = []
        for number, some in enumerate(pool.imap(_measure_picture, tasks), 1):
            measured += some
            print(f"\r{number}/{len(tasks)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return measured


def _choose(rows: Sequence[Row], recipe: Recipe) -> list[Row]:
    rng = np.random.default_rng(4)
    chosen: list[Row] = []
    for corpus in sorted({row.corpus for row in rows}):
        members = [row for row in rows if row.corpus == corpus]
        most = recipe.clear_most if members[0].clear else recipe.per_corpus
        chosen += [members[i] for i in sorted(rng.permutation(len(members))[:most])]
    return chosen


def _measure_picture(task: tuple[Recipe, Row, Row, int]) -> list[Measured]:
    recipe, row, other, place = task
    rng = np.random.default_rng((23, place))
    original = Image.open(row.path).convert("RGB")
    donor = forget_history(Image.open(other.path).convert("RGB"), rng)
    picture = forget_history(original, rng)
    samples = [Sample("as_is", -1, row.path.read_bytes()), *genuine_samples(original, rng)]
    samples += recipe.forge(picture, donor, rng)
    return [_measure(recipe, row, sample) for sample in samples]


def genuine_samples(original: Image.Image, rng: np.random.Generator) -> list[Sample]:
    """What happens to innocent pictures: saved again, cropped off the grid, resized, saved twice."""
    quality = int(rng.choice([80, 85, 90, 95]))
    left, top = (int(v) for v in rng.integers(1, 8, 2))
    cropped = original.crop((left, top, original.width, original.height))
    small = forget_history(original, rng)
    first = Image.open(io.BytesIO(encode(small, int(rng.integers(50, 94)), 2))).convert("RGB")
    return [
        Sample("resaved", quality, encode(original, quality, 2)),
        Sample("cropped", 95, encode(cropped, 95, 2)),
        Sample("resized", quality, encode(small, quality, 2)),
        Sample("twice", quality, encode(first, quality, 2)),
    ]


def laundered(picture: Image.Image, donor: Image.Image, save: int, rng: np.random.Generator) -> Sample:
    """A forgery without a trace of its own: pasted, then made smaller, then saved."""
    forged, _ = paste(picture, donor, rng)
    small = forged.resize((round(forged.width * 0.83), round(forged.height * 0.83)), Image.Resampling.LANCZOS)
    return Sample("laundered", save, encode(small, save, 2))


def luma_of(data: bytes) -> Luma | None:
    """The luma of JPEG bytes."""
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(data)
        file.flush()
        return read_luma(file.name)


def _measure(recipe: Recipe, row: Row, sample: Sample) -> Measured:
    with Image.open(io.BytesIO(sample.data)) as image:
        width, height = image.size
    found = recipe.look(sample.data)
    base = (row.corpus, row.clear, row.path.name, sample.kind, sample.save)
    size = (len(sample.data) / (width * height), width * height)
    part = _part(sample)
    if found is None:
        return replace(Measured(*base, None, *size), **part)
    score, heat = found
    if sample.mask is None or heat is None or not sample.mask.any():
        return replace(Measured(*base, score, *size), **part)
    truth = np.asarray(Image.fromarray(sample.mask).resize(heat.shape[::-1], Image.Resampling.NEAREST))
    oracle = heat >= np.sort(heat.ravel())[-max(1, int(truth.sum()))]
    figures = auc(heat.ravel(), truth.ravel()), f1(oracle, truth)
    return replace(Measured(*base, score, *size, *figures), **part)


def _part(sample: Sample) -> dict[str, Any]:
    """Size and texture of what was changed (see `Measured`); nothing for a genuine picture."""
    if sample.mask is None or not sample.mask.any():
        return {}
    with Image.open(io.BytesIO(sample.data)) as image:
        grey = np.asarray(image.convert("L"), dtype=np.float64)
    rough = np.abs(grey - box_mean(grey, 4))
    return {"part_side": float(sample.mask.sum()) ** 0.5, "part_texture": float(rough[sample.mask].mean())}
