"""The outer structure of pictures: which blocks lie where, and where the picture ends.

Nothing is decoded; a broken structure ends the walk and leaves ``end`` None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from mmap import mmap

from bonafide_inference.isofile import plausible
from bonafide_inference.riff import ENDLESS

__all__ = ["Chunk", "Layout", "walk", "zip_at_end"]

MAX_CHUNKS = 20_000
"""Blocks looked at in one file; GIF and PNG animations have many, listed are the first 400."""
LISTED = 400

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_APPS = (
    (0xE0, b"JFIF\0", "JFIF"), (0xE0, b"JFXX\0", "JFXX"), (0xE1, b"Exif\0", "Exif"),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", "XMP"), (0xE1, b"http://ns.adobe.com/xmp/extension/\0", "XMP+"),
    (0xE2, b"ICC_PROFILE\0", "ICC"), (0xE2, b"MPF\0", "MPF"), (0xE2, b"urn:iso:std:iso:ts:21496", "gain map"),
    (0xE2, b"FPXR\0", "FPXR"), (0xEB, b"JP", "JUMBF"), (0xEC, b"Ducky", "Ducky"),
    (0xED, b"Photoshop 3.0\0", "Photoshop"), (0xEE, b"Adobe", "Adobe"),
)  # fmt: skip


@dataclass(frozen=True)
class Chunk:
    """One block: ``kind`` (APP1, DQT, tEXt …), ``name`` of what it holds, its bytes from ``offset`` on.

    ``start`` and ``size`` are of the payload; ``offset`` is that of the marker or chunk header.
    """

    kind: str
    name: str
    offset: int
    start: int
    size: int

    def data(self, source: bytes | mmap, limit: int = 16 * 2**20) -> bytes:
        """The payload, or its first ``limit`` bytes."""
        return bytes(source[self.start : self.start + min(self.size, limit)])


@dataclass
class Layout:
    """Blocks in file order, and the offset just after the picture (None when it never ends)."""

    chunks: list[Chunk] = field(default_factory=list)
    end: int | None = None

    def all(self, kind: str, name: str | None = None) -> list[Chunk]:
        """Blocks of this kind, and of this name when one is given."""
        return [c for c in self.chunks if c.kind == kind and (name is None or c.name == name)]

    def add(self, chunk: Chunk) -> None:
        """Keep a block, up to `LISTED`."""
        if len(self.chunks) < LISTED:
            self.chunks.append(chunk)


def walk(data: bytes | mmap, form: str, start: int = 0) -> Layout:
    """Return the layout of a file of one of the formats below; empty for others (a TIFF has no end)."""
    walkers = {
        "jpeg": _jpeg, "png": _png, "webp": _riff, "wav": _riff, "gif": _gif, "avif": _boxes, "heic": _boxes,
        "bmp": _bmp,
    }  # fmt: skip
    walker = walkers.get(form)
    return walker(data, start) if walker else Layout()


def zip_at_end(data: bytes | mmap) -> int | None:
    """Where a ZIP archive begins that the file ends with; None for one within, as an attachment is.

    The archive's comment may hold what follows it: so a PDF's own end can stand behind its directory.
    """
    tail = max(0, len(data) - 22 - 65535)
    mark = data.rfind(b"PK\x05\x06", tail)
    record = bytes(data[mark : mark + 22]) if mark >= 0 else b""
    if len(record) < 22 or mark + 22 + int.from_bytes(record[20:22], "little") < len(data):
        return None
    size, offset = int.from_bytes(record[12:16], "little"), int.from_bytes(record[16:20], "little")
    listed = mark - size
    if listed < 0 or bytes(data[listed : listed + 4]) != b"PK\x01\x02":
        return None
    # offsets count from the archive's first byte, or from the file's: the difference tells which
    start = listed - offset + int.from_bytes(bytes(data[listed + 42 : listed + 46]), "little")
    return start if start >= 0 and bytes(data[start : start + 4]) == b"PK\x03\x04" else None


def _jpeg(data: bytes | mmap, start: int) -> Layout:
    found, place = Layout(), start + 2
    for _ in range(MAX_CHUNKS):
        head = bytes(data[place : place + 4])
        while head[:2] == b"\xff\xff":  # fill bytes
            place += 1
            head = bytes(data[place : place + 4])
        if len(head) < 2 or head[0] != 0xFF:
            return found
        marker = head[1]
        if marker == 0xD9:
            found.end = place + 2
            return found
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            place += 2
            continue
        length = int.from_bytes(head[2:4], "big")
        if len(head) < 4 or length < 2:
            return found
        found.add(
            Chunk(_marker_name(marker), _app_name(marker, data, place + 4), place, place + 4, length - 2)
        )
        place += 2 + length
        if marker == 0xDA:
            match = _NEXT_MARKER.search(data, place)
            if match is None:
                return found
            place = match.start()
    return found


def _marker_name(marker: int) -> str:
    if 0xE0 <= marker <= 0xEF:
        return f"APP{marker - 0xE0}"
    if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
        return f"SOF{marker - 0xC0}"
    names = {0xDB: "DQT", 0xC4: "DHT", 0xDA: "SOS", 0xDD: "DRI", 0xFE: "COM", 0xDC: "DNL", 0xCC: "DAC"}
    return names.get(marker, f"{marker:02X}")


def _app_name(marker: int, data: bytes | mmap, start: int) -> str:
    if not 0xE0 <= marker <= 0xEF:
        return ""
    head = bytes(data[start : start + 40])
    for wanted, magic, name in _APPS:
        if marker == wanted and head.startswith(magic):
            return name
    word = re.match(rb"[ -~]{2,16}", head)
    return word[0].decode("ascii") if word else ""


def _png(data: bytes | mmap, start: int) -> Layout:
    found, place = Layout(), start + 8
    for _ in range(MAX_CHUNKS):
        head = bytes(data[place : place + 8])
        if len(head) < 8:
            return found
        length, kind = int.from_bytes(head[:4], "big"), head[4:].decode("latin-1")
        if kind != "IDAT" or not found.all("IDAT"):
            found.add(Chunk(kind, "", place, place + 8, length))
        place += 12 + length
        if kind == "IEND":
            found.end = min(place, len(data))
            return found
    return found


def _riff(data: bytes | mmap, start: int) -> Layout:
    """RIFF (Microsoft & IBM 1991); one that does not know its own length is walked to the end of the file."""
    found, place = Layout(), start + 12
    size = int.from_bytes(bytes(data[start + 4 : start + 8]), "little")
    stop = min(len(data), start + 8 + size) if 0 < size < ENDLESS else len(data)
    for _ in range(MAX_CHUNKS):
        head = bytes(data[place : place + 8])
        if len(head) < 8 or place >= stop:
            break
        length = int.from_bytes(head[4:8], "little")
        found.add(Chunk(head[:4].decode("latin-1"), "", place, place + 8, length))
        place += 8 + length + (length & 1)
    if size and start + 8 + size <= len(data):
        found.end = min(len(data), start + 8 + size + (size & 1))
    return found


def _boxes(data: bytes | mmap, start: int) -> Layout:
    """AVIF and HEIF: boxes of the file's own level; a second ``ftyp`` is another file."""
    found, place = Layout(), start
    for _ in range(MAX_CHUNKS):
        head = bytes(data[place : place + 16])
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        body = place + (16 if size == 1 else 8)
        size = int.from_bytes(head[8:16], "big") if size == 1 else size or len(data) - place
        stop = place + size
        another = kind == b"ftyp" and place > start
        if len(head) < 8 or another or stop < body or not plausible(kind, fits=stop <= len(data)):
            found.end = place
            return found
        found.add(Chunk(kind.decode("latin-1"), "", place, body, size - (body - place)))
        if stop > len(data):
            return found
        place = stop
    return found


