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
from bonafide.model import Interval
from bonafide_inference.calibration import LikelihoodRatioTable
from bonafide_inference.detectors.audio_replay.features import NAMES
from bonafide_inference.models import Manifest
from numpy.typing import NDArray

from training import perceptron, replays_cache
from training.calibrate import Judged as Calibrations
from training.calibrate import balanced_weights, confidence, expected_calibration_error, leave_out
from training.cards import compared, listed
from training.metrics import auc, bootstrap
from training.platt import fit_platt
from training.replays import GENUINE, REPLAYS
from training.replays_cache import Taken
from training.speech_material import speech

__all__ = ["Judged", "judge", "line", "said", "tables", "train"]

CACHE = Path(".cache/speech")
VERSION = "1.2.0"
MOST_LLR = 2.2
"""Simulation supports no more (p of 0.9)."""
FAR_ALARMS = 0.05
"""Share of far-off genuine speech that may score above 0."""
MEMBERS = 3
GRID = 33
BEYOND = 12.0
"""LLRs without a bound."""
CLEAR, ALL = "clear", "clear and unstated"


@dataclass(frozen=True)
class Judged:
    """Leave-source-out raw scores of all recordings."""

    taken: Taken
    raw: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """1 for a replay."""
        return self.taken.replayed.astype(np.int64)


def train(data: Path, target: Path, clear: bool = False) -> None:
    """Train on all clips (with ``clear`` on those of a stated licence), calibrate, write the folder."""
    taken = replays_cache.of(speech(data), CACHE)
    judged, model = judge(taken, clear)
    weights = perceptron.onnx_bytes(model)
    table = manifest(judged, hashlib.sha256(weights).hexdigest(), clear)
    other, _ = judge(taken, not clear)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(weights)
    (target / "model.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    text = card(judged, table, headline(other))
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)


def judge(taken: Taken, clear: bool = False) -> tuple[Judged, perceptron.Perceptron]:
    """Scores by a model that knows nothing of their source, and the model to ship.

    ``clear`` trains on sources of that release alone; the others are then judged by what is shipped.
    """
    usable = taken.clear if clear else np.ones(len(taken.rows), bool)
    shipped = _fitted(taken, usable)
    raw = shipped(taken.rows)
    for name in np.unique(taken.group[usable]):
        inside = taken.group == name
        raw[inside] = _fitted(taken, usable & ~inside)(taken.rows[inside])
    return Judged(taken, raw), shipped


def _fitted(taken: Taken, rows: NDArray[np.bool_]) -> perceptron.Perceptron:
    weights = balanced_weights(taken.replayed[rows].astype(int), list(taken.group[rows]))
    return perceptron.averaged([
        perceptron.fit(
            taken.rows[rows], taken.replayed[rows], weights, seed=seed, hidden=16, steps=500, decay=3e-3
        )
        for seed in range(MEMBERS)
    ])  # fmt: skip


def line(judged: Judged, rows: NDArray[np.bool_] | None = None) -> LikelihoodRatioTable:
    """The calibration, with no LLR above 0 for `FAR_ALARMS` of far-off genuine speech (decision 0087).

    Below the fitted zero it says what was fitted, from the moved zero on that much less, and 0 between the
    two: a line that is moved as a whole would clear replays. The interval's upper end stays where it was.
    """
    rows = np.ones(len(judged.raw), bool) if rows is None else rows
    fitted = fit_platt(judged.raw[rows], judged.labels[rows], list(judged.taken.group[rows]))
    moved = max(0.0, fitted.slope * _zero(judged, rows) + fitted.offset) + 1e-3
    low, high = max(fitted.llr_low, -MOST_LLR), min(fitted.llr_high, MOST_LLR)
    llrs = np.unique(np.round([*np.linspace(low, high + moved, GRID), 0.0, moved], 5))
    scores = (llrs - fitted.offset) / fitted.slope
    free = fitted.model_copy(update={"llr_low": -BEYOND, "llr_high": BEYOND})
    ends = np.array([_ends(free.apply(float(score)).interval) for score in scores])
    said, least = np.clip(_stepped(llrs, moved), low, high), _stepped(ends[:, 0], moved)
    return LikelihoodRatioTable(
        kind="likelihood-ratio-table",
        score=tuple(round(float(x), 4) for x in scores),
        llr=tuple(round(float(x), 4) for x in said),
        low=tuple(round(float(x), 4) for x in np.maximum(least, -MOST_LLR)),
        high=tuple(round(float(x), 4) for x in np.minimum(ends[:, 1], MOST_LLR)),
    )


