"""``synthetic_image``: counts what may be scored, tries networks leave-source-out, writes manifest and card.

Nothing about pixels is scored unless `picture_folds.carries`; then this module would have to export the
network as well. It refuses to write a card that says otherwise.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide.model import MediaFacts
from bonafide_inference.detectors.synthetic_image import pixels
from bonafide_inference.detectors.synthetic_image.camera import read_camera
from bonafide_inference.inspect import Limits, inspect
from PIL import Image

from training.metrics import auc
from training.picture_crops import GROUPS
from training.picture_folds import TRIVIAL, Fold, carries, folds, table
from training.synthetic_image_card import card

__all__ = ["Counts", "Looked", "camera_table", "look_at", "train"]

LLR_MOST = 1.7
"""Cap of a camera record's LLR, p of 0.15: copying one into a file takes one command."""
DECLARED = {"llr": 3.63, "low": 3.05, "high": 4.6}
"""The counted ratio of declarations: 29 of 200 generated, 0 of 779 others (`picture_traces`, decision 16)."""
LIMITS = {
    "least_side": 64.0, "plain_most": 0.8, "hues_least": 0.01, "quality_least": 40.0, "blocks_most": 2.0,
}  # fmt: skip
METADATA_FOLDERS = ("forensic/exif/exif-samples", "forensic/aigen-meta")
"""Camera files and generators' files that were collected for their metadata: one of either kind."""


@dataclass(frozen=True)
class Looked:
    """One picture: its folder, whether it was generated, is its camera record coherent, its pixels."""

    folder: str
    generated: bool
    clear: bool
    camera: bool
    size: tuple[int, int]
    seen: pixels.Pixels


@dataclass(frozen=True)
class Counts:
    """Coherent camera records among genuine and generated files."""

    genuine: int
    of_genuine: int
    generated: int
    of_generated: int


def train(data: Path, target: Path, *, unstated: bool = False) -> None:
    """Count, try, and write ``target``.

    The networks learn from ``clear`` rows; with ``unstated`` there is a second figure of each, from all rows.

    Raises
    ------
    RuntimeError
        If a network carries over: then it should be shipped, and nothing here does that.
    """
    looked = look_at(data)
    counts = _counts(looked)
    found = folds(data, unstated=unstated)
    if carries(found):
        raise RuntimeError("a network carries over to every group held out: export it and calibrate it")
    manifest = _manifest(counts, looked, found)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (target / "card.md").write_text(card(manifest, counts, table(found), _measurements(looked)))


def look_at(data: Path) -> list[Looked]:
    """Every picture of the material's image folders and of `METADATA_FOLDERS` that can be read."""
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [
            line for line in csv.DictReader(file) if line["path"].startswith(("image/", *METADATA_FOLDERS))
        ]
    found = []
    for line in sorted(rows, key=lambda line: line["path"]):
        path = data / line["path"]
        media = inspect(str(path), Limits(inspect_seconds=120.0))
        if not isinstance(media, MediaFacts):
            continue
        _, _, camera = read_camera(str(path), media)
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        found.append(
            Looked(
                line["path"].split("/")[2],
                line["label"] == "generated" or line["path"].startswith("forensic/aigen-meta"),
                line["release"] == "clear", camera.coherent, rgb.size, pixels.look(pixels.crops(rgb)),
            )
        )  # fmt: skip
    return found


def _counts(looked: list[Looked]) -> Counts:
    made = [one for one in looked if one.generated]
    taken = [one for one in looked if not one.generated]
    return Counts(sum(one.camera for one in taken), len(taken), sum(one.camera for one in made), len(made))


