"""Hostile and broken ONNX: refused in the cell, each with its reason, and nothing outlives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ownmodels import hostile, material
from ownmodels.__main__ import prepare
from ownmodels.folder import Refused, complete, write
from tests.unit.ownmodels import making
from tests.unit.ownmodels.making import SIZE, graph, mean, out

SHAPE = (1, 3, SIZE, SIZE)


def external() -> bytes:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Add", ["m", "w"], ["score"]),
    ]
    return graph(nodes, [out(shape=(4,))], weights=[tensor])


def hidden_external() -> bytes:
    """The same within the branch of an If."""
    inner = onnx.load_from_string(external()).graph.initializer[0]
    constant = helper.make_node("Constant", [], ["c"], value=inner)
    branch = helper.make_graph([constant], "b", [], [out("c", (4,))])
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["yes"], ["score"], then_branch=branch, else_branch=branch),
    ]
    return graph(nodes, [out(shape=(4,))])


def custom() -> bytes:
    node = helper.make_node("Shell", ["x"], ["score"], domain="evil")
    return graph([node], [out()], domain="evil")


def not_finite() -> bytes:
    weights = [numpy_helper.from_array(np.array([np.nan], np.float32), "w")]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "w"], ["score"]),
    ]
    return graph(nodes, [out(shape=(1,))], weights=weights)


def two_inputs() -> bytes:
    more = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "y"], ["score"]),
    ]
    return graph(nodes, [out(shape=(1,))], more_inputs=more)


def undefined() -> bytes:
    return graph([helper.make_node("ReduceMean", ["nothing"], ["score"], keepdims=0)], [out()])


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (b"not a model", "not_onnx"),
        (b"", "invalid_onnx"),
        (external(), "external_data"),
        (hidden_external(), "external_data"),
        (custom(), "custom_operator"),
        (not_finite(), "not_finite"),
        (two_inputs(), "wrong_inputs"),
        (mean(kind=TensorProto.INT64), "wrong_inputs"),
        (mean(shape=(1, 3, 64, 64)), "wrong_shape"),
        (mean(shape=(1, SIZE)), "wrong_shape"),
        (undefined(), "invalid_onnx"),
    ],
    ids=[
        "garbage",
        "empty",
        "external",
        "external within If",
        "custom operator",
        "NaN",
        "two inputs",
        "integers",
        "other size",
        "other rank",
        "undefined name",
    ],
)
def test_refused_without_a_run(tmp_path: Path, weights: bytes, reason: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(weights)
    with pytest.raises(Refused) as caught:
        hostile.look(str(path), SHAPE)
    assert caught.value.reason == reason


@pytest.mark.parametrize("batch", [1, "batch", None])
def test_a_free_batch_axis_is_fine(tmp_path: Path, batch: Any) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(mean(shape=(batch, 3, SIZE, SIZE)))
    hostile.look(str(path), SHAPE)


def test_too_large_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "MOST_BYTES", 10)
    path = tmp_path / "model.onnx"
    path.write_bytes(mean())
    with pytest.raises(Refused) as caught:
        hostile.look(str(path), SHAPE)
    assert caught.value.reason == "too_large"


def endless() -> bytes:
    """A loop of 2^60 rounds."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Identity", ["a"], ["a2"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            out("a"),
        ],
        [helper.make_tensor_value_info("c2", TensorProto.BOOL, []), out("a2")],
    )
    weights = [
        numpy_helper.from_array(np.array(2**60, np.int64), "n"),
        numpy_helper.from_array(np.array(True), "t"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Loop", ["n", "t", "m"], ["score"], body=body),
    ]
    return graph(nodes, [out()], weights=weights)


def bomb() -> bytes:
    """A few bytes that want 64 GiB."""
    weights = [numpy_helper.from_array(np.array([1 << 34], np.int64), "n")]
    nodes = [
        helper.make_node("ConstantOfShape", ["n"], ["big"]),
        helper.make_node("ReduceMean", ["big"], ["b"], keepdims=0),
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Add", ["m", "b"], ["score"]),
    ]
    return graph(nodes, [out()], weights=weights)


def infinite_output() -> bytes:
    weights = [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Div", ["m", "zero"], ["score"]),
    ]
    return graph(nodes, [out()], weights=weights)


def deaf(bound: float) -> bytes:
    """The mean of the input, times 0 or cut off above ``bound``."""
    weights = [numpy_helper.from_array(np.array(bound, np.float32), "b")]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Mul" if bound == 0 else "Min", ["m", "b"], ["score"]),
    ]
    return graph(nodes, [out()], weights=weights)


def tried(tmp_path: Path, weights: bytes, **changes: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        prepare(making.model(tmp_path / "own", weights, **changes), tmp_path / "made", None)
    return caught.value


def test_what_never_ends_is_ended(tmp_path: Path) -> None:
    place = making.model(tmp_path / "own", endless())
    write(place, complete(place))
    with pytest.raises(Refused) as caught:
        hostile.try_out(str(place), SHAPE, seconds=3)
    assert caught.value.reason == "hangs"


def test_a_bomb_does_not_take_the_memory(tmp_path: Path) -> None:
    assert tried(tmp_path, bomb()).reason in ("too_much_memory", "wrong_output", "runtime_refuses")


def test_an_output_that_is_no_number_is_refused(tmp_path: Path) -> None:
    assert tried(tmp_path, infinite_output()).reason == "wrong_output"


@pytest.mark.parametrize(
    "output",
    [{"meaning": "probability"}, {"meaning": "softmax"}, {"index": 3}, {"name": "other"}],
    ids=["no probability", "one class", "no such index", "no such name"],
)
def test_an_output_that_is_not_as_said_is_refused(tmp_path: Path, output: dict) -> None:
    """Its mean of noise is below 0."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, np.float32))),
        helper.make_node("Sub", ["m", "two"], ["score"]),
    ]
    assert tried(tmp_path, graph(nodes, [out()]), output=output).reason == "wrong_output"


@pytest.mark.parametrize("with_data", [True, False])
def test_what_ignores_its_input_is_refused(tmp_path: Path, with_data: bool) -> None:
    samples = material.read(making.pictures(tmp_path / "data", 2)) if with_data else None
    with pytest.raises(Refused) as caught:
        prepare(making.model(tmp_path / "own", deaf(0.0)), tmp_path / "made", samples)
    assert caught.value.reason == "ignores_input"
    assert ("8 files" in str(caught.value)) is with_data


def test_files_refute_what_made_up_inputs_suggest(tmp_path: Path) -> None:
    """Cut off far below all that is made up, yet not below pictures that are darkened first."""
    own = making.model(tmp_path / "own", deaf(-1.0), preprocessing={"mean": [1.5, 1.5, 1.5]})
    with pytest.raises(Refused):
        prepare(own, tmp_path / "first", None)
    samples = material.read(making.pictures(tmp_path / "data", 2))
    assert prepare(own, tmp_path / "second", samples)[1] is not None
