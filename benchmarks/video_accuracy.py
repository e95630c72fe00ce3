"""Accuracy of the operations on video: per operation and source of fakes, beside what has learnt nothing.

Every shipped detector of kind video runs on the material's clips as in production, and nothing is fitted
here: no detector was trained on any fake of these, and genuine sources that one was trained on are left out
of its row. A model without a calibrated score is judged by what it measured (no verdict rests on that).
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide.plan import catalogue
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import discover, wanted
from bonafide_inference.runner import run_item_task

from benchmarks.report import Table
from training.clips import either, figure
from training.metrics import auc, bootstrap
from training.presentation_attack import SOFT, replays

if TYPE_CHECKING:
    from benchmarks.video import Kept

__all__ = ["JUDGED", "accuracy", "by_source", "liveness"]

SKIPPED = frozenset({Operation.FILE_FORENSICS, Operation.KNOWN_FAKE_SEARCH})
"""They answer by facts, not by scores."""
TRIVIAL = ("seconds", "side", "rate", "bytes_per_pixel")
ROUNDS = 200


@dataclass(frozen=True)
class Question:
    """What a model is asked: the value it measured (``llr`` where it has a score), of which fakes.

    ``trained``: genuine sources that it has seen. ``sign``: -1 where less means fake.
    """

    model: str
    value: str
    fakes: tuple[str, ...]
    trained: tuple[str, ...] = ()
    sign: int = 1


FACES = ("faceswap", "reenactment", "lipsync")
JUDGED = (
    Question("face_manipulation_video", "raw_score", FACES, ("genuine/driving", "genuine/intel")),
    Question("synthetic_video", "detail", ("generated", "lipsync")),
    Question("synthetic_video", "still_noise", ("generated", "lipsync")),
    Question("temporal_coherence", "jitter", FACES),
    Question("temporal_coherence", "drift", FACES),
    Question("temporal_coherence", "flicker", FACES),
    Question("temporal_coherence", "blinks_per_minute", FACES, sign=-1),
    Question("lip_sync", "raw_score", ("lipsync",)),
)


def accuracy(data: Path, kept: Kept, per_source: int, seconds: float) -> list[Table]:
    """False alarms and answers by source, and figures by question and source, of the clips measured."""
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = sorted(
            (r for r in csv.DictReader(file) if r["path"].startswith("video/")), key=lambda r: r["path"]
        )
    judged: list[dict[str, Any]] = []
    for source in dict.fromkeys("/".join(row["path"].split("/")[1:3]) for row in rows):
        mine = [row for row in rows if row["path"].startswith(f"video/{source}/")]
        some = [
            {"source": source, "genuine": row["label"] == "genuine"}
            | kept.get(f"{row['path']}, {seconds:g} s", lambda: _judge(data / row["path"], seconds))  # noqa: B023
            for row in mine[:per_source]
        ]
        judged += some
        print(_line(source, some), flush=True)
    return [_answers(judged), by_source(judged)]


def _judge(path: Path, seconds: float) -> dict[str, Any]:
    """Each model's answer, score and measurements of a clip, and trivial variables of it."""
    media = inspect(str(path))
    if not isinstance(media, MediaFacts):
        return {"answers": {"inspect": media.code}, "llr": {}, "values": {}, "trivial": {}}
    every = (Operation(d["operation"]) for d in catalogue() if d["kind"] == "video")
    wishes = tuple(dict.fromkeys(operation for operation in every if operation not in SKIPPED))
    item = WorkItem(id="video-0", detector="video", operations=wishes)
    options, folders = Options(visualize=False, end_s=seconds), wanted(media, item)
    with tempfile.TemporaryDirectory() as workdir:
        findings = run_item_task({
            "path": str(path), "workdir": workdir, "media": media.model_dump(mode="json"),
            "item": item.model_dump(mode="json"), "options": options.model_dump(mode="json"),
            "folders": [{"path": f.path, "shipped": f.shipped} for f in folders],
        })  # fmt: skip
    names = [folder.manifest.name for folder in folders]
    pairs = list(zip(names, findings, strict=True))
    return {
        "answers": {name: finding["reason"] or "scored" for name, finding in pairs},
        "llr": {name: finding["llr"] for name, finding in pairs if finding["llr"] is not None},
        "values": {name: finding["evidence"]["values"] for name, finding in pairs},
        "trivial": _trivial(path, media),
    }


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


def _line(source: str, clips: list[dict[str, Any]]) -> str:
    """What is printed of a source as soon as it is measured."""
    count = {
        name: sum(clip["answers"].get(name) == "scored" for clip in clips) for name in clips[0]["answers"]
    }
    said = ", ".join(f"{name} {n}" for name, n in count.items() if n)
    return f"{source}: {len(clips)} clips measured; scored: {said or 'none'}"


