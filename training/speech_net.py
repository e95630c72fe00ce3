"""The network behind ``synthetic_speech``: a small residual CNN on a log-linear spectrogram."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BINS", "FRAME", "HOP", "VoiceNet", "spectrogram"]

FRAME, HOP, BINS = 512, 160, 256
FLOOR = 1e-7
"""Added to the power spectrum of a signal of unit power (about -60 dB of a loud bin's level)."""
SCALE = 0.4
WEAK = 5e-4
"""Where the power is below this the group delay, which is noise there, is damped towards 0."""


def spectrogram(sound: Tensor) -> Tensor:
    """Two planes of (batch, samples) at 16 kHz: (batch, 2, 256 bins, frames). See `features.spectrogram`.

    The first is log power less its mean over time, the second the group delay (how far from the frame's
    middle the energy of a bin lies), squeezed to -1..1. The bin at 0 Hz is left out; gain has no effect.
    """
    sound = sound / (sound.square().mean(dim=1, keepdim=True).sqrt() + 1e-6)
    window = torch.hann_window(FRAME, periodic=True)
    ramp = window * (torch.arange(FRAME, dtype=torch.float32) - FRAME // 2)
    plain, ramped = (
        torch.stft(sound, FRAME, HOP, window=shape, center=False, return_complex=True)[:, 1:]
        for shape in (window, ramp)
    )
    power = plain.real.square() + plain.imag.square()
    level = torch.log(power / FRAME + FLOOR * FRAME)
    delay = (plain.real * ramped.real + plain.imag * ramped.imag) / (power + FRAME * WEAK)
    return torch.stack([(level - level.mean(dim=2, keepdim=True)) * SCALE, torch.tanh(delay / 64)], dim=1)


class _Block(nn.Module):
    """Two 3x3 convolutions with a short cut; ``stride`` (frequency, time)."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.short = nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.second(functional.relu(self.norm1(self.first(x)))))
        return functional.relu(y + self.short(x))


class VoiceNet(nn.Module):
    """(batch, planes, 256, frames) to (logit of "synthetic" (batch,), embedding (batch, width))."""

    def __init__(
        self, widths: tuple[int, ...] = (24, 32, 48, 64), planes: int = 2, drop: float = 0.3
    ) -> None:
        super().__init__()
        stem, *rest = widths
        self.stem = nn.Sequential(
            nn.Conv2d(planes, stem, (7, 5), (4, 2), (3, 2), bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        sizes = [stem, *rest]
        self.body = nn.Sequential(
            *(_Block(a, b, (2, 2) if i < 2 else (2, 1)) for i, (a, b) in enumerate(itertools.pairwise(sizes)))
        )
        last = sizes[-1]
        self.bands = nn.Conv2d(last, 1, 1)
        self.hidden = nn.Linear(2 * last, 64)
        self.drop = nn.Dropout(drop)
        self.out = nn.Linear(64, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.pooled(self.body(self.stem(x)))

    def pooled(self, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What follows the last map; its places are weighed by ``weight`` (logits) or as learnt."""
        weight = torch.softmax((self.bands(y) if weight is None else weight).flatten(2), dim=2)
        flat = y.flatten(2)
        mean = (flat * weight).sum(dim=2)
        spread = ((flat.square() * weight).sum(dim=2) - mean.square()).clamp_min(1e-5).sqrt()
        hidden = functional.relu(self.hidden(torch.cat([mean, spread], dim=1)))
        return self.out(self.drop(hidden)).squeeze(1), hidden
