"""Bytes that occur nowhere else, planted in everything a client sends; and a look for them everywhere.

A canary is found in any of the forms in which it could lie somewhere: as it is, in UTF-16, in base64 at each
of the three offsets, in hexadecimal, percent-encoded, and so also inside JSON, ids, logs and binary files.
"""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

__all__ = ["Canary", "jpeg", "png", "wav"]


class Canary:
    """A word of 20 letters; ``canary("name")`` is the same with a tail that says where it was planted."""

    def __init__(self) -> None:
        self.word = "canary" + "".join(secrets.choice("bcdfghjkmnpqrstvwxyz") for _ in range(14))

    def __call__(self, place: str) -> str:
        return f"{self.word}-{place}"

    def _forms(self) -> list[bytes]:
        plain = self.word.encode()
        forms = [plain, plain.upper(), plain.hex().encode(), plain.hex().upper().encode()]
        forms += [self.word.encode("utf-16-le"), self.word.encode("utf-16-be")]
        for shift in range(3):  # only what does not depend on the neighbours
            text = base64.b64encode(b"\0" * shift + plain)
            forms += [text[(4 if shift else 0) : -4]]
        return forms

    def within(self, data: bytes) -> list[str]:
        """Return the places whose canary ``data`` holds (``?``: in a form that does not say)."""
        found = []
        for layer in _layers(data):
            plain = self.word.encode()
            at = layer.find(plain)
            while at >= 0:
                tail = layer[at + len(plain) : at + len(plain) + 12].decode(errors="replace")
                found.append("".join(c for c in tail[1:] if c.isalnum()) if tail[:1] == "-" else "?")
                at = layer.find(plain, at + 1)
            found += ["?" for form in self._forms()[1:] if form in layer]
        return sorted(set(found))

    def look(self, places: Iterable[tuple[str, bytes]]) -> dict[str, list[str]]:
        """Return where it was found: name of the place -> what was planted there."""
        return {name: what for name, data in places if (what := self.within(data))}

    def files(self, *roots: Path) -> dict[str, list[str]]:
        """Look through whole folders, names included."""
        return self.look(_files(roots))


def _layers(data: bytes) -> Iterator[bytes]:
    """Yield the data itself, and what is compressed in it as a whole."""
    yield data
    if data[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return
    if data[:4] == b"PK\3\4":
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        except zipfile.BadZipFile:
            return


def _files(roots: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for root in roots:
        for path in sorted(root.rglob("*")):
            yield f"name of {path}", str(path).encode()
            if path.is_file() and not path.is_symlink():
                try:
                    yield str(path), path.read_bytes()
                except OSError:  # gone between listing and reading
                    continue


def jpeg(canary: Canary) -> bytes:
    """Return a JPEG with the canary in EXIF, in a comment, and after its end."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = canary("exif"), canary("artist")
    kept = io.BytesIO()
    picture = Image.effect_noise((160, 120), 40).convert("RGB")
    picture.save(kept, "JPEG", quality=90, exif=exif, comment=canary("comment").encode())
    return kept.getvalue() + canary("tail").encode()


def png(canary: Canary) -> bytes:
    """Return a PNG with the canary in a text chunk."""
    text, kept = PngInfo(), io.BytesIO()
    text.add_text("Description", canary("text"))
    Image.effect_noise((96, 96), 40).save(kept, "PNG", pnginfo=text)
    return kept.getvalue()


def wav(canary: Canary, seconds: int = 4, rate: int = 16_000) -> bytes:
    """Return a recording with the canary in an INFO chunk (title) and in an ID3 chunk."""
    sound = secrets.token_bytes(2 * rate * seconds)
    frame = b"TIT2" + (len(canary("id3")) + 1).to_bytes(4) + b"\0\0\0" + canary("id3").encode()
    tag = b"ID3\3\0\0" + bytes((len(frame) >> shift) & 127 for shift in (21, 14, 7, 0)) + frame
    chunks = (
        (
            b"fmt ",
            b"\1\0\1\0" + rate.to_bytes(4, "little") + (2 * rate).to_bytes(4, "little") + b"\2\0\x10\0",
        ),
        (b"LIST", b"INFO" + _chunk(b"INAM", canary("title").encode() + b"\0")),
        (b"id3 ", tag),
        (b"data", sound),
    )
    body = b"WAVE" + b"".join(_chunk(name, data) for name, data in chunks)
    return _chunk(b"RIFF", body)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
