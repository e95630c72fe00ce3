"""The shipped synthetic_speech, measured leave-source-out (a part of ``benchmarks.speech``).

A clip of a source that was trained on is judged by that one of the three shipped networks which has not
heard it, all others by their mean. Genuine speech out of Debian packages is measured too, where there is
``apt-get``; AUC is of the material alone. Prints AUC and EER with intervals, by generator; false alarms by
source of genuine speech under the default policy, after gates and stability probe; ECE; risk and coverage;
telephone band and MP3; trivial variables. The clips of the material are short, so those with less than 3 s of
speech are measured too, though the detector refuses them.
"""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bonafide_inference
import numpy as np
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide_inference.detectors.synthetic_speech import detector
from bonafide_inference.detectors.synthetic_speech.probe import DISTURBANCES
from bonafide_inference.inspect import inspect
from bonafide_inference.models import LoadedModel, load
from bonafide_inference.piece import Piece
from bonafide_inference.speech import Limits
from numpy.typing import NDArray

from benchmarks.report import Asked, Table
from training import speech_figures as figures
from training.calibrate import Judged, balanced_weights, confidence, expected_calibration_error
from training.speech_cache import CLEAN, MP3, TELEPHONE, Waves
from training.speech_material import RATE_HZ, Clip, speech
from training.speech_packages import package_speech, packaged

__all__ = ["Scored", "judge", "measure", "score_clips", "verdicts"]

Get = Callable[[str, Callable[[], Any]], Any]
"""Keeps what was measured under a name."""
MOST_ALARMS = 0.15
MOST_ERROR = 0.05
MOST_ECE = 0.05
LEAST_AUC, LEAST_WITHIN = 0.80, 0.75
WINDOW = 2 * RATE_HZ
SHEAF = 40
"""Clips that are kept together."""
SHORTEST = Limits(speech_s=0.0)


class Scored:
    """Raw scores by version (clips,), spread (clips,), and the first gate each clip fails (or "")."""

    def __init__(self, clips: Sequence[Clip], raw: dict[str, NDArray[np.float64]],
                 spread: NDArray[np.float64], gates: list[str]) -> None:  # fmt: skip
        self.clips, self.raw, self.spread, self.gates = clips, raw, spread, gates
        self.labels = np.array([clip.synthetic for clip in clips], dtype=np.int64)
        self.groups = [clip.group for clip in clips]

    def some(self, rows: NDArray[np.int64]) -> Scored:
        """Only these clips."""
        raw = {name: values[rows] for name, values in self.raw.items()}
        return Scored([self.clips[n] for n in rows], raw, self.spread[rows], [self.gates[n] for n in rows])


def measure(data: Path, cache: Path, get: Get, every: int = 1) -> list[Asked]:
    """Print all tables of every ``every``-th clip; the figures that are asked for."""
    model = load(str(Path(bonafide_inference.__file__).parent / "detectors" / "synthetic_speech"), threads=1)
    clips = (speech(data) + package_speech(cache / "packages"))[::every]
    print(f"{len(clips)} clips of {len({clip.group for clip in clips})} sources\n")
    waves = Waves.of(clips, cache, versions=0)
    scored = score_clips(model, clips, waves, get)
    own = np.flatnonzero([not packaged(clip) for clip in clips])
    asked = _accuracy(scored.some(own)) + verdicts(model, scored)
    trivial = figures.probes(figures.trivial(waves, own.tolist()), scored.labels[own])
    _table("Trivial variables alone: AUC", trivial)
    return asked


def score_clips(model: LoadedModel, clips: Sequence[Clip], waves: Waves, get: Get) -> Scored:
    """Every clip in every version by the networks that have not heard its source."""
    found: list[dict[str, Any]] = []
    for first in range(0, len(clips), SHEAF):
        rows = range(first, min(first + SHEAF, len(clips)))
        names = hashlib.sha256("\n".join(clips[row].name for row in rows).encode()).hexdigest()[:8]
        make = partial(_clips, model, clips, waves, rows)
        found += get(f"voices {rows[0]} to {rows[-1]} of {len(clips)} ({names})", make)
    raw = {name: np.array([one["raw"][name] for one in found]) for name in found[0]["raw"]}
    return Scored(clips, raw, np.array([one["spread"] for one in found]), [one["gate"] for one in found])


def _clips(
    model: LoadedModel, clips: Sequence[Clip], waves: Waves, rows: Sequence[int]
) -> list[dict[str, Any]]:
    return [_clip(model, clips[row], waves, row) for row in rows]


def _clip(model: LoadedModel, clip: Clip, waves: Waves, row: int) -> dict[str, Any]:
    fold = model.manifest.input["held_out"].get(clip.group)
    judges = slice(None) if fold is None else slice(fold, fold + 1)
    versions = {"clean": CLEAN, "telephone": TELEPHONE, "mp3": MP3}
    sounds = {name: waves.windows(row, version, WINDOW) for name, version in versions.items()}
    for name, disturb in DISTURBANCES.items():
        sounds[f"probe_{name}"] = [disturb(window) for window in sounds["clean"]]
    logits = {
        name: np.stack([detector.member_scores(model, window) for window in windows])
        for name, windows in sounds.items()
    }
    return {
        "raw": {name: float(some[:, judges].mean()) for name, some in logits.items()},
        "spread": float(logits["clean"].mean(axis=0).std()), "gate": _gate(clip.path),
    }  # fmt: skip


