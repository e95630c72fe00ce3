"""Manifest and card of `face_manipulation`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from bonafide_inference.detectors.face_manipulation.faces_in import MARGIN, SIDE

from training.face_figures import Found

__all__ = ["VERSION", "card", "manifest"]

VERSION = "1.2.0"


def manifest(name: str, weights: bytes, found: Found, faces: int, clear: bool) -> dict[str, Any]:
    """The manifest of the picture's or the video's folder."""
    video = name.endswith("_video")
    rows = "clear rows only" if clear else "clear rows and rows of unstated licence"
    calibration = found.calibration.model_dump(mode="json") if found.calibration else None
    return {
        "name": name, "title": "Pasted or swapped face" + (" (video)" if video else ""), "version": VERSION,
        "operation": "face_manipulation", "type": "learned", "kind": "video" if video else "image",
        "media_kinds": ["video" if video else "image"],
        "entry": "detector:FaceManipulationVideo" if video else "detector:FaceManipulation",
        "input": {"face_px": SIDE, "margin": MARGIN}, "preprocessing": {"each_crop": "mean 0, spread 1"},
        "calibration": calibration, "sha256": hashlib.sha256(weights).hexdigest(), "licence": "Apache-2.0",
        "data": f"{rows}: {faces} genuine faces; manipulations are self-blends made by the training code; "
        "the frozen stages are EfficientNet-Lite0's (Apache-2.0, ImageNet)",
        "figures": found.headline,
    }  # fmt: skip


def _said(found: Found) -> str:
    figures = found.headline
    auc = f"AUC {figures['swaps_auc']}, 95 % {figures['swaps_auc_low']} to {figures['swaps_auc_high']}"
    beside = f"softness alone {figures['swaps_softness_auc']}"
    if found.believed:
        return (
            f"On real swapped and reenacted clips: {auc}; {beside}. The score is calibrated on them; it is\n"
            "bounded by what they support."
        )
    return (
        f"**It does not tell real swapped clips from genuine ones well enough** ({auc};\n{beside}): the "
        "interval must lie above one half, and that of the gain over softness above zero.\n"
        "So there is **no calibrated score**: the answer is `inconclusive` (`no_calibrated_score`); faces,\n"
        "tracks, raw scores and the heatmap are evidence only, and nobody is accused."
    )


def _where(figures: dict[str, Any]) -> str:
    if "heat_peak" not in figures:
        return "not measured"
    gain = "{heat_peak_gain:+.2f} ({heat_peak_gain_low:+.2f} to {heat_peak_gain_high:+.2f}, drawing sources)"
    return (
        f"the peak is on the seam in {figures['heat_peak']:.0%}, another face's in "
        f"{figures['heat_peak_other']:.0%}, any cell\nin {figures['heat_peak_random']:.0%}; "
        f"what is a face's own: {gain.format(**figures)}. The heatmap's title says so"
    )


def _read(figures: dict[str, Any]) -> str:
    """How the tables are to be read."""
    return f"""\
Below, a genuine file is judged by the networks that have not heard its source, and a manipulated one by the
same; intervals draw files again and do not know how sources differ. A clip's score is the median of at most
twelve faces. *In a pair*: how often the blended one is higher. *Cells*: whether a cell of the map is higher
in faces that have a seam there (AUC, each cell by itself). *Gain*: AUC less that of softness, 95 %. *Above
the threshold*: a score that 5 % of the genuine files of all other sources exceed, each counting alike.

**What the heatmap is worth**, on blended faces of sources not heard (second table): AUC of the seam's cells
within a picture, by its own map and by the map of *another* face laid over it; how often the hottest cell
(the peak) lies on the seam, by either map and for any cell. Most of it is to know that seams lie around a
face: {_where(figures)}."""


def card(about: dict[str, Any], found: Found, beside: dict[str, Any] | None, clear: bool) -> str:
    """The text of card.md; ``beside``: the headline of the other choice of rows."""
    which = ["all rows", "clear rows (`ARGS=--clear`)"]
    if clear:
        which.reverse()
    return f"""# {about["name"]} {VERSION}

Written by `make train MODEL=face_manipulation`; do not edit. The folders `face_manipulation` (pictures) and
`face_manipulation_video` (windows of video) hold the same weights.

**Asks** whether the inner face was pasted, swapped or re-rendered: seams, and mismatches of colour, detail
and place between it and its surroundings. A face is seen at {SIDE} pixels, {MARGIN:.0%} around it.
Frozen first stages of an ImageNet network and a high-pass give means and energies of 16 x 16 cells, less
their mean over the crop; three small networks judge how these differ within it. The mean of the three counts,
their map of seams is the heatmap. A picture is judged face by face; a video track by track: a track's score
is the median of its faces, the file's the mean of the tracks' likelihood ratios, so one bad frame decides
nothing. **Silent** without a face (`no_face`), or when all are too small, dark, bright, blurred or turned.
`manipulation_type` is always null: nothing here tells a swap from a reenactment.

{_said(found)}

**Trained on simulation only** (`training/face_blend.py`, after Shiohara & Yamasaki, CVPR 2022, with the map
of seams of Face X-ray, Li et al., CVPR 2020): a genuine face, changed in colour and detail, bent, pasted over
itself within the hull of a part of its mesh; as often softer as sharper than what is around it; both members
of a pair through the same blur, noise, JPEG or H.264 and sizes. Data: {about["data"]}.
Each network hears two of three folds of the genuine sources; FaceForensics++'s and VidTIMIT's are heard by
none. Whole faces made by a generator, and videos rendered in whole (`lipsync/loopy`), have no seam and are
not what this looks for.

{_read(found.headline)}

{found.tables}

Figures, trained on {which[0]}: {json.dumps(found.headline)}.
Trained on {which[1]}: {json.dumps(beside) if beside else "not measured yet"}.
"""
