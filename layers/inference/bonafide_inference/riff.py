"""What a WAV's header says of its length, against what is there; libavformat passes over it in silence.

Read from the file: `chunks` walks what is mapped, which inspection has no room for in a file of 2 GiB.
"""

from __future__ import annotations

import os

__all__ = ["length_warning"]

CHUNKS = 64
ENDLESS = 0x7FFFF000
"""Sizes from here on are what programs write that do not know how much will come."""


def length_warning(path: str) -> str | None:
    """``truncated`` (promises more), ``wrong_length`` (sound goes on beyond it), ``unknown_length``, or None.

    Other files than RIFF WAVE (Microsoft & IBM 1991) have no such warning.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return None
        place = 12
        for _ in range(CHUNKS):
            file.seek(place)
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            if name in (b"data", b""):
                break
            place += 8 + length + length % 2
        there = size - place - 8
        if name != b"data" or there <= 0:
            return None
        file.seek(place + 8 + length + length % 2)
        beyond = file.read(4)
    if length >= ENDLESS or length == 0:
        return "unknown_length"
    if length > there:
        return "truncated"
    return None if all(32 <= byte < 127 for byte in beyond) else "wrong_length"
