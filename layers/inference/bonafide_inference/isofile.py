"""The box structure of MP4 and MOV: dates, edit lists, handlers, what follows. Nothing is decoded."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

__all__ = ["IsoFile", "IsoTrack", "plausible", "read_iso"]

MAX_BOXES = 2_000
MAX_DEPTH = 12
MAX_PACKET = 8 * 2**20
"""Bytes read of an XMP packet."""
_CONTAINERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"udta"}
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_KNOWN = frozenset(
    b"ftyp moov mdat free skip wide uuid moof mfra sidx styp pnot meta pdin emsg prft PICT udta beam mpvd "
    b"sefd inst ssix junk".split()
)


@dataclass
class IsoTrack:
    """One track: handler (``vide``, ``soun`` …), its name, dates, edits, sample descriptions.

    ``edits`` are (duration, media time) in the file's own units; media time -1 is a pause. ``entries`` are
    the codes of the sample descriptions; ``compressor`` the name that an encoder left in the first.
    """

    handler: str = ""
    name: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    media_created: datetime | None = None
    edits: list[tuple[int, int]] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    compressor: str = ""
    samples: int | None = None

    @property
    def played_pieces(self) -> int:
        """Edits that play something (pauses only delay)."""
        return sum(1 for _, start in self.edits if start >= 0)


@dataclass
class IsoFile:
    """Brands, top-level boxes as (type, offset, bytes), dates of the movie, tracks, and strange bytes."""

    brand: str = ""
    compatible: tuple[str, ...] = ()
    boxes: list[tuple[str, int, int]] = field(default_factory=list)
    created: datetime | None = None
    modified: datetime | None = None
    tracks: list[IsoTrack] = field(default_factory=list)
    strange_at: int | None = None
    strange: bytes = b""
    fragments: int = 0
    packets: list[bytes] = field(default_factory=list)
    """XMP packets."""


def read_iso(path: str) -> IsoFile:
    """Read box headers, at most 2,000, and the small boxes that hold facts; a broken box ends its level."""
    found = IsoFile()
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        _walk(file, 0, size, found, [0])
        if found.strange_at is not None:
            file.seek(found.strange_at)
            found.strange = file.read(65536)
    return found


def _walk(file: BinaryIO, start: int, end: int, found: IsoFile, seen: list[int], depth: int = 0) -> None:
    while start + 8 <= end and seen[0] < MAX_BOXES:
        seen[0] += 1
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        body = start + 8
        if size == 1 and len(head) == 16:
            size, body = struct.unpack(">Q", head[8:])[0], start + 16
        stop = end if size == 0 else min(end, start + size)
        if depth == 0 and not plausible(kind, fits=body <= start + size <= end):
            found.strange_at = start
            return
        if stop < body:
            return
        if depth == 0:
            _top(file, kind, (start, body, stop), found)
        if kind in _CONTAINERS and depth < MAX_DEPTH:
            if kind == b"trak":
                found.tracks.append(IsoTrack())
            _walk(file, body, stop, found, seen, depth + 1)
        elif stop > body:
            _fact(file, kind, body, stop, found)
        start = stop


def _top(file: BinaryIO, kind: bytes, place: tuple[int, int, int], found: IsoFile) -> None:
    """List a box of the file's own level at (start, body, end)."""
    start, body, stop = place
    found.boxes.append((kind.decode("latin-1"), start, stop - start))
    found.fragments += kind == b"moof"
    if kind == b"uuid" and len(found.packets) < 4:
        _packet(file, body, stop, found)


def _packet(file: BinaryIO, body: int, stop: int, found: IsoFile) -> None:
    """Keep the XMP packet of a ``uuid`` box."""
    file.seek(body)
    if stop - body > 16 and file.read(16) == _XMP:
        found.packets.append(file.read(min(stop - body - 16, MAX_PACKET)))


def plausible(kind: bytes, *, fits: bool) -> bool:
    """A known box (its end may be cut off), or four small letters in a box that ends within the file."""
    return kind in _KNOWN or (fits and kind.isalnum() and kind.isascii() and kind.islower())


def _fact(file: BinaryIO, kind: bytes, body: int, stop: int, found: IsoFile) -> None:
    """Take the facts of one small box."""
    if kind not in (b"ftyp", b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"elst", b"stsd", b"stsz"):
        return
    file.seek(body)
    data = file.read(min(stop - body, 8192))
    if kind == b"ftyp":
        found.brand = data[:4].decode("latin-1").strip()
        found.compatible = tuple(
            data[i : i + 4].decode("latin-1").strip() for i in range(8, min(len(data), 72), 4)
        )
    elif kind == b"mvhd":
        found.created, found.modified = _dates(data)
    elif found.tracks:
        _track_fact(kind, data, found.tracks[-1])


def _track_fact(kind: bytes, data: bytes, track: IsoTrack) -> None:
    if kind == b"tkhd":
        track.created, track.modified = _dates(data)
    elif kind == b"mdhd":
        track.media_created = _dates(data)[0]
    elif kind == b"hdlr" and not track.handler:
        track.handler = data[8:12].decode("latin-1").strip("\0 ")
        name = (
            data[24:].split(b"\0")[0]
            if data[24:25] >= b" "
            else data[25 : 25 + (data[24] if len(data) > 24 else 0)]
        )
        track.name = name.decode("utf-8", "replace")[:80].strip()
    elif kind == b"elst":
        track.edits = _edits(data)
    elif kind == b"stsd":
        _descriptions(data, track)
    elif kind == b"stsz" and len(data) >= 12:
        track.samples = int.from_bytes(data[8:12], "big")


def _dates(data: bytes) -> tuple[datetime | None, datetime | None]:
    """(created, modified) of a full box that begins with them; zero means not set."""
    wide = data[:1] == b"\1"
    form, size = (">QQ", 16) if wide else (">II", 8)
    if len(data) < 4 + size:
        return None, None
    first, second = struct.unpack(form, data[4 : 4 + size])
    return _date(first), _date(second)


def _date(seconds: int) -> datetime | None:
    return _EPOCH + timedelta(seconds=seconds) if 0 < seconds < 2**33 else None


def _edits(data: bytes) -> list[tuple[int, int]]:
    if len(data) < 8:
        return []
    wide = data[0] == 1
    form, step = (">Qq", 20) if wide else (">Ii", 12)
    count = min(struct.unpack(">I", data[4:8])[0], 256)
    used = struct.calcsize(form)
    places = range(8, min(8 + count * step, len(data) - step + 1), step)
    return [struct.unpack(form, data[place : place + used]) for place in places]


def _descriptions(data: bytes, track: IsoTrack) -> None:
    place = 8
    while place + 8 <= len(data) and len(track.entries) < 16:
        size = int.from_bytes(data[place : place + 4], "big")
        if size < 8:
            return
        track.entries.append(data[place + 4 : place + 8].decode("latin-1"))
        if track.handler == "vide" and not track.compressor:
            length = data[place + 50] if place + 50 < len(data) else 0
            name = data[place + 51 : place + 51 + min(length, 31)]
            track.compressor = name.decode("latin-1").strip("\0 ") if name.isascii() else ""
        place += size
