"""The small network tried for ``synthetic_image``: native crops, residual input, from scratch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SIDE", "STEPS", "PictureNet", "fit", "scores"]

SIDE = 64
"""Pixels of the windows that it is trained on, cut from crops; never resized."""
STEPS = 300
GAIN = 12.0


def residual(crops: Tensor) -> Tensor:
    """(batch, 3, n, n) in 0..1 without their content: less the mean of the 3x3 neighbourhood."""
    smooth = functional.avg_pool2d(functional.pad(crops, (1, 1, 1, 1), mode="reflect"), 3, 1)
    return ((crops - smooth) * GAIN).clamp(-3, 3)


class PictureNet(nn.Module):
    """(batch, 3, n, n) in 0..1 to the logit of "generated" (batch,); 0.03 M parameters."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        plan = ((3, width, 1), (width, width, 2), (width, 2 * width, 1), (2 * width, 3 * width, 2),
                (3 * width, 4 * width, 1))  # fmt: skip
        self.body = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, step, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b, step in plan
            )
        )
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(8 * width, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """See the class."""
        found = self.body(residual(crops)).flatten(2)
        return self.out(self.drop(torch.cat([found.mean(2), found.std(2)], 1))).squeeze(1)


def fit(
    crops: NDArray[np.uint8], labels: NDArray[np.int64], groups: NDArray[np.str_],
    steps: int = STEPS, batch: int = 32, seed: int = 0,
) -> PictureNet:  # fmt: skip
    """Train on (pictures, versions, n, n, 3) crops; both members of every pair are of one matched group."""
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), PictureNet()
    optimiser = torch.optim.AdamW(net.parameters(), 4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, steps)
    pools = {(g, y): np.flatnonzero((groups == g) & (labels == y)) for g in np.unique(groups) for y in (0, 1)}
    matched = sorted({g for g, _ in pools if len(pools[g, 0]) and len(pools[g, 1])})
    for step in range(steps):
        rows: list[int] = []
        for _ in range(batch // 2):
            group = matched[rng.integers(len(matched))]
            rows += [int(rng.choice(pools[group, y])) for y in (0, 1)]
        windows = np.stack([_window(crops[row, rng.integers(crops.shape[1])], rng) for row in rows])
        given = torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 255
        if rng.random() < 0.5:
            given = given.flip(3)
        wanted = torch.from_numpy(labels[rows]).float() * 0.9 + 0.05
        net.train()
        loss = functional.binary_cross_entropy_with_logits(net(given), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"  step {step + 1}: loss {float(loss.detach()):.3f}", flush=True)
    return net.eval()


def _window(crop: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    down, right = rng.integers(0, crop.shape[0] - SIDE + 1, 2)
    return crop[down : down + SIDE, right : right + SIDE]


@torch.no_grad()
def scores(net: PictureNet, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean logit of each picture's crops (pictures, crops, n, n, 3)."""
    return np.array([float(net(torch.from_numpy(c).permute(0, 3, 1, 2).float() / 255).mean()) for c in crops])
