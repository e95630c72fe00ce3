"""Runs a model over labelled files as an analysis would, and makes the figures of its card."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bonafide.model import Finding, MediaFacts, Options, WorkItem
from bonafide.policy import POLICIES, judge
from bonafide_inference.calibration import Calibration, Platt, probability
from bonafide_inference.inspect import inspect
from bonafide_inference.models import Manifest, ModelFolder
from bonafide_inference.registry import run_folders
from numpy.typing import NDArray

from ownmodels import figures
from ownmodels.material import Sample, folds
from ownmodels.variants import CHANGES, vary
from training.metrics import auc, bootstrap

__all__ = ["Measured", "Scored", "measure", "score"]

SHOWN_POLICIES = ("default", "table", "reject70")
MOST_CHANGED = 40
"""Files of each class that are changed for the robustness table."""


@dataclass(frozen=True)
class Scored:
    """One file that the model had a score for; ``trivial`` is what a probe may know of it."""

    sample: Sample
    raw: float
    seconds: float
    trivial: tuple[float, ...]


@dataclass
class Measured:
    """Everything that a card shows. Rates are 0..1, intervals 95 %."""

    scored: list[Scored]
    silent: dict[str, int]
    held_out_by: str
    calibration: Platt | None
    rows: dict[str, Any] = field(default_factory=dict)


def score(folder: ModelFolder, path: Path) -> tuple[float | None, Finding | None, MediaFacts | None]:
    """Return (raw score, finding, facts) of one file, by the way an analysis takes."""
    manifest = folder.manifest
    try:
        media = inspect(str(path))
    except OSError:
        return None, None, None
    if not isinstance(media, MediaFacts) or media.kind not in manifest.media_kinds:
        return None, None, None
    item = WorkItem(id="card", detector=manifest.kind, operations=(manifest.operation,))
    with tempfile.TemporaryDirectory(prefix="bonafide-card-") as workdir:
        options = Options(visualize=False)
        (finding,) = run_folders(str(path), media, item, options, workdir, [folder])
    raw = finding.evidence.values.get("raw_score")
    return (float(raw) if isinstance(raw, int | float) else None), finding, media


def _trivial(media: MediaFacts) -> tuple[float, ...]:
    """Size, extent, bytes for each unit of it, and the format: what a detector must not live on."""
    extent = media.duration_s or float((media.width or 1) * (media.height or 1)) or 1.0
    spelled = tuple(
        float(media.format == name) for name in ("jpeg", "png", "webp", "wav", "mp3", "mp4", "flac")
    )
    return (np.log(media.bytes), np.log(max(extent, 1e-3)), np.log(media.bytes / max(extent, 1e-3)), *spelled)


def measure(folder: ModelFolder, samples: Sequence[Sample]) -> Measured:
    """Score every sample, fit the calibration, make the figures (its error on held-out sources)."""
    scored, silent = _score_all(folder, samples)
    labels = np.array([one.sample.fake for one in scored], dtype=bool)
    raw = np.array([one.raw for one in scored])
    sources = [one.sample.source for one in scored]
    if min(labels.sum(), (~labels).sum()) < 2:
        return Measured(scored, silent, "none", None)
    fold, by = folds([bool(label) for label in labels], sources)
    groups = _groups(labels, sources)
    calibration = figures.fit_platt(raw, labels, groups)
    done = Measured(scored, silent, by, calibration)
    done.rows["discrimination"] = _discrimination(raw, labels, groups)
    done.rows["seconds"] = tuple(float(x) for x in np.percentile([s.seconds for s in scored], (50, 95)))
    done.rows["sources"] = list(_by_source(raw, labels, sources))
    trivial = figures.probe_scores(np.array([one.trivial for one in scored]), labels, fold)
    done.rows["probe_auc"] = (auc(trivial, labels), *_interval(trivial, labels, groups))
    done.rows["ece_before"] = _ece_before(folder.manifest, raw, labels)
    if calibration is not None:
        llr = figures.held_out(raw, labels, fold)
        done.rows["ece_after"] = figures.ece(figures.shares(llr), labels)
        done.rows["policies"] = list(_policies(calibration, raw, llr, labels, sources))
    done.rows["changes"] = list(_changes(folder, scored, calibration))
    return done


def _score_all(folder: ModelFolder, samples: Sequence[Sample]) -> tuple[list[Scored], dict[str, int]]:
    scored: list[Scored] = []
    silent: dict[str, int] = {}
    for number, sample in enumerate(samples, 1):
        raw, finding, media = score(folder, sample.path)
        if raw is None or media is None or finding is None:
            reason = (finding.reason if finding else None) or "unreadable_or_other_kind"
            silent[reason] = silent.get(reason, 0) + 1
        else:
            scored.append(Scored(sample, raw, finding.seconds or 0.0, _trivial(media)))
        if number % 25 == 0 or number == len(samples):
            print(f"  {number}/{len(samples)} files", file=sys.stderr, flush=True)
    return scored, silent


def _groups(labels: NDArray[Any], sources: Sequence[str]) -> list[str]:
    """What a bootstrap draws: whole sources where each class has three of them, else files."""
    have = {(bool(label), source) for label, source in zip(labels, sources, strict=True)}
    if all(sum(label is of for of, _ in have) >= 3 for label in (False, True)):
        return list(sources)
    return [str(number) for number in range(len(sources))]


def _interval(scores: NDArray[Any], labels: NDArray[Any], groups: Sequence[Any]) -> tuple[float, float]:
    return bootstrap(lambda rows: auc(scores[rows], labels[rows]), groups)


def _discrimination(raw: NDArray[Any], labels: NDArray[Any], groups: Sequence[Any]) -> dict[str, Any]:
    low, high = _interval(raw, labels, groups)
    drawn = "sources" if len(set(groups)) < len(groups) else "files"
    return {
        "auc": auc(raw, labels),
        "low": low,
        "high": high,
        "eer": figures.eer(raw, labels),
        "drawn": drawn,
        "genuine": int((~labels).sum()),
        "manipulated": int(labels.sum()),
    }


def _by_source(raw: NDArray[Any], labels: NDArray[Any], sources: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Each source against all of the other class; files are drawn again for its interval."""
    names = np.array(sources)
    for fake in (False, True):
        for name in sorted(set(names[labels == fake])):
            rows = np.flatnonzero((labels != fake) | (names == name))
            low, high = _interval(raw[rows], labels[rows], list(range(len(rows))))
            yield {
                "source": str(name),
                "class": "manipulated" if fake else "genuine",
                "files": int(((names == name) & (labels == fake)).sum()),
                "auc": auc(raw[rows], labels[rows]),
                "low": low,
                "high": high,
            }


