"""Dates that contradict each other. Only pairs that seldom differ innocently raise a flag."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bonafide.model import Flag
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.metadata import Metadata

__all__ = ["date_flags", "dates", "moment"]

DAY = timedelta(hours=26)
"""Time zones explain up to so much between clocks that name none."""
_FORM = re.compile(r"(\d{4})[:\-/.](\d\d)[:\-/.](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?")
_IIM = re.compile(r"(\d{4})(\d\d)(\d\d)$")


def moment(text: object) -> datetime | None:
    """Local time as written, zone ignored; None for no date, zeros and years before 1970."""
    match = _FORM.match(str(text).strip()) if text else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, min(second, 59)) if year >= 1970 else None  # noqa: DTZ001  (no zone known)
    except ValueError:
        return None


def dates(found: Metadata) -> dict[str, str]:
    """All dates of the file by name, as written."""
    exif = {
        name: str(found.exif[tag])
        for name, tag in (
            ("taken", "DateTimeOriginal"), ("digitised", "DateTimeDigitized"), ("modified", "DateTime"),
            ("gps", "GPSDateStamp"),
        )
        if found.exif.get(tag)
    }  # fmt: skip
    for name, path in (
        ("xmp_taken", "exif:DateTimeOriginal"), ("xmp_created", "xmp:CreateDate"),
        ("xmp_modified", "xmp:ModifyDate"), ("xmp_metadata", "xmp:MetadataDate"),
        ("xmp_photoshop_created", "photoshop:DateCreated"),
    ):  # fmt: skip
        value = found.xmp_value(path)
        if value:
            exif[name] = value[:40]
    created = found.iptc.get("DateCreated", ("",))[0]
    if _IIM.match(created):
        exif["iptc_created"] = _IIM.sub(r"\1-\2-\3", created)
    for text in found.texts:
        if text.keyword.lower() in ("creation time", "date:create", "date:modify"):
            exif[f"png_{text.keyword.lower().replace(':', '_').replace(' ', '_')}"] = text.text[:40]
    return exif


_PAIRS = (
    ("exif_dates_differ", "digitised", timedelta(0), "The times of exposure and of digitising differ.",
     "Scans of film differ honestly; clocks can be set."),
    ("gps_date_differs", "gps", DAY, "The satellite's date is not the clock's.",
     "A camera whose clock was never set does this."),
    ("xmp_date_differs", "xmp_taken", DAY, "EXIF and XMP disagree when the picture was taken.",
     "A program that corrected the clock in one place only does this."),
    ("iptc_date_differs", "iptc_created", DAY, "EXIF and IPTC disagree when it was made.",
     "Archives write the date of a reproduction."),
)  # fmt: skip
"""Flag, what is compared with the date of exposure, by how much they may differ, message, caveat."""


def date_flags(known: dict[str, str]) -> list[Flag]:
    """Flags for contradictions; a later modification date alone is normal and raises none."""
    taken = moment(known.get("taken"))
    if taken is None:
        return []
    flags = [
        _flag(code, "taken", other, known, message, caveat)
        for code, other, apart, message, caveat in _PAIRS
        if (at := moment(known.get(other))) is not None and abs(taken - at) > apart
    ]
    modified = moment(known.get("modified"))
    if modified is not None and modified < taken - DAY:
        words = "It was modified before it was taken."
        caveat = "Clocks can be set, and programs write either date wrongly."
        flags.append(_flag("modified_before_taken", "taken", "modified", known, words, caveat))
    return flags


def _flag(code: str, one: str, two: str, known: dict[str, str], message: str, caveat: str) -> Flag:
    return Flag(
        code=code, where=f"{one}, {two}", value=f"{known[one]} | {known[two]}"[:100], message=message,
        base_rate=rate(code), caveat=caveat,
    )  # fmt: skip
