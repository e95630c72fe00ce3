"""Header evidence of a video: edit lists of ISO files, and the encoder that an H.264/H.265 stream names."""

from __future__ import annotations

import os
import re
import struct
from typing import BinaryIO

__all__ = ["count_edit_lists", "stream_encoders"]

_CONTAINERS = {b"moov", b"trak", b"edts", b"mdia"}
_MAX_BOXES = 2_000
_ENCODER = re.compile(
    rb"(x264 - core [0-9 ra-f]{1,40}|x265 \(build [0-9]+\)[ -~]{0,60}|Lavc[0-9.]{3,20}[ -~]{0,20})"
)


def count_edit_lists(path: str) -> tuple[int, int]:
    """Edit-list entries of an MP4/MOV: (all, tracks with more than one real entry).

    Empty edits (media time -1) only delay a track and are no cut. Reads box headers, at most 2,000.
    """
    entries: list[int] = []
    with open(path, "rb") as file:
        _walk(file, 0, os.path.getsize(path), entries, [0])
    return sum(entries), sum(1 for count in entries if count > 1)


def _walk(file: BinaryIO, start: int, end: int, entries: list[int], seen: list[int]) -> None:
    while start + 8 <= end and seen[0] < _MAX_BOXES:
        seen[0] += 1
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        body = start + 8
        if size == 1 and len(head) == 16:
            size, body = struct.unpack(">Q", head[8:])[0], start + 16
        stop = end if size == 0 else min(end, start + size)
        if stop <= body:
            return
        if kind in _CONTAINERS:
            _walk(file, body, stop, entries, seen)
        elif kind == b"elst":
            entries.append(_real_entries(file, body, stop))
        start = stop


def _real_entries(file: BinaryIO, body: int, stop: int) -> int:
    file.seek(body)
    data = file.read(min(stop - body, 8 + 20 * 256))
    if len(data) < 8:
        return 0
    wide = data[0] == 1
    count = min(struct.unpack(">I", data[4:8])[0], 256)
    step = 20 if wide else 12
    real = 0
    for place in range(count):
        entry = data[8 + place * step : 8 + (place + 1) * step]
        if len(entry) < step:
            break
        media_time = struct.unpack(">q" if wide else ">i", entry[8:16] if wide else entry[4:8])[0]
        real += media_time >= 0
    return real


def stream_encoders(first_packet: bytes) -> list[str]:
    """Encoder names that H.264/H.265 encoders leave in the first packet (SEI user data)."""
    return [match.decode("ascii").strip() for match in _ENCODER.findall(first_packet[:65536])][:4]
