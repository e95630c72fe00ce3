"""Crops of the material's pictures for `picture_net`: groups with both classes, made once and kept."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.picture_pairs import Picture, compress, postprocess

__all__ = ["GROUPS", "Crops", "crops_of", "load"]

GROUPS = {
    "ecuador": "flux", "ecuador_flux": "flux",
    "sd1_a": "sd", "sd1_b": "sd", "sd1_c": "sd", "dreambooth": "sd",
    "ffhq256": "face", "ffhq1024": "face", "stylegan2_faces": "face",
    "gpt4o": "gpt", "gpt4o_nanobanana": "gpt", "raccoon": "gpt", "bsds500": "gpt", "imagenet": "gpt",
}  # fmt: skip
"""Folder → matched group: generated pictures and the photographs nearest to them in content or origin."""
PER_FOLDER = 90
VERSIONS, LOOKS = 4, 2


@dataclass(frozen=True)
class Crops:
    """Per picture: folder, group, label (1: generated), whether it may be trained on, and three stacks.

    ``trained`` (pictures, `VERSIONS`, n, n, 3) went through random histories; ``delivered`` and ``jpeg85``
    (pictures, `LOOKS`, n, n, 3) are what a detector sees; ``trivial`` (pictures, 3) is log pixels, bytes a
    pixel and whether it is lossless.
    """

    folder: NDArray[np.str_]
    group: NDArray[np.str_]
    label: NDArray[np.int64]
    clear: NDArray[np.bool_]
    trained: NDArray[np.uint8]
    delivered: NDArray[np.uint8]
    jpeg85: NDArray[np.uint8]
    trivial: NDArray[np.float64]


def load(data: Path, side: int, cache: Path | None = None) -> Crops:
    """Read, or make and keep, the crops of every picture of `GROUPS`, `PER_FOLDER` of each folder."""
    if cache is not None and cache.exists():
        with np.load(cache) as held:
            return Crops(**{name: held[name] for name in Crops.__dataclass_fields__})
    rng = np.random.default_rng(5)
    columns: dict[str, list[object]] = {name: [] for name in Crops.__dataclass_fields__}
    for path, folder, generated, clear in _rows(data):
        rgb = np.asarray(Image.open(data / path).convert("RGB"))
        if min(rgb.shape[:2]) < side:
            continue
        values = (
            folder, GROUPS[folder], int(generated), clear, _versions(rgb, side, path.endswith(".png"), rng),
            crops_of(rgb, side), crops_of(compress(rgb, "JPEG", 85), side), _trivial(data / path, rgb),
        )  # fmt: skip
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    made = Crops(**{name: np.array(column) for name, column in columns.items()})
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


def _versions(rgb: Picture, side: int, lossless: bool, rng: np.random.Generator) -> Picture:
    """Random crops through random histories; a lossless picture is saved once more, as the others were."""
    out = []
    for _ in range(VERSIONS):
        reach = min(3 * side, *rgb.shape[:2])
        given = _window(rgb, reach, rng)
        if lossless and rng.random() < 0.85:
            given = compress(given, "JPEG", int(rng.choice([75, 85, 90, 92, 95, 96])))
        given = postprocess(given, rng, side)
        out.append(_window(given, side, rng))
    return np.stack(out)


def _window(rgb: Picture, side: int, rng: np.random.Generator) -> Picture:
    down = int(rng.integers(0, rgb.shape[0] - side + 1))
    right = int(rng.integers(0, rgb.shape[1] - side + 1))
    return rgb[down : down + side, right : right + side]


def crops_of(rgb: Picture, side: int, count: int = LOOKS) -> Picture:
    """``count`` crops at places drawn the same for every picture of a size."""
    rng = np.random.default_rng(0)
    return np.stack([_window(rgb, side, rng) for _ in range(count)])
