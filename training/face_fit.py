"""Train `face_net.Judge` on genuine and self-blended pairs that were looked at once; can be interrupted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.face_net import CHANNELS, Judge, looked
from training.face_pairs import VERSIONS, Pairs

__all__ = ["Maps", "Recipe", "fit", "pair_maps"]

OFTEN = 500
"""Steps after which all that is needed to go on is kept."""


@dataclass(frozen=True)
class Recipe:
    """All that decides how a network comes out, but the data."""

    steps: int
    pairs: int = 16
    rate: float = 3e-3
    decay: float = 1e-2
    seam_share: float = 2.0
    """Weight of the map's loss beside the score's."""
    average: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class Maps:
    """``seen``: float16 (versions, faces, 2, `CHANNELS`, cells, cells); ``seams`` and ``row``: see `Pairs`.

    ``row``: (all faces,), place of a face in ``seen``; -1 where it has no pairs.
    """

    seen: list[NDArray[np.float16]]
    seams: NDArray[np.uint8]
    row: NDArray[np.int64]


def pair_maps(pairs: Pairs, cache: Path) -> Maps:
    """All pairs as `face_net.Look` shows them; each version is kept in ``cache`` as soon as it is made."""
    torch.set_num_threads(1)
    rows = np.flatnonzero(pairs.usable)
    place = cache / f"maps-{pairs.name[6:]}-{CHANNELS}"
    place.mkdir(parents=True, exist_ok=True)
    parts = []
    for version in range(VERSIONS):
        kept = place / f"{version}.npy"
        if not kept.exists():
            found = looked(pairs.pictures[version, rows].reshape(-1, *pairs.pictures.shape[3:]))
            np.save(kept.with_suffix(".part.npy"), found.reshape(len(rows), 2, *found.shape[1:]))
            kept.with_suffix(".part.npy").rename(kept)
            print(f"looked at version {version + 1} of {VERSIONS}", flush=True)
        parts.append(np.load(kept, mmap_mode="r"))
    row = np.full(len(pairs.usable), -1)
    row[rows] = np.arange(len(rows))
    return Maps(parts, pairs.seams, row)


def fit(
    maps: Maps, rows: NDArray[np.int64], weights: NDArray[np.float64], recipe: Recipe, keep: Path
) -> Judge:
    """Train on the pairs of the faces ``rows``, drawn by ``weights``; the moving average of the weights.

    ``keep``: file of the state; a finished network is read from there, an interrupted one continued.
    """
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    net = Judge().to(memory_format=torch.channels_last)  # twice as fast
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, recipe.steps, pct_start=0.1)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
    parts = {"net": net, "optimiser": optimiser, "schedule": schedule, "average": average}
    first = _resumed(parts, keep)
    began, running = time.process_time(), 0.0
    for step in range(first, recipe.steps):
        rng = np.random.default_rng((recipe.seed, step))
        torch.manual_seed(recipe.seed * 1_000_003 + step)
        running += _step(net, optimiser, _batch(maps, rng.choice(rows, recipe.pairs, p=weights), rng), recipe)
        schedule.step()
        average.update_parameters(net)
        if (step + 1) % OFTEN == 0 or step + 1 == recipe.steps:
            _kept(parts, step + 1, keep)
            spent = time.process_time() - began
            print(f"  step {step + 1}: loss {running / OFTEN:.3f}, {spent:.0f} s", flush=True)
            running = 0.0
    ready: Judge = average.module
    return ready.eval()


def _batch(maps: Maps, rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Maps of pairs, genuine and blended in turn, and their seams."""
    versions = rng.integers(0, VERSIONS, len(rows))
    places = maps.row[rows]
    given = np.stack([maps.seen[v][place] for v, place in zip(versions, places, strict=True)])
    seams = torch.from_numpy(maps.seams[versions, rows].astype(np.float32) / 255)
    where = torch.stack((torch.zeros_like(seams), seams), 1).flatten(0, 1)
    return torch.from_numpy(given).float().flatten(0, 1), where


def _step(
    net: Judge, optimiser: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], recipe: Recipe
) -> float:
    """One step; the loss of the score."""
    given, where = batch
    wanted = torch.tensor([0.0, 1.0] * (len(given) // 2)) * 0.96 + 0.02
    net.train()
    logits, found = net(given.contiguous(memory_format=torch.channels_last))
    score = functional.binary_cross_entropy_with_logits(logits, wanted)
    mapped = functional.binary_cross_entropy_with_logits(found, where)
    optimiser.zero_grad()
    (score + recipe.seam_share * mapped).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    return float(score.detach())


def _kept(parts: dict[str, Any], done: int, keep: Path) -> None:
    keep.parent.mkdir(parents=True, exist_ok=True)
    part = keep.with_suffix(".part")
    torch.save({name: one.state_dict() for name, one in parts.items()} | {"done": done}, part)
    os.replace(part, keep)


def _resumed(parts: dict[str, Any], keep: Path) -> int:
    """How many steps were done before."""
    if not keep.exists():
        return 0
    held = torch.load(keep, weights_only=True)
    for name, one in parts.items():
        one.load_state_dict(held[name])
    return int(held["done"])
