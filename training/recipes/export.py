"""Any torch module with one input becomes ``model.onnx`` and ``model.json``."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

__all__ = ["Facts", "export"]

OPSET = 18


@dataclass(frozen=True)
class Facts:
    """What only the owner knows. ``name`` is a–z, 0–9 and _; ``version`` is 1.2.3."""

    name: str
    title: str
    operation: str
    licence: str
    source: str
    data: str = "not said"
    version: str = "1.0.0"


def export(
    module: torch.nn.Module, target: Path, facts: Facts, *, entry: str, input_: dict[str, Any],
    preprocessing: dict[str, Any], output: dict[str, Any],
) -> Path:  # fmt: skip
    """Write the folder; returns it.

    Parameters
    ----------
    module
        Takes the one float32 tensor that ``input_`` describes (batch 1) and returns one tensor.
    input_, preprocessing, output
        As docs/models/README.md says.
    """
    target.mkdir(parents=True, exist_ok=True)
    module = module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter by tracing: it needs no further package, and one file comes out.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.zeros(_shape(entry, input_)),), str(target / "model.onnx"), dynamo=False,
            opset_version=OPSET, input_names=["input"], output_names=["output"],
        )  # fmt: skip
    manifest = {
        "name": facts.name, "title": facts.title, "version": facts.version, "operation": facts.operation,
        "entry": entry, "input": input_, "preprocessing": preprocessing, "output": output,
        "licence": facts.licence, "source": facts.source, "data": facts.data,
    }  # fmt: skip
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return target


def _shape(entry: str, input_: dict[str, Any]) -> tuple[int, ...]:
    if entry == "onnx_audio":
        samples = round(input_["rate_hz"] * input_["seconds"])
        return (1, 1, samples) if input_.get("shape") == "nct" else (1, samples)
    size = input_["size"]
    return (1, size, size, 3) if input_.get("layout") == "nhwc" else (1, 3, size, size)
