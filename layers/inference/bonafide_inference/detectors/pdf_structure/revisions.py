"""Revisions of a PDF: where each save ended, the earlier ones as files, what each later one changed.

A save that appends writes a cross-reference section whose ``/Prev`` names the one before. The chain from
the last ``startxref`` therefore tells real revisions from end marks that merely occur: inside an embedded
PDF, or the two that a linearised file has by design.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from bonafide.model import Artifact
from bonafide_inference.detectors.pdf_structure.budget import OverBudget, budget
from bonafide_inference.registry import Job

__all__ = ["Change", "History", "changes", "history", "recover"]

KEEP_REVISIONS = 8
"""Earlier revisions given back as files, the newest first."""
KEEP_BYTES = 100 * 2**20
"""… and the bytes of them all together."""
MAX_HOPS = 2_000
SECONDS = 4.0
"""Wall time for opening earlier revisions, and again for comparing them."""
MAX_PAGES = 500
"""Pages that are compared between two revisions."""

_END = re.compile(rb"startxref[ \t\r\n]+(\d{1,12})[ \t\r\n]+%%EOF[ \t]*\r?\n?")
_PREV = re.compile(rb"/Prev\s+(\d{1,12})")
_SECTION = re.compile(rb"\s{0,16}(xref\b|\d{1,10}\s+\d{1,5}\s+obj\b)")


@dataclass(frozen=True)
class History:
    """Offsets just behind each revision's end mark, oldest first.

    ``marks`` counts all end marks; ``chained`` says that the ``/Prev`` chain could be followed (else the
    marks were counted, the first of a linearised file left out).
    """

    ends: tuple[int, ...]
    linearised: bool
    marks: int
    chained: bool


@dataclass
class Change:
    """What one revision did to the pages that were there before (1-based page numbers)."""

    revision: int
    pages_before: int
    pages_after: int
    content_changed: list[int] = field(default_factory=list)
    annotations_added: list[int] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """As plain values for the finding's details."""
        return {
            "revision": self.revision, "pages_before": self.pages_before, "pages_after": self.pages_after,
            "content_changed_on_pages": self.content_changed[:50],
            "annotations_added_on_pages": self.annotations_added[:50],
        }  # fmt: skip


def history(path: str) -> History:
    """Return the revisions of the PDF at ``path``; nothing is parsed beyond cross-reference trailers."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        linearised = b"/Linearized" in data[:2048]
        marks = [(match.end(), int(match[1])) for match in _END.finditer(data)]
        start = max(0, data.find(b"%PDF-", 0, 1024))
        sections = _chain(data, marks[-1][1] if marks else 0, start)
    if sections is None:
        kept = marks[1:] if linearised and len(marks) > 1 else marks
        return History(tuple(end for end, _ in kept), linearised, len(marks), chained=False)
    kept = [(end, at) for end, at in marks if at in sections and at < end]
    ends = {at: end for end, at in reversed(kept)}  # the first mark that names a section is its own
    return History(tuple(sorted(ends.values())), linearised, len(marks), chained=True)


def _chain(data: mmap.mmap, last: int, start: int) -> set[int] | None:
    """Offsets of the sections from the last back to the first; None when a link is broken."""
    found: set[int] = set()
    at = last
    for _ in range(MAX_HOPS):
        if at in found:
            return None
        place = at + start if not _SECTION.match(data, at) else at
        if not 0 < place < len(data) or not _SECTION.match(data, place):
            return None
        found.add(at)
        previous = _previous(data, place)
        if previous is None:
            return found
        at = previous
    return None


def _previous(data: mmap.mmap, place: int) -> int | None:
    """``/Prev`` of the section at ``place``, or None for the first of all."""
    if data[place : place + 20].lstrip()[:4] == b"xref":
        begin = data.find(b"trailer", place)
        end = data.find(b"startxref", begin)
    else:
        begin, end = place, data.find(b"stream", place)
    if begin < 0:
        return None
    match = _PREV.search(data, begin, end if end >= 0 else min(len(data), begin + 65_536))
    return int(match[1]) if match else None


def recover(job: Job, found: History) -> tuple[tuple[Artifact, ...], dict[int, str]]:
    """Write the earlier revisions that open, newest first.

    Returns
    -------
    tuple
        The artifacts, and for each revision number looked at ``recovered``, ``unreadable``, ``too_long``
        or ``too_slow``.
    """
    artifacts: list[Artifact] = []
    states: dict[int, str] = {}
    room, end = KEEP_BYTES, time.monotonic() + SECONDS
    for number in range(len(found.ends) - 1, max(0, len(found.ends) - 1 - KEEP_REVISIONS), -1):
        length = found.ends[number - 1]
        if length > room or time.monotonic() > end:
            states[number] = "too_long" if length > room else "too_slow"
            continue
        path = os.path.join(job.workdir, f"revision-{number}.pdf")
        if not _write(job.path, path, length):
            states[number] = "unreadable"
            continue
        room -= length
        states[number] = "recovered"
        artifacts.append(Artifact(
            name=f"revision-{number}.pdf", media_type="application/pdf", path=path,
            title=f"Revision {number} of {len(found.ends)}, as it was before the saves that followed",
        ))  # fmt: skip
    return tuple(artifacts), states


def _write(source: str, target: str, length: int) -> bool:
    """Copy ``length`` bytes (bounded by the caller); False, and no file, when they are no document."""
    with open(source, "rb") as whole, open(target, "wb") as part:
        part.write(whole.read(length))
    try:
        with pikepdf.open(target, suppress_warnings=True) as earlier:
            if len(earlier.pages) > 0:
                return True
    except (pikepdf.PdfError, OSError, ValueError, TypeError, AttributeError, RuntimeError):
        pass
    os.remove(target)
    return False


def changes(paths: dict[int, str], whole: str, revisions: int) -> list[Change]:
    """Compare each recovered revision with the one after it, page by page, newest first.

    Parameters
    ----------
    paths
        Revision number → recovered file.
    whole
        The document as it is, which is revision ``revisions``.
    """
    prints: dict[int, list[tuple[str, int]]] = {}
    with suppress(OverBudget), budget(SECONDS):
        for number, path in sorted((paths | {revisions: whole}).items(), reverse=True):
            prints[number] = _prints(path)
    found = []
    for number in sorted(paths, reverse=True):
        before, after = prints.get(number), prints.get(number + 1)
        if before is None or after is None:
            continue
        change = Change(number + 1, len(before), len(after))
        for page, (old, new) in enumerate(zip(before, after, strict=False), 1):
            if old[0] != new[0]:
                change.content_changed.append(page)
            if new[1] > old[1]:
                change.annotations_added.append(page)
        found.append(change)
    return found


def _prints(path: str) -> list[tuple[str, int]]:
    """For each page: a digest of its content streams as stored, and its number of annotations."""
    found = []
    with pikepdf.open(path, suppress_warnings=True) as pdf:
        for page in list(pdf.pages)[:MAX_PAGES]:
            try:
                found.append((_digest(page.obj.get("/Contents")), len(list(page.obj.get("/Annots", [])))))
            except OverBudget:
                raise
            except Exception:  # noqa: BLE001  (a page may be anything: it is then equal to nothing else)
                found.append((f"unreadable-{len(found)}", 0))
    return found


def _digest(contents: Any) -> str:
    parts = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    total = hashlib.sha256()
    for part in parts[:1000]:
        if isinstance(part, pikepdf.Stream):
            total.update(part.read_raw_bytes())
    return total.hexdigest()
