"""What stands before and behind a PDF, and documents that are a second thing as well."""

from __future__ import annotations

import mmap
from dataclasses import asdict, dataclass
from typing import Any

from bonafide_inference.chunks import zip_at_end
from bonafide_inference.detectors.picture_traces.trailing import FORMS

__all__ = ["Rider", "riders"]

LOOK = 2**20
"""Bytes behind the end that are searched."""
LEAST = 16
"""Bytes from which what follows the end counts."""
_PICTURES = (
    ("jpeg", b"\xff\xd8\xff"),
    ("png", b"\x89PNG"),
    ("gif", b"GIF8"),
    ("bmp", b"BM"),
    ("riff", b"RIFF"),
)


@dataclass(frozen=True)
class Rider:
    """Bytes that are no part of the document: ``place`` (before, after), offset, how many, and their format.

    ``form`` is ``unknown`` when nothing is recognised.
    """

    place: str
    offset: int
    bytes: int
    form: str

    def facts(self) -> dict[str, Any]:
        """As plain values for the finding's details."""
        return asdict(self)


def riders(path: str, end: int) -> list[Rider]:
    """Return what lies before the header, and behind ``end`` (that of the last revision; 0: not known).

    A ZIP archive that the file ends with is found wherever it begins.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = max(0, data.find(b"%PDF-", 0, 1024))
        before, found = bytes(data[:start]), []
        if before.strip(b"\0 \r\n\t\xef\xbb\xbf"):
            found.append(Rider("before", 0, start, _form(before)))
        archive = zip_at_end(data)
        if archive is not None:
            found.append(Rider("after" if archive >= end else "within", archive, len(data) - archive, "zip"))
        after = bytes(data[end : end + LOOK]) if end > 0 and archive is None else b""
        if len(after.strip(b"\0 \r\n\t\x1a")) >= LEAST:
            found.append(Rider("after", end, len(data) - end, _form(after)))
    return found


def _form(rest: bytes) -> str:
    begins = (name for name, magic in _PICTURES if rest.startswith(magic))
    occurs = (name for name, words in FORMS if name != "pdf" and words.search(rest))
    return next(begins, None) or next(occurs, "unknown")