def _gate(path: Path) -> str:
    media = inspect(str(path))
    if not isinstance(media, MediaFacts):
        return "unreadable"
    item = WorkItem(id="bench", detector="audio", operations=(Operation.SYNTHETIC_SPEECH,))
    gate = Piece(str(path), media, item, Options()).speech().gate(SHORTEST)
    return "" if gate is None else gate.reason


def _accuracy(scored: Scored) -> list[Asked]:
    rows: list[tuple[Any, ...]] = []
    keys = ("auc", "auc_low", "auc_high", "eer", "eer_low", "eer_high")
    for name, raw in scored.raw.items():
        found = figures.pooled(raw, scored.labels, scored.groups)
        within = figures.within_sources(raw, scored.labels, scored.groups)
        rows.append((name, *(round(found[key], 3) for key in keys),
                     round(float(np.mean(list(within.values()))), 3)))  # fmt: skip
    columns = ("version", "AUC", "low", "high", "EER", "low", "high", "AUC within a source")
    print(
        Table("Leave-source-out, all clips; 95 % intervals from drawing sources", columns, rows).text(), "\n"
    )
    pooled = figures.pooled(scored.raw["clean"], scored.labels, scored.groups)
    generators = figures.by_generator(scored.raw["clean"], scored.clips)
    listed = [
        (name, count, *(round(value, 2) for value in values))
        for name, (*values, count) in sorted(generators.items(), key=lambda pair: pair[1][0])
    ]
    print(
        Table(
            "By generator, against all genuine speech", ("generator", "clips", "AUC", "low", "high"), listed
        ).text(),
        "\n",
    )
    within = figures.within_sources(scored.raw["clean"], scored.labels, scored.groups)
    _table("Within a source: AUC", within)
    return [
        Asked("voices: AUC, pooled (asked of other material)", pooled["auc"], LEAST_AUC, most=False),
        Asked("voices: AUC within a source (asked of other material)", float(np.mean(list(within.values()))),
              LEAST_WITHIN, most=False),
    ]  # fmt: skip


def _table(title: str, values: dict[str, float]) -> None:
    print(
        Table(title, ("", "value"), [(name, round(value, 3)) for name, value in values.items()]).text(), "\n"
    )


def judge(model: LoadedModel, scored: Scored) -> tuple[Judged, list[str]]:
    """(what the calibration says, why the detector would not say it)."""
    calibration = model.manifest.calibration
    if calibration is None:
        raise SystemExit("synthetic_speech has no calibration")
    found = [calibration.apply(float(raw)) for raw in scored.raw["clean"]]
    judged = Judged(
        np.array([f.p_fake for f in found]), np.array([f.interval.low for f in found]),
        np.array([f.interval.high for f in found]),
    )  # fmt: skip
    names = [name for name in scored.raw if name.startswith("probe_")]
    refusals = []
    for row, raw in enumerate(scored.raw["clean"]):
        decisive = abs(found[row].llr) >= model.manifest.thresholds["probe_from_llr"]
        disturbed = {n.removeprefix("probe_"): float(scored.raw[n][row]) for n in names} if decisive else {}
        refused = detector.doubt(model.manifest, float(raw), float(scored.spread[row]), disturbed)
        refusals.append(scored.gates[row] or (refused[0] if refused else ""))
    return judged, refusals


def verdicts(model: LoadedModel, scored: Scored) -> list[Asked]:
    """Print what the default policy makes of it: alarms, errors and calibration."""
    judged, refusals = judge(model, scored)
    said = np.array([not reason for reason in refusals])
    silent = Judged(
        np.where(said, judged.p, 0.5), np.where(said, judged.low, 0.0), np.where(said, judged.high, 1.0)
    )
    counted = confidence(silent, scored.labels, scored.groups)
    reasons = collections.Counter(reason for reason in refusals if reason)
    groups = np.array(scored.groups)
    rows = []
    for name, alarms in sorted(counted.false_alarms.items(), key=lambda pair: -pair[1]):
        inside = (groups == name) & (scored.labels == 0)
        cleared = ((silent.p <= 0.15) & (silent.high < 0.5))[inside].mean()
        refused = float((~said)[inside].mean())
        rows.append((name, int(inside.sum()), round(alarms, 3), round(float(cleared), 3), round(refused, 3)))
    columns = ("genuine speech", "clips", "called fake", "called genuine", "refused")
    print(Table("Genuine speech under the default policy", columns, rows).text(), "\n")
    weights = balanced_weights(
        scored.labels[said], [g for g, s in zip(scored.groups, said, strict=True) if s]
    )
    ece = expected_calibration_error(judged.p[said], scored.labels[said], weights)
    for share, error in figures.risk_coverage(judged.p[said], scored.labels[said]):
        print(f"surest {share:.0%} of the scored: error {error:.3f}")
    print(f"refused: {dict(reasons)}")
    print(
        f"decided {counted.decided:.3f}, error among these {counted.error:.3f}, "
        f"synthetic called fake {counted.detected:.3f}"
    )
    worst = max((row[2] for row in rows if row[1] >= figures.FEWEST), default=0.0)
    print(f"worst source of genuine speech {worst:.3f}, ECE {ece:.3f} (sources weighed)\n")
    return [
        Asked("voices: worst genuine source called fake", worst, MOST_ALARMS),
        Asked("voices: error among verdicts", counted.error, MOST_ERROR),
        Asked("voices: ECE", ece, MOST_ECE),
    ]
