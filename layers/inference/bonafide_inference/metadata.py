"""Everything a file says about itself: EXIF, XMP, IPTC, ICC, Photoshop resources, PNG texts, block by block.

Shared by the detectors of files and of provenance. Read by hand and bounded; a broken part is named in
``problems`` and never raises. Nothing in it is trusted: anyone can write anything here.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bonafide.model import MediaFacts

from bonafide_inference.blocks import (
    IccProfile,
    Resource,
    inflate,
    parse_icc,
    parse_iptc,
    parse_resources,
    png_text,
)
from bonafide_inference.chunks import Chunk, Layout, walk
from bonafide_inference.isofile import read_iso
from bonafide_inference.pictures import BROKEN, open_picture
from bonafide_inference.tiffdata import read_tiff, text_of
from bonafide_inference.xmp import MAX_PACKET, Property, parse_xmp

__all__ = ["Metadata", "Text", "mapped", "read", "read_bytes"]

MAX_MAPPED = 384 * 2**20
"""Bytes of a file that are looked at; the cell has not the address space for more."""
MAX_BLOCK = 16 * 2**20
"""Bytes of one block that are looked at."""
_ISO = ("mp4", "mov", "m4a", "3gp")
_XMP_EXTENSION = 35 + 32 + 8  # name, digest, full length, offset


@dataclass(frozen=True)
class Text:
    """One text of the file: PNG keyword and text, or a comment; ``kind`` is the chunk's."""

    kind: str
    keyword: str
    text: str


@dataclass
class Metadata:
    """What was found. ``exif`` is by tag name (GPS… included); ``end`` is the offset after the picture."""

    exif: dict[str, Any] = field(default_factory=dict)
    thumbnail: bytes | None = None
    xmp: tuple[Property, ...] = ()
    iptc: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    icc: IccProfile | None = None
    photoshop: tuple[Resource, ...] = ()
    texts: tuple[Text, ...] = ()
    layout: Layout = field(default_factory=Layout)
    dots_per_inch: int | None = None
    """Of a PNG (pHYs)."""
    problems: tuple[str, ...] = ()

    @property
    def end(self) -> int | None:
        """Offset of the first byte after the picture; None when the format has none or it is cut off."""
        return self.layout.end

    def xmp_value(self, path: str) -> str | None:
        """The first XMP value at this path, such as ``xmp:CreatorTool``; None without one."""
        return next((p.value for p in self.xmp if p.path == path), None)

    def xmp_values(self, root: str, leaf: str | None = None) -> list[str]:
        """All XMP values under a root such as ``xmpMM:History``, of one leaf name when given."""
        return [p.value for p in self.xmp if p.root == root and (leaf is None or p.leaf == leaf)]

    def text(self, keyword: str) -> str | None:
        """The first PNG text with this keyword."""
        return next((t.text for t in self.texts if t.keyword == keyword), None)


@contextmanager
def mapped(path: str) -> Iterator[mmap.mmap | bytes]:
    """The file, or its first `MAX_MAPPED` bytes, as a read-only map (empty bytes for an empty file)."""
    with open(path, "rb") as file:
        try:
            size = min(os.fstat(file.fileno()).st_size, MAX_MAPPED)
            view = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        except ValueError:
            yield b""
            return
        try:
            yield view
        finally:
            view.close()


