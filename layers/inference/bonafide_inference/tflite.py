"""TensorFlow Lite files of plain convolutional networks as ONNX, in memory (decision 0080).

Read by the published schema (tensorflow/lite/schema/schema.fbs); written field by field as ``onnx.proto``
numbers them, so that neither TensorFlow nor the package onnx is needed where the network runs. Planes come
first in ONNX and last in TensorFlow Lite: weights are turned once, here; the input is (n, 3, height, width).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flatbuffers import encode, packer
from flatbuffers import number_types as kinds
from flatbuffers.table import Table
from numpy.typing import NDArray

from bonafide_inference.wire import chunk, node, number, tensor

__all__ = ["UnknownNetwork", "as_onnx"]

OPSET, IR_VERSION = 13, 8
ADD, CONV_2D, DEPTHWISE_CONV_2D, MAX_POOL_2D, RESHAPE, PAD, PRELU = 0, 3, 4, 17, 22, 34, 54
PADDING = ("SAME_UPPER", "VALID")
FLOATS, INTS = 0, 2
"""Of schema.fbs: operators, paddings, types of tensors."""


class UnknownNetwork(ValueError):
    """The file holds an operator, an activation or a type that is not translated here."""


def as_onnx(weights: bytes, outputs: Sequence[str | None]) -> bytes:
    """The network as ONNX: ``input`` (n, channels, height, width) to tensors with the names of ``outputs``.

    An output without a name is left out, and with it all that only it needs.

    Raises
    ------
    UnknownNetwork
        For anything but float32 and the operators named above.
    """
    return _Network(bytearray(weights)).written(outputs)


class _Network:
    """One TensorFlow Lite file, its first graph."""

    def __init__(self, weights: bytearray) -> None:
        self.data = weights
        model = Table(weights, encode.Get(packer.uoffset, weights, 0))
        self.codes = [
            max(_number(code, 0, kinds.Int8Flags), _number(code, 3, kinds.Int32Flags))
            for code in _tables(model, 1)
        ]
        self.buffers = _tables(model, 4)
        graph = _tables(model, 2)[0]
        self.tensors, self.operators = _tables(graph, 0), _tables(graph, 3)
        self.inputs, self.outputs = _ints(graph, 1), _ints(graph, 2)
        self.nodes: list[bytes] = []
        self.constants: dict[str, bytes] = {}

    def written(self, outputs: Sequence[str | None]) -> bytes:
        """The whole model."""
        named = [(place, name) for place, name in zip(self.outputs, outputs, strict=True) if name]
        for operator in self._needed([place for place, _ in named]):
            self._translate(operator)
        for place, name in named:
            self.nodes.append(node("Identity", [f"t{place}"], name))
        _, height, width, channels = _ints(self.tensors[self.inputs[0]], 0)
        self.nodes.insert(0, node("Identity", ["input"], f"t{self.inputs[0]}"))
        graph = b"".join((
            *(chunk(1, one) for one in self.nodes), chunk(2, b"tflite"),
            *(chunk(5, one) for one in self.constants.values()),
            chunk(11, _value("input", ("n", channels, height, width))),
            *(chunk(12, _value(name, ("n", _ints(self.tensors[place], 0)[-1], 1, 1)))
              for place, name in named),
        ))  # fmt: skip
        return number(1, IR_VERSION) + chunk(7, graph) + chunk(8, chunk(1, b"") + number(2, OPSET))

    def _needed(self, tensors: list[int]) -> list[Table]:
        """The operators that lead to these tensors, in their order."""
        wanted, kept = set(tensors), []
        for operator in reversed(self.operators):
            if not wanted.isdisjoint(_ints(operator, 2)):
                wanted.update(_ints(operator, 1))
                kept.append(operator)
        return kept[::-1]

    def _translate(self, operator: Table) -> None:
        code = self.codes[_number(operator, 0, kinds.Uint32Flags)]
        inputs, (output,) = _ints(operator, 1), _ints(operator, 2)
        place = operator.Offset(12)
        options = Table(self.data, operator.Indirect(operator.Pos + place)) if place else None
        writers: dict[int, Callable[..., bytes]] = {
            ADD: self._add, CONV_2D: self._convolution, DEPTHWISE_CONV_2D: self._depthwise,
            MAX_POOL_2D: self._pool, RESHAPE: self._flat, PAD: self._pad, PRELU: self._prelu,
        }  # fmt: skip
        if code not in writers:
            raise UnknownNetwork(f"operator {code} of schema.fbs is not translated")
        self.nodes.append(writers[code](inputs, f"t{output}", options))

    def _add(self, inputs: list[int], output: str, options: Any) -> bytes:
        _plain(options, 0)
        return node("Add", [f"t{place}" for place in inputs], output)

    def _convolution(self, inputs: list[int], output: str, options: Any) -> bytes:
        _plain(options, 3)
        weights = self._array(inputs[1]).transpose(0, 3, 1, 2)
        return self._convolved(inputs, output, options, weights, 1)

    def _depthwise(self, inputs: list[int], output: str, options: Any) -> bytes:
        _plain(options, 4)
        weights = self._array(inputs[1]).transpose(3, 0, 1, 2)
        if _number(options, 3, kinds.Int32Flags) != 1:
            raise UnknownNetwork("a depth multiplier other than 1 is not translated")
        return self._convolved(inputs, output, options, weights, len(weights))

    def _convolved(
        self, inputs: list[int], output: str, options: Any, weights: NDArray[np.float32], groups: int
    ) -> bytes:
        names = [
            f"t{inputs[0]}", self._constant(f"w{inputs[1]}", weights),
            self._constant(f"b{inputs[2]}", self._array(inputs[2])),
        ]  # fmt: skip
        return node("Conv", names, output, group=groups, **_steps(options))

    def _pool(self, inputs: list[int], output: str, options: Any) -> bytes:
        _plain(options, 5)
        size = [_number(options, field, kinds.Int32Flags) for field in (4, 3)]
        return node("MaxPool", [f"t{inputs[0]}"], output, kernel_shape=size, **_steps(options))

    def _flat(self, inputs: list[int], output: str, _: Any) -> bytes:
        shape = _ints(self.tensors[inputs[0]], 0)
        if shape[1:3] != [1, 1]:
            raise UnknownNetwork("only single pixels are reshaped: the planes are in another order here")
        return node("Identity", [f"t{inputs[0]}"], output)

    def _pad(self, inputs: list[int], output: str, _: Any) -> bytes:
        widths = self._array(inputs[1], INTS)[[0, 3, 1, 2]].T.ravel().astype(np.int64)
        return node("Pad", [f"t{inputs[0]}", self._constant(f"p{inputs[1]}", widths)], output)

    def _prelu(self, inputs: list[int], output: str, _: Any) -> bytes:
        """As (1 - slope) Relu(x) + slope x, the products as convolutions of each plane with one number.

        So it stays in the runtime's own order of planes: its PRelu takes three times as long.
        """
        x, slope = f"t{inputs[0]}", self._array(inputs[1]).reshape(-1, 1, 1, 1)
        self.nodes.append(node("Relu", [x], f"{output}.over"))
        for name, of, weights in (("bent", f"{output}.over", 1 - slope), ("straight", x, slope)):
            kept = self._constant(f"{name}{inputs[1]}", weights)
            self.nodes.append(node("Conv", [of, kept], f"{output}.{name}", group=len(slope)))
        return node("Add", [f"{output}.bent", f"{output}.straight"], output)

    def _array(self, place: int, kind: int = FLOATS) -> NDArray[Any]:
        """The values of a constant tensor, in its own shape."""
        tensor = self.tensors[place]
        buffer = self.buffers[_number(tensor, 2, kinds.Uint32Flags)]
        start, length = _vector(buffer, 0)
        if _number(tensor, 1, kinds.Int8Flags) != kind or not length:
            raise UnknownNetwork(f"tensor {place} is no constant of type {kind}")
        values = np.frombuffer(self.data, np.float32 if kind == FLOATS else np.int32, length // 4, start)
        return values.reshape(_ints(tensor, 0))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        """Keep a constant as a TensorProto; its name."""
        self.constants[name] = tensor(name, values)
        return name


def _plain(options: Any, field: int) -> None:
    """Refuse an operator that has an activation of its own, or no options."""
    if options is None or _number(options, field, kinds.Int8Flags):
        raise UnknownNetwork("an operator with an activation of its own is not translated")


def _steps(options: Any) -> dict[str, Any]:
    padding = PADDING[_number(options, 0, kinds.Int8Flags)]
    return {"auto_pad": padding, "strides": [_number(options, field, kinds.Int32Flags) for field in (2, 1)]}


# ---- reading FlatBuffers ----


def _number(table: Table, field: int, kind: Any) -> int:
    place = table.Offset(4 + 2 * field)
    return int(table.Get(kind, table.Pos + place)) if place else 0


def _vector(table: Table, field: int) -> tuple[int, int]:
    place = table.Offset(4 + 2 * field)
    return (table.Vector(place), table.VectorLen(place)) if place else (0, 0)


def _tables(table: Table, field: int) -> list[Table]:
    start, length = _vector(table, field)
    return [Table(table.Bytes, table.Indirect(start + 4 * place)) for place in range(length)]


def _ints(table: Table, field: int) -> list[int]:
    start, length = _vector(table, field)
    return [int(value) for value in np.frombuffer(table.Bytes, np.int32, length, start)]


# ---- writing protobuf ----


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto of float32."""
    sizes = b"".join(
        chunk(1, chunk(2, size.encode()) if isinstance(size, str) else number(1, size)) for size in shape
    )
    return chunk(1, name.encode()) + chunk(2, chunk(1, number(1, 1) + chunk(2, sizes)))
