"""Content streams of a PDF, unpacked within bounds: a bomb is refused before it is unpacked."""

from __future__ import annotations

import zlib
from typing import Any

import pikepdf

__all__ = ["TooLong", "unpacked"]

MAX_RAW_OTHER = 256 * 1024
"""Stored bytes of a stream whose filter has no bounded decoder here."""


class TooLong(Exception):
    """A stream unpacks to more than is looked at."""


def unpacked(contents: Any, most: int) -> bytes:
    """The bytes of a stream or of an array of streams, joined.

    Raises
    ------
    TooLong
        When they are more than ``most`` bytes.
    """
    parts = list(contents)[:2000] if isinstance(contents, pikepdf.Array) else [contents]
    whole = bytearray()
    for part in parts:
        if isinstance(part, pikepdf.Stream):
            whole += _one(part, most - len(whole)) + b"\n"
        if len(whole) > most:
            raise TooLong
    return bytes(whole)


def _one(stream: pikepdf.Stream, most: int) -> bytes:
    filters = stream.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters or "")]
    raw = stream.read_raw_bytes()
    if len(raw) > most:
        raise TooLong
    if names in ([""], []):
        return raw
    if names == ["/FlateDecode"] and "/DecodeParms" not in stream:
        return _inflate(raw, most)
    if len(raw) > MAX_RAW_OTHER or names.count("/FlateDecode") > 1:
        raise TooLong
    return stream.read_bytes()


def _inflate(raw: bytes, most: int) -> bytes:
    """Inflate at most ``most`` bytes; what a damaged stream gives before its fault is kept."""
    unpacker, whole = zlib.decompressobj(), bytearray()
    try:
        whole += unpacker.decompress(raw, most + 1)
    except zlib.error:
        return bytes(whole)
    if len(whole) > most:
        raise TooLong
    return bytes(whole)
