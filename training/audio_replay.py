"""Make ``audio_replay``: measurements of simulated replays and of genuine recordings, near and far.

Sources that may be trained on are judged by a model fitted without them, the others by the one that is
shipped; the calibration is fitted on such scores alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.audio_replay.features import NAMES
from bonafide_inference.models import Manifest
from numpy.typing import NDArray

from training import perceptron, replays_cache
from training.calibrate import (
    balanced_weights,
    confidence,
    expected_calibration_error,
    leave_out,
)
from training.metrics import auc, bootstrap
from training.platt import fit_platt
from training.replays import GENUINE, REPLAYS
from training.replays_cache import Taken
from training.speech_material import speech

__all__ = ["Judged", "judge", "tables", "train"]

CACHE = Path(".cache/speech")
VERSION = "1.1.0"
MOST_LLR = 2.2
"""Simulation supports no more (p of 0.9)."""
FAR_ALARMS = 0.05
"""Share of far-off genuine speech that may score above 0."""
MEMBERS = 3


@dataclass(frozen=True)
class Judged:
    """Leave-source-out raw scores of all recordings."""

    taken: Taken
    raw: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """1 for a replay."""
        return self.taken.replayed.astype(np.int64)


def train(data: Path, target: Path) -> None:
    """Train on clips whose licence permits it, calibrate, write the folder."""
    judged, model = judge(replays_cache.of(speech(data), CACHE))
    weights = perceptron.onnx_bytes(model)
    table = manifest(judged, hashlib.sha256(weights).hexdigest())
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(weights)
    (target / "model.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    text = card(judged, table)
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)


def judge(taken: Taken) -> tuple[Judged, perceptron.Perceptron]:
    """Scores by a model that knows nothing of their source, and the model to ship."""
    shipped = _fitted(taken, taken.clear)
    raw = shipped(taken.rows)
    for name in np.unique(taken.group[taken.clear]):
        inside = taken.group == name
        raw[inside] = _fitted(taken, taken.clear & ~inside)(taken.rows[inside])
    return Judged(taken, raw), shipped


def _fitted(taken: Taken, rows: NDArray[np.bool_]) -> perceptron.Perceptron:
    weights = balanced_weights(taken.replayed[rows].astype(int), list(taken.group[rows]))
    return perceptron.averaged([
        perceptron.fit(
            taken.rows[rows], taken.replayed[rows], weights, seed=seed, hidden=16, steps=500, decay=3e-3
        )
        for seed in range(MEMBERS)
    ])  # fmt: skip


def line(judged: Judged) -> dict[str, Any]:
    """The calibration, moved so that `FAR_ALARMS` of far-off genuine speech at most are above 0."""
    platt = fit_platt(judged.raw, judged.labels, list(judged.taken.group)).model_dump()
    zero = platt["slope"] * _zero(judged, np.ones(len(judged.raw), bool)) + platt["offset"]
    platt["offset"] = round(platt["offset"] - max(0.0, zero) - 1e-4, 5)
    bounds = {"llr_low": max(platt["llr_low"], -MOST_LLR), "llr_high": min(platt["llr_high"], MOST_LLR)}
    return platt | bounds


def manifest(judged: Judged, sha256: str) -> dict[str, Any]:
    """``model.json`` as a table."""
    rows = judged.taken.rows[judged.taken.clear]
    table = {
        "name": "audio_replay", "title": "Voice played by a loudspeaker", "version": VERSION,
        "operation": "audio_replay", "type": "learned", "kind": "audio", "media_kinds": ["audio", "video"],
        "entry": "detector:AudioReplay", "input": {"rate_hz": 16000, "features": list(NAMES)},
        "preprocessing": {"window_s": 4.0, "least_speech": 0.4},
        "calibration": line(judged),
        "ood": {"features": list(NAMES), "mean": [round(float(x), 4) for x in rows.mean(0)],
                "std": [round(float(x) + 1e-3, 4) for x in rows.std(0)], "limit": 8.0},
        "sha256": sha256, "licence": "Apache-2.0",
        "data": "genuine speech of the material, release clear; replays simulated",
        "figures": headline(judged),
    }  # fmt: skip
    Manifest.model_validate(table)
    return table


def _zero(judged: Judged, rows: NDArray[np.bool_]) -> float:
    """The raw score that at most `FAR_ALARMS` of far-off genuine speech exceed in 97 of 100 draws."""
    far = rows & (judged.taken.kind == "far")
    raw, groups = judged.raw[far], list(judged.taken.group[far])
    _, high = bootstrap(lambda some: float(np.quantile(raw[some], 1 - FAR_ALARMS)), groups)
    return high


def _positive(judged: Judged) -> NDArray[np.bool_]:
    """Whether each recording would score above 0 if the line had been moved without its source."""
    group = judged.taken.group
    zeros = {name: _zero(judged, group != name) for name in np.unique(group)}
    return np.asarray(judged.raw > np.array([zeros[name] for name in group]))


def headline(judged: Judged) -> dict[str, float]:
    """The few figures that the manifest holds; all of simulation."""
    taken, labels, groups = judged.taken, judged.labels, list(judged.taken.group)
    low, high = bootstrap(lambda rows: auc(judged.raw[rows], labels[rows]), groups)
    above, far = _positive(judged), taken.kind == "far"
    verdicts = confidence(leave_out(judged.raw, labels, groups, fit=fit_platt), labels, groups)
    found = {
        "auc": auc(judged.raw, labels), "auc_low": low, "auc_high": high,
        "auc_unheard": auc(judged.raw[~taken.clear], labels[~taken.clear]),
        "auc_against_far": auc(judged.raw[taken.replayed | far], labels[taken.replayed | far]),
        "replays_above_0": above[taken.replayed].mean(), "far_above_0": above[far].mean(),
        "far_above_0_high": bootstrap(lambda rows: above[far][rows].mean(), list(taken.group[far]))[1],
        "genuine_above_0": above[~taken.replayed].mean(),
        "worst_source_above_0": max(above[~taken.replayed & (taken.group == g)].mean() for g in set(groups)),
        "ece": expected_calibration_error(
            leave_out(judged.raw, labels, groups, fit=fit_platt).p, labels, balanced_weights(labels, groups)),
        "decided": verdicts.decided, "error_decided": verdicts.error,
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in found.items()}


def tables(judged: Judged) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """(title, columns, rows): replays by loudspeaker, genuine recordings by kind and source, probes."""
    taken, labels, above = judged.taken, judged.labels, _positive(judged)
    genuine = ~taken.replayed

    def replay(kind: str) -> tuple[Any, ...]:
        rows = genuine | (taken.kind == kind)
        mine = taken.kind == kind
        return kind, int(mine.sum()), auc(judged.raw[rows], labels[rows]), float(above[mine].mean())

    def true(name: str, mine: NDArray[np.bool_]) -> tuple[Any, ...]:
        far = mine & (taken.kind == "far")
        return (
            name,
            int(mine.sum()),
            float(above[mine].mean()),
            float(above[far].mean()) if far.any() else 0.0,
        )

    probes = ("low_loss", "high_loss", "depth", "band_60", "residual_kurtosis", "decay_low")
    return [
        ("replay", ("recordings", "AUC", "above 0"), [replay(kind) for kind in REPLAYS]),
        ("genuine recording", ("recordings", "above 0", "far off: above 0"),
         [true(kind, taken.kind == kind) for kind in GENUINE]),
        ("source of genuine speech", ("recordings", "above 0", "far off: above 0"),
         [true(str(name), genuine & (taken.group == name)) for name in np.unique(taken.group)]),
        ("one measurement alone", ("AUC",),
         [(name, auc(taken.rows[:, NAMES.index(name)], labels)) for name in probes]),
    ]  # fmt: skip


def card(judged: Judged, table: dict[str, Any]) -> str:
    """``card.md``."""
    figures = table["figures"]
    lines = [
        INTRODUCTION.format(version=table["version"], most=MOST_LLR),
        "| leave-source-out, simulated | |",
    ]
    lines += [
        "|---|---|",
        "| AUC (95 %, drawing sources) | {auc:.3f} ({auc_low:.3f}–{auc_high:.3f}) |".format(**figures),
    ]
    lines += [*(f"| {text} | {figures[name]:.3f} |" for name, text in HEADLINE.items()), ""]
    for title, columns, rows in tables(judged):
        lines += [f"| {title} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        lines += [
            "| " + " | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row) + " |"
            for row in rows
        ]
        lines.append("")
    return "\n".join([*lines, LIMITS]).rstrip() + "\n"


HEADLINE = {
    "auc_unheard": "AUC, sources of release `unstated` (never trained on)",
    "auc_against_far": "AUC, replays against far-off genuine speech",
    "replays_above_0": "replays with an LLR above 0",
    "far_above_0": "far-off genuine speech with an LLR above 0",
    "far_above_0_high": "the same, upper end of 95 % (drawing sources)",
    "genuine_above_0": "all genuine speech with an LLR above 0",
    "worst_source_above_0": "worst source of genuine speech, LLR above 0",
    "ece": "ECE before the line was moved, sources weighed",
    "decided": "share with a verdict (default policy), before the line was moved",
    "error_decided": "error among these",
}

INTRODUCTION = """# audio_replay {version}

