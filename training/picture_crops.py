"""What a network sees in crops of the material's pictures: groups with both classes, described once."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.synthetic_image.network import SIDE, boxes
from numpy.typing import NDArray
from PIL import Image

from training.picture_pairs import Picture, compress, postprocess

__all__ = ["GROUPS", "Seen", "load"]

GROUPS = {
    "ecuador": "flux", "ecuador_flux": "flux",
    "sd1_a": "sd", "sd1_b": "sd", "sd1_c": "sd", "dreambooth": "sd",
    "ffhq256": "face", "ffhq1024": "face", "stylegan2_faces": "face",
    "gpt4o": "gpt", "gpt4o_nanobanana": "gpt", "raccoon": "gpt", "bsds500": "gpt", "imagenet": "gpt",
}  # fmt: skip
"""Folder → matched group: generated pictures and the photographs nearest to them in content or origin."""
PER_FOLDER = 90
VERSIONS, MOST = 6, 9

Features = NDArray[np.float32]
Describe = Callable[[Picture], Features]
"""One crop, uint8 (`SIDE`, `SIDE`, 3), to its features."""


@dataclass(frozen=True)
class Seen:
    """Per picture: folder, group, label (1: generated), whether its licence is clear, and three stacks.

    ``trained`` (pictures, `VERSIONS`, features) went through random histories; ``delivered`` and ``jpeg85``
    (pictures, `MOST`, features) are the crops that the detector cuts, NaN where there are fewer. ``trivial``
    (pictures, 3) is log pixels, bytes a pixel and whether it is lossless.
    """

    folder: NDArray[np.str_]
    group: NDArray[np.str_]
    label: NDArray[np.int64]
    clear: NDArray[np.bool_]
    trained: Features
    delivered: Features
    jpeg85: Features
    trivial: NDArray[np.float64]


def load(data: Path, describe: Describe, cache: Path | None = None) -> Seen:
    """Read, or make and keep, what is seen in every picture of `GROUPS`, `PER_FOLDER` of each folder."""
    if cache is not None and cache.exists():
        with np.load(cache) as held:
            return Seen(**{name: held[name] for name in Seen.__dataclass_fields__})
    rng = np.random.default_rng(5)
    columns: dict[str, list[Any]] = {name: [] for name in Seen.__dataclass_fields__}
    for path, folder, generated, clear in _rows(data):
        rgb = np.asarray(Image.open(data / path).convert("RGB"))
        if min(rgb.shape[:2]) < SIDE:
            continue
        histories = [_history(rgb, path.endswith(".png"), rng) for _ in range(VERSIONS)]
        values = (
            folder, GROUPS[folder], int(generated), clear, np.stack([describe(crop) for crop in histories]),
            _laid(rgb, describe), _laid(compress(rgb, "JPEG", 85), describe), _trivial(data / path, rgb),
        )  # fmt: skip
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
        if len(columns["label"]) % 100 == 0:
            print(f"  described {len(columns['label'])} pictures", flush=True)
    made = Seen(**{name: np.array(column) for name, column in columns.items()})
    if cache is not None:
        np.savez(cache, **vars(made))
    return made


def _trivial(path: Path, rgb: Picture) -> list[float]:
    area = rgb.shape[0] * rgb.shape[1]
    return [float(np.log(area)), path.stat().st_size / area, float(path.suffix == ".png")]


def _rows(data: Path) -> list[tuple[str, str, bool, bool]]:
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [line for line in csv.DictReader(file) if line["path"].startswith("image/")]
    seen: dict[str, int] = {}
    kept = []
    for line in sorted(rows, key=lambda line: line["path"]):
        folder = line["path"].split("/")[2]
        seen[folder] = seen.get(folder, 0) + 1
        if folder in GROUPS and seen[folder] <= PER_FOLDER and line["release"] != "test-only":
            kept.append((line["path"], folder, line["label"] == "generated", line["release"] == "clear"))
    return kept


def _history(rgb: Picture, lossless: bool, rng: np.random.Generator) -> Picture:
    """A random crop through a random history; a lossless picture is saved once more, as the others were."""
    given = _window(rgb, min(3 * SIDE, *rgb.shape[:2]), rng)
    if lossless and rng.random() < 0.85:
        given = compress(given, "JPEG", int(rng.choice([75, 85, 90, 92, 95, 96])))
    return _window(postprocess(given, rng, SIDE), SIDE, rng)


def _window(rgb: Picture, side: int, rng: np.random.Generator) -> Picture:
    down = int(rng.integers(0, rgb.shape[0] - side + 1))
    right = int(rng.integers(0, rgb.shape[1] - side + 1))
    return rgb[down : down + side, right : right + side]


def _laid(rgb: Picture, describe: Describe) -> Features:
    """The crops that the detector cuts, filled up with NaN."""
    places = boxes((rgb.shape[1], rgb.shape[0]))
    found = np.stack([describe(rgb[top:bottom, left:right]) for left, top, right, bottom in places])
    return np.pad(found, ((0, MOST - len(found)), (0, 0)), constant_values=np.nan)
