"""Accuracy of the operations on video: per operation and source, beside trivial variables and softness.

Every shipped detector of kind video runs on the material's clips as in production; what it scores is
judged. Nothing is fitted here: a detector whose card says that it was trained on a source of these is
marked there.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide.plan import catalogue
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import discover, wanted
from bonafide_inference.runner import run_item_task

from benchmarks.report import Table, note
from benchmarks.video_faces import measured
from training.metrics import auc, bootstrap
from training.presentation_attack import SOFT, replays

__all__ = ["accuracy", "liveness"]

LONGEST_S = 20.0
SKIPPED = frozenset({Operation.FILE_FORENSICS, Operation.KNOWN_FAKE_SEARCH})
"""They answer by facts, not by scores."""
TRIVIAL = ("seconds", "side", "rate", "bytes_per_pixel", "softness")


@dataclass
class Judged:
    """One clip: its source, whether it is genuine, each model's answer, and trivial variables."""

    source: str
    genuine: bool
    llr: dict[str, float] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    trivial: dict[str, float] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)


def accuracy(data: Path, per_source: int) -> list[Table]:
    """Answers and scores by source, and AUC by operation, of at most ``per_source`` clips a source."""
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = sorted(
            (r for r in csv.DictReader(file) if r["path"].startswith("video/")), key=lambda r: r["path"]
        )
    judged: list[Judged] = []
    for source in dict.fromkeys("/".join(row["path"].split("/")[1:3]) for row in rows):
        note(source)
        mine = [row for row in rows if row["path"].startswith(f"video/{source}/")]
        judged += [_judge(data / row["path"], source, row["label"] == "genuine") for row in mine[:per_source]]
    seen = [(one.source, one.genuine, one.values) for one in judged]
    return [_answers(judged), _aucs(judged), measured(seen)]


def _judge(path: Path, source: str, genuine: bool) -> Judged:
    media = inspect(str(path))
    if not isinstance(media, MediaFacts):
        return Judged(source, genuine, answers={"inspect": media.code})
    every = (Operation(d["operation"]) for d in catalogue() if d["kind"] == "video")
    wishes = tuple(dict.fromkeys(operation for operation in every if operation not in SKIPPED))
    item = WorkItem(id="video-0", detector="video", operations=wishes)
    options, folders = Options(visualize=False, end_s=LONGEST_S), wanted(media, item)
    with tempfile.TemporaryDirectory() as workdir:
        findings = run_item_task({
            "path": str(path), "workdir": workdir, "media": media.model_dump(mode="json"),
            "item": item.model_dump(mode="json"), "options": options.model_dump(mode="json"),
            "folders": [{"path": f.path, "shipped": f.shipped} for f in folders],
        })  # fmt: skip
    found = Judged(source, genuine, trivial=_trivial(path, media))
    for folder, finding in zip(folders, findings, strict=True):
        name = folder.manifest.name
        found.answers[name] = finding["reason"] or "scored"
        found.values[name] = finding["evidence"]["values"]
        if finding["llr"] is not None:
            found.llr[name] = finding["llr"]
    return found


def _trivial(path: Path, media: MediaFacts) -> dict[str, float]:
    from bonafide_inference.containers import FAMILIES
    from bonafide_inference.frames import Stretch, read_reel

    frame = read_reel(str(path), FAMILIES[media.format], Stretch(end_s=0.3, bursts=False)).frames[0]
    grey = frame.rgb.mean(-1)
    area = (media.width or 1) * (media.height or 1)
    return {
        "seconds": media.duration_s or 0.0, "side": float(min(media.width or 0, media.height or 0)),
        "rate": media.tracks[0].fps or 0.0,
        "bytes_per_pixel": media.bytes / area / max(media.duration_s or 1.0, 0.1),
        "softness": -float(np.log(np.diff(grey, 2, axis=1).var() / max(float(grey.var()), 1.0) + 1e-6)),
    }  # fmt: skip


def _answers(judged: list[Judged]) -> Table:
    table = Table(
        "Answers by source", ("source", "genuine", "model", "clips", "scored", "p > 0.5", "p > 0.85", "else")
    )
    for source in dict.fromkeys(one.source for one in judged):
        mine = [one for one in judged if one.source == source]
        for model in dict.fromkeys(name for one in mine for name in one.answers):
            llrs = [one.llr[model] for one in mine if model in one.llr]
            words = sorted({one.answers.get(model, "-") for one in mine} - {"scored"})
            table.rows.append((
                source, "yes" if mine[0].genuine else "no", model, len(mine), len(llrs),
                sum(x > 0 for x in llrs), sum(x > 1.7346 for x in llrs), ", ".join(words) or "-",
            ))  # fmt: skip
    return table


def _aucs(judged: list[Judged]) -> Table:
    table = Table(
        "AUC over the clips that are scored (95 % by source), beside trivial variables of the same clips",
        ("what", "genuine", "fake", "AUC", "low", "high"),
    )
    for model in dict.fromkeys(name for one in judged for name in one.answers):
        scored = [one for one in judged if model in one.llr]
        table.rows.append(_row(model, scored, [one.llr[model] for one in scored]))
        for name in TRIVIAL if scored else ():
            table.rows.append(_row(f"  {model}: {name} alone", scored, [one.trivial[name] for one in scored]))
    return table


def _row(what: str, clips: list[Judged], values: list[float]) -> tuple[Any, ...]:
    labels = np.array([not one.genuine for one in clips], bool)
    if not labels.any() or labels.all():
        return (what, int((~labels).sum()), int(labels.sum()), None, None, None)
    low, high = _bounds(np.array(values), labels, [one.source for one in clips])
    return (what, int((~labels).sum()), int(labels.sum()), auc(np.array(values), labels), low, high)


def _bounds(scores: Any, labels: Any, groups: list[Any]) -> tuple[float, float]:
    return bootstrap(lambda i: auc(scores[i], labels[i]), groups, rounds=200)


def liveness(data: Path) -> list[Table]:
    """``presentation_attack`` on the real live and replayed crops of the material (none trained on)."""
    measured, sides = replays(data)
    folder = next(f for f in discover() if f.manifest.name == "presentation_attack")
    model, calibration = _weights(folder.path), folder.manifest.calibration
    if calibration is None:
        return []
    llr = np.array([calibration.apply(float(x)).llr for x in model(measured.rows)])
    table = Table(
        "presentation_attack on real replays: 49 live, 60 replayed face crops of one rig",
        ("what", "AUC", "low", "high", "live called attack", "attacks found"),
    )
    for what, scores in (
        ("model", llr), ("softness alone (control)", -measured.rows[:, SOFT]), ("crop size alone", -sides)
    ):  # fmt: skip
        labels = measured.attack
        low, high = _bounds(scores, labels, list(measured.origin))
        calls = (
            (float(np.mean(llr[~labels] > 0)), float(np.mean(llr[labels] > 0)))
            if what == "model"
            else (None,) * 2
        )
        table.rows.append((what, auc(scores, labels), low, high, *calls))
    return [table]


def _weights(folder: str) -> Callable[[Any], Any]:
    from bonafide_inference.models import load

    loaded = load(folder, threads=1)
    return lambda rows: np.asarray(loaded.run({"rows": rows.astype(np.float32)})[0], np.float64).ravel()
