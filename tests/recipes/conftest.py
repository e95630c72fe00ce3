"""What the recipes' libraries need to be imported here."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def _tolerate_foreign_torchvision() -> None:
    """Let timm import torchvision where torch is the CPU build and torchvision is not.

    Its compiled part does not load then, and it asks for two operators of it while it is imported.
    Recipes use its transforms only, which are Python.
    """
    found = importlib.util.find_spec("torchvision") if importlib.util.find_spec("torch") else None
    if found is None or found.origin is None:
        return
    import torch

    try:
        torch.ops.load_library(str(Path(found.origin).with_name("_C.so")))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        globals()["_kept"] = library  # the definition lives as long as this object


_tolerate_foreign_torchvision()
