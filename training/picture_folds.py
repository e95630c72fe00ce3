"""Whether what the network sees carries over: matched groups held out, with intervals and controls.

A judge is fitted on all groups but one and asked about the one that it has not seen; the judges' mean is what
ships. Beside it a judge that knows size, bytes a pixel and format only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import logistic
from training.metrics import auc, bootstrap
from training.picture_crops import Seen
from training.picture_head import Head, fit, mean_of

__all__ = ["NETWORK", "TRIVIAL", "Fold", "Trial", "folds", "splits", "table"]

NETWORK, TRIVIAL = "network", "size and format"

Mask = NDArray[np.bool_]
Scores = NDArray[np.float64]
Judge = Callable[[str, Mask], Scores]
"""(``delivered``, ``jpeg85`` or ``trained``, which pictures) to their scores."""


@dataclass(frozen=True)
class Fold:
    """One group that ``kind`` did not see, fitted on ``rows``: AUC with its 95 % interval, three ways.

    ``equal``: after random histories of the same kind for both classes.
    """

    kind: str
    rows: str
    group: str
    genuine: int
    generated: int
    delivered: tuple[float, float, float]
    jpeg85: tuple[float, float, float]
    equal: tuple[float, float, float]


@dataclass(frozen=True)
class Trial:
    """All folds; what ships; and what its parts said of pictures as delivered that they had not seen.

    ``scores`` (pictures,) and ``crops`` (all crops of photographs) are of the judges fitted on all rows that
    were allowed, each on the group that was held out from it.
    """

    folds: list[Fold]
    head: Head
    scores: Scores
    crops: Scores


def folds(seen: Seen, *, clear: bool) -> Trial:
    """Judge every group by what was fitted on others: on ``clear`` rows, then (unless ``clear``) on all."""
    found, heads = [], []
    scores, crops = np.full(len(seen.label), np.nan), []
    for rows, inside, outside in splits(seen, clear):
        head = fit(seen.trained[inside], seen.label[inside], seen.group[inside])
        for group in outside:
            found += [_fold(judge, seen, kind, rows, group) for kind, judge in _judges(seen, head, inside)]
        if rows == ("clear" if clear else "all"):
            heads.append(head)
            out = np.isin(seen.group, outside)
            scores[out] = np.nanmean(head(seen.delivered[out]), axis=1)
            crops.append(head(seen.delivered[out & (seen.label == 0)]).ravel())
    every = np.concatenate(crops)
    return Trial(found, mean_of(heads), scores, every[np.isfinite(every)])


def splits(seen: Seen, clear: bool) -> Iterator[tuple[str, Mask, list[str]]]:
    """Yield (name of the rows, those fitted on, groups judged)."""
    every = sorted({str(group) for group in seen.group})
    for rows, allowed in (("clear", seen.clear), ("all", np.ones(len(seen.label), bool))):
        if rows == "all" and clear:
            return
        own = [group for group in every if len(set(seen.label[allowed & (seen.group == group)])) == 2]
        for group in own:
            yield rows, allowed & np.isin(seen.group, own) & (seen.group != group), [group]
        others = [group for group in every if group not in own]
        if others:
            yield rows, allowed & np.isin(seen.group, own), others


def _judges(seen: Seen, head: Head, inside: Mask) -> list[tuple[str, Judge]]:
    labels = seen.label[inside] == 1
    told = {"delivered": slice(3), "jpeg85": slice(1), "trained": slice(1)}  # saved alike, only size differs
    known = {of: logistic.fit(seen.trivial[inside][:, part], labels) for of, part in told.items()}
    return [
        (TRIVIAL, lambda version, rows: known[version](seen.trivial[rows][:, told[version]])),
        (NETWORK, lambda version, rows: np.nanmean(head(getattr(seen, version)[rows]), axis=1)),
    ]


def _fold(judge: Judge, seen: Seen, kind: str, rows: str, group: str) -> Fold:
    inside = seen.group == group
    labels = seen.label[inside]
    figures = [_figure(judge(version, inside), labels) for version in ("delivered", "jpeg85", "trained")]
    made = Fold(kind, rows, group, int((labels == 0).sum()), int(labels.sum()), *figures)
    print(made, flush=True)
    return made


def _figure(found: Scores, labels: NDArray[np.int64]) -> tuple[float, float, float]:
    low, high = bootstrap(lambda rows: auc(found[rows], labels[rows]), list(range(len(labels))))
    return round(auc(found, labels), 3), round(low, 3), round(high, 3)


def table(found: list[Fold]) -> str:
    """The folds for the card."""
    lines = [
        "| what | rows | held out | genuine | generated | AUC (95 %) as delivered | JPEG 85 | same history |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fold in found:
        figures = (fold.delivered, fold.jpeg85, fold.equal)
        cells = [f"{value:.2f} ({low:.2f}–{high:.2f})" for value, low, high in figures]
        lines.append(
            f"| {fold.kind} | {fold.rows} | {fold.group} | {fold.genuine} | {fold.generated} | "
            + " | ".join(cells) + " |"
        )  # fmt: skip
    return "\n".join(lines)
