"""Facts of a PDF's structure: dates, texts, pages, fonts, active content. Bounded walks; qpdf parses."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pikepdf
from bonafide_inference.detectors.pdf_structure.streams import unpacked
from bonafide_inference.xmp import Property, parse_xmp

__all__ = ["ACTIVE", "count_active", "doubled_fonts", "info", "packet", "page_facts", "parse_date"]

MAX_PAGES = 100
"""Pages whose fonts and sizes are listed."""
_MAX_OBJECTS = 200_000
_SECONDS = 4.0
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?([Zz+-])?(\d\d)?'?(\d\d)?")

ACTIVE = {"/JavaScript": "scripts", "/Launch": "launch_actions", "/EmbeddedFile": "embedded_files"}
"""Name of an action or stream type → the value it is counted under."""


def parse_date(text: str | None) -> datetime | None:
    """A PDF date (``D:YYYYMMDDHHmmSSOHH'mm'``) or ISO 8601 as an aware time; None when it is neither."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        match = _DATE.match(text.strip())
    if match is None:
        return None
    numbers = [
        int(part) if part else default
        for part, default in zip(match.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    ]
    sign, hours, minutes = match.groups()[6:]
    offset = (
        timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) if sign in ("+", "-") else timedelta()
    )
    try:
        year, month, day, hour, minute, second = numbers
        zone = timezone(-offset if sign == "-" else offset)
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def packet(pdf: pikepdf.Pdf) -> tuple[Property, ...]:
    """The properties of the document's XMP; empty when there is none that can be read."""
    try:
        return parse_xmp(unpacked(pdf.Root.Metadata, 4 * 2**20))
    except Exception:  # noqa: BLE001  (absent, no stream, or no XML: there is no XMP to compare)
        return ()


def info(pdf: pikepdf.Pdf) -> dict[str, str]:
    """The information dictionary's texts, each cut to 300 characters, 40 at most."""
    told: dict[str, str] = {}
    try:
        for key, value in list(pdf.docinfo.items())[:40]:
            if isinstance(value, (pikepdf.String, pikepdf.Name)):
                told[str(key).lstrip("/")[:60]] = str(value)[:300]
    except Exception:  # noqa: BLE001  (no dictionary, or text of no encoding)
        return told
    return told


def page_facts(pdf: pikepdf.Pdf) -> list[dict[str, Any]]:
    """Of each page (the first `MAX_PAGES`): number, size in points, fonts, annotations by kind."""
    told: list[dict[str, Any]] = []
    for number, page in enumerate(pdf.pages, 1):
        if number > MAX_PAGES:
            break
        facts: dict[str, Any] = {"page": number}
        readers: tuple[tuple[str, Callable[[Any], Any]], ...] = (
            ("size", _size), ("fonts", _fonts), ("annotations", _annotations),
        )  # fmt: skip
        for key, read in readers:
            try:
                facts[key] = read(page)
            except Exception:  # noqa: BLE001  (a page may be anything)
                facts[key] = None
        told.append(facts)
    return told


def _size(page: Any) -> list[float]:
    left, bottom, right, top = (float(value) for value in page.mediabox)
    return [round(abs(right - left), 1), round(abs(top - bottom), 1)]


def _fonts(page: Any) -> list[dict[str, Any]]:
    """Name without subset tag, tag, kind, whether embedded; a font of a form on the page counts too."""
    found: dict[str, dict[str, Any]] = {}
    for resources in _resources(page):
        for _, font in list(resources.get("/Font", {}).items())[:100]:
            tag, plus, name = str(font.get("/BaseFont", "")).lstrip("/").rpartition("+")
            below = font["/DescendantFonts"][0] if "/DescendantFonts" in font else font
            descriptor = below.get("/FontDescriptor", {})
            embedded = any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))
            kind = str(font.get("/Subtype", "")).lstrip("/")
            found[f"{tag}{plus}{name}"] = {
                "name": name[:80], "subset": tag[:6] or None, "type": kind[:20],
                "embedded": embedded or kind == "Type3",
            }  # fmt: skip
    return list(found.values())[:40]


def _resources(page: Any) -> list[Any]:
    """The page's resources and those of the forms it calls, one level deep."""
    own = page.resources
    inner = [form.get("/Resources") for _, form in list(own.get("/XObject", {}).items())[:100]]
    return [own, *(one for one in inner if isinstance(one, pikepdf.Dictionary))]


def _annotations(page: Any) -> dict[str, int]:
    notes = list(page.obj.get("/Annots", []))[:500]
    return dict(Counter(str(note.get("/Subtype", "")).lstrip("/")[:20] for note in notes))


def doubled_fonts(pages: list[dict[str, Any]]) -> list[str]:
    """Fonts of which one page holds two different subsets: one writer makes one subset a font."""
    found = set()
    for page in pages:
        tags: dict[tuple[str, str], set[str]] = {}
        for font in page["fonts"] or ():
            if font["subset"]:
                tags.setdefault((font["name"], font["type"]), set()).add(font["subset"])
        found |= {f"{name} (page {page['page']})" for (name, _), several in tags.items() if len(several) > 1}
    return sorted(found)[:20]


def count_active(pdf: pikepdf.Pdf) -> dict[str, int]:
    """Objects that act by themselves: scripts, launch actions, embedded files, open actions."""
    counts = dict.fromkeys([*ACTIVE.values(), "open_actions", "objects", "objects_not_read"], 0)
    end = time.monotonic() + _SECONDS
    for place, item in enumerate(pdf.objects):
        if place >= _MAX_OBJECTS or (place % 1000 == 0 and time.monotonic() > end):
            break
        counts["objects"] += 1
        try:
            _count_in(item, counts, depth=0)
        except (
            ValueError,
            TypeError,
            AttributeError,
            RuntimeError,
        ):  # a name of no encoding, a broken stream
            counts["objects_not_read"] += 1
    return counts


def _count_in(item: Any, counts: dict[str, int], depth: int) -> None:
    """Direct dictionaries are looked into; indirect ones come round by themselves."""
    if depth > 6 or not isinstance(item, (pikepdf.Dictionary, pikepdf.Stream, pikepdf.Array)):
        return
    if isinstance(item, pikepdf.Array):
        for child in list(item)[:200]:
            if not getattr(child, "is_indirect", False):
                _count_in(child, counts, depth + 1)
        return
    for key in ("/S", "/Type"):
        name = str(item.get(key, ""))
        if name in ACTIVE:
            counts[ACTIVE[name]] += 1
            break
    counts["open_actions"] += "/OpenAction" in item or "/AA" in item
    for _, child in list(item.items())[:200]:
        if not getattr(child, "is_indirect", False):
            _count_in(child, counts, depth + 1)
