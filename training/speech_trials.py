"""``python -m training.speech_trials --data DIR``: what was tried on `synthetic_speech` after 1.2.0 (0096).

Short training on a part of the clips, with the folds of the shipped networks: a trial and its control have
the same clips, seeds, batches and steps. Finished ones lie under ``.cache/speech/trials``; nothing of them is
shipped.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.metrics import auc, bootstrap
from training.speech_cache import CLEAN, Waves
from training.speech_figures import within_sources
from training.speech_fit import Recipe, Sampler, descend, scores
from training.speech_material import Clip, speech
from training.speech_net import VoiceNet
from training.speech_packages import package_speech, packaged
from training.speech_variants import Banded, Evenly, pretrain, unpacked
from training.synthetic_speech import CACHE, FOLDS, WINDOW, dealt

__all__ = ["Material", "main", "report", "subset"]

MOST = 25
"""Clips of a source and class."""
CONTINUED = Recipe(steps=200, pairs=8, rate=1e-3, average=0.98)
"""From the shipped networks, norms frozen."""
SCRATCH = Recipe(steps=500, samples=16000)
SEEDS = {"continued": 2, "bands": 2, "distilled": 2, "evenly": 1, "scratch": 2, "masked": 1}
"""Trial to number of seeds."""
CONTROLS = {"masked": "scratch", "scratch": "scratch"}
"""What a trial is compared with, where it is not ``continued``."""
Array = NDArray[Any]


@dataclass(frozen=True)
class Material:
    """Clips, (clips,) of everything but the sound."""

    waves: Waves
    labels: Array
    groups: Array
    fold: Array
    own: Array
    """Not out of packages: what AUC is of."""
    contrast: Array
    """The discriminant's part of the logit, fitted without the clip's fold."""
    shipped: Array
    """(clips, folds) logits of the shipped judges."""


def subset(clips: Sequence[Clip], most: int = MOST) -> NDArray[np.int64]:
    """Rows of at most so many clips of a source and class, whichever have the least hashes."""
    count: dict[tuple[str, bool], int] = {}
    rows = []
    for row in sorted(range(len(clips)), key=lambda n: hashlib.sha256(clips[n].name.encode()).digest()):
        key = clips[row].group, clips[row].synthetic
        count[key] = count.get(key, 0) + 1
        if count[key] <= most:
            rows.append(row)
    return np.array(sorted(rows))


def _material(data: Path) -> Material:
    every = speech(data) + package_speech(CACHE / "packages")
    rows = subset(every)
    whole = Waves.of(every, CACHE, rows=rows)
    waves, clips = Waves(whole.samples[rows], whole.lengths[rows]), [every[row] for row in rows]
    labels = np.array([c.synthetic for c in clips], int)
    groups, fold = np.array([c.group for c in clips]), dealt(every, False)[rows]
    return Material(
        waves, labels, groups, fold, np.array([not packaged(c) for c in clips]),
        *_kept("shipped", lambda: _judged(waves, fold)),
    )  # fmt: skip


def _judged(waves: Waves, fold: Array) -> tuple[Array, Array]:
    """The discriminant's part for every clip, and what the shipped judges say."""
    every = np.arange(len(fold))
    judges = [unpacked(VoiceNet(), number).eval() for number in range(FOLDS)]
    shipped = scores(judges, waves, every, CLEAN, WINDOW)
    alone = scores([judge.net for judge in judges], waves, every, CLEAN, WINDOW)
    return (shipped - alone)[every, fold], shipped


def _kept(name: str, make: Callable[[], tuple[Array, ...]]) -> tuple[Array, ...]:
    place = CACHE / "trials" / f"{name}.npz"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez(place, *make())
    with np.load(place) as file:
        return tuple(file[key] for key in file.files)


