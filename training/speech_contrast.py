"""A second opinion beside the network: synthetic against genuine speech of the same source.

Statistics of one window's planes, and a linear discriminant over them that is fitted in closed form. Its
direction is the mean gap between the two classes inside each source that has both; what varies between clips
of a source, and far more heavily what varies between sources, counts against a direction (Fisher 1936, with
the nuisance of Solomonoff et al. 2005 among the scatter). A network that sees all sources at once learns the
gaps between them first (decision 0084).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.speech_cache import CLEAN, DISTURBED, Waves
from training.speech_net import BINS, SCALE, VoiceNet, spectrogram

__all__ = ["Contrast", "Judge", "discriminant", "statistics", "table"]

BANDS, FINE, SHAPES = 16, 32, 24
"""Bands of 500 Hz, bands of 250 Hz, and cosine coefficients of the latter."""
QUIET = 6.0
"""Nepers of mean log power below the loudest frame: from here down a frame counts as a pause."""
MOST = 3.0
"""Standard deviations at which a statistic is cut off: no single one decides."""
RIDGE, SOURCES = 100.0, 600.0
"""Added to the scatter: how much of a unit matrix, and how many times the scatter of source means."""
SHARE, LEAST = 0.8, -0.5
"""Weight of a discriminant of unit scatter beside the network's logit, and how far down it may pull: voices
that it does not hear score lowest of all."""
VERSIONS = (CLEAN, DISTURBED, DISTURBED + 1)
_WAVES = torch.arange(1.0, SHAPES + 1)[:, None] * (2 * torch.arange(float(FINE)) + 1) * (math.pi / (2 * FINE))
_SHAPES = torch.cos(_WAVES) * math.sqrt(2 / FINE)


def statistics(planes: Tensor) -> Tensor:
    """(batch, 2, 256, frames) of `spectrogram` to (batch, 136).

    Of the first plane, so free of gain and of the long-term spectrum: flatness of each band (mean and
    spread), spread of the band cepstrum, of its steps, their peakedness, and the mean step of log power from
    frame to frame and from bin to bin.
    """
    level = planes[:, 0] / SCALE
    loud = level.mean(1)
    heard = (loud > loud.amax(1, keepdim=True) - QUIET).to(level.dtype)[:, None]
    share, pairs = heard / heard.sum(2, keepdim=True), heard[:, :, 1:]
    pairs = pairs / pairs.sum(2, keepdim=True).clamp_min(1e-6)
    fine = level.exp().unflatten(1, (FINE, BINS // FINE)).mean(2)
    flat = level.unflatten(1, (BANDS, BINS // BANDS)).mean(2)
    flat = flat - fine.unflatten(1, (BANDS, FINE // BANDS)).mean(2).log()
    shape = _SHAPES @ fine.log()
    steps = shape[:, :, 1:] - shape[:, :, :-1]
    stride = _root(steps.square().mean(2))
    moves = (level[:, :, 1:] - level[:, :, :-1]).abs().unflatten(1, (BANDS, BINS // BANDS)).mean(2)
    edges = (level[:, 1:] - level[:, :-1]).abs()
    edges = torch.cat([edges, edges[:, -1:]], 1).unflatten(1, (BANDS, BINS // BANDS)).mean(2)
    found = [(flat * share).sum(2), _spread(flat, share), _spread(shape, share), stride]
    found += [steps.abs().mean(2) / stride, (moves * pairs).sum(2), (edges * share).sum(2)]
    return torch.cat(found, 1)


def _spread(values: Tensor, share: Tensor) -> Tensor:
    mean = (values * share).sum(2, keepdim=True)
    return _root(((values - mean).square() * share).sum(2))


def _root(square: Tensor) -> Tensor:
    return square.clamp_min(1e-8).sqrt()


class Contrast(nn.Module):
    """(batch, 136) statistics to (batch,): what is added to a network's logit."""

    mean: Tensor
    scale: Tensor
    weight: Tensor

    def __init__(self, mean: NDArray[Any], scale: NDArray[Any], weight: NDArray[Any]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("scale", scale), ("weight", weight)):
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)))

    def forward(self, found: Tensor) -> Tensor:
        """See the class."""
        cut = ((found - self.mean) / self.scale).clamp(-MOST, MOST)
        return (cut @ self.weight).clamp_min(LEAST)


class Judge(nn.Module):
    """A network and its second opinion: the logit of both, and the network's embedding."""

    def __init__(self, net: VoiceNet, contrast: Contrast) -> None:
        super().__init__()
        self.net, self.contrast = net, contrast

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        logit, hidden = self.net(planes)
        return logit + self.contrast(statistics(planes)), hidden


@torch.no_grad()
def table(waves: Waves, size: int) -> NDArray[np.float32]:
    """Statistics of every clip in `VERSIONS`, the mean over its windows: (clips, versions, 136)."""
    found = []
    for row in range(len(waves.lengths)):
        windows = [part for version in VERSIONS for part in waves.windows(row, version, size)]
        given = spectrogram(torch.from_numpy(np.stack(windows)))
        found.append(statistics(given).unflatten(0, (len(VERSIONS), -1)).mean(1).numpy())
    return np.array(found, np.float32)


@dataclass
class _Scatter:
    """What one class does inside sources and between them; ``means`` by source."""

    inside: NDArray[np.float64]
    between: NDArray[np.float64]
    means: dict[str, NDArray[np.float64]]
    counts: dict[str, int]


def discriminant(found: NDArray[Any], labels: NDArray[Any], groups: NDArray[Any]) -> Contrast:
    """Fit on (clips, versions, n) statistics, 1 for synthetic in ``labels``, ``groups`` the sources.

    Raises
    ------
    ValueError
        If no source has both classes: there is nothing to learn the gap from.
    """
    values = np.concatenate(list(found.swapaxes(0, 1).astype(np.float64)))
    labels, groups = np.tile(labels, found.shape[1]), np.tile(groups, found.shape[1])
    mean, scale = values.mean(0), values.std(0) + 1e-6
    values = np.clip((values - mean) / scale, -MOST, MOST)
    genuine, synthetic = (_scatter(values[labels == n], groups[labels == n]) for n in (0, 1))
    both = sorted(set(genuine.means) & set(synthetic.means))
    if not both:
        raise ValueError("no source has genuine and synthetic speech")
    gap = sum(
        np.sqrt(min(genuine.counts[name], synthetic.counts[name]))
        * (synthetic.means[name] - genuine.means[name])
        for name in both
    )
    scatter = RIDGE * found.shape[1] * np.eye(len(mean)) + genuine.inside + synthetic.inside
    scatter += SOURCES * (genuine.between + synthetic.between)
    weight = np.linalg.solve(scatter, gap)
    return Contrast(mean, scale, SHARE * weight / np.sqrt(weight @ scatter @ weight / len(values)))


def _scatter(values: NDArray[Any], groups: NDArray[Any]) -> _Scatter:
    """Of one class; a source counts between sources by the root of its size."""
    parts = {str(name): values[groups == name] for name in np.unique(groups)}
    means = {name: part.mean(0) for name, part in parts.items()}
    centred = [part - means[name] for name, part in parts.items()]
    size = np.sqrt([len(part) for part in parts.values()])
    spread = np.array(list(means.values()))
    spread = spread - np.average(spread, axis=0, weights=size)
    return _Scatter(
        np.asarray(sum(part.T @ part for part in centred)), (spread * size[:, None]).T @ spread,
        means, {name: len(part) for name, part in parts.items()},
    )  # fmt: skip
