"""``face_manipulation`` (picture and video): a small network on self-blended faces of genuine people only.

No manipulated face is trained on. The score is calibrated, and so shipped as a score, only if it tells real
manipulated clips from genuine ones of unseen sources better than chance (lower end of the interval) and
better than softness alone; otherwise the manifest has no calibration and the detector abstains (decision
0065).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.face_manipulation.faces_in import MARGIN, SIDE, softness
from numpy.typing import NDArray

from training.clips import either, figure, words
from training.face_blend import blended, finished, jittered
from training.face_material import Crops, face_crops
from training.metrics import auc
from training.platt import fit_platt

__all__ = ["UNSEEN", "train"]

UNSEEN = ("video/genuine/ffpp", "video/genuine/vidtimit")
"""Genuine sources that are never trained on, also with ``unstated``: what real fakes are held against."""
SECONDS = 330.0
CACHE = Path(tempfile.gettempdir()) / "bonafide-faces"
SIMULATED = 3


def train(data: Path, target: Path, unstated: bool = False) -> None:
    """Train on ``clear`` rows (with ``unstated`` on all but `UNSEEN`), measure, write both model folders."""
    from training.face_net import export, fitted, scores

    crops = face_crops(data, CACHE)
    known = ~crops.fake & ~np.isin(crops.folder, UNSEEN) & ((crops.release == "clear") | unstated)
    net = fitted(crops.pick(known), SECONDS)
    weights = export(net)
    real = _clips(crops, scores(net, crops.rgb))
    fresh = {
        folder: _simulated(crops.pick(crops.folder == folder))
        for folder in (*UNSEEN, *(() if unstated else ("image/genuine/ffhq256",)))
    }
    tables, figures = _figures(
        real, {name: (scores(net, x), y, x) for name, (x, y) in fresh.items()}, known, crops
    )
    believed = figures["clips_auc_low"] > 0.5 and figures["clips_auc"] > figures["clips_softness_auc"]
    calibration = None
    if believed:
        pick = ~np.isin(real["folder"], crops.folder[known])
        platt = fit_platt(real["score"][pick], real["fake"][pick], list(real["folder"][pick]))
        calibration = platt.model_dump(mode="json")
    CACHE.mkdir(exist_ok=True)
    notes = [CACHE / f"headline-{name}.json" for name in ("clear", "all")]
    notes[unstated].write_text(json.dumps(figures), encoding="utf-8")
    other = notes[not unstated]
    beside = json.loads(other.read_text(encoding="utf-8")) if other.exists() else None
    for place in (target, target.parent / f"{target.name}_video"):
        manifest = _manifest(place.name, weights, calibration, figures, int(known.sum()), unstated)
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.onnx").write_bytes(weights)
        (place / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        card = _card(place.name, tables, figures, beside, manifest["data"], believed, unstated)
        (place / "card.md").write_text(card, encoding="utf-8")


def _simulated(crops: Crops) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Each face `SIMULATED` times genuine and self-blended, both finished."""
    rng = np.random.default_rng(9)
    pictures, labels = [], []
    for rgb, marks in zip(crops.rgb, crops.marks, strict=True):
        for _ in range(SIMULATED):
            moved, points = jittered(rgb, marks, rng)
            pictures += [finished(moved, rng), finished(blended(moved, points, rng)[0], rng)]
            labels += [False, True]
    return np.stack(pictures), np.array(labels)


def _clips(crops: Crops, scores: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """One row a clip: median score of its faces, median softness, label, folder."""
    control = np.array([softness(rgb) for rgb in crops.rgb])
    rows = []
    for origin in np.unique(crops.origin[np.char.startswith(crops.folder, "video/")]):
        mine = crops.origin == origin
        rows.append((
            origin, crops.folder[mine][0], bool(crops.fake[mine][0]), float(np.median(scores[mine])),
            float(np.median(control[mine])), float(np.median(crops.side[mine])),
        ))  # fmt: skip
    names = ("origin", "folder", "fake", "score", "softness", "side")
    return dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))


