"""The wire format of protobuf, as far as model files need it: no package onnx where models run.

See protobuf.dev, "Encoding": a record is a tag (field number and wire type) and a value. Fields of nodes and
tensors are numbered as in ``onnx.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["chunk", "node", "number", "records", "tensor"]

VARINT, CHUNK = 0, 2
FIXED = {1: 8, 5: 4}


def chunk(field: int, value: bytes | memoryview) -> bytes:
    """A record of bytes: a string, a message, packed numbers."""
    return _varint(field << 3 | CHUNK) + _varint(len(value)) + value


def number(field: int, value: int) -> bytes:
    """A record of one whole number, 0 or more."""
    return _varint(field << 3) + _varint(value)


def node(kind: str, inputs: Sequence[str], output: str, **attributes: int | str | list[int]) -> bytes:
    """A NodeProto."""
    names = b"".join(chunk(1, name.encode()) for name in inputs) + chunk(2, output.encode())
    return names + chunk(4, kind.encode()) + b"".join(
        chunk(5, chunk(1, name.encode()) + _attribute(value)) for name, value in attributes.items()
    )  # fmt: skip


def _attribute(value: int | str | list[int]) -> bytes:
    if isinstance(value, int):
        return number(3, value) + number(20, 2)
    if isinstance(value, str):
        return chunk(4, value.encode()) + number(20, 3)
    return b"".join(number(8, one) for one in value) + number(20, 7)


def tensor(name: str, values: NDArray[Any]) -> bytes:
    """A TensorProto of float32 or int64."""
    head = b"".join(number(1, size) for size in values.shape)
    kind = number(2, 7 if values.dtype == np.int64 else 1)
    return head + kind + chunk(8, name.encode()) + chunk(9, values.tobytes())


def records(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Records of a message, uncopied: (field, the whole record, its value; of a number its varint).

    Raises
    ------
    ValueError
        If the bytes are no message.
    """
    place = 0
    while place < len(message):
        begun = place
        tag, place = _read(message, place)
        kind = tag & 7
        if kind == CHUNK:
            length, place = _read(message, place)
            value = place
            place += length
        elif kind == VARINT:
            value = place
            _, place = _read(message, place)
        elif kind in FIXED:
            value = place
            place += FIXED[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if place > len(message):
            raise ValueError("the message ends within a record")
        yield tag >> 3, message[begun:place], message[value:place]


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes((*found, value))


def _read(message: memoryview, place: int) -> tuple[int, int]:
    """The number at ``place``, and where it ends."""
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError("the message ends within a number")
        byte = message[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place
