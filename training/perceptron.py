"""One hidden layer on a few named measurements, fitted with numpy alone, and its ONNX form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Perceptron", "averaged", "fit", "onnx_bytes"]

Array = NDArray[np.float32]
CLIP = 4.0
"""Standardised measurements are bounded to this, lest one strange figure decides alone."""


@dataclass(frozen=True)
class Perceptron:
    """``relu(clip((x - mean) / std) @ w1 + b1) @ w2 + b2``, a logit."""

    mean: Array
    std: Array
    w1: Array
    b1: Array
    w2: Array
    b2: float

    def __call__(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Raw scores of rows (n, measurements)."""
        scaled = np.clip((rows - self.mean) / self.std, -CLIP, CLIP)
        return np.asarray(np.maximum(scaled @ self.w1 + self.b1, 0) @ self.w2 + self.b2, np.float64)

    def scaled(self, slope: float, offset: float) -> Perceptron:
        """The same with ``slope`` · score + ``offset`` as its score."""
        return Perceptron(
            self.mean, self.std, self.w1, self.b1, self.w2 * np.float32(slope), self.b2 * slope + offset
        )


def averaged(models: Sequence[Perceptron]) -> Perceptron:
    """One perceptron whose score is the mean of these (fitted on the same rows)."""
    first = models[0]
    return Perceptron(
        first.mean, first.std, np.concatenate([m.w1 for m in models], axis=1),
        np.concatenate([m.b1 for m in models]),
        (np.concatenate([m.w2 for m in models]) / len(models)).astype(np.float32),
        float(np.mean([m.b2 for m in models])),
    )  # fmt: skip


def fit(
    rows: NDArray[np.floating], labels: NDArray[np.bool_], weights: NDArray[np.floating], *,
    hidden: int = 24, steps: int = 500, decay: float = 2e-2, seed: int = 1,
) -> Perceptron:  # fmt: skip
    """Minimise the weighted cross-entropy by Adam (Kingma & Ba 2015) with decoupled weight decay.

    Parameters
    ----------
    weights
        (n,) how often each row is drawn; bring both classes to the same sum for a balanced logit.
    """
    rng = np.random.default_rng(seed)
    mean, std = rows.mean(0).astype(np.float32), rows.std(0).astype(np.float32) + np.float32(1e-4)
    scaled = np.clip((rows - mean) / std, -CLIP, CLIP).astype(np.float32)
    values = [
        rng.normal(0, rows.shape[1] ** -0.5, (rows.shape[1], hidden)), np.zeros(hidden),
        rng.normal(0, hidden**-0.5, hidden), np.zeros(1),
    ]  # fmt: skip
    first, second = [np.zeros_like(v) for v in values], [np.zeros_like(v) for v in values]
    drawn = rng.choice(len(rows), (steps, 512), p=weights / weights.sum())
    for step, batch in enumerate(drawn, 1):
        rate = 0.01 * 0.5 * (1 + np.cos(np.pi * step / steps))
        slopes = _slopes(values, scaled[batch], labels[batch])
        for k, slope in enumerate(slopes):
            first[k] += 0.1 * (slope - first[k])
            second[k] += 0.01 * (slope**2 - second[k])
            move = first[k] / (1 - 0.9**step) / (np.sqrt(second[k] / (1 - 0.99**step)) + 1e-8)
            values[k] = values[k] - rate * (move + decay * values[k] * (values[k].ndim == 2 or k == 2) * 10)
    w1, b1, w2 = (v.astype(np.float32) for v in values[:3])
    return Perceptron(mean, std, w1, b1, w2, float(values[3][0]))


def _slopes(
    values: list[NDArray[np.float64]], rows: Array, labels: NDArray[np.bool_]
) -> list[NDArray[np.float64]]:
    w1, b1, w2, b2 = values
    inner = rows @ w1 + b1
    active = np.maximum(inner, 0)
    chance = 1 / (1 + np.exp(-np.clip(active @ w2 + b2[0], -30, 30)))
    off = (chance - labels) / len(rows)
    back = off[:, None] * w2 * (inner > 0)
    return [rows.T @ back, back.sum(0), active.T @ off, np.array([off.sum()])]


def onnx_bytes(model: Perceptron) -> bytes:
    """The model as ONNX: ``rows`` float32 (n, measurements) → ``score`` float32 (n, 1)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    constants = {
        "mean": model.mean, "std": model.std, "low": np.float32(-CLIP), "high": np.float32(CLIP),
        "w1": model.w1, "b1": model.b1, "w2": model.w2[:, None], "b2": np.array([model.b2]),
    }  # fmt: skip
    steps = (
        ("Sub", ["rows", "mean"], "centred"), ("Div", ["centred", "std"], "scaled"),
        ("Clip", ["scaled", "low", "high"], "bounded"), ("Gemm", ["bounded", "w1", "b1"], "inner"),
        ("Relu", ["inner"], "active"), ("Gemm", ["active", "w2", "b2"], "score"),
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node(kind, given, [made]) for kind, given, made in steps], "perceptron",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", len(model.mean)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(made)
    return bytes(made.SerializeToString())
