"""The networks of `face_manipulation`: a score and a coarse map of seams, in torch; exported to ONNX.

`Look` is not trained: the first stages of an ImageNet network (`picture_backbone`, Apache-2.0) and a
high-pass, each as its mean and its energy in 16 x 16 cells. `Judge` is: from how these differ *within* one
crop (their mean over the crop is taken away, so that softness or colour of the whole say nothing) to score
and seams.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from bonafide_inference.detectors.face_manipulation.faces_in import CELLS, SIDE, tensor
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from training.picture_backbone import STAGES, load

__all__ = ["CHANNELS", "Judge", "Look", "export", "judged", "looked"]

USED = 4
"""Stages of the backbone: down to an eighth of the side."""
CHANNELS = 2 * sum(STAGES[: USED - 1]) + STAGES[USED - 1] + 9
WIDE, BLOCKS = 64, 4


class Look(nn.Module):
    """float32 (n, 3, `SIDE`, `SIDE`), as `faces_in.tensor` makes it → (n, `CHANNELS`, `CELLS`, `CELLS`)."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(_folded(stage) for stage in load().by_stage()[:USED]))
        self.requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        smooth = functional.avg_pool2d(pixels, 3, 1, 1, count_include_pad=False)
        wide = functional.avg_pool2d(smooth, 3, 1, 1, count_include_pad=False)
        maps = [_cells(pixels), _energy(4 * (pixels - smooth)), _energy(4 * (smooth - wide))]
        found = 0.5 * pixels
        for number, stage in enumerate(self.stages):
            found = stage(found)
            last = number == USED - 1
            maps += [found] if last else [_cells(found), _energy(found)]
        every = torch.cat(maps, 1)
        return every - every.mean((2, 3), keepdim=True)


def _cells(found: Tensor) -> Tensor:
    step = found.shape[-1] // CELLS
    return functional.avg_pool2d(found, step, step)


def _energy(found: Tensor) -> Tensor:
    """Log of the mean distance of a cell's values from their local mean."""
    local = functional.avg_pool2d(found, 3, 1, 1, count_include_pad=False)
    return torch.log(_cells((found - local).abs()) + 0.02)


def _folded(module: nn.Module) -> nn.Module:
    """The same with each convolution and the normalisation after it as one, padded evenly."""
    if not isinstance(module, nn.Sequential) or not isinstance(module[0], nn.Conv2d):
        for name, child in module.named_children():
            setattr(module, name, _folded(child))
        return module
    conv, norm, *rest = module
    plain = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.kernel_size[0] // 2,
        groups=conv.groups,
    )  # fmt: skip
    plain.weight, plain.bias = fuse_conv_bn_weights(
        conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return nn.Sequential(plain, *rest)


class Judge(nn.Module):
    """What `Look` gives → logit (n,), logits of seams (n, `CELLS`, `CELLS`)."""

    def __init__(self) -> None:
        super().__init__()
        self.even = nn.Sequential(nn.BatchNorm2d(CHANNELS, affine=False), nn.Dropout2d(0.1))
        self.first = nn.Sequential(nn.Conv2d(CHANNELS, WIDE, 1, bias=False), nn.BatchNorm2d(WIDE), nn.ReLU())
        self.blocks = nn.ModuleList(_block() for _ in range(BLOCKS))
        self.seams = nn.Conv2d(WIDE, 1, 1)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(2 * WIDE, 1)
        for last in (self.seams, self.head):
            nn.init.zeros_(last.weight)
        nn.init.constant_(self.seams.bias, -2.5)  # seams are rare

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Score and map."""
        found = self.first(self.even(maps))
        for block in self.blocks:
            found = torch.relu(found + block(found))
        pooled = torch.cat((found.mean((2, 3)), found.amax((2, 3))), 1)
        return self.head(self.drop(pooled)).squeeze(1), self.seams(found).squeeze(1)


def _block() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(WIDE, WIDE, 5, 1, 2, groups=WIDE, bias=False), nn.BatchNorm2d(WIDE),
        nn.Conv2d(WIDE, WIDE, 1, bias=False), nn.BatchNorm2d(WIDE),
    )  # fmt: skip


@torch.no_grad()
def looked(crops: NDArray[np.uint8]) -> NDArray[np.float16]:
    """What `Look` gives of crops (n, h, w, 3): float16 (n, `CHANNELS`, `CELLS`, `CELLS`)."""
    look = Look().eval()
    parts = [look(torch.from_numpy(tensor(crops[i : i + 32]))).numpy() for i in range(0, len(crops), 32)]
    return np.concatenate(parts).astype(np.float16)


@torch.no_grad()
def judged(judge: Judge, maps: NDArray[np.float16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The logit of each crop that was looked at, and its map of seams (n, `CELLS`, `CELLS`)."""
    judge.eval()
    parts = [judge(torch.from_numpy(maps[i : i + 64]).float()) for i in range(0, len(maps), 64)]
    said, seams = (torch.cat(column).double().numpy() for column in zip(*parts, strict=True))
    return said, seams


class _Mean(nn.Module):
    """What ships: one look, and the mean of what the judges say."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        super().__init__()
        self.look, self.judges = Look(), nn.ModuleList(judges)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Score and map."""
        maps = self.look(crops)
        said, seams = zip(*(judge(maps) for judge in self.judges), strict=True)
        return torch.stack(said).mean(0), torch.stack(seams).mean(0)


def export(judges: Sequence[Judge]) -> bytes:
    """All as one ONNX: ``crops`` → ``score`` (n,), ``map`` (n, cells, cells) of logits."""
    file = io.BytesIO()
    torch.onnx.export(
        _Mean(judges).eval(), (torch.zeros(2, 3, SIDE, SIDE),), file, input_names=["crops"],
        output_names=["score", "map"], opset_version=17, dynamo=False,
        dynamic_axes={"crops": {0: "n"}, "score": {0: "n"}, "map": {0: "n"}},
    )  # fmt: skip
    return file.getvalue()
