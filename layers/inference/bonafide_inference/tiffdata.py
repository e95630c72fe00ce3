"""EXIF: the TIFF structure read by hand, bounded, so that a hostile block costs and raises nothing."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any

from PIL.ExifTags import GPSTAGS, TAGS

__all__ = ["TiffData", "read_tiff", "text_of"]

MAX_ENTRIES = 512
"""Entries read of one directory."""
MAX_VALUE = 4 * 2**20
"""Bytes of one value."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_POINTERS = {0x8769: "exif", 0x8825: "gps", 0xA005: "interoperability"}
_OFFSET, _LENGTH = 0x0201, 0x0202
_CHARSETS = {b"ASCII\0\0\0": "latin-1", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "euc_jp"}


@dataclass
class TiffData:
    """Tags by name (``values``), raw blocks by tag number (``blocks``), and the thumbnail's bytes."""

    values: dict[str, Any] = field(default_factory=dict)
    blocks: dict[int, bytes] = field(default_factory=dict)
    thumbnail: bytes | None = None
    order: str = "<"


def read_tiff(data: bytes | mmap) -> TiffData:
    """Read the first directory with EXIF and GPS, and the second one's thumbnail; never raises.

    Strings are stripped text, rationals floats (None over zero), several numbers a tuple of at most 64.
    ``blocks`` holds XMP (700), IPTC (33723), Photoshop (34377) and ICC (34675) of a TIFF file.
    """
    found = TiffData()
    head = bytes(data[:8])
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return found
    found.order = order
    first = struct.unpack(order + "I", head[4:8])[0]
    following = _directory(data, first, found, TAGS)
    for tag, kind in _POINTERS.items():
        place = found.values.pop(f"#{tag}", None)
        if isinstance(place, int):
            _directory(data, place, found, GPSTAGS if kind == "gps" else TAGS, keep=True)
    if following:
        second = TiffData(order=order)
        _directory(data, following, second, TAGS)
        start, length = second.values.get("JpegIFOffset"), second.values.get("JpegIFByteCount")
        if isinstance(start, int) and isinstance(length, int) and 4 <= length <= MAX_VALUE:
            block = bytes(data[start : start + length])
            found.thumbnail = block if block.startswith(b"\xff\xd8") else None
    return found


def _directory(
    data: bytes | mmap, start: int, found: TiffData, names: dict[int, str], *, keep: bool = False
) -> int:
    """Read one directory into ``found``; the offset of the next one, or 0."""
    if start < 8 or start + 2 > len(data):
        return 0
    count = struct.unpack(found.order + "H", bytes(data[start : start + 2]))[0]
    end = start + 2 + 12 * count
    for place in range(start + 2, min(end, start + 2 + 12 * MAX_ENTRIES), 12):
        entry = bytes(data[place : place + 12])
        if len(entry) < 12:
            return 0
        tag, kind, number = struct.unpack(found.order + "HHI", entry[:8])
        raw = _raw(data, entry, kind, number, found.order)
        if raw is None:
            continue
        if tag in (700, 33723, 34377, 34675):
            found.blocks[tag] = raw
        elif tag in _POINTERS and not keep:
            found.values[f"#{tag}"] = _numbers(raw, kind, found.order)
        elif tag in names:
            found.values.setdefault(names[tag], _value(tag, raw, kind, found.order))
    tail = bytes(data[end : end + 4])
    return struct.unpack(found.order + "I", tail)[0] if len(tail) == 4 else 0


def _raw(data: bytes | mmap, entry: bytes, kind: int, number: int, order: str) -> bytes | None:
    size = _SIZES.get(kind, 0) * number
    if not 0 < size <= MAX_VALUE:
        return None
    if size <= 4:
        return entry[8 : 8 + size]
    start = struct.unpack(order + "I", entry[8:12])[0]
    raw = bytes(data[start : start + size])
    return raw if len(raw) == size else None


def _numbers(raw: bytes, kind: int, order: str) -> Any:
    """One number, or a tuple of the first 64."""
    if kind in (5, 10):
        pairs = struct.iter_unpack(order + ("II" if kind == 5 else "ii"), raw[: 64 * 8])
        values: tuple[Any, ...] = tuple(a / b if b else None for a, b in pairs)
    elif kind in _CODES:
        part = raw[: 64 * _SIZES[kind]]
        values = tuple(v[0] for v in struct.iter_unpack(order + _CODES[kind], part))
    else:
        return None
    return values[0] if len(values) == 1 else values


def _value(tag: int, raw: bytes, kind: int, order: str) -> Any:
    if tag == 0x9286:  # UserComment names its own character set
        return _comment(raw, order)
    if 0x9C9B <= tag <= 0x9C9F:  # Windows' XP… tags
        return raw.decode("utf-16-le", "replace").rstrip("\0").strip()
    if kind == 2:
        return text_of(raw)
    if kind == 7:
        return text_of(raw) if len(raw) <= 32 and raw.rstrip(b"\0").isascii() else f"<{len(raw)} bytes>"
    return _numbers(raw, kind, order)


def _comment(raw: bytes, order: str) -> str:
    charset = _CHARSETS.get(raw[:8])
    body = raw[8:] if charset or raw[:8] == b"\0" * 8 else raw
    if charset == "utf-16":
        return _utf16(body, order)
    return text_of(body)


def _utf16(body: bytes, order: str) -> str:
    """UTF-16 by its mark; without one the order with more Latin letters (writers ignore EXIF's rule)."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace").rstrip("\0").strip()
    little = body[1:2000:2].count(0) >= body[0:2000:2].count(0)
    if body[:2000].count(0) == 0:
        little = order == "<"
    return body.decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0").strip()


def text_of(raw: bytes) -> str:
    """Bytes as text: UTF-8 when it is, else Latin-1; NULs at the end and blanks removed."""
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()
