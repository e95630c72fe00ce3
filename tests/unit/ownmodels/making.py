"""Tiny models and labelled media for the tests of an owner's models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

SIZE = 32


def manifest(**changes: Any) -> dict[str, Any]:
    """Return the manifest of a picture model for a question that nothing that ships asks of pictures."""
    return {
        "name": "brightness", "title": "Brightness", "version": "1.0.0", "operation": "lip_sync",
        "entry": "onnx_image", "input": {"size": SIZE}, "output": {"meaning": "score"},
        "licence": "Apache-2.0", "data": "none", "source": "made by a test",
    } | changes  # fmt: skip


def graph(
    nodes: list[Any], outputs: list[Any], *, shape: Any = (1, 3, SIZE, SIZE), kind: int = TensorProto.FLOAT,
    weights: list[Any] | None = None, more_inputs: list[Any] | None = None, domain: str | None = None,
) -> bytes:  # fmt: skip
    inputs = [helper.make_tensor_value_info("x", kind, list(shape)), *(more_inputs or [])]
    sets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    made = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, initializer=weights or []), opset_imports=sets
    )
    made.ir_version = 8
    return onnx.ModelProto.SerializeToString(made)


def out(name: str = "score", shape: tuple[int, ...] = ()) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def mean(**more: Any) -> bytes:
    """The score is the mean of the input."""
    return graph([helper.make_node("ReduceMean", ["x"], ["score"], keepdims=0)], [out()], **more)


def model(place: Path, weights: bytes | None = None, **changes: Any) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.onnx").write_bytes(mean() if weights is None else weights)
    (place / "model.json").write_text(json.dumps(manifest(**changes)))
    return place


def pictures(place: Path, per_source: int = 6, seed: int = 0) -> Path:
    """Two dark genuine sources, two bright generated ones; some of each look like the other."""
    rng = np.random.default_rng(seed)
    for label, level in (("genuine", 90), ("fake", 150)):
        for source in ("one", "two"):
            folder = place / label / f"{label}_{source}"
            folder.mkdir(parents=True)
            for number in range(per_source):
                shade = float(np.clip(level + rng.normal(0, 25), 5, 250))
                pixels = np.clip(rng.normal(shade, 12, (72, 96, 3)), 0, 255).astype(np.uint8)
                ending = "png" if number % 2 else "jpg"
                Image.fromarray(pixels).save(folder / f"{number}.{ending}")
    return place
