"""Weights by which several models of an operation vote, fitted on sources that none of them was trained on.

A logistic regression on the models' LLRs, fitted together: two models that say the same share one weight, so
dependence is accounted for (Brümmer & du Preez 2006, "Application-independent evaluation of speaker
detection", sections on fusion; Pigeon, Druyts & Verlinde 2000). Weights are not negative. A set of models has
weights only if they beat the plain rule on held-out sources.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median

import numpy as np
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, MediaFacts, ModelRef, Operation, Options, Outcome, Weights, WorkItem
from bonafide.policy import POLICIES
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import discover, run_folders
from numpy.typing import NDArray

from ownmodels import figures
from ownmodels.folder import Refused
from ownmodels.material import Sample, folds

__all__ = ["Heard", "fit", "fit_set", "hear"]

Floats = NDArray[np.float64]
MOST_MODELS = 5
"""More than this are 2^n sets: only pairs and the whole are fitted then."""
_CAP = 6.9
"""Of a fused |LLR| in nats: odds of a thousand, whatever the data say."""


class Heard:
    """What each model said of one file: LLR by ``name@version``."""

    def __init__(self, sample: Sample, said: Mapping[str, float]) -> None:
        self.sample, self.said = sample, dict(said)


def hear(operation: Operation, samples: Sequence[Sample], models_dir: str | None) -> list[Heard]:
    """Ask every voting model of the operation of every file; a model in shadow does not vote."""
    heard = []
    folders = [f for f in discover(models_dir) if f.manifest.operation is operation and not f.shadow]
    folders = [f for f in folders if not f.manifest.wants_cameras]  # speaks of some cameras' pictures only
    for number, sample in enumerate(samples, 1):
        media = inspect(str(sample.path))
        said: dict[str, list[float]] = {}
        for kind in sorted({f.manifest.kind for f in folders}):
            asked = [f for f in folders if f.manifest.kind == kind]
            if not isinstance(media, MediaFacts) or not all(
                media.kind in f.manifest.media_kinds for f in asked
            ):
                continue
            item = WorkItem(id="weigh", detector=kind, operations=(operation,))
            with tempfile.TemporaryDirectory(prefix="bonafide-weigh-") as workdir:
                found = run_folders(str(sample.path), media, item, Options(visualize=False), workdir, asked)
            for finding in found:
                if finding.outcome is Outcome.SCORED and finding.model and finding.llr is not None:
                    said.setdefault(f"{finding.model.name}@{finding.model.version}", []).append(finding.llr)
        heard.append(Heard(sample, {name: median(llrs) for name, llrs in said.items()}))
        if number % 25 == 0 or number == len(samples):
            print(f"  {number}/{len(samples)} files", file=sys.stderr, flush=True)
    return heard


def fit(operation: Operation, heard: Sequence[Heard]) -> Iterator[tuple[tuple[str, ...], Weights | str]]:
    """Yield, for every set of two models or more, its weights, or why it keeps the plain rule.

    Raises
    ------
    Refused
        ``one_model``: there is nothing to weigh.
    """
    names = sorted({name for one in heard for name in one.said})
    if len(names) < 2:
        raise Refused("one_model", f"{operation} has {len(names)} model(s) that score here; two are needed")
    sizes = range(2, len(names) + 1) if len(names) <= MOST_MODELS else (2, len(names))
    for size in sizes:
        for chosen in combinations(names, size):
            yield chosen, fit_set(operation, chosen, [one for one in heard if set(chosen) <= one.said.keys()])


def fit_set(operation: Operation, names: Sequence[str], heard: Sequence[Heard]) -> Weights | str:
    """Fit one set on the files of which all its models had a score."""
    labels = np.array([one.sample.fake for one in heard], dtype=bool)
    if not len(labels) or min(labels.sum(), (~labels).sum()) < figures.LEAST:
        return f"fewer than {figures.LEAST} files of a class were scored by all of them"
    llrs = np.array([[one.said[name] for name in names] for one in heard])
    fold, by = folds([bool(label) for label in labels], [one.sample.source for one in heard])
    if by != "source":
        return "each class needs two sources at least: weights are judged on sources that were held out"
    place = np.array(fold)
    fitted, plain = np.zeros(len(labels)), np.array([_plain(operation, names, row) for row in llrs])
    for number in np.unique(place):
        at = _non_negative(llrs[place != number], labels[place != number])
        fitted[place == number] = llrs[place == number] @ at[:-1] + at[-1]
    limit = min(_CAP, float(np.log(min(labels.sum(), (~labels).sum()) + 1)))
    before, after = _loss(plain, labels), _loss(np.clip(fitted, -limit, limit), labels)
    if after >= before:
        return f"held-out log loss {after:.3f} is not below the plain rule's {before:.3f}"
    at = _non_negative(llrs, labels)
    return Weights(
        operation=operation,
        offset=round(float(at[-1]), 6),
        limit=round(limit, 4),
        weights={name: round(float(w), 6) for name, w in zip(names, at[:-1], strict=True)},
        figures={
            "log_loss": round(after, 4),
            "log_loss_plain": round(before, 4),
            "files": len(labels),
            "sources": len({one.sample.source for one in heard}),
            "correlation": round(_correlation(llrs, labels), 3),
        },
    )


def _non_negative(llrs: Floats, labels: NDArray[np.bool_]) -> Floats:
    """Return (weights…, offset); a weight that comes out negative is 0, and the rest are fitted again."""
    kept = list(range(llrs.shape[1]))
    out = np.zeros(llrs.shape[1] + 1)
    while kept:
        at = figures.logistic(llrs[:, kept], labels, ridge=1e-2)
        worst = int(np.argmin(at[:-1]))
        if at[worst] >= 0:
            out[kept], out[-1] = at[:-1], at[-1]
            return out
        kept.pop(worst)
    return out


def _plain(operation: Operation, names: Sequence[str], row: Floats) -> float:
    """Return the LLR of today's rule, by the very function that would be used without weights."""
    findings = [
        Finding(operation=operation, outcome=Outcome.SCORED, p_fake=0.5, llr=float(value), model=_ref(name))
        for name, value in zip(names, row, strict=True)
    ]
    return float(fuse_operation(operation, findings, POLICIES["default"]).llr or 0.0)


def _ref(name: str) -> ModelRef:
    own, _, version = name.partition("@")
    return ModelRef(name=own, version=version, sha256="", type="learned")


def _loss(llr: Floats, labels: NDArray[np.bool_]) -> float:
    """Return the class-balanced log loss in bits (Cllr, Brümmer 2006); 1 is what knows nothing."""
    signed = np.where(labels, -llr, llr)
    return float(np.sum(figures.balanced(labels) * np.logaddexp(0, signed)) / np.log(2))


def _correlation(llrs: Floats, labels: NDArray[np.bool_]) -> float:
    """Return the largest correlation between two models within the classes."""
    centred = llrs - np.where(labels[:, None], llrs[labels].mean(axis=0), llrs[~labels].mean(axis=0))
    spread = np.maximum(centred.std(axis=0), 1e-9)
    pairs = np.abs(centred.T @ centred / len(llrs) / np.outer(spread, spread))
    return float(np.max(pairs - np.eye(len(pairs))))
