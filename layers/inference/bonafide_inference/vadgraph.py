"""Silero VAD's network with its convolutions as products of matrices: the same numbers, three times as fast.

They are of four steps of time at most, frame by frame, for which the runtime makes hundreds of products that
are too narrow for the processor. Here all frames of a block go into one product each (decision 0086).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonafide_inference.wire import chunk, node, records, tensor

__all__ = ["by_matrices"]

MODEL_GRAPH = 7
NODE, INITIALIZER = 1, 5
"""Fields of GraphProto."""
HALF, BINS = 128, 129
"""Step of the Fourier transform, which is over twice as many samples, and its bins."""
LAYERS = ((4, 1), (4, 2), (2, 2), (1, 1))
"""Of the encoder's convolutions of three taps: steps of time that go in, stride."""


def by_matrices(file: bytes) -> bytes:
    """``silero_vad_16k_sequence.onnx`` of silero-vad 6.2, rewritten up to its LSTM."""
    parts = list(records(memoryview(file)))
    graph = list(records(next(value for field, _, value in parts if field == MODEL_GRAPH)))
    weights = dict(_floats(value) for field, _, value in graph if field == INITIALIZER)
    nodes = [value for field, _, value in graph if field == NODE]
    kinds = [_text(value, 4) for value in nodes]
    rest = nodes[kinds.index("LSTM") :]
    before = _text(rest[0], 1)
    writer = _Writer()
    encoded = writer.encoded(writer.spectrum(weights["stft.forward_basis_buffer"]), weights)
    made: list[bytes | memoryview] = [*writer.nodes, node("Identity", [encoded], before), *rest]
    whole = b"".join((
        *(chunk(NODE, one) for one in made), *(chunk(INITIALIZER, one) for one in writer.constants),
        *(record for field, record, _ in graph if field != NODE),
    ))  # fmt: skip
    return b"".join(record if field != MODEL_GRAPH else chunk(field, whole) for field, record, _ in parts)


def _text(message: memoryview, field: int) -> str:
    return bytes(next(value for found, _, value in records(message) if found == field)).decode()


def _floats(message: memoryview) -> tuple[str, NDArray[np.float32]]:
    """Name and values of a TensorProto, flat."""
    values = next(value for field, _, value in records(message) if field == 9)
    return _text(message, 8), np.frombuffer(values, np.float32)


class _Writer:
    """Nodes and constants in the order of their making."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []

    def spectrum(self, basis: NDArray[np.float32]) -> str:
        """Magnitudes (n, 4, 129) of frames (n, 576); the first of five steps is left out, as in the file."""
        around = self._node("Pad", "input", np.array([0, HALF, 0, HALF]), mode="reflect")
        halves = self._node("Reshape", self._cut(around, 0, 6 * HALF), np.array([-1, 6, HALF]))
        frames = self._node("Concat", self._cut(halves, 1, 5), self._cut(halves, 2, 6), axis=2)
        rows = basis.reshape(2 * BINS, 2 * HALF)
        parts = [self._node("MatMul", frames, some.T) for some in (rows[:BINS], rows[BINS:])]
        return self._node("Sqrt", self._node("Add", *(self._node("Mul", one, one) for one in parts)))

    def encoded(self, x: str, weights: dict[str, NDArray[np.float32]]) -> str:
        """(n, 1, 128) after four convolutions and rectifiers."""
        for number, (steps, stride) in enumerate(LAYERS):
            bias = weights[f"encoder.{number}.bias"]
            taps = weights[f"encoder.{number}.weight"].reshape(len(bias), -1, 3)
            padded = self._node("Pad", x, np.array([0, 1, 0, 0, 1, 0]))
            shifted = [self._cut(padded, tap, tap + steps, stride) for tap in range(3)]
            matrix = taps.transpose(2, 1, 0).reshape(-1, len(bias))
            product = self._node("MatMul", self._node("Concat", *shifted, axis=2), matrix)
            x = self._node("Relu", self._node("Add", product, bias))
        return x

    def _cut(self, x: str, first: int, last: int, step: int = 1) -> str:
        """Along the second axis."""
        return self._node("Slice", x, *(np.array([n]) for n in (first, last, 1, step)))

    def _node(self, kind: str, *inputs: str | NDArray[Any], **options: int | str) -> str:
        names = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        self.nodes.append(node(kind, names, f"made{len(self.nodes)}", **options))
        return f"made{len(self.nodes) - 1}"

    def _constant(self, values: NDArray[Any]) -> str:
        self.constants.append(tensor(f"given{len(self.constants)}", values))
        return f"given{len(self.constants) - 1}"
