"""Train `speech_net.VoiceNet` on chosen clips: the loop, the batches, the scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.speech_cache import CLEAN, DISTURBED, Waves
from training.speech_net import VoiceNet, spectrogram

__all__ = ["Recipe", "Sampler", "batch", "descend", "fit", "scores"]


@dataclass(frozen=True)
class Recipe:
    """All that decides how a network comes out, but the data."""

    steps: int = 1500
    pairs: int = 16
    samples: int = 32000
    rate: float = 4e-3
    decay: float = 1e-2
    same_source: float = 0.25
    """Share of pairs whose two members come from one source."""
    mix: float = 0.0
    clean: float = 0.35
    """Share of clips taken as they are; the others come over a random channel."""
    smooth: float = 0.02
    average: float = 0.995
    widths: tuple[int, ...] = (24, 32, 48, 64)
    seed: int = 0


class Sampler:
    """Pairs of one genuine and one synthetic clip; sources drawn by the root of their size."""

    def __init__(
        self, labels: NDArray[Any], groups: NDArray[Any], rows: NDArray[np.int64], recipe: Recipe
    ) -> None:
        self.recipe = recipe
        self.pools: dict[int, dict[str, NDArray[np.int64]]] = {0: {}, 1: {}}
        for label, pool in self.pools.items():
            inside = rows[labels[rows] == label]
            pool.update({name: inside[groups[inside] == name] for name in sorted(set(groups[inside]))})
        self.both = sorted(set(self.pools[0]) & set(self.pools[1]))

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Row numbers (2 x pairs,), genuine and synthetic in turn."""
        chosen: list[int] = []
        for _ in range(self.recipe.pairs):
            if self.both and rng.random() < self.recipe.same_source:
                sizes = [min(len(self.pools[0][n]), len(self.pools[1][n])) for n in self.both]
                names = [_pick(self.both, sizes, rng)] * 2
            else:
                names = [
                    _pick(list(pool), [len(rows) for rows in pool.values()], rng)
                    for pool in self.pools.values()
                ]
            chosen += [int(rng.choice(self.pools[label][name])) for label, name in enumerate(names)]
        return np.array(chosen)


def _pick(names: list[str], sizes: list[int], rng: np.random.Generator) -> str:
    weights = np.sqrt(sizes)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def fit(
    waves: Waves,
    labels: NDArray[Any],
    groups: NDArray[Any],
    rows: NDArray[np.int64],
    recipe: Recipe,
    keep: Path | None = None,
) -> VoiceNet:
    """Train on ``rows``; with ``keep``, a finished network is read from there and a new one left there."""
    if keep is not None and keep.exists():
        net = VoiceNet(recipe.widths).to(memory_format=torch.channels_last)
        net.load_state_dict(torch.load(keep, weights_only=True))
        return net.eval()
    ready = descend(waves, labels, Sampler(labels, groups, rows, recipe), recipe)
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        torch.save(ready.state_dict(), keep)
    return ready


def descend(
    waves: Waves, wanted: NDArray[Any], sampler: Sampler, recipe: Recipe, start: VoiceNet | None = None
) -> VoiceNet:
    """The moving average of the weights after all steps, from ``start`` or a new network.

    ``wanted``: what each clip's probability is to come to, (clips,), 0 to 1.
    """
    torch.manual_seed(recipe.seed)
    net = (start or VoiceNet(recipe.widths)).to(memory_format=torch.channels_last)
    rng = np.random.default_rng(recipe.seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=recipe.steps, pct_start=0.15
    )
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
    began, running = time.monotonic(), 0.0
    for step in range(1, recipe.steps + 1):
        given, target = batch(waves, wanted, sampler, recipe, rng)
        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits, _ = net(given.contiguous(memory_format=torch.channels_last))
        loss = functional.binary_cross_entropy_with_logits(logits.float(), target)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        running += float(loss.detach())
        if step % 100 == 0:
            print(f"  step {step}: loss {running / 100:.4f}, {time.monotonic() - began:.0f} s", flush=True)
            running = 0.0
    return average.module.eval()


def batch(
    waves: Waves, labels: NDArray[Any], sampler: Sampler, recipe: Recipe, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Spectrograms and smoothed labels of one batch, masked and mixed."""
    rows = sampler.draw(rng)
    versions = DISTURBED + rng.integers(0, waves.samples.shape[1] - DISTURBED, len(rows))
    versions[rng.random(len(rows)) < recipe.clean] = CLEAN
    sound = np.stack([waves.crop(r, v, recipe.samples, rng) for r, v in zip(rows, versions, strict=True)])
    sound += rng.standard_normal(sound.shape, np.float32) * np.float32(10 ** (-4 - rng.random()))
    given = spectrogram(torch.from_numpy(sound))
    wanted = torch.from_numpy(labels[rows].astype(np.float32)) * (1 - 2 * recipe.smooth) + recipe.smooth
    _mask(given, rng)
    if rng.random() < recipe.mix:
        share, order = float(rng.beta(0.5, 0.5)), torch.from_numpy(rng.permutation(len(rows)))
        given = share * given + (1 - share) * given[order]
        wanted = share * wanted + (1 - share) * wanted[order]
    return given, wanted


def _mask(given: Tensor, rng: np.random.Generator) -> None:
    """SpecAugment (Park et al. 2019): a band and a stretch set to the mean, each in half of the clips."""
    _, _, bins, frames = given.shape
    for one in given:
        if rng.random() < 0.5:
            width = int(rng.integers(8, 56))
            low = int(rng.integers(0, bins - width))
            one[:, low : low + width] = 0
        if rng.random() < 0.5:
            width = int(rng.integers(5, 30))
            first = int(rng.integers(0, max(1, frames - width)))
            one[:, :, first : first + width] = 0


@torch.no_grad()
def scores(
    nets: Sequence[nn.Module],
    waves: Waves,
    rows: NDArray[np.int64],
    version: int = CLEAN,
    size: int = 32000,
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """Logits (clips, members): the mean over windows of ``size`` samples, the last one overlapping.

    ``change`` is applied to every window before, as the stability probe does it.
    """
    found = []
    for row in rows:
        windows = waves.windows(int(row), version, size)
        given = torch.stack(
            [spectrogram(torch.from_numpy(change(w) if change else w)[None])[0] for w in windows]
        )
        found.append([float(net(given)[0].mean()) for net in nets])
    return np.array(found, np.float32)
