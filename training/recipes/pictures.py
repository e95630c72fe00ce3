"""Picture detectors: a timm model, a linear probe on CLIP features, a ViT classifier of transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.recipes.export import Facts, export

__all__ = ["clip_probe", "timm_model", "vit_classifier"]

_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, as processors of transformers write them."""


def timm_model(
    model: Any, target: Path, facts: Facts, *, fake_index: int = -1, entry: str = "onnx_image"
) -> Path:
    """Export a model of timm with its own evaluation transform.

    Parameters
    ----------
    model
        ``timm.create_model(name, num_classes=…, checkpoint_path=…)``. One output is taken as a logit,
        several as class scores before a softmax.
    fake_index
        The class that means "generated" (with one output: the sign is taken as it is).
    """
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(model)
    size = int(config["input_size"][-1])
    input_ = {
        "size": size,
        "fit": "crop",
        "resize": max(size, math.floor(size / config["crop_pct"])),
        "resample": config["interpolation"],
    }
    preparation = {"mean": list(config["mean"]), "std": list(config["std"])}
    classes = int(model.num_classes)
    output = {"meaning": "logit"} if classes == 1 else {"meaning": "softmax", "index": fake_index % classes}
    return export(model, target, facts, entry=entry, input_=input_, preprocessing=preparation, output=output)


class _Probe(torch.nn.Module):
    def __init__(self, encoder: Any, weights: Sequence[float], offset: float, normalise: bool) -> None:
        super().__init__()
        self.encoder, self.normalise = encoder, normalise
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32))
        self.offset = float(offset)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.encoder(pixel_values=pixels).image_embeds
        if self.normalise:
            features = features / features.norm(dim=-1, keepdim=True)
        return features @ self.weights + self.offset


def clip_probe(
    encoder: Any,
    processor: Any,
    weights: Sequence[float],
    offset: float,
    target: Path,
    facts: Facts,
    *,
    normalise: bool = False,
) -> Path:
    """Export a linear probe on CLIP's image embedding together with the encoder (Ojha et al. 2023, UnivFD).

    Parameters
    ----------
    encoder
        ``transformers.CLIPVisionModelWithProjection``.
    processor
        Its ``CLIPImageProcessor``: shorter side, centre crop, mean and deviation are taken from it.
    weights, offset
        Of the probe (scikit-learn: ``coef_[0]``, ``intercept_[0]``; UnivFD: ``fc_weights.pth``); above 0
        is fake.
    normalise
        Whether the probe was trained on embeddings of length 1.
    """
    size = int(processor.crop_size["height"])
    input_ = {
        "size": size,
        "fit": "crop",
        "resize": int(processor.size["shortest_edge"]),
        "resample": _RESAMPLE[int(processor.resample)],
    }
    module = _Probe(encoder, weights, offset, normalise)
    return export(
        module,
        target,
        facts,
        entry="onnx_image",
        input_=input_,
        preprocessing=_preparation(processor),
        output={"meaning": "logit"},
    )


class _Logits(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(pixel_values=pixels).logits
        return logits


def vit_classifier(model: Any, processor: Any, target: Path, facts: Facts, *, fake: str) -> Path:
    """Export an image classifier of transformers (``ViTForImageClassification`` and its like).

    Parameters
    ----------
    processor
        Its image processor (``height`` and ``width``: stretched to the square).
    fake
        The label of ``model.config.id2label`` that means "generated".
    """
    input_ = {
        "size": int(processor.size["height"]),
        "fit": "stretch",
        "resample": _RESAMPLE[int(processor.resample)],
    }
    index = next(int(i) for i, label in model.config.id2label.items() if label == fake)
    return export(
        _Logits(model),
        target,
        facts,
        entry="onnx_image",
        input_=input_,
        preprocessing=_preparation(processor),
        output={"meaning": "softmax", "index": index},
    )


def _preparation(processor: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"scale": float(processor.rescale_factor)}
    if processor.do_normalize:
        said |= {"mean": list(processor.image_mean), "std": list(processor.image_std)}
    return said
