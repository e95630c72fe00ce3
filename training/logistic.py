"""Logistic regression for a handful of named measurements, and its ONNX form. Numpy and onnx only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Logistic", "fit", "onnx_bytes", "platt"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Logistic:
    """Standardisation and weights; the last weight is the intercept."""

    mean: Array
    std: Array
    weights: Array

    def __call__(self, rows: NDArray[np.floating]) -> Array:
        """The raw score (logit) of each row (n, features)."""
        return np.asarray((rows - self.mean) / self.std @ self.weights[:-1] + self.weights[-1])


def fit(rows: NDArray[np.floating], labels: NDArray[np.bool_], ridge: float = 1.0) -> Logistic:
    """Fit by Newton's method with a ridge on the standardised weights; both classes count the same."""
    mean, std = rows.mean(0).astype(float), rows.std(0).astype(float) + 1e-6
    table = np.c_[(rows - mean) / std, np.ones(len(rows))]
    share = np.where(labels, 0.5 / labels.mean(), 0.5 / (~labels).mean())
    penalty = np.eye(table.shape[1]) * ridge
    penalty[-1, -1] = 1e-6
    weights = np.zeros(table.shape[1])
    for _ in range(40):
        chance = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        slope = table.T @ (share * (chance - labels)) + penalty @ weights
        curve = (table * (share * chance * (1 - chance))[:, None]).T @ table + penalty
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return Logistic(mean, std, weights)


def platt(
    scores: Array, labels: NDArray[np.bool_], groups: list[str], rounds: int = 300
) -> dict[str, object]:
    """Slope and offset of the LLR, with their covariance from a bootstrap over ``groups``."""

    def line(pick: NDArray[np.int64]) -> Array:
        model = fit(scores[pick, None], labels[pick])
        slope = model.weights[0] / model.std[0]
        return np.array([slope, model.weights[1] - slope * model.mean[0]])

    rng = np.random.default_rng(5)
    names, member = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(member == i) for i in range(len(names))]
    draws = []
    for _ in range(rounds):
        pick = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        if labels[pick].any() and not labels[pick].all():
            draws.append(line(pick))
    slope, offset = line(np.arange(len(scores)))
    spread = np.cov(np.array(draws).T)
    return {
        "kind": "platt", "slope": round(float(slope), 4), "offset": round(float(offset), 4),
        "covariance": [round(float(x), 6) for x in (spread[0, 0], spread[0, 1], spread[1, 1])],
    }  # fmt: skip


def onnx_bytes(model: Logistic) -> bytes:
    """The model as ONNX: ``rows`` float32 (n, features) → ``score`` float32 (n, 1)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    scaled = model.weights[:-1] / model.std
    weight = numpy_helper.from_array(scaled[:, None].astype(np.float32), "weight")
    bias = numpy_helper.from_array(np.array([model.weights[-1] - scaled @ model.mean], np.float32), "bias")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["rows", "weight", "bias"], ["score"])], "logistic",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", len(scaled)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])], [weight, bias],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(made)
    return bytes(made.SerializeToString())
