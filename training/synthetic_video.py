"""``synthetic_video``: whether noise and residuals over time tell generated clips from filmed ones.

Measured as a logistic regression that never saw the two sources it is asked about (one filmed, one
generated), beside the same of trivial variables. The detector is a rule without
a score as long as it does not win.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.synthetic_video.detector import FRAME_NAMES, SHOWN, frames_shown, measured
from bonafide_inference.detectors.synthetic_video.measure import FPS, NAMES, SIDE
from bonafide_inference.frames import Stretch, read_reel
from numpy.typing import NDArray

from training.clips import Clip, clips, either, figure, seconds, words
from training.logistic import fit
from training.metrics import auc

__all__ = ["train"]

TRIVIAL = ("side", "rate", "seconds", "bytes_per_pixel")
GENERATED = ("generated", "lipsync")
LONGEST_S = 4.0


def train(data: Path, target: Path) -> None:
    """Measure, and write manifest and card."""
    seen = [found for clip in clips(data) if (found := _measure(clip)) is not None]
    table: dict[str, NDArray[Any]] = {
        "rows": np.array([rows for _, rows, _, _ in seen]),
        "frames": np.array([frames for _, _, frames, _ in seen]),
        "trivial": np.array([t for *_, t in seen]),
        "source": np.array([clip.source for clip, *_ in seen]),
        "made": np.array([clip.source.split("/")[0] in GENERATED for clip, *_ in seen]),
        "clear": np.array([clip.clear for clip, *_ in seen]),
    }  # fmt: skip
    own, trivial = (_left_out(table[key], table) for key in ("rows", "trivial"))
    frames = _left_out(table["frames"], table)
    both = _left_out(np.c_[table["rows"], table["frames"]], table)
    clear = table["clear"]
    bare = fit(table["rows"][clear], table["made"][clear], ridge=3.0)(table["rows"][~clear])
    figures = {
        "left_out_auc": round(float(np.mean(list(own.values()))), 3),
        "left_out_trivial_auc": round(float(np.mean(list(trivial.values()))), 3),
        "left_out_frames_auc": round(float(np.mean(list(frames.values()))), 3),
        "left_out_both_auc": round(float(np.mean(list(both.values()))), 3),
        "clear_only_auc": round(auc(bare, table["made"][~clear]), 3), "clips": len(seen),
    }  # fmt: skip
    manifest = {
        "name": "synthetic_video", "title": "Noise and residuals over time", "version": "1.0.0",
        "operation": "synthetic_video", "type": "rule", "kind": "video", "media_kinds": ["video"],
        "entry": "detector:SyntheticVideo", "input": {"bursts": "native rate, 4 s"},
        "preprocessing": {"side_px": SIDE, "fps": FPS}, "calibration": None, "licence": "Apache-2.0",
        "data": "measured on the clips of the material; nothing is trained", "figures": figures,
    }  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (target / "card.md").write_text(_card(_tables(table, own, trivial), figures), encoding="utf-8")


def _measure(clip: Clip) -> tuple[Clip, NDArray[Any], list[float], list[float]] | None:
    length = seconds(clip.path, LONGEST_S)
    reel = read_reel(str(clip.path), clip.family, Stretch(end_s=LONGEST_S, length_s=length))
    seen = measured(reel.bursts)[1]
    if not seen:
        return None
    height, width = reel.frames[0].rgb.shape[:2]
    lasts = reel.bursts[-1].frames[-1].time_s
    density = clip.path.stat().st_size / (height * width * max(lasts, 0.1))
    shown = [value or 0.0 for value in frames_shown(reel.bursts).values()]
    middle = np.mean([one.row for one in seen], axis=0)
    return clip, middle, shown, [float(min(height, width)), reel.rate, lasts, density]


def _left_out(values: NDArray[Any], table: dict[str, NDArray[Any]]) -> dict[tuple[str, str], float]:
    """AUC of each pair of a filmed and a generated source, by a model that saw neither."""
    source, made = table["source"], table["made"]
    found = {}
    for filmed, generated in product(np.unique(source[~made]), np.unique(source[made])):
        out = np.isin(source, (filmed, generated))
        found[str(filmed), str(generated)] = auc(
            fit(values[~out], made[~out], ridge=3.0)(values[out]), made[out]
        )
    return found


def _tables(
    table: dict[str, NDArray[Any]],
    own: dict[tuple[str, str], float],
    trivial: dict[tuple[str, str], float],
) -> str:
    filmed, made = (list(dict.fromkeys(pair[n] for pair in own)) for n in (0, 1))
    lines = ["| generated \\ filmed | " + " | ".join(filmed) + " |", "|---" * (len(filmed) + 1) + "|"]
    for generated in made:
        cells = [f"{own[one, generated]:.2f} / {trivial[one, generated]:.2f}" for one in filmed]
        lines.append(f"| {generated} | {' | '.join(cells)} |")
    lines += ["", "| measurement alone | AUC (95 %, by source) |", "|---|---|"]
    lines += [
        f"| {name} | {words(figure(table['rows'][:, n], table['made'], list(table['source'])))} |"
        for n, name in enumerate(NAMES)
    ]
    made_of = table["made"], list(table["source"])
    lines += [
        f"| one frame: {name} | {words(figure(table['frames'][:, n], *made_of))} |"
        for n, name in enumerate(FRAME_NAMES)
    ]
    lines += [
        f"| trivial: {name}, whichever way | {either(table['trivial'][:, n], table['made']):.3f} |"
        for n, name in enumerate(TRIVIAL)
    ]
    return "\n".join(lines)


def _card(grid: str, figures: dict[str, Any]) -> str:
    return f"""# synthetic_video 1.0.0

Written by `python -m training.train synthetic_video --data ../shared/data`; do not edit.

**Asks** whether a video was generated as a whole, by what only time shows: how the noise, the fine detail
and the brightness change from frame to frame. Frames are made equal first: the middle square, {SIDE} pixels,
{FPS:g} frames a second. A rule, no learned weights, **and no score**: the answer is always `inconclusive`
(`no_calibrated_score`), with the measurements as evidence. A regression over them, fitted for this card only
(on rows of unstated licence too; it is not shipped), reaches {figures["left_out_auc"]} on pairs of sources
that it did not see; over the picture detector's measurements of single frames (below)
{figures["left_out_frames_auc"]}, over both {figures["left_out_both_auc"]}; over trivial variables
{figures["left_out_trivial_auc"]}. Fitted on `clear`
rows only (Loopy against two filmed sources) it reaches {figures["clear_only_auc"]} on all others. Clips with
a manipulated face count as filmed here, Loopy as generated. The codec is not made equal but for the
shrinking. `synthetic_image` has no score of pixels (decision 55), so what it measures of single frames takes
part as it is: {len(FRAME_NAMES)} values on native luma, the middle 256 pixels, medians of six frames.

**Shown**: of every frame that was compared how much it changes, its noise (where the picture is calm, and the
lesser of what is between it and its two neighbours: a cut is no noise) and its detail, as a timeline in
robust standard deviations from the stretch's own middle; and a contact sheet of the {SHOWN} frames whose
noise lies furthest from it. That is a ranking, not a suspicion: filmed clips have such frames, too (decision
0098).

**Silent** with fewer than eight consecutive frames at {FPS:g} a second (`too_few_frames`) and on plain
pictures (`nothing_in_picture`).

AUC of each pair of sources that the model did not see / of trivial variables likewise
({", ".join(TRIVIAL)}):

{grid}

Figures: {json.dumps(figures)}.
"""