def _trial(name: str, seed: int, it: Material) -> tuple[Array]:
    """Logits (clips,) of networks that have not heard the clip's fold."""
    found = np.zeros(len(it.labels))
    for k in range(FOLDS):
        print(f"{name}, seed {seed}, fold {k}", flush=True)
        rows, mine = np.flatnonzero(it.fold != k), np.flatnonzero(it.fold == k)
        old = CONTROLS.get(name) != "scratch"
        recipe, wanted = replace(CONTINUED if old else SCRATCH, seed=seed), it.labels
        torch.manual_seed(seed)
        net = {"bands": Banded, "evenly": Evenly}.get(name, VoiceNet)()
        if old:
            unpacked(net, k)
        if name == "masked":
            pretrain(net, it.waves, it.groups, rows, seed)
        if name == "distilled":
            wanted, recipe = 1 / (1 + np.exp(-it.shipped[:, k])), replace(recipe, smooth=0.0)
        net = descend(it.waves, wanted, Sampler(it.labels, it.groups, rows, recipe), recipe, net)
        found[mine] = scores([net], it.waves, mine, CLEAN, WINDOW)[:, 0]
    return (found,)


def report(it: Material, logits: dict[str, list[Array]]) -> list[str]:
    """A Markdown table of AUC, means over seeds: pooled, mean of folds, within a source; and differences."""
    lines = [
        "| trial | pooled | by fold | within | pooled less control's | within less control's |",
        "|---|---|---|---|---|---|",
    ]
    for name, some in logits.items():
        control = logits[CONTROLS.get(name, "continued")][: len(some)]
        fused = _added(control, it)
        lines.append(_line(it, f"{name}, {len(some)} seeds, network alone", some, control))
        lines.append(_line(it, f"{name}, with discriminant", _added(some, it), fused))
        if name == "distilled":
            lines.append(_line(it, "distilled alone, its control with discriminant", some, fused))
    control = logits.get("scratch", [])
    for count in range(2, len(control) + 1):
        mixed = [np.mean(some, axis=0) for some in combinations(control, count)]
        lines.append(_line(it, f"{count} of scratch averaged, network alone", mixed, control))
    shipped = it.shipped[np.arange(len(it.fold)), it.fold]
    return [*lines, _line(it, "1.2.0", [shipped], [shipped])]


def _added(some: Sequence[Array], it: Material) -> list[Array]:
    return [one + it.contrast for one in some]


def _line(it: Material, name: str, some: Sequence[Array], control: Sequence[Array]) -> str:
    """Intervals of 95 %: sources are drawn, for the second those that have both classes."""
    own = np.flatnonzero(it.own)

    def pooled(these: Sequence[Array], rows: Array) -> float:
        return float(np.mean([auc(one[rows], it.labels[rows]) for one in these]))

    def apart(rows: Array) -> float:
        return pooled(some, own[rows]) - pooled(control, own[rows])

    within, other = (
        np.mean([list(within_sources(one, it.labels, it.groups.tolist()).values()) for one in these], axis=0)
        for these in (some, control)
    )
    parts = [pooled(some, own[it.fold[own] == k]) for k in np.unique(it.fold[own])]
    gap = within - other
    first = bootstrap(apart, it.groups[own].tolist())
    second = bootstrap(lambda rows: float(gap[rows].mean()), range(len(gap)))
    shown = [
        f"{value:+.3f} ({low:+.3f} to {high:+.3f})"
        for value, (low, high) in ((apart(np.arange(len(own))), first), (float(gap.mean()), second))
    ]
    values = [f"{value:.3f}" for value in (pooled(some, own), np.mean(parts), within.mean())]
    return f"| {name} | {' | '.join([*values, *shown])} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 0 when all trials are done."""
    parser = argparse.ArgumentParser(prog="training.speech_trials", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--only", nargs="*", choices=SEEDS, default=list(SEEDS), help="trials and controls")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    it = _material(arguments.data)
    logits: dict[str, list[Array]] = {name: [] for name in SEEDS if name in arguments.only}
    for seed in range(max(SEEDS.values())):
        for name in (name for name in logits if seed < SEEDS[name]):
            logits[name] += _kept(f"{name}-{seed}", partial(_trial, name, seed, it))
    print("\n".join(report(it, logits)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