def _figures(
    real: dict[str, NDArray[Any]],
    fresh: dict[str, tuple[Any, Any, Any]],
    known: NDArray[np.bool_],
    crops: Crops,
) -> tuple[str, dict[str, Any]]:
    lines = ["| simulated, unseen sources | pairs | AUC | softness alone |", "|---|---|---|---|"]
    for name, (scores, labels, pictures) in fresh.items():
        control = either(np.array([softness(rgb) for rgb in pictures]), labels)
        lines.append(f"| {name} | {len(labels) // 2} | {auc(scores, labels):.3f} | {control:.3f} |")
    unseen = ~np.isin(real["folder"], crops.folder[known])
    judged = unseen | real["fake"]
    genuine = judged & ~real["fake"]
    lines += [
        "", "| real clips, none trained on | genuine | fake | AUC (95 %, by clip) | softness | face size |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    kinds = sorted(set(real["folder"][real["fake"]]))
    for name, pick in (*((k, genuine | (real["folder"] == k)) for k in kinds), ("**all**", judged)):
        row = {key: values[pick] for key, values in real.items()}
        found = words(figure(row["score"], row["fake"], row["origin"]))
        trivial = " | ".join(f"{either(row[key], row['fake']):.3f}" for key in ("softness", "side"))
        lines.append(
            f"| {name} | {int((~row['fake']).sum())} | {int(row['fake'].sum())} | {found} | {trivial} |"
        )
    middle, low, high = figure(real["score"][judged], real["fake"][judged], real["origin"][judged])
    lines += ["", "| clips: raw score | clips | median | lowest | highest |", "|---|---|---|---|---|"]
    for name in np.unique(real["folder"]):
        some = real["score"][real["folder"] == name]
        trained = " (trained on)" if name in crops.folder[known] else ""
        lines.append(
            f"| {name}{trained} | {len(some)} | {np.median(some):.2f} | {some.min():.2f} | {some.max():.2f} |"
        )
    first = fresh[UNSEEN[0]]
    return "\n".join(lines), {
        "clips_auc": round(middle, 3), "clips_auc_low": round(low, 3), "clips_auc_high": round(high, 3),
        "clips_softness_auc": round(either(real["softness"][judged], real["fake"][judged]), 3),
        "simulated_unseen_auc": round(auc(first[0], first[1]), 3),
    }  # fmt: skip


def _manifest(
    name: str, weights: bytes, calibration: dict[str, Any] | None, figures: dict[str, Any], faces: int,
    unstated: bool,
) -> dict[str, Any]:  # fmt: skip
    video = name.endswith("_video")
    rows = "clear rows and rows of unstated licence" if unstated else "clear rows only"
    return {
        "name": name, "title": "Pasted or swapped face" + (" (video)" if video else ""), "version": "1.0.0",
        "operation": "face_manipulation", "type": "learned", "kind": "video" if video else "image",
        "media_kinds": ["video" if video else "image"],
        "entry": "detector:FaceManipulationVideo" if video else "detector:FaceManipulation",
        "input": {"face_px": SIDE, "margin": MARGIN}, "preprocessing": {"each_crop": "mean 0, spread 1"},
        "calibration": calibration, "sha256": hashlib.sha256(weights).hexdigest(), "licence": "Apache-2.0",
        "data": f"{rows}: {faces} genuine faces; manipulations are self-blends made by the training code",
        "figures": figures,
    }  # fmt: skip


def _said(figures: dict[str, Any], believed: bool) -> str:
    return (
        "The score is calibrated on the real clips below; it is bounded by what they support."
        if believed
        else "**It does not tell real manipulated clips from genuine ones** (AUC "
        f"{figures['clips_auc']}, 95 % {figures['clips_auc_low']} to {figures['clips_auc_high']}; "
        f"softness alone\n{figures['clips_softness_auc']}), so there is **no calibrated score**: "
        "the answer is `inconclusive`\n"
        "(`no_calibrated_score`); faces, tracks and raw scores are evidence only, and no clip is accused."
    )


def _card(
    name: str, tables: str, figures: dict[str, Any], beside: dict[str, Any] | None, data: str, believed: bool,
    unstated: bool,
) -> str:  # fmt: skip
    which = ["clear rows", "all rows (`--unstated`)"]
    if unstated:
        which.reverse()
    return f"""# {name} 1.0.0

Written by `python -m training.train face_manipulation --data ../shared/data`; do not edit. The folders
`face_manipulation` (pictures) and `face_manipulation_video` (windows of video) hold the same weights.

**Asks** whether the inner face was pasted, swapped or re-rendered: seams, and mismatches of colour, sharpness
and place between it and its surroundings. A network of four layers sees one face at {SIDE} pixels. A picture
is judged face by face; a video track by track: a track's score is the median of its faces, the file's the
mean of the tracks' likelihood ratios, so one bad frame decides nothing. **Silent** without a face
(`no_face`), or when all are too small, dark, bright, blurred or turned. `manipulation_type` is always null:
nothing here tells a swap from a reenactment.

{_said(figures, believed)}

**Trained on simulation only** (`training/face_blend.py`, after Shiohara & Yamasaki, CVPR 2022): a genuine
face, changed, pasted over itself; both classes through the same resize, blur, noise, JPEG. Data: {data}.
It was given {SECONDS:.0f} s of one shared processor by the clock, some 270 batches of 32: far too little,
and a network given more would differ. Whole faces made by a generator, and videos re-rendered in whole, have
no seam and are not what this looks for.

{tables}

Five genuine clips of two sources are all that the real fakes can be held against: the intervals, drawn by
clip, do not know how sources differ.

Figures, trained on {which[0]}: {json.dumps(figures)}.
Trained on {which[1]}: {json.dumps(beside) if beside else "not measured yet"}.
"""