def read(path: str, media: MediaFacts | str) -> Metadata:
    """Read the metadata of a file.

    Parameters
    ----------
    path
        A local file.
    media
        Its facts, or its format alone: ``jpeg png webp gif tiff avif heic bmp`` completely,
        XMP of ``mp4 mov m4a 3gp wav``.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    form = media if isinstance(media, str) else media.format
    if form in _ISO:  # their XMP may lie behind gigabytes
        reader = _Reader(b"", form)
        reader.packets = read_iso(path).packets
        return reader.done()
    with mapped(path) as data:
        return read_bytes(data, form)


def read_bytes(data: bytes | mmap.mmap, form: str) -> Metadata:
    """As `read`, of the bytes of a picture or a WAV file."""
    reader = _Reader(data, form)
    reader.run()
    return reader.done()


class _Reader:
    """Collects blocks by kind, then parses each once."""

    def __init__(self, data: bytes | mmap.mmap, form: str) -> None:
        self.data, self.form = data, form
        self.found = Metadata(layout=walk(data, form))
        self.packets: list[bytes] = []
        self.extension = b""
        self.profile = b""
        self.resources = b""
        self.iim = b""
        self.texts: list[Text] = []
        self.problems: list[str] = []

    def run(self) -> None:
        """Look at every block of the file."""
        match self.form:
            case "jpeg":
                self._jpeg()
            case "png":
                self._png()
            case "webp" | "wav":
                self._riff()
            case "gif":
                self._gif()
            case "avif" | "heic":
                self._boxed()
            case "tiff":
                self._exif(self.data)

    def done(self) -> Metadata:
        """Parse what was collected."""
        found = self.found
        found.photoshop = parse_resources(self.resources)
        if found.thumbnail is None:  # Photoshop keeps one of its own, behind a header of 28 bytes
            small = next((r.data[28:] for r in found.photoshop if r.number == 0x040C), b"")
            found.thumbnail = small if small.startswith(b"\xff\xd8") else None
        self.iim = self.iim or b"".join(r.data for r in found.photoshop if r.number == 0x0404)
        found.iptc = parse_iptc(self.iim)
        if not self.packets:
            self.packets = [r.data for r in found.photoshop if r.number == 0x0424][:1]
        properties: list[Property] = []
        for packet in [*self.packets[:4], *([self.extension] if self.extension else [])]:
            try:
                properties += parse_xmp(packet)
            except ValueError as error:
                self.problems.append(f"xmp: {error}")
        found.xmp = tuple(properties)
        found.icc = parse_icc(self.profile)
        found.texts = tuple(self.texts)
        found.problems = tuple(self.problems)
        return found

    def _boxed(self) -> None:
        """AVIF and HEIF keep their blocks in boxes that the picture's own library finds."""
        try:
            with open_picture(io.BytesIO(self.data), self.form) as image:
                info = dict(image.info)
        except BROKEN as error:
            self.problems.append(f"{self.form}: {error}")
            return
        if isinstance(block := info.get("exif"), bytes) and block:
            self._exif(block.removeprefix(b"Exif\0\0"))
        if isinstance(packet := info.get("xmp"), bytes) and packet:
            self.packets.append(packet)
        self.profile = self.profile or info.get("icc_profile") or b""

    def _exif(self, block: bytes | mmap.mmap) -> None:
        tiff = read_tiff(block)
        if not tiff.values and not tiff.blocks:
            self.problems.append("exif: unreadable")
        self.found.exif = tiff.values | self.found.exif
        self.found.thumbnail = self.found.thumbnail or tiff.thumbnail
        if 700 in tiff.blocks:
            self.packets.append(tiff.blocks[700])
        self.profile = self.profile or tiff.blocks.get(34675, b"")
        self.resources = self.resources or tiff.blocks.get(34377, b"")
        self.iim = self.iim or tiff.blocks.get(33723, b"")

    def _jpeg(self) -> None:
        for chunk in self.found.layout.chunks:
            if chunk.kind == "COM":
                self.texts.append(Text("COM", "comment", text_of(chunk.data(self.data))))
            elif chunk.name == "Exif":
                self._exif(chunk.data(self.data)[6:])
            elif chunk.name == "XMP":
                self.packets.append(chunk.data(self.data)[29:])
            elif chunk.name == "XMP+":
                self._extend(chunk.data(self.data))
            elif chunk.name == "ICC":
                self.profile += chunk.data(self.data)[14:]
            elif chunk.name == "Photoshop":
                self.resources += chunk.data(self.data)[14:]

    def _extend(self, block: bytes) -> None:
        """A piece of extended XMP, put where its offset says while the pieces come in order."""
        if len(block) > _XMP_EXTENSION:
            start = struct.unpack(">I", block[71:75])[0]
            if start == len(self.extension) and start + len(block) <= MAX_PACKET:
                self.extension += block[_XMP_EXTENSION:]

    def _png(self) -> None:
        for chunk in self.found.layout.chunks:
            if chunk.kind in ("tEXt", "zTXt", "iTXt"):
                self._png_text(chunk)
            elif chunk.kind == "eXIf":
                block = chunk.data(self.data)
                self._exif(block[6:] if block.startswith(b"Exif\0") else block)
            elif chunk.kind == "iCCP":
                self.profile = inflate(chunk.data(self.data).partition(b"\0")[2][1:])
            elif chunk.kind == "pHYs" and (body := chunk.data(self.data))[8:9] == b"\1":
                self.found.dots_per_inch = round(int.from_bytes(body[:4], "big") * 0.0254)

    def _png_text(self, chunk: Chunk) -> None:
        pair = png_text(chunk.kind, chunk.data(self.data, MAX_BLOCK))
        if pair is None:
            self.problems.append(f"png: malformed {chunk.kind}")
            return
        keyword, text = pair
        if keyword == "XML:com.adobe.xmp":
            self.packets.append(text.encode("utf-8", "replace"))
        elif keyword.startswith("Raw profile type "):
            self._raw_profile(keyword[17:], text)
        else:
            self.texts.append(Text(chunk.kind, keyword, text))

    def _raw_profile(self, kind: str, text: str) -> None:
        """ImageMagick's way to keep foreign blocks: a length line, then hexadecimal digits."""
        digits = "".join(text.split("\n")[3:] if text.startswith("\n") else text.split("\n")[2:])
        try:
            block = bytes.fromhex(digits)
        except ValueError:
            self.problems.append(f"png: malformed raw profile {kind[:20]}")
            return
        if kind in ("exif", "APP1") and block.startswith(b"Exif\0"):
            self._exif(block[6:])
        elif kind == "xmp":
            self.packets.append(block)
        elif kind in ("iptc", "8bim"):
            self.resources = block.removeprefix(b"Photoshop 3.0\0")

    def _riff(self) -> None:
        for chunk in self.found.layout.chunks:
            block = chunk.data(self.data) if chunk.kind in ("EXIF", "XMP ", "ICCP", "_PMX") else b""
            if chunk.kind == "EXIF":
                self._exif(block[6:] if block.startswith(b"Exif\0") else block)
            elif chunk.kind in ("XMP ", "_PMX"):
                self.packets.append(block)
            elif chunk.kind == "ICCP":
                self.profile = block

    def _gif(self) -> None:
        for chunk in self.found.layout.chunks:
            block = chunk.data(self.data) if chunk.kind in ("comment", "application") else b""
            if chunk.kind == "comment":
                self.texts.append(Text("comment", "comment", text_of(_joined(block))))
            elif chunk.name == "XMP DataXMP":
                end = max(block.rfind(b"?>"), block.rfind(b">")) + 1
                self.packets.append(block[12:end])


def _joined(block: bytes) -> bytes:
    """GIF sub-blocks without their length bytes."""
    out, place = b"", 0
    while place < len(block) and block[place] and len(out) < 65536:
        out += block[place + 1 : place + 1 + block[place]]
        place += 1 + block[place]
    return out
