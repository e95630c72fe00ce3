"""The video clips of the material, and tables of figures with intervals, shared by the video operations."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from training.metrics import auc, bootstrap

__all__ = ["Clip", "clips", "either", "figure", "seconds", "words"]


@dataclass(frozen=True)
class Clip:
    """One clip: path, kind and source (``generated/pika``), label, release."""

    path: Path
    source: str
    label: str
    clear: bool

    @property
    def family(self) -> str:
        """The demuxer's name."""
        return "matroska" if self.path.suffix == ".mkv" else "mov"


def clips(data: Path) -> list[Clip]:
    """All clips of the material that may be looked at, sorted by path."""
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("video/")]
    return [
        Clip(data / r["path"], "/".join(r["path"].split("/")[1:3]), r["label"], r["release"] == "clear")
        for r in sorted(rows, key=lambda r: r["path"]) if r["release"] != "test-only"
    ]  # fmt: skip


def seconds(path: Path, most: float) -> float:
    """How long the file says it is, at most ``most``: it places the bursts as in production."""
    with av.open(str(path)) as container:
        return min(most, (container.duration or most * 1e6) / 1e6)


def figure(scores: Any, labels: Any, groups: Sequence[Any]) -> tuple[float, float, float]:
    """AUC with its 95 % interval when whole ``groups`` are drawn again."""
    values, truth = np.asarray(scores, float), np.asarray(labels, bool)
    low, high = bootstrap(lambda i: auc(values[i], truth[i]), list(groups))
    return auc(values, truth), low, high


def words(found: tuple[float, float, float]) -> str:
    """A figure with its interval in words."""
    return f"{found[0]:.3f} ({found[1]:.3f}–{found[2]:.3f})"


def either(scores: NDArray[Any], labels: NDArray[Any]) -> float:
    """AUC whichever way round: a control is given every advantage."""
    found = auc(scores, labels)
    return max(found, 1 - found)