def _ends(interval: Interval) -> tuple[float, float]:
    low, high = (float(np.log(p / (1 - p))) for p in (interval.low, interval.high))
    return low, high


def _stepped(llrs: NDArray[np.float64], moved: float) -> NDArray[np.float64]:
    return np.where(llrs <= 0, llrs, np.maximum(0, llrs - moved))


def manifest(judged: Judged, sha256: str, clear: bool = False) -> dict[str, Any]:
    """``model.json`` as a table."""
    rows = judged.taken.rows[judged.taken.clear] if clear else judged.taken.rows
    table = {
        "name": "audio_replay", "title": "Voice played by a loudspeaker", "version": VERSION,
        "operation": "audio_replay", "type": "learned", "kind": "audio", "media_kinds": ["audio", "video"],
        "entry": "detector:AudioReplay", "input": {"rate_hz": 16000, "features": list(NAMES)},
        "preprocessing": {"window_s": 4.0, "least_speech": 0.4},
        "calibration": line(judged).model_dump(),
        "ood": {"features": list(NAMES), "mean": [round(float(x), 4) for x in rows.mean(0)],
                "std": [round(float(x) + 1e-3, 4) for x in rows.std(0)], "limit": 8.0},
        "sha256": sha256, "licence": "Apache-2.0",
        "data": f"genuine speech of the material, release {CLEAR if clear else ALL}; replays simulated",
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


def said(judged: Judged) -> tuple[Calibrations, NDArray[np.bool_]]:
    """What a calibration made without its source says of each recording, and whether that is above 0."""
    found = Calibrations(*(np.zeros(len(judged.raw)) for _ in range(3)))
    above = np.zeros(len(judged.raw), bool)
    for name in np.unique(judged.taken.group):
        inside = judged.taken.group == name
        fitted = line(judged, ~inside)
        for row in np.flatnonzero(inside):
            told = fitted.apply(float(judged.raw[row]))
            found.p[row], found.low[row], found.high[row] = told.p_fake, told.interval.low, told.interval.high
            above[row] = told.llr > 0
    return found, above


def headline(judged: Judged) -> dict[str, float]:
    """The few figures that the manifest holds; all of simulation."""
    taken, labels, groups = judged.taken, judged.labels, list(judged.taken.group)
    low, high = bootstrap(lambda rows: auc(judged.raw[rows], labels[rows]), groups)
    calibrated, above = said(judged)
    far = taken.kind == "far"
    verdicts = confidence(calibrated, labels, groups)
    weights = balanced_weights(labels, groups)
    plain = leave_out(judged.raw, labels, groups, fit=fit_platt)
    found = {
        "auc": auc(judged.raw, labels), "auc_low": low, "auc_high": high,
        "auc_against_far": auc(judged.raw[taken.replayed | far], labels[taken.replayed | far]),
        "replays_above_0": above[taken.replayed].mean(), "far_above_0": above[far].mean(),
        "far_above_0_high": bootstrap(lambda rows: above[far][rows].mean(), list(taken.group[far]))[1],
        "genuine_above_0": above[~taken.replayed].mean(),
        "worst_source_above_0": max(above[~taken.replayed & (taken.group == g)].mean() for g in set(groups)),
        "worst_source_accused": max(verdicts.false_alarms.values()),
        "decided": verdicts.decided, "error_decided": verdicts.error, "replays_accused": verdicts.detected,
        "ece": expected_calibration_error(calibrated.p, labels, weights),
        "ece_fitted": expected_calibration_error(plain.p, labels, weights),
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in found.items()}


def tables(judged: Judged) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """(title, columns, rows): replays by loudspeaker, genuine recordings by kind and source, probes."""
    taken, labels, (_, above) = judged.taken, judged.labels, said(judged)
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


def card(judged: Judged, table: dict[str, Any], other: dict[str, float]) -> str:
    """``card.md``; ``other`` are the figures of a model on the other choice of rows."""
    figures = table["figures"]
    columns = (ALL, CLEAR) if table["data"].count(ALL) else (CLEAR, ALL)
    lines = [
        INTRODUCTION.format(version=table["version"], most=MOST_LLR, rows=columns[0]),
        *compared(columns, "AUC", HEADLINE, figures, other), *listed(tables(judged)),
    ]  # fmt: skip
    return "\n".join([*lines, LIMITS]).rstrip() + "\n"


HEADLINE = {
    "auc_against_far": "AUC, replays against far-off genuine speech",
    "replays_above_0": "replays with an LLR above 0",
    "far_above_0": "far-off genuine speech with an LLR above 0",
    "far_above_0_high": "the same, upper end of 95 % (drawing sources)",
    "genuine_above_0": "all genuine speech with an LLR above 0",
    "worst_source_above_0": "worst source of genuine speech, LLR above 0",
    "worst_source_accused": "worst source of genuine speech, called a replay (default policy)",
    "decided": "share with a verdict (default policy)",
    "error_decided": "error among these",
    "replays_accused": "replays called so",
    "ece": "ECE, sources weighed",
    "ece_fitted": "ECE of the fitted line, before LLRs above its zero were lowered",
}

INTRODUCTION = """# audio_replay {version}

**Asks** whether a voice was played by a loudspeaker and recorded again. **Says** `scored` with a
calibrated LLR of the channel and one of every four seconds, or `inconclusive` with the reason (the
gates of the sound, `scattered_speech`, `out_of_distribution`).

**All replays are simulated**, and so is the genuine speech at a distance: there is no recording of a
real replay in the material. Therefore |LLR| is at most {most:g}, and no more than one in twenty of far-off
genuine speech may be above 0 in 97 of 100 draws of sources (decision 0048). LLRs above the fitted zero are
lowered by as much as that takes, to 0 at least; those below it are as fitted (decision 0087). The figures
are of calibrations made without the source that they judge.

Thirty-five measurements of four seconds: the spectrum of what is spoken (`band_*`), of the pauses
(`floor_*`), lost lows and highs, resonances (`ripple`), how deep pauses are, how fast sound dies away
(`decay_*`, `smear`), the distribution of samples (`crest`, `kurtosis`, `skew`, `squeezed`,
`distortion`) and of the residual of linear prediction. A perceptron of three times 16 units judges
them.

Simulated (`training/replays.py`, seed 21): a telephone's, a laptop's or a desk loudspeaker (corner at
350–800, 180–400, 60–140 Hz, resonances, soft limit), a room (RT60 0.15–0.9 s) and a microphone 0.2–1.5
m away; genuine: near by, 1–4 m away in such rooms, by a headset that cuts lows at 100–300 Hz. All then
with a random level, one in seven coded. Clips of release {rows}, without those that the detector declines
(a gate, or less than two fifths of it speech; the gate for 3 s of speech in all is left open, as few clips
have so much); each source judged by a model without it. Made again by `make train MODEL=audio_replay`
(`ARGS=--clear` trains on rows with a stated licence alone), measured by `make bench-speech`.
"""

LIMITS = """**Limits.** A good loudspeaker close to the microphone in a dry room leaves almost nothing.
A microphone that cuts lows and a reverberant room together look like a replay. What a real telephone's
loudspeaker, echo canceller and automatic gain do was not simulated. It is one hint among others, never
a proof.
"""