def _answers(judged: list[dict[str, Any]]) -> Table:
    table = Table(
        "Answers by source (genuine ones: false alarms)",
        ("source", "genuine", "model", "clips", "scored", "p > 0.5", "p > 0.85", "else"),
    )
    for source in dict.fromkeys(one["source"] for one in judged):
        mine = [one for one in judged if one["source"] == source]
        for model in dict.fromkeys(name for one in mine for name in one["answers"]):
            llrs = [one["llr"][model] for one in mine if model in one["llr"]]
            words = sorted({one["answers"].get(model, "-") for one in mine} - {"scored"})
            table.rows.append((
                source, "yes" if mine[0]["genuine"] else "no", model, len(mine), len(llrs),
                sum(x > 0 for x in llrs), sum(x > 1.7346 for x in llrs), ", ".join(words) or "-",
            ))  # fmt: skip
    return table


def by_source(judged: list[dict[str, Any]]) -> Table:
    """AUC of each question of `JUDGED` against each source of fakes, and against all of them."""
    table = Table(
        "AUC by operation and source of fakes, against all genuine clips that the model has not seen",
        ("model", "value", "fakes", "genuine", "fake", "AUC", "low", "high", "softness", "trivial", "which"),
        footer="95 % by clip (by source for all); softness, trivial (the best one): whichever way round",
    )
    for question in JUDGED:
        asked = [one for one in judged if _value(one, question) is not None]
        genuine = [one for one in asked if one["genuine"] and one["source"] not in question.trained]
        fakes = [one for one in asked if one["source"].split("/")[0] in question.fakes]
        for source in (*dict.fromkeys(one["source"] for one in fakes), "all"):
            some = [one for one in fakes if source in ("all", one["source"])]
            table.rows.append(
                (question.model, question.value, source, *_row(question, genuine, some, source))
            )
    return table


def _value(clip: dict[str, Any], question: Question) -> float | None:
    if question.model in clip["llr"]:
        return float(clip["llr"][question.model])
    value = clip["values"].get(question.model, {}).get(question.value)
    return question.sign * float(value) if isinstance(value, int | float) else None


def _row(
    question: Question, genuine: list[dict[str, Any]], fakes: list[dict[str, Any]], source: str
) -> tuple[Any, ...]:
    clips, counts = [*genuine, *fakes], (len(genuine), len(fakes))
    if not all(counts):
        return (*counts, *(None,) * 6)
    made = np.array([not one["genuine"] for one in clips])
    groups = [one["source"] if source == "all" else n for n, one in enumerate(clips)]
    own = figure([_value(one, question) for one in clips], made, groups)
    controls = {
        name: either(np.array([one["trivial"][name] for one in clips]), made)
        for name in (*TRIVIAL, "softness")
    }
    best = max(TRIVIAL, key=lambda name: controls[name])
    soft = [one["values"].get(question.model, {}).get("softness") for one in clips]
    if all(isinstance(value, int | float) for value in soft):  # of the same crops, where the model says it
        controls["softness"] = either(np.array(soft, float), made)
    return (*counts, *own, controls["softness"], controls[best], best)


def liveness(data: Path) -> list[Table]:
    """``presentation_attack`` on the real live and replayed crops of the material (none trained on)."""
    measured, sides = replays(data)
    folder = next(f for f in discover() if f.manifest.name == "presentation_attack")
    model, calibration = _weights(folder.path), folder.manifest.calibration
    if calibration is None:
        return []
    llr = np.array([calibration.apply(float(x)).llr for x in model(measured.rows)])
    labels = measured.attack
    table = Table(
        f"presentation_attack on real replays: {int((~labels).sum())} live, {int(labels.sum())} replayed "
        "face crops of one rig",
        ("what", "AUC", "low", "high", "live called attack", "attacks found"),
    )
    for what, scores in (
        ("model", llr), ("softness alone (control)", -measured.rows[:, SOFT]), ("crop size alone", -sides)
    ):  # fmt: skip
        low, high = _bounds(scores, labels, list(measured.origin))
        calls = (float(np.mean(llr[~labels] > 0)), float(np.mean(llr[labels] > 0)))
        table.rows.append(
            (what, auc(scores, labels), low, high, *(calls if what == "model" else (None,) * 2))
        )
    return [table]


def _bounds(scores: Any, labels: Any, groups: list[Any]) -> tuple[float, float]:
    return bootstrap(lambda i: auc(scores[i], labels[i]), groups, rounds=ROUNDS)


def _weights(folder: str) -> Callable[[Any], Any]:
    from bonafide_inference.models import load

    loaded = load(folder, threads=1)
    return lambda rows: np.asarray(loaded.run({"rows": rows.astype(np.float32)})[0], np.float64).ravel()
