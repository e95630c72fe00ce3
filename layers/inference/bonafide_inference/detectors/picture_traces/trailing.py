"""What lies behind the picture's end, and files that are two things at once.

Innocent riders are recognised and named: further pictures of a multi-picture JPEG, gain maps, the clip of a
motion photo, trailers of telephones, padding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from bonafide.model import Flag
from bonafide_inference.chunks import walk, zip_at_end
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.metadata import Metadata

__all__ = ["FORMS", "Tail", "second_forms", "tail", "trailing_flags"]

LOOK = 2**20
"""Bytes at the start and the end of a tail that are searched."""
MOST_PICTURES = 32

FORMS = (
    ("zip", re.compile(rb"PK\x03\x04.{26}|PK\x05\x06.{18}", re.DOTALL)),
    ("pdf", re.compile(rb"%PDF-\d\.\d")),
    ("windows program", re.compile(rb"MZ.{58}[\x40-\xff\x00]{1}.{0,600}PE\x00\x00", re.DOTALL)),
    ("linux program", re.compile(rb"\x7fELF[\x01\x02][\x01\x02]\x01")),
    ("rar", re.compile(rb"Rar!\x1a\x07[\x00\x01]")),
    ("7z", re.compile(rb"7z\xbc\xaf\x27\x1c\x00")),
    ("html", re.compile(rb"<(?:!doctype html|html[ >]|script[ >]|svg[ >])", re.IGNORECASE)),
    ("php", re.compile(rb"<\?php\b|<\?=")),
    ("shell script", re.compile(rb"(?:^|\n)#!/(?:usr/)?bin/")),
)
"""Foreign formats by what they begin with."""
_PHONES = (
    (b"SEFT", "Samsung trailer"),
    (b"QDIOBS", "Samsung trailer"),
    (b"MotionPhoto_Data", "motion photo"),
    (b"vivo{", "vivo trailer"),
    (b"cameraAlbum", "camera trailer"),
)


@dataclass(frozen=True)
class Tail:
    """Bytes after the picture: where they begin, how many, what each part is, and whether all is innocent.

    ``forms`` names foreign formats; ``earlier`` is true for the remains of a larger, older picture.
    """

    offset: int
    size: int
    parts: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    earlier: bool = False

    @property
    def innocent(self) -> bool:
        """Whether every byte is explained by a custom of cameras and telephones."""
        return not self.forms and not self.earlier and "unknown" not in self.parts


def tail(data: bytes | mmap, found: Metadata, form: str) -> Tail | None:
    """What follows the picture; None when nothing does, or when the end was not found."""
    if found.end is None or found.end >= len(data):
        return None
    start = found.end
    parts: list[str] = []
    multi = bool(found.layout.all("APP2", "MPF")) or any(
        p.root.startswith(("hdrgm:", "Container:")) for p in found.xmp
    )
    place = start
    if form == "jpeg":
        place, parts = _pictures(data, start, multi)
    rest = bytes(data[place : place + LOOK]) + bytes(data[max(place + LOOK, len(data) - LOOK) :])
    if not rest.strip(b"\0 \r\n\t\xff"):
        return Tail(start, len(data) - start, (*parts, *(["padding"] if rest else [])))
    forms, earlier, named = _look(rest, found, form)
    return Tail(start, len(data) - start, (*parts, *named), forms, earlier)


def _pictures(data: bytes | mmap, place: int, multi: bool) -> tuple[int, list[str]]:
    """Whole JPEGs that follow each other, with padding between them: the offset after them, their names."""
    parts: list[str] = []
    for _ in range(MOST_PICTURES):
        gap = bytes(data[place : place + 65536])
        skipped = len(gap) - len(gap.lstrip(b"\0"))
        if bytes(data[place + skipped : place + skipped + 3]) != b"\xff\xd8\xff":
            break
        end = walk(data, "jpeg", place + skipped).end
        if end is None:
            break
        head = bytes(data[place + skipped : min(end, place + skipped + 4096)])
        gain = b"hdrgm" in head or b"HDRGainMap" in head or b"21496" in head
        parts.append("gain map" if gain else "multi-picture JPEG" if multi else "unlisted JPEG")
        place = end
    return place, parts


def _look(rest: bytes, found: Metadata, form: str) -> tuple[tuple[str, ...], bool, list[str]]:
    """(foreign formats, remains of an older picture, names of the innocent parts)."""
    motion = any("MotionPhoto" in p.leaf or "MicroVideo" in p.leaf for p in found.xmp) or any(
        p.leaf == "Item:Semantic" and p.value == "MotionPhoto" for p in found.xmp
    )
    names = [name for mark, name in _PHONES if mark in rest[-4096:] or mark in rest[:4096]]
    if rest[4:8] == b"ftyp" or (b"ftypmp4" in rest[:65536] and (motion or names)):
        names.insert(0, "motion photo" if motion or names else "video")
    forms = tuple(name for name, words in FORMS if words.search(rest)) if not names else ()
    if "video" in names:
        forms = ("video",)
        names = []
    earlier = (form == "png" and rest.rstrip(b"\0").endswith(b"IEND\xaeB`\x82")) or (
        form == "jpeg" and not forms and not names and rest.rstrip(b"\0").endswith(b"\xff\xd9")
        and not rest.startswith(b"\xff\xd8")
    )  # fmt: skip
    if not names and not forms and not earlier:
        names = ["unknown"]
    return forms, earlier, list(dict.fromkeys(names))


def second_forms(data: bytes | mmap, found: Metadata) -> list[tuple[str, str]]:
    """(format, where) of foreign formats inside metadata blocks: code in a comment, a PDF in a segment."""
    hits: list[tuple[str, str]] = []
    for chunk in found.layout.chunks:
        if chunk.kind in ("COM", "comment", "tEXt", "free", "skip") or (
            chunk.kind.startswith("APP")
            and chunk.name not in ("ICC", "XMP", "XMP+", "JUMBF", "Photoshop", "Exif")
        ):
            block = chunk.data(data, LOOK)
            hits += [
                (name, f"{chunk.kind} at {chunk.offset}")
                for name, words in FORMS
                if name in ("php", "pdf", "zip", "html", "linux program") and words.search(block)
                and not (name == "html" and not re.search(rb"<(?:script|html)[ >]", block, re.IGNORECASE))
            ]  # fmt: skip
    texts = [
        str(found.exif.get(tag) or "")
        for tag in ("Make", "Model", "ImageDescription", "UserComment", "Artist")
    ]
    if any(re.search(r"<\?php|eval\(|<script", text) for text in texts):
        hits.append(("php", "EXIF"))
    if found.end is None and (archive := zip_at_end(data)) is not None:  # a TIFF's end is not known
        hits.append(("zip", f"offset {archive}"))
    if b"%PDF-" in bytes(data[:1024]):
        hits.append(("pdf", "first 1024 bytes"))
    return list(dict.fromkeys(hits))[:10]


def trailing_flags(found: Tail | None, inside: list[tuple[str, str]], size: int) -> list[Flag]:
    """Flags for what is not explained; innocent riders raise none."""
    flags = []
    for form, where in inside:
        flags.append(_polyglot(form, where))
    if found is None or found.innocent:
        if found is not None and "unlisted JPEG" in found.parts:
            flags.append(_flag(
                "second_picture", found, "Another whole JPEG follows that no index lists.",
                "Some telephones append previews without listing them.",
            ))  # fmt: skip
        return flags
    flags += [_polyglot(form, f"offset {found.offset}, {found.size} bytes") for form in found.forms]
    if found.earlier:
        flags.append(_flag(
            "earlier_picture_remains", found,
            "Behind the end lie the remains of a longer picture file that a shorter one was written over.",
            "A known fault of two cropping tools does this; it still shows that the picture was cut.",
        ))  # fmt: skip
    elif not found.forms:
        flags.append(_flag(
            "trailing_data", found, f"{found.size} of {size} bytes follow the end, of no known kind.",
            "Cameras, telephones and platforms append private data.",
        ))  # fmt: skip
    return flags


def _flag(code: str, found: Tail, message: str, caveat: str, **more: Any) -> Flag:
    return Flag(
        code=code, where=f"offset {found.offset}", value=found.size, message=message, base_rate=rate(code),
        caveat=caveat, **more,
    )  # fmt: skip


def _polyglot(form: str, where: str) -> Flag:
    return Flag(
        code="polyglot",
        where=where,
        value=form,
        base_rate=rate("polyglot"),
        message=f"The picture also carries {form} content.",
        caveat="Put there to attack, to hide, or by a careless tool; the pixels are not concerned.",
    )