def _bmp(data: bytes | mmap, start: int) -> Layout:
    """The headers and the pixels; many writers state no size or a wrong one, so rows count as well."""
    found, head = Layout(), bytes(data[start : start + 54])
    if len(head) < 54:
        return found
    stated, pixels, header = (int.from_bytes(head[n : n + 4], "little") for n in (2, 10, 14))
    end = stated
    if header >= 40 and int.from_bytes(head[30:34], "little") == 0:  # no compression
        width, height = (int.from_bytes(head[n : n + 4], "little", signed=True) for n in (18, 22))
        row = (abs(width) * int.from_bytes(head[28:30], "little") + 31) // 32 * 4
        end = max(stated, pixels + row * abs(height))
    found.add(Chunk("file header", "", start, start, 14))
    found.add(Chunk("picture header", "", start + 14, start + 14, header))
    found.add(Chunk("pixels", "", start + pixels, start + pixels, max(0, end - pixels)))
    found.end = start + end if pixels < end <= len(data) - start else None
    return found


def _gif(data: bytes | mmap, start: int) -> Layout:
    found = Layout()
    flags = bytes(data[start + 10 : start + 11]) or b"\0"
    place = start + 13 + (3 * 2 ** ((flags[0] & 7) + 1) if flags[0] & 0x80 else 0)
    for _ in range(MAX_CHUNKS):
        head = bytes(data[place : place + 14])
        if not head:
            return found
        if head[0] == 0x3B:
            found.end = place + 1
            return found
        if head[0] == 0x21:
            body = place + 2
            ends = _subblocks(data, body)
            kind = {0xFE: "comment", 0xFF: "application"}.get(head[1] if len(head) > 1 else 0, "extension")
            name = head[3:14].decode("latin-1") if kind == "application" else ""
            found.add(Chunk(kind, name, place, body, (ends or len(data)) - body))
        elif head[0] == 0x2C and len(head) >= 10:
            table = 3 * 2 ** ((head[9] & 7) + 1) if head[9] & 0x80 else 0
            ends = _subblocks(data, place + 11 + table)
        else:
            return found
        if ends is None:
            return found
        place = ends
    return found


def _subblocks(data: bytes | mmap, place: int) -> int | None:
    """The offset after a chain of sub-blocks; None when it runs off the file."""
    for _ in range(8_000_000):
        if place >= len(data):
            return None
        size = data[place]
        place += 1 + size
        if size == 0:
            return place
    return None
