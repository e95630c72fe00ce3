"""What the network sees of a face: one square crop, the same in training and at work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["CELLS", "MARGIN", "SIDE", "softness", "tensor"]

MARGIN = 0.2
"""Share of the face's longer side that is seen around it: the seam of a pasted face must be inside."""
SIDE = 128
CELLS = SIDE // 8
"""Pixels of the crop that the network sees, and cells of its map of seams, a side."""


def tensor(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 RGB (n, h, w, 3) as float32 (n, 3, `SIDE`, `SIDE`): each crop of mean 0 and spread 1."""
    rows = [
        np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        for one in crops
    ]
    stack = np.stack(rows).transpose(0, 3, 1, 2)
    stack -= stack.mean((1, 2, 3), keepdims=True)
    return np.asarray(stack / np.maximum(stack.std((1, 2, 3), keepdims=True), 4.0), np.float32)


def softness(rgb: NDArray[np.uint8]) -> float:
    """The control that has learnt nothing: minus the log variance of the Laplacian of the same crop."""
    grey = np.asarray(Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return -float(np.log(laplacian.var() / max(float(grey.var()), 16.0) + 1e-6))
