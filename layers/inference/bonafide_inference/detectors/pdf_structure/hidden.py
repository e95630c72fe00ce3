"""Text that a page holds and does not show, and what lies over its content."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from bonafide_inference.detectors.pdf_structure.content import Box, Mark, Painting, paint

__all__ = ["KINDS", "PageLook", "look"]

MAX_PAGES = 200
SECONDS = 5.0
"""Wall time for all pages together; what was not looked at is said."""
MAX_COVERS = 300
SCAN_SHARE = 0.6
"""A picture that takes up so much of a page makes it a scan: unseen text there is its reading."""
TINY_PT = 0.8
LEAST_CODES = 3
"""Fewer character codes than this on a page are left unsaid."""

KINDS = ("invisible", "transparent", "white", "covered", "off_page", "tiny")
OVERLAYS = {"/FreeText", "/Stamp", "/Square", "/Polygon", "/Ink"}


@dataclass
class PageLook:
    """Character codes of each kind of unseen text on one page (1-based), and what lies over its content."""

    page: int
    hidden: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    scan_text: int = 0
    visible: int = 0
    annotations: list[str] = field(default_factory=list)
    redactions: int = 0

    def facts(self) -> dict[str, Any]:
        """As plain values for the finding's details; empty for a page with nothing to tell."""
        told: dict[str, Any] = {k: n for k, n in self.hidden.items() if n >= LEAST_CODES}
        told |= {"replaced": self.replaced} if self.replaced else {}
        told |= {"scan_text": self.scan_text} if self.scan_text else {}
        told |= {"annotations_over_content": self.annotations[:20]} if self.annotations else {}
        told |= {"redactions_not_applied": self.redactions} if self.redactions else {}
        return {"page": self.page} | told if told else {}


def look(pdf: pikepdf.Pdf) -> tuple[list[PageLook], int]:
    """Look at the pages in turn; returns what was found, and how many pages were not read to their end."""
    found: list[PageLook] = []
    skipped = 0
    end = time.monotonic() + SECONDS
    for number, page in enumerate(pdf.pages, 1):
        if number > MAX_PAGES or time.monotonic() > end:
            skipped += len(pdf.pages) - number + 1
            break
        try:
            painting = paint(page, end)
            found.append(_judge(number, painting, _edges(page), page))
            skipped += painting.cut
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  (a page may be anything; it is counted as not looked at)
            skipped += 1
    return found, skipped


def _edges(page: Any) -> Box:
    left, bottom, right, top = (float(value) for value in page.mediabox)
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _judge(number: int, painting: Painting, edges: Box, page: Any) -> PageLook:
    seen = PageLook(number)
    covers = [m for m in painting.marks if m.kind != "text" and m.opaque and _area(m.box) > 4][-MAX_COVERS:]
    grounds = [m for m in painting.marks if m.kind != "text" and not m.white][:MAX_COVERS]
    texts = [m for m in painting.marks if m.kind == "text"]
    scan = any(m.kind == "picture" and _share(edges, m.box) >= SCAN_SHARE for m in painting.marks)
    for text in texts:
        kind = _kind(text, covers, grounds, edges)
        if kind is None:
            seen.visible += text.codes
        elif scan and kind in ("invisible", "covered", "transparent"):
            seen.scan_text += text.codes
        else:
            seen.hidden[kind] += text.codes
            if kind == "covered" and _rewritten(text, texts, covers):
                seen.replaced += text.codes
    _annotations(seen, painting, page)
    return seen


def _kind(text: Mark, covers: list[Mark], grounds: list[Mark], edges: Box) -> str | None:
    """Why a text cannot be seen, or None."""
    if text.mode == 3:
        return "invisible"
    if text.alpha < 0.05:
        return "transparent"
    if _outside(text.box, edges):
        return "off_page"
    if 0 < text.size < TINY_PT:
        return "tiny"
    if (
        text.mode in (0, 4)
        and text.white
        and not any(g.order < text.order and _share(text.box, g.box) > 0.1 for g in grounds)
    ):
        return "white"
    if any(c.order > text.order and _share(text.box, c.box) > 0.9 for c in covers):
        return "covered"
    return None


def _rewritten(text: Mark, texts: list[Mark], covers: list[Mark]) -> bool:
    """Whether another text stands on what covers this one."""
    cover = next((c for c in covers if c.order > text.order and _share(text.box, c.box) > 0.9), None)
    return cover is not None and any(
        other.order > cover.order and other.mode != 3 and _share(other.box, text.box) > 0.3 for other in texts
    )


def _annotations(seen: PageLook, painting: Painting, page: Any) -> None:
    """Annotations that paint over text or pictures; marks of redaction that left the text in place."""
    content = [m for m in painting.marks if m.kind != "fill" and m.mode != 3][:2000]
    for note in list(page.obj.get("/Annots", []))[:500]:
        subtype = str(note.get("/Subtype", ""))
        if subtype not in OVERLAYS | {"/Redact"} or int(note.get("/F", 0)) & 2:
            continue
        x0, y0, x1, y1 = (float(value) for value in note["/Rect"])
        box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        if any(_share(m.box, box) > 0.25 for m in content):
            if subtype == "/Redact":
                seen.redactions += 1
            else:
                seen.annotations.append(subtype[1:])


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _share(box: Box, other: Box) -> float:
    """How much of ``box`` lies within ``other``, 0..1."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = _area(box)
    return width * height / area if width > 0 and height > 0 and area > 0 else 0.0


def _outside(box: Box, edges: Box) -> bool:
    return box[2] < edges[0] - 1 or box[0] > edges[2] + 1 or box[3] < edges[1] - 1 or box[1] > edges[3] + 1
