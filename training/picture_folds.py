"""Does the small network carry over? Leave-source-out folds of `picture_net`, with intervals and controls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics import auc, bootstrap
from training.picture_crops import Crops, load

__all__ = ["KINDS", "Fold", "carries", "folds", "table"]

KINDS = ("mean", "npr")
"""The two inputs that were tried; see `picture_net.residual`."""
CACHE = Path(".cache/picture_crops.npz")


@dataclass(frozen=True)
class Fold:
    """One group that the network did not see: AUC with its 95 % interval, delivered and after JPEG 85."""

    kind: str
    group: str
    genuine: int
    generated: int
    delivered: tuple[float, float, float]
    jpeg85: tuple[float, float, float]


def folds(data: Path) -> list[Fold]:
    """Train on ``clear`` rows only: each of their groups held out in turn, then all for the unstated ones."""
    import torch

    from training.picture_net import SIDE, fit

    torch.set_num_threads(1)
    CACHE.parent.mkdir(exist_ok=True)
    crops = load(data, SIDE, CACHE)
    found = []
    for kind in KINDS:
        own = sorted(set(crops.group[crops.clear]))
        for group in own:
            inside = crops.clear & (crops.group != group)
            net = fit(crops.trained[inside], crops.label[inside], crops.group[inside], kind)
            found.append(_fold(net, crops, kind, str(group), crops.clear & (crops.group == group)))
        net = fit(crops.trained[crops.clear], crops.label[crops.clear], crops.group[crops.clear], kind)
        unstated = sorted(set(crops.group) - set(own))
        found += [_fold(net, crops, kind, str(group), crops.group == group) for group in unstated]
    return found


def _fold(net: Any, crops: Crops, kind: str, group: str, inside: NDArray[np.bool_]) -> Fold:
    from training.picture_net import scores

    labels = crops.label[inside]
    figures = [_figure(scores(net, stack[inside]), labels) for stack in (crops.delivered, crops.jpeg85)]
    made = Fold(kind, group, int((labels == 0).sum()), int(labels.sum()), figures[0], figures[1])
    print(made, flush=True)
    return made


def _figure(found: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float, float]:
    low, high = bootstrap(lambda rows: auc(found[rows], labels[rows]), list(range(len(labels))))
    return round(auc(found, labels), 3), round(low, 3), round(high, 3)


def carries(found: list[Fold]) -> bool:
    """Whether a network may speak: some input whose every held-out interval lies above one half."""
    held = {kind: [fold for fold in found if fold.kind == kind] for kind in KINDS}
    return any(
        bool(some) and all(fold.delivered[1] > 0.5 and fold.jpeg85[1] > 0.5 for fold in some)
        for some in held.values()
    )


def table(found: list[Fold]) -> str:
    """The folds for the card."""
    lines = [
        "| input | group held out | genuine | generated | AUC (95 %) as delivered | after JPEG 85 |",
        "|---|---|---|---|---|---|",
    ]
    for fold in found:
        cells = [f"{value:.2f} ({low:.2f}–{high:.2f})" for value, low, high in (fold.delivered, fold.jpeg85)]
        lines.append(
            f"| {fold.kind} | {fold.group} | {fold.genuine} | {fold.generated} | {cells[0]} | {cells[1]} |"
        )
    return "\n".join(lines)
