"""Does anything that looks at pixels carry over? Leave-source-out folds, with intervals and controls.

A network from scratch (`picture_net`) and two linear judges of what a pretrained one sees
(`picture_backbone`), beside a judge that knows size, bytes a pixel and format only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import logistic
from training.metrics import auc, bootstrap
from training.picture_crops import Crops, load

__all__ = ["KINDS", "TRIVIAL", "Fold", "carries", "folds", "splits", "table"]

KINDS = ("from scratch", "pretrained", "pretrained, best stage")
"""The small network; all stages of the pretrained one, or the one stage that does best on groups held out
within those that it is fitted on."""
TRIVIAL = "size and format"
SIDE = 192
"""Pixels of a crop."""
CACHE = Path(".cache")

Mask = NDArray[np.bool_]
Scores = NDArray[np.float64]
Judge = Callable[[str, Mask], Scores]
"""(``delivered`` or ``jpeg85``, which pictures) to their scores."""


@dataclass(frozen=True)
class Fold:
    """One group that ``kind`` did not see, fitted on ``rows``: AUC with its 95 % interval, both ways."""

    kind: str
    rows: str
    group: str
    genuine: int
    generated: int
    delivered: tuple[float, float, float]
    jpeg85: tuple[float, float, float]


def folds(data: Path, *, unstated: bool = False) -> list[Fold]:
    """Every kind on every group held out.

    Trained on ``clear`` rows: each of their groups held out in turn, then all of them for the other groups.
    With ``unstated`` once more on all rows, each group held out in turn.
    """
    import torch

    torch.set_num_threads(1)
    CACHE.mkdir(exist_ok=True)
    mark = zlib.crc32((data / "SOURCES.csv").read_bytes())
    crops = load(data, SIDE, CACHE / f"picture_crops_{SIDE}_{mark:08x}.npz")
    described = _described(crops)
    found = []
    for rows, inside, outside in splits(crops, unstated):
        for kind in (TRIVIAL, *KINDS):
            judge = _judge(kind, crops, described, inside)
            if judge is not None:
                found += [_fold(judge, crops, kind, rows, group) for group in outside]
    return found


def splits(crops: Crops, unstated: bool) -> Iterator[tuple[str, Mask, list[str]]]:
    """Yield (name of the rows, those fitted on, groups judged)."""
    every = sorted({str(group) for group in crops.group})
    for rows, allowed in (("clear", crops.clear), ("all", np.ones(len(crops.label), bool))):
        if rows == "all" and not unstated:
            return
        own = [group for group in every if len(set(crops.label[allowed & (crops.group == group)])) == 2]
        for group in own:
            yield rows, allowed & np.isin(crops.group, own) & (crops.group != group), [group]
        others = [group for group in every if group not in own]
        if others:
            yield rows, allowed & np.isin(crops.group, own), others


def _described(crops: Crops) -> dict[str, NDArray[np.float32]]:
    """What the pretrained network sees in every crop: (pictures, versions, features)."""
    from training.picture_backbone import describe, load

    net = load()
    stacks = {"trained": crops.trained, "delivered": crops.delivered, "jpeg85": crops.jpeg85}
    return {name: np.stack([describe(net, stack) for stack in held]) for name, held in stacks.items()}


def _judge(kind: str, crops: Crops, described: dict[str, NDArray[np.float32]], inside: Mask) -> Judge | None:
    """Fit one kind on the pictures ``inside``; None where there is too little to choose a stage on."""
    from training import picture_backbone, picture_net

    labels, groups = crops.label[inside], crops.group[inside]
    if kind == TRIVIAL:
        told = {"delivered": slice(3), "jpeg85": slice(1)}  # saved alike, pictures differ in size alone
        known = {of: logistic.fit(crops.trivial[inside][:, part], labels == 1) for of, part in told.items()}
        return lambda version, rows: known[version](crops.trivial[rows][:, told[version]])
    if not kind.startswith("pretrained"):
        net = picture_net.fit(crops.trained[inside], labels, groups)
        return lambda version, rows: picture_net.scores(net, getattr(crops, version)[rows])
    stage = None
    if kind != "pretrained":
        if len(set(groups)) < 2:
            return None
        seen = described["trained"][inside], described["delivered"][inside]
        stage = picture_backbone.best_stage(*seen, labels, groups)
    part = picture_backbone.columns(stage)
    model = picture_backbone.judge(described["trained"][inside], labels, stage)
    return lambda version, rows: model(described[version][rows][:, :, part]).mean(axis=1)


def _fold(judge: Judge, crops: Crops, kind: str, rows: str, group: str) -> Fold:
    inside = crops.group == group
    labels = crops.label[inside]
    figures = [_figure(judge(version, inside), labels) for version in ("delivered", "jpeg85")]
    made = Fold(kind, rows, group, int((labels == 0).sum()), int(labels.sum()), figures[0], figures[1])
    print(made, flush=True)
    return made


def _figure(found: Scores, labels: NDArray[np.int64]) -> tuple[float, float, float]:
    low, high = bootstrap(lambda rows: auc(found[rows], labels[rows]), list(range(len(labels))))
    return round(auc(found, labels), 3), round(low, 3), round(high, 3)


def carries(found: list[Fold]) -> bool:
    """Whether something may speak: some kind and rows whose every held-out interval lies above one half."""
    tried = {(fold.kind, fold.rows) for fold in found if fold.kind != TRIVIAL}
    held = [[fold for fold in found if (fold.kind, fold.rows) == one] for one in tried]
    whole = max((len(some) for some in held), default=0)
    return any(
        len(some) == whole and all(fold.delivered[1] > 0.5 and fold.jpeg85[1] > 0.5 for fold in some)
        for some in held
    )


def table(found: list[Fold]) -> str:
    """The folds for the card."""
    lines = [
        "| what | trained on | held out | genuine | generated | AUC (95 %) as delivered | after JPEG 85 |",
        "|---|---|---|---|---|---|---|",
    ]
    for fold in found:
        cells = [f"{value:.2f} ({low:.2f}–{high:.2f})" for value, low, high in (fold.delivered, fold.jpeg85)]
        lines.append(
            f"| {fold.kind} | {fold.rows} | {fold.group} | {fold.genuine} | {fold.generated} "
            f"| {cells[0]} | {cells[1]} |"
        )
    return "\n".join(lines)
