"""Measure and calibrate ``double_quantisation``: synthetic splices, genuine twins, pictures as they are.

The detector has no trained weights. What is fitted is the calibration, on ``clear`` corpora only; the
other corpora are unseen and only measured. Positives are half visible splices and half *laundered* ones
(pasted before the first save, which wipes the trace): a low score must not pass for proof of innocence.
"""

from __future__ import annotations

import io
import multiprocessing
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bonafide_inference.detectors.double_quantisation.detector import measure
from numpy.typing import NDArray
from PIL import Image

from training import double_quantisation_card as card
from training.material import Row, pictures
from training.metrics import auc, f1
from training.splices import Sample, encode, forget_history, make_pair, paste

__all__ = ["Measured", "train"]

SAVES = (95, 90, 85, 80)
MIN_GAIN = 1.0
"""Nats a block: single saves of 144-pixel pictures reach 0.63, double saves start at 1.6."""
REGION_LLR = 3.0
PER_CORPUS = 90
"""Pictures of one corpus at most: no corpus may outvote the others."""


@dataclass(frozen=True)
class Measured:
    """One measured file; ``kind``: twin, splice, laundered, as_is, resaved, resized; no ``score``: silent."""

    corpus: str
    clear: bool
    picture: str
    kind: str
    q2: int
    score: float | None
    reason: str | None
    bytes_per_pixel: float
    pixels: int
    pixel_auc: float | None = None
    f1_oracle: float | None = None
    f1_fixed: float | None = None


def train(data: Path, target: Path) -> None:
    """Measure everything, fit the calibration, write ``model.json`` and ``card.md``, print the figures."""
    rows = _choose(pictures(data))
    tasks = [(row, rows[(place * 7 + 3) % len(rows)], place) for place, row in enumerate(rows)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        measured = [one for many in pool.imap(_measure_picture, tasks, chunksize=4) for one in many]
    card.write(measured, target, min_gain=MIN_GAIN, region_llr=REGION_LLR)


def _choose(rows: list[Row]) -> list[Row]:
    rng = np.random.default_rng(3)
    chosen: list[Row] = []
    for corpus in sorted({row.corpus for row in rows}):
        members = [row for row in rows if row.corpus == corpus]
        picks = rng.permutation(len(members))[:PER_CORPUS]
        chosen += [members[i] for i in sorted(picks)]
    return chosen


def _measure_picture(task: tuple[Row, Row, int]) -> list[Measured]:
    """All variants of one picture; seeded by its place, so a run repeats exactly."""
    row, other, place = task
    rng = np.random.default_rng((19, place))
    original = Image.open(row.path).convert("RGB")
    donor = forget_history(Image.open(other.path).convert("RGB"), rng)
    picture = forget_history(original, rng, least=int(rng.choice([144, 256])))
    found = [_measure(row, "as_is", 0, row.path.read_bytes(), original.size)]
    resave = int(rng.choice(SAVES))
    found.append(_measure(row, "resaved", resave, encode(original, resave, 2), original.size))
    found.append(_measure(row, "resized", 80, encode(picture, 80, 2), picture.size))
    for q2 in SAVES:
        q1 = int(rng.integers(50, q2 - 7))
        pair = make_pair(picture, donor, q1, q2, rng)
        found += [_measure_sample(row, sample, picture.size) for sample in pair]
        washed, _ = paste(picture, donor, rng)
        first = Image.open(io.BytesIO(encode(washed, q1, 2))).convert("RGB")
        found.append(_measure(row, "laundered", q2, encode(first, q2, 2), picture.size))
    return found


def _measure_sample(row: Row, sample: Sample, size: tuple[int, int]) -> Measured:
    kind = "splice" if sample.label else "twin"
    return _measure(row, kind, sample.q2, sample.data, size, sample.mask)


def _measure(
    row: Row, kind: str, q2: int, data: bytes, size: tuple[int, int], mask: NDArray[np.bool_] | None = None
) -> Measured:
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(data)
        file.flush()
        found = measure(file.name, "jpeg", MIN_GAIN)
    pixels = size[0] * size[1]
    base = (
        row.corpus,
        row.clear,
        row.path.name,
        kind,
        q2,
        found.score,
        found.reason,
        len(data) / pixels,
        pixels,
    )
    if mask is None or found.map is None:
        return Measured(*base)
    rows, columns = found.map.shape
    truth = mask[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).mean((1, 3)) > 0.5
    count = int(truth.sum())
    oracle = found.map >= np.sort(found.map.ravel())[-max(1, count)]
    return Measured(
        *base, auc(found.map.ravel(), truth.ravel()), f1(oracle, truth), f1(found.map > REGION_LLR, truth)
    )
