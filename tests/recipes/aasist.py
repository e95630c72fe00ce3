"""A small AASIST-like network (Jung et al. 2022), random: sinc filters, residual blocks, spectral and
temporal graph attention, pooling, and the authors' return value (last hidden, logits)."""

from __future__ import annotations

import math

import torch
from torch import nn


class Sinc(nn.Module):
    """Fixed band-pass filters on the mel scale."""

    def __init__(self, filters: int, taps: int, rate: int = 16_000) -> None:
        super().__init__()
        mel = torch.linspace(0, 2595 * math.log10(1 + rate / 2 / 700), filters + 1)
        edges = 700 * (10 ** (mel / 2595) - 1) / rate
        n = torch.arange(taps) - (taps - 1) / 2
        low, high = edges[:-1, None], edges[1:, None]
        kernel = 2 * high * torch.sinc(2 * high * n) - 2 * low * torch.sinc(2 * low * n)
        self.register_buffer("kernel", (kernel * torch.hamming_window(taps))[:, None, :])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv1d(x[:, None, :], self.kernel)


class Residual(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(into),
            nn.SELU(),
            nn.Conv2d(into, out, (2, 3), padding=(1, 1)),
            nn.BatchNorm2d(out),
            nn.SELU(),
            nn.Conv2d(out, out, (2, 3), padding=(0, 1)),
        )
        self.beside = nn.Conv2d(into, out, (1, 3), padding=(0, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(self.body(x) + self.beside(x), (1, 3))


class GraphAttention(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.pair, self.score = nn.Linear(size, size), nn.Linear(size, 1)
        self.with_, self.without = nn.Linear(size, size), nn.Linear(size, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pairs = torch.tanh(self.pair(x[:, :, None, :] * x[:, None, :, :]))
        attention = torch.softmax(self.score(pairs), dim=-2).squeeze(-1)
        return nn.functional.selu(self.with_(attention @ x) + self.without(x))


class GraphPool(nn.Module):
    def __init__(self, size: int, keep: int) -> None:
        super().__init__()
        self.gate, self.keep = nn.Linear(size, 1), keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.gate(x))
        _, best = torch.topk(gate, self.keep, dim=1)
        return torch.gather(x * gate, 1, best.expand(-1, -1, x.shape[-1]))


class AasistLike(nn.Module):
    """(batch, 64600) → (last hidden, logits of spoof and bona fide)."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(Sinc(24, 129))
        self.first = nn.Sequential(nn.BatchNorm2d(1), nn.SELU())
        self.encoder = nn.Sequential(Residual(1, 8), Residual(8, 8), Residual(8, 16), Residual(16, 16))
        self.spectral = nn.Sequential(GraphAttention(16), GraphPool(16, 4))
        self.temporal = nn.Sequential(GraphAttention(16), GraphPool(16, 8))
        self.both = nn.Sequential(GraphAttention(16), GraphPool(16, 6))
        self.out = nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = nn.functional.max_pool2d(torch.abs(self.front(x))[:, None], 3)
        maps = self.encoder(self.first(maps))
        spectral = self.spectral(maps.abs().amax(dim=3).transpose(1, 2))
        temporal = self.temporal(maps.abs().amax(dim=2).transpose(1, 2))
        nodes = self.both(torch.cat([spectral, temporal], dim=1))
        hidden = torch.cat([nodes.amax(dim=1), nodes.mean(dim=1)], dim=1)
        return hidden, self.out(hidden)