**Asks** whether a voice was played by a loudspeaker and recorded again. **Says** `scored` with a
calibrated LLR of the channel and one of every four seconds, or `inconclusive` with the reason (the
gates of the sound, `scattered_speech`, `out_of_distribution`).

**All replays are simulated**, and so is the genuine speech at a distance: there is no recording of a
real replay in the material. Therefore |LLR| is at most {most:g}, and the line is moved until no more than one
in twenty of far-off genuine speech is above 0 in 97 of 100 draws of sources (decision 0048): 0 is not the
point of equal errors. The figures below are of a line that was moved without the source that it judges.

Thirty-five measurements of four seconds: the spectrum of what is spoken (`band_*`), of the pauses
(`floor_*`), lost lows and highs, resonances (`ripple`), how deep pauses are, how fast sound dies away
(`decay_*`, `smear`), the distribution of samples (`crest`, `kurtosis`, `skew`, `squeezed`,
`distortion`) and of the residual of linear prediction. A perceptron of three times 16 units judges
them.

Simulated (`training/replays.py`, seed 21): a telephone's, a laptop's or a desk loudspeaker (corner at
350–800, 180–400, 60–140 Hz, resonances, soft limit), a room (RT60 0.15–0.9 s) and a microphone 0.2–1.5
m away; genuine: near by, 1–4 m away in such rooms, by a headset that cuts lows at 100–300 Hz. All then
with a random level, one in seven coded. Clips of release `clear`, without those that the gate for
narrow bands declines; each source judged by a model without it. Made again by `make train
MODEL=audio_replay`, measured by `make bench-speech`.
"""

LIMITS = """**Limits.** A good loudspeaker close to the microphone in a dry room leaves almost nothing.
A microphone that cuts lows and a reverberant room together look like a replay. What a real telephone's
loudspeaker, echo canceller and automatic gain do was not simulated. It is one hint among others, never
a proof.
"""
