"""Identifiers: sortable by time, unguessable (ULID: 48 bits of milliseconds, 80 random bits)."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

__all__ = ["IdFactory", "digest", "new_id"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case
IdFactory = Callable[[str], str]


def new_id(prefix: str) -> str:
    """Return ``<prefix>_<26 characters>``; ids made later sort later (to the millisecond)."""
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def digest(*parts: str) -> str:
    """Return a stable 32-character name for ``parts`` (SHA-256, truncated to 128 bits)."""
    joined = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hashlib.sha256(joined).hexdigest()[:32]
