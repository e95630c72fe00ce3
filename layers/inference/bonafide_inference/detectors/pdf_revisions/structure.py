"""Structure of a PDF: revision ends, dates, active content, signatures. Bounded walks; qpdf parses."""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pikepdf

__all__ = ["ACTIVE", "Signature", "count_active", "parse_date", "revision_ends", "signatures", "xmp_dates"]

_END = re.compile(rb"startxref[ \t\r\n]+(\d{1,12})[ \t\r\n]+%%EOF[ \t]*\r?\n?")
_MAX_OBJECTS = 200_000
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?([Zz+-])?(\d\d)?'?(\d\d)?")

ACTIVE = {"/JavaScript": "scripts", "/Launch": "launch_actions", "/EmbeddedFile": "embedded_files"}
"""Name of an action or stream type → the value it is counted under."""


@dataclass(frozen=True)
class Signature:
    """End of the signed byte range, and whether bytes follow it."""

    covers_to: int
    bytes_after: int


def revision_ends(path: str) -> tuple[list[int], bool]:
    """Offsets just behind each revision's ``%%EOF``, and whether the file is linearised.

    A linearised file has two cross-reference sections by design; its first end mark (``startxref 0``, near
    the front) is left out.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        linearised = b"/Linearized" in data[:2048]
        marks = [(match.end(), int(match[1])) for match in _END.finditer(data)]
    if linearised and len(marks) > 1:
        marks = marks[1:]
    return [end for end, _ in marks], linearised


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


def xmp_dates(pdf: pikepdf.Pdf) -> dict[str, str]:
    """CreateDate, ModifyDate and CreatorTool of the XMP packet, as text; empty when there is none.

    Read by pattern: an XML parser would have to be trusted with entities of the upload's making.
    """
    try:
        packet = pdf.Root.Metadata.read_bytes()[: 2**20].decode("utf-8", "replace")
    except Exception:  # noqa: BLE001  (absent, no stream, or not decodable: there is no XMP to compare)
        return {}
    found = {}
    for key in ("CreateDate", "ModifyDate", "CreatorTool"):
        match = re.search(rf"xmp:{key}(?:\s*=\s*[\"']|(?:\s[^>]{{0,200}})?>)([^<\"']{{1,200}})", packet)
        if match:
            found[key] = match[1].strip()
    return found


def count_active(pdf: pikepdf.Pdf) -> dict[str, int]:
    """Objects that act by themselves: scripts, launch actions, embedded files, open actions."""
    counts = dict.fromkeys([*ACTIVE.values(), "open_actions", "objects"], 0)
    for place, item in enumerate(pdf.objects):
        if place >= _MAX_OBJECTS:
            break
        counts["objects"] += 1
        _count_in(item, counts, depth=0)
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


def signatures(pdf: pikepdf.Pdf, size: int) -> list[Signature]:
    """Signature dictionaries with a well-formed byte range; ``size`` is the length of the file."""
    found = []
    for place, item in enumerate(pdf.objects):
        if place >= _MAX_OBJECTS:
            break
        if isinstance(item, pikepdf.Dictionary) and "/ByteRange" in item and "/Contents" in item:
            try:
                numbers = [int(number) for number in item["/ByteRange"]]
            except (TypeError, ValueError):
                continue
            if len(numbers) == 4:
                end = numbers[2] + numbers[3]
                found.append(Signature(end, max(0, size - end)))
    return found