def camera_table(counts: Counts, rounds: int = 20_000, seed: int = 1) -> dict[str, float]:
    """LLR of a coherent camera record with its 95 % interval (Jeffreys prior on both rates), capped.

    Returns
    -------
    dict
        ``llr``, ``low``, ``high`` (nats) after the cap of `LLR_MOST`, and ``measured`` before it.
    """
    rng = np.random.default_rng(seed)
    made = rng.beta(counts.generated + 0.5, counts.of_generated - counts.generated + 0.5, rounds)
    taken = rng.beta(counts.genuine + 0.5, counts.of_genuine - counts.genuine + 0.5, rounds)
    high = float(np.percentile(np.log(made + 1e-9) - np.log(taken + 1e-9), 97.5))
    rates = (
        (counts.generated + 0.5) / (counts.of_generated + 1),
        (counts.genuine + 0.5) / (counts.of_genuine + 1),
    )
    measured = float(np.log(rates[0] / rates[1]))
    llr = max(-LLR_MOST, min(0.0, measured))
    return {
        "llr": round(llr, 3), "low": round(llr, 3), "high": round(max(llr, high), 3),
        "measured": round(measured, 3),
    }  # fmt: skip


def _manifest(counts: Counts, looked: list[Looked], found: list[Fold]) -> dict[str, Any]:
    camera = camera_table(counts)
    columns = {
        "score": [-1.0, 0.0, 1.0],
        **{name: [camera[name], 0.0, DECLARED[name]] for name in ("llr", "low", "high")},
    }
    tried = sorted((fold for fold in found if fold.kind != TRIVIAL), key=lambda fold: fold.delivered[0])
    worst, best = tried[0], tried[-1]
    return {
        "name": "synthetic_image",
        "title": "Made by a generator or by a camera: declarations, camera records, what pixels show",
        "version": "1.0.0", "operation": "synthetic_image", "type": "rule", "kind": "image",
        "media_kinds": ["image"], "entry": "detector:SyntheticImage",
        "input": {"bytes": "all blocks of the file", "pixels": "9 crops of 256 px, native resolution"},
        "preprocessing": {}, "calibration": {"kind": "likelihood-ratio-table", **columns},
        "thresholds": LIMITS, "ood": _ordinary(looked), "licence": "Apache-2.0",
        "data": "counts on image/ and " + ", ".join(METADATA_FOLDERS) + "; networks: not shipped",
        "figures": {
            "camera_records": f"{counts.genuine} of {counts.of_genuine} genuine, "
            f"{counts.generated} of {counts.of_generated} generated",
            "camera_llr_measured": camera["measured"], "camera_llr_cap": -LLR_MOST,
            "network_worst_auc": worst.delivered[0], "network_worst_group": worst.group,
            "network_best_auc": best.delivered[0], "network_best_group": best.group,
            "network_shipped": "no",
        },
    }  # fmt: skip


def _ordinary(looked: list[Looked]) -> dict[str, Any]:
    """Means and spreads of what every picture has, over all photographs: what is far from it is unknown."""
    names = ("plain", "hues", "detail")
    rows = np.array([
        [getattr(one.seen, name) for name in names]
        for one in looked if not one.generated and one.folder in GROUPS
    ])  # fmt: skip
    return {
        "features": list(names), "mean": [round(float(x), 4) for x in rows.mean(0)],
        "std": [round(float(x), 4) for x in rows.std(0)], "limit": 6.0,
    }  # fmt: skip


def _measurements(looked: list[Looked]) -> str:
    """AUC of every measurement within each group, and of size as control: above 1/2, generated is higher."""
    names = [*pixels.Pixels.__dataclass_fields__, "size"]
    groups = defaultdict(list)
    for one in looked:
        if one.folder in GROUPS:
            groups[GROUPS[one.folder]].append(one)
    lines = ["| group | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for group, some in sorted(groups.items()):
        cells = []
        for name in names:
            pairs = [
                (value, one.generated)
                for one in some
                if (value := one.size[0] * one.size[1] if name == "size" else getattr(one.seen, name))
                is not None
            ]
            scores, labels = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
            cells.append(f"{auc(scores, labels):.2f}")
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
