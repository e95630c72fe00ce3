"""What is refused before a model ever runs: looked at, loaded and tried in the cell, under limits.

ONNX is a program in a protocol buffer: it may name files beside it (external data), operators of foreign
libraries, shapes that fill the memory, loops without end. The reasons are listed in docs/models/README.md.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from bonafide_inference.cell import Cell
from bonafide_inference.registry import ITEM_MEMORY_MB

from ownmodels.folder import Refused

__all__ = ["MOST_BYTES", "believe", "cell", "look", "look_task", "try_out", "try_task"]

MOST_BYTES = 1 << 30
"""Of model.onnx. A cell has 2 GiB for weights, activations and the decoded media."""
LOOK_SECONDS, TRY_SECONDS = 60.0, 60.0
LOOK_MEMORY_MB = 6144
DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml", "com.microsoft"))
"""Operator sets that onnxruntime brings itself."""
ROUNDS = 5


@lru_cache(maxsize=1)
def cell() -> Cell:
    """One cell for all that this package does with foreign bytes."""
    tasks = {name: f"ownmodels.{place}" for name, place in {
        "look": "hostile:look_task", "try": "hostile:try_task", "vary": "variants:vary_task",
        "enrol": "enrol:enrol_task",
    }.items()}  # fmt: skip
    return Cell(tasks, preload=("numpy", "bonafide_inference.runner"))


def look(path: str, shape: tuple[int, ...], *, seconds: float = LOOK_SECONDS) -> None:
    """Refuse weights that need not be run to be refused.

    Parameters
    ----------
    shape
        Of the tensor that the manifest promises.

    Raises
    ------
    Refused
        ``too_large``, ``not_onnx``, ``invalid_onnx``, ``external_data``, ``custom_operator``, ``not_finite``,
        ``wrong_inputs``, ``wrong_shape``, ``hangs``, ``too_much_memory``, ``crashes``.
    """
    size = os.path.getsize(path)
    if size > MOST_BYTES:
        raise Refused("too_large", f"model.onnx has {size} bytes; the limit is {MOST_BYTES}")
    answer = cell().run(
        "look",
        {"path": os.path.abspath(path), "shape": list(shape)},
        seconds=seconds,
        memory_mb=LOOK_MEMORY_MB,
    )
    believe(answer)


def try_out(folder: str, shape: tuple[int, ...], *, seconds: float = TRY_SECONDS) -> dict[str, float]:
    """Load a completed folder as the detectors do, and run it on made-up inputs.

    Returns
    -------
    dict
        ``load_s``, ``run_s`` (median, one thread), ``memory_mb`` (peak of the worker), ``answers`` (how many
        different ones it gave; a map's count as one).

    Raises
    ------
    Refused
        ``runtime_refuses``, ``wrong_output``, ``hangs``, ``too_much_memory``, ``crashes``.
    """
    args = {"folder": os.path.abspath(folder), "shape": list(shape)}
    answer = cell().run("try", args, seconds=seconds, memory_mb=ITEM_MEMORY_MB)
    return {name: float(value) for name, value in believe(answer).items()}


def believe(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what a task of the cell found. Raises `Refused` with the task's reason, or the cell's."""
    reasons = {"timed_out": "hangs", "out_of_memory": "too_much_memory"}
    if not answer["ok"]:
        reason = str(answer.get("reason"))
        raise Refused(reasons.get(reason, "crashes"), f"in the cell: {answer.get('detail') or reason}"[:500])
    result = answer["result"] if isinstance(answer["result"], dict) else {}
    if "refused" in result:
        raise Refused(str(result["refused"]), str(result.get("detail", ""))[:500])
    return result


# ---- in the cell ------------------------------------------------------------------------------------
def look_task(args: dict[str, Any]) -> dict[str, Any]:
    """Parse the protocol buffer, without its external data, and look at all of it."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model(args["path"], load_external_data=False)
    except DecodeError as error:
        return _no("not_onnx", f"the bytes are no ONNX model: {error}")
    graphs = list(_graphs(model))
    if found := _external(graphs) or _foreign(model, graphs) or _infinite(graphs):
        return found
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        return _no("invalid_onnx", str(error))
    return _inputs(model, tuple(args["shape"])) or {}


def _no(reason: str, detail: str) -> dict[str, Any]:
    return {"refused": reason, "detail": detail}


def _graphs(model: Any) -> Iterator[Any]:
    """Every graph and function, those within attributes too."""
    todo = [model.graph, *model.functions]
    while todo:
        graph = todo.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                todo += [attribute.g] if attribute.HasField("g") else []
                todo += attribute.graphs


def _tensors(graphs: list[Any]) -> Iterator[Any]:
    for graph in graphs:
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                if attribute.HasField("sparse_tensor"):
                    yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
                yield from attribute.tensors


def _external(graphs: list[Any]) -> dict[str, Any] | None:
    for tensor in _tensors(graphs):
        if tensor.external_data or tensor.data_location == 1:
            places = ", ".join(entry.value for entry in tensor.external_data if entry.key == "location")
            return _no(
                "external_data", f"{tensor.name} lies in another file ({places}); save one single file"
            )
    return None


def _foreign(model: Any, graphs: list[Any]) -> dict[str, Any] | None:
    own = {(function.domain, function.name) for function in model.functions}
    for graph in graphs:
        for node in graph.node:
            if node.domain not in DOMAINS and (node.domain, node.op_type) not in own:
                return _no("custom_operator", f"{node.domain}::{node.op_type} is not onnxruntime's own")
    return None


def _infinite(graphs: list[Any]) -> dict[str, Any] | None:
    import numpy as np
    from onnx import TensorProto, numpy_helper

    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
    for graph in graphs:
        for tensor in getattr(graph, "initializer", ()):
            if tensor.data_type in floats and np.isnan(numpy_helper.to_array(tensor)).any():
                return _no("not_finite", f"the weights {tensor.name} hold numbers that are none")
    return None


def _inputs(model: Any, shape: tuple[int, ...]) -> dict[str, Any] | None:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs)
        return _no("wrong_inputs", f"one input is wanted, and there are {len(inputs)}: {names}")
    kind = inputs[0].type.tensor_type
    if kind.elem_type != 1:
        return _no("wrong_inputs", f"{inputs[0].name} is no float32 tensor")
    dims = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim]
    if kind.HasField("shape") and (
        len(dims) != len(shape) or any(d > 0 and d != s for d, s in zip(dims, shape, strict=True))
    ):
        return _no("wrong_shape", f"{inputs[0].name} is {dims} (0: any), model.json gives {list(shape)}")
    return None


def try_task(args: dict[str, Any]) -> dict[str, Any]:
    """Load and run under the runtime; noise, silence and full scale must give numbers."""
    import numpy as np
    from bonafide_inference.generic import raw_score
    from bonafide_inference.generic_map import map_of
    from bonafide_inference.models import ModelError, load

    begun = time.perf_counter()
    try:
        model = load(args["folder"], threads=1)
    except ModelError as error:
        return _no("runtime_refuses", str(error))
    loaded = time.perf_counter() - begun
    rng = np.random.default_rng(7)
    shape = tuple(args["shape"])
    inputs = [np.zeros(shape), np.ones(shape), *(rng.normal(0, 0.5, shape) for _ in range(ROUNDS))]
    times, answers = [], set()
    try:
        for tensor in inputs:
            begun = time.perf_counter()
            one = tensor.astype(np.float32)
            mapped = model.manifest.entry == "onnx_map"
            answers.add(map_of(model, one)[0].tobytes() if mapped else raw_score(model, one))
            times.append(time.perf_counter() - begun)
    except ModelError as error:
        return _no("wrong_output", str(error))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "load_s": round(loaded, 4),
        "run_s": round(float(np.median(times)), 6),
        "memory_mb": round(peak, 1),
        "answers": len(answers),
    }
