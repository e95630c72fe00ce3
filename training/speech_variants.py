"""Networks and losses that were tried in place of those of ``synthetic_speech`` 1.2.0 (decision 0096)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bonafide_inference
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from training.speech_cache import CLEAN, DISTURBED, Waves
from training.speech_contrast import Contrast, Judge
from training.speech_net import BINS, VoiceNet, spectrogram

__all__ = ["Banded", "Evenly", "masked", "pretrain", "unpacked"]

MODEL = Path(bonafide_inference.__file__).parent / "detectors/synthetic_speech/model.onnx"
STEPS, RATE, SAMPLES = 300, 3e-3, 16000
"""Of training on sound alone."""
SOURCES, CLIPS = 4, 8
"""Of a step of it."""
PATCH = (32, 8)
"""Bins and frames to a place of the network's last map."""


class Banded(VoiceNet):
    """Each band of the stem's map weighed by what all bands hold (squeeze and excitation, Hu et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        width, bands = self.hidden.in_features // 2, BINS // 4
        self.gate = nn.Sequential(nn.Linear(2 * bands, width), nn.ReLU(), nn.Linear(width, bands))
        for part in self.gate[2].parameters():
            nn.init.zeros_(part)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `VoiceNet`."""
        y = self.stem(x)
        along = y.mean(1)
        weight = 2 * torch.sigmoid(self.gate(torch.cat([along.mean(2), along.std(2)], 1)))
        return self.pooled(self.body(y * weight[:, None, :, None]))


class Evenly(VoiceNet):
    """Without the attention over bands and time of `VoiceNet`: all places of the last map count alike."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `VoiceNet`."""
        y = self.body(self.stem(x))
        return self.pooled(y, torch.zeros_like(y[:, :1]))


class Frozen(nn.BatchNorm2d):
    """Never of the batch: the file has the norms in the convolutions before them."""

    def train(self, mode: bool = True) -> Frozen:  # noqa: ARG002
        """Stay as it is."""
        return super().train(False)


def unpacked(net: VoiceNet, number: int) -> Judge:
    """A shipped judge out of its ONNX file, the network's weights in ``net``."""
    stored = {one.name: numpy_helper.to_array(one).copy() for one in onnx.load(MODEL).graph.initializer}
    folded = iter([one for name, one in stored.items() if name.startswith("onnx::Conv")][14 * number :])
    for room in (net.stem, *net.body):
        pairs = (("0", "1"),) if room is net.stem else (("first", "norm1"), ("second", "norm2"))
        for conv, norm in pairs:
            weight, bias = torch.from_numpy(next(folded)), torch.from_numpy(next(folded))
            room.get_submodule(conv).weight.data = weight
            frozen = Frozen(len(bias)).eval()
            frozen.weight.data *= (1 + frozen.eps) ** 0.5
            frozen.bias.data = bias
            setattr(room, norm, frozen)
    own = f"members.{number}."
    rest = {
        name.removeprefix(own): torch.from_numpy(one) for name, one in stored.items() if name.startswith(own)
    }
    judge = Judge(net, Contrast(*(rest[f"contrast.{key}"].numpy() for key in ("mean", "scale", "weight"))))
    judge.load_state_dict(rest, strict=False)
    return judge


def masked(net: VoiceNet, head: nn.Module, planes: Tensor) -> Tensor:
    """Mean square error of log power in patches that were blanked, two in five (He et al. 2022)."""
    high, wide = BINS // PATCH[0], planes.shape[3] // PATCH[1]
    planes = planes[..., : wide * PATCH[1]]
    blank = torch.rand(len(planes), 1, high, wide) < 0.4
    hidden = blank.repeat_interleave(PATCH[0], 2).repeat_interleave(PATCH[1], 3)
    made = head(net.body(net.stem(planes.masked_fill(hidden, 0)))).float()
    real = functional.pixel_unshuffle(planes[:, :1], PATCH[1]).unflatten(2, (high, -1))
    real = real.permute(0, 1, 3, 2, 4).flatten(1, 2)
    return (made - real).square().mean(1, keepdim=True)[blank].mean()


def pretrain(net: VoiceNet, waves: Waves, groups: NDArray[Any], rows: NDArray[Any], seed: int) -> None:
    """Train ``net`` in place by `masked` on the clips ``rows`` of the sources ``groups``, (clips,)."""
    rng, head = np.random.default_rng(seed), nn.Conv2d(64, PATCH[0] * PATCH[1], 1)
    optimiser = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.15)
    net.train()
    found = []
    for _ in range(STEPS):
        sources = rng.choice(np.unique(groups[rows]), SOURCES, replace=False)
        chosen = [int(rng.choice(rows[groups[rows] == name])) for name in sources for _ in range(CLIPS)]
        versions = rng.integers(DISTURBED, waves.samples.shape[1], len(chosen))
        versions[rng.random(len(chosen)) < 0.35] = CLEAN
        sound = [waves.crop(row, int(v), SAMPLES, rng) for row, v in zip(chosen, versions, strict=True)]
        planes = spectrogram(torch.from_numpy(np.stack(sound)))
        with torch.autocast("cpu", torch.bfloat16):
            missed = masked(net, head, planes.contiguous(memory_format=torch.channels_last))
        optimiser.zero_grad()
        missed.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        found.append(float(missed.detach()))
    print(f"  on sound alone: loss {np.mean(found[:50]):.3f} to {np.mean(found[-50:]):.3f}", flush=True)
