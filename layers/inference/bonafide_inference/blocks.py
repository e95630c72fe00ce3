"""Small binary blocks inside pictures: Photoshop resources, IPTC-IIM, ICC profiles, PNG text. Bounded."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from bonafide_inference.tiffdata import text_of

__all__ = ["IccProfile", "Resource", "inflate", "parse_icc", "parse_iptc", "parse_resources", "png_text"]

MAX_INFLATED = 8 * 2**20
"""Bytes that a compressed text may grow to."""

_IIM = {
    (1, 90): "CodedCharacterSet", (2, 5): "ObjectName", (2, 25): "Keywords",
    (2, 40): "SpecialInstructions", (2, 55): "DateCreated", (2, 60): "TimeCreated",
    (2, 62): "DigitalCreationDate", (2, 65): "OriginatingProgram", (2, 70): "ProgramVersion",
    (2, 80): "By-line", (2, 85): "By-lineTitle", (2, 90): "City", (2, 101): "Country",
    (2, 103): "OriginalTransmissionReference", (2, 105): "Headline", (2, 110): "Credit", (2, 115): "Source",
    (2, 116): "CopyrightNotice", (2, 120): "Caption-Abstract", (2, 122): "Writer-Editor",
}  # fmt: skip

_RESOURCES = {
    0x03E9: "print settings", 0x03ED: "resolution", 0x03F3: "print flags", 0x03F5: "halftoning",
    0x0400: "layer state", 0x0402: "layer groups", 0x0404: "IPTC", 0x0406: "JPEG quality",
    0x0408: "grid and guides", 0x040A: "copyright flag", 0x040B: "address", 0x040C: "thumbnail",
    0x040D: "global light angle", 0x040F: "ICC profile", 0x0411: "ICC untagged", 0x0414: "document ids",
    0x0419: "global altitude", 0x041A: "slices", 0x041E: "addresses", 0x0421: "version", 0x0422: "EXIF",
    0x0424: "XMP", 0x0425: "caption digest", 0x0426: "print scale", 0x0428: "pixel aspect",
    0x042D: "layer selection", 0x0435: "layer comps", 0x043A: "print information", 0x043B: "print style",
    0x0433: "sheet disclosure", 0x2710: "print flags information",
}  # fmt: skip


@dataclass(frozen=True)
class Resource:
    """One Photoshop image resource: its number, what it is, its payload."""

    number: int
    name: str
    data: bytes


@dataclass(frozen=True)
class IccProfile:
    """What an ICC profile says of itself: description, device class (mntr, scnr, prtr, spac), maker's CMM."""

    description: str
    device_class: str
    cmm: str
    copyright: str
    bytes: int


def parse_resources(data: bytes) -> tuple[Resource, ...]:
    """Photoshop image resources (the payload of APP13 after its name); 300 at most, up to a bad one."""
    found: list[Resource] = []
    place = 0
    while (
        place + 12 <= len(data)
        and len(found) < 300
        and data[place : place + 4] in (b"8BIM", b"MeSa", b"PHUT")
    ):
        number = int.from_bytes(data[place + 4 : place + 6], "big")
        named = data[place + 6]
        body = place + 6 + (named + 2) // 2 * 2
        size = int.from_bytes(data[body : body + 4], "big")
        found.append(Resource(number, _RESOURCES.get(number, ""), data[body + 4 : body + 4 + size]))
        place = body + 4 + size + (size & 1)
    return tuple(found)


def parse_iptc(data: bytes) -> dict[str, tuple[str, ...]]:
    """IPTC-IIM datasets with known names; each may be repeated."""
    found: dict[str, list[str]] = {}
    place, utf8 = 0, False
    for _ in range(1000):
        if place + 5 > len(data) or data[place] != 0x1C:
            break
        record, dataset, size = struct.unpack(">BBH", data[place + 1 : place + 5])
        if size & 0x8000:
            break  # extended datasets are for pictures within the record
        raw = data[place + 5 : place + 5 + size]
        place += 5 + size
        if (record, dataset) == (1, 90):
            utf8 = raw == b"\x1b%G"
        elif (record, dataset) in _IIM:
            text = raw.decode("utf-8", "replace").strip("\0 ") if utf8 else text_of(raw)
            found.setdefault(_IIM[record, dataset], []).append(text[:4000])
    return {name: tuple(values[:50]) for name, values in found.items()}


def parse_icc(data: bytes) -> IccProfile | None:
    """The header and the texts of an ICC profile; None when it is none."""
    if len(data) < 132 or data[36:40] != b"acsp":
        return None
    count = min(int.from_bytes(data[128:132], "big"), 100)
    texts = {}
    for place in range(132, 132 + 12 * count, 12):
        entry = data[place : place + 12]
        if len(entry) == 12 and entry[:4] in (b"desc", b"cprt"):
            start, size = struct.unpack(">II", entry[4:])
            texts[entry[:4]] = _icc_text(data[start : start + min(size, 4096)])
    device, cmm = (data[start : start + 4].decode("latin-1").strip("\0 ") for start in (12, 4))
    return IccProfile(texts.get(b"desc", ""), device, cmm, texts.get(b"cprt", ""), len(data))


def _icc_text(data: bytes) -> str:
    kind = data[:4]
    if kind == b"desc":
        return text_of(data[12 : 12 + int.from_bytes(data[8:12], "big")].split(b"\0")[0])[:200]
    if kind == b"mluc" and len(data) >= 28:
        size, start = struct.unpack(">II", data[20:28])
        return data[start : start + size].decode("utf-16-be", "replace").strip("\0 ")[:200]
    return text_of(data[8:].split(b"\0")[0])[:200] if kind == b"text" else ""


def inflate(data: bytes, limit: int = MAX_INFLATED) -> bytes:
    """Decompress zlib data up to ``limit`` bytes; what came until an error is kept."""
    machine = zlib.decompressobj()
    try:
        return machine.decompress(data, limit)
    except zlib.error:
        return b""


def png_text(kind: str, data: bytes) -> tuple[str, str] | None:
    """(keyword, text) of a tEXt, zTXt or iTXt chunk; None when it is malformed."""
    keyword, cut, rest = data.partition(b"\0")
    if not cut or len(keyword) > 79:
        return None
    name = keyword.decode("latin-1")
    if kind == "tEXt":
        return name, text_of(rest)
    if kind == "zTXt":
        return name, text_of(inflate(rest[1:]))
    packed, rest = rest[:1] == b"\1", rest[2:]
    rest = rest.partition(b"\0")[2].partition(b"\0")[2]  # language, translated keyword
    return name, (inflate(rest) if packed else rest).decode("utf-8", "replace")