def _ece_before(manifest: Manifest, raw: NDArray[Any], labels: NDArray[Any]) -> float | None:
    """Of the model's own probability; None where its output is none."""
    if manifest.output.meaning == "score":
        return None
    return figures.ece(figures.shares(raw), labels)


def _policies(
    calibration: Platt, raw: NDArray[Any], llr: NDArray[Any], labels: NDArray[Any], sources: Sequence[str]
) -> Iterable[dict[str, Any]]:
    """Errors of a verdict by this model alone: the score is held out, the interval is the calibration's."""
    names = np.array(sources)
    for name in SHOWN_POLICIES:
        said = np.array(
            [
                judge(
                    POLICIES[name], probability(float(value)), calibration.apply(float(score)).interval
                ).value
                for value, score in zip(llr, raw, strict=True)
            ]
        )
        accused = {
            str(s): float((said[(names == s) & ~labels] == "manipulated").mean())
            for s in sorted(set(names[~labels]))
        }
        worst = max(accused, key=lambda source: accused[source])
        yield {
            "policy": name,
            "false_alarms": float((said[~labels] == "manipulated").mean()),
            "misses": float((said[labels] == "genuine").mean()),
            "inconclusive": float((said == "inconclusive").mean()),
            "worst_genuine_source": f"{worst} {accused[worst]:.1%}",
        }


def _changes(
    folder: ModelFolder, scored: Sequence[Scored], calibration: Calibration | None
) -> Iterable[dict[str, Any]]:
    """Robustness: the same files changed; how well they are still told apart, and how many change sides."""
    chosen = [one for fake in (False, True) for one in _thinned([s for s in scored if s.sample.fake is fake])]
    middle = -calibration.offset / calibration.slope if isinstance(calibration, Platt) else 0.0
    for name in CHANGES[folder.manifest.kind]:
        pairs = []
        with tempfile.TemporaryDirectory(prefix="bonafide-card-") as place:
            target = Path(place, "changed")
            for one in chosen:
                raw = score(folder, target)[0] if vary(one.sample.path, name, target) else None
                if raw is not None:
                    pairs.append((one, raw))
        if len({one.sample.fake for one, _ in pairs}) == 2:
            labels = np.array([one.sample.fake for one, _ in pairs])
            before, after = np.array([one.raw for one, _ in pairs]), np.array([raw for _, raw in pairs])
            yield {
                "change": name,
                "files": len(pairs),
                "auc_before": auc(before, labels),
                "auc": auc(after, labels),
                "flipped": float(((before > middle) != (after > middle)).mean()),
            }


def _thinned(every: list[Scored]) -> list[Scored]:
    step = max(1, -(-len(every) // MOST_CHANGED))
    return every[::step]
