"""Identifiers: sortable by time, unguessable (ULID: 48 bits of milliseconds, 80 random bits)."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable

__all__ = ["TENANT", "IdFactory", "digest", "from_uuid", "new_id", "to_uuid"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case
_ULID = re.compile(r"[a-z]+_([0-7][0-9abcdefghjkmnpqrstvwxyz]{25})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
IdFactory = Callable[[str], str]
TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""A tenant's name: what keys, tokens and drop folders are made of."""


def new_id(prefix: str) -> str:
    """Return ``<prefix>_<26 characters>``; ids made later sort later (to the millisecond)."""
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def to_uuid(own: str) -> str:
    """Return one of our ids as a UUID, for the APIs whose ids are UUIDs; `from_uuid` reads it back.

    The milliseconds fill 42 of their 48 bits until the year 2109; the six left over make room for the version
    and variant that validators look for. The version is 4, the one that every client accepts, although the
    first 42 of the other bits are a time. Raises `ValueError` for what is no id of ours.
    """
    match = _ULID.fullmatch(own)
    number = 0
    for letter in match[1] if match else "":
        number = number << 5 | _ALPHABET.index(letter)
    if match is None or number >> 122:
        raise ValueError(f"{own!r} does not fit into a UUID")
    high, middle, low = number >> 74, number >> 62 & 0xFFF, number & (1 << 62) - 1
    digits = f"{high << 80 | 4 << 76 | middle << 64 | 2 << 62 | low:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def from_uuid(text: str, prefix: str) -> str:
    """Return the id that `to_uuid` made this UUID of. Raises `ValueError` for any other text."""
    if not _UUID.fullmatch(text.lower()):
        raise ValueError("not a UUID of ours")
    wire = int(text.replace("-", ""), 16)
    number = wire >> 80 << 74 | (wire >> 64 & 0xFFF) << 62 | wire & (1 << 62) - 1
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def digest(*parts: str) -> str:
    """Return a stable 32-character name for ``parts`` (SHA-256, truncated to 128 bits)."""
    joined = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hashlib.sha256(joined).hexdigest()[:32]
