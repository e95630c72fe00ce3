"""The small network of `face_manipulation`: a score and a coarse map of seams, in torch; exported to ONNX."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import torch
from bonafide_inference.detectors.face_manipulation.faces_in import SIDE, tensor
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from training.face_blend import blended, finished, jittered
from training.face_material import Crops

__all__ = ["CELLS", "Net", "export", "fitted", "scores"]

CELLS = SIDE // 8
BATCH = 32
STEPS = 1200


class Net(nn.Module):
    """float32 (n, 3, `SIDE`, `SIDE`) → logit (n,), seam map (n, `CELLS`, `CELLS`) of logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _layer(3, 16, 5, 2), _layer(16, 32, 3, 2), _layer(32, 64, 3, 2), _layer(64, 64, 3, 1)
        )
        self.map = nn.Conv2d(64, 1, 1)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(128, 1)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score and map."""
        seen = self.body(pixels)
        pooled = torch.cat((seen.mean((2, 3)), seen.amax((2, 3))), 1)
        return self.head(self.drop(pooled)).squeeze(1), self.map(seen).squeeze(1)


def _layer(inside: int, outside: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
    )


def fitted(crops: Crops, seconds: float, seed: int = 1) -> Net:
    """Train on genuine crops and their self-blends for so long; a source counts by the root of its size."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng, net = np.random.default_rng(seed), Net()
    slope = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    names, counts = np.unique(crops.folder, return_counts=True)
    share = dict(zip(names, 1 / np.sqrt(counts), strict=True))
    weights = np.array([share[name] for name in crops.folder])
    started = time.monotonic()
    for step in range(STEPS):
        gone = max(step / STEPS, (time.monotonic() - started) / seconds)
        if gone >= 1:
            break
        for group in slope.param_groups:
            group["lr"] = 3e-3 * min(1.0, step / 30 + 0.05) * (0.5 + 0.5 * float(np.cos(np.pi * gone)))
        pixels, maps = _batch(crops, weights / weights.sum(), rng)
        logit, seams = net(torch.from_numpy(pixels))
        loss = nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor([0.0, 1.0] * (BATCH // 2)))
        loss = loss + 0.5 * nn.functional.binary_cross_entropy_with_logits(seams, torch.from_numpy(maps))
        slope.zero_grad()
        loss.backward()
        slope.step()
        if step % 50 == 0:
            print(f"step {step}, loss {loss.item():.3f}, {time.monotonic() - started:.0f} s", flush=True)
    return net.eval()


def _batch(
    crops: Crops, share: NDArray[Any], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pairs of the same face, genuine and self-blended, each finished by chance; maps of the seams."""
    pixels, maps = [], []
    for row in rng.choice(len(crops.rgb), BATCH // 2, p=share):
        rgb, marks = jittered(crops.rgb[row], crops.marks[row], rng)
        fake, mask = blended(rgb, marks, rng)
        seam = Image.fromarray(4 * mask * (1 - mask)).resize((CELLS, CELLS), Image.Resampling.BOX)
        pixels += [finished(rgb, rng), finished(fake, rng)]
        maps += [np.zeros((CELLS, CELLS), np.float32), np.asarray(seam, np.float32)]
    return tensor(np.stack(pixels)), np.stack(maps)


def scores(net: Net, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The logit of each crop (n, h, w, 3)."""
    with torch.no_grad():
        parts = [
            net(torch.from_numpy(tensor(crops[i : i + 64])))[0].numpy() for i in range(0, len(crops), 64)
        ]
    return np.concatenate(parts).astype(np.float64)


def export(net: Net) -> bytes:
    """The network as ONNX: ``crops`` → ``score`` (n,), ``map`` (n, `CELLS`, `CELLS`) of logits."""
    file = io.BytesIO()
    torch.onnx.export(
        net, (torch.zeros(2, 3, SIDE, SIDE),), file, input_names=["crops"], output_names=["score", "map"],
        dynamic_axes={"crops": {0: "n"}, "score": {0: "n"}, "map": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    return file.getvalue()
