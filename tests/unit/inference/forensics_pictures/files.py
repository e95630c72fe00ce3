"""Picture files with a known past: blocks put in by hand, byte by byte."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from bonafide.model import Finding, MediaFacts, Operation, Options, WorkItem
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item
from PIL import Image

from tests.unit.inference import makers

XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" '
    'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" '
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
)


def xmp(attributes: str = "", body: str = "") -> bytes:
    """A packet with these attributes and child elements."""
    return f'{XMP} {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'.encode()


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """A JPEG with these segments before all others."""
    return data[:2] + b"".join(segments) + data[2:]


def with_xmp(data: bytes, packet: bytes) -> bytes:
    return with_segments(data, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))


def resource(number: int, body: bytes) -> bytes:
    return (
        b"8BIM"
        + number.to_bytes(2, "big")
        + b"\0\0"
        + len(body).to_bytes(4, "big")
        + body
        + b"\0" * (len(body) & 1)
    )


def with_resources(data: bytes, *resources: bytes) -> bytes:
    return with_segments(data, segment(0xED, b"Photoshop 3.0\0" + b"".join(resources)))


def dataset(record: int, number: int, text: bytes) -> bytes:
    return bytes((0x1C, record, number)) + len(text).to_bytes(2, "big") + text


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, image: Image.Image | None = None, last: bool = False) -> bytes:
    """A PNG with these chunks after its header, or before its end."""
    data = makers.picture("PNG", image)
    place = len(data) - 12 if last else 33
    return data[:place] + b"".join(chunks) + data[place:]


def text(keyword: str, value: str) -> bytes:
    return chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + value.encode("latin-1"))


def exif(**tags: object) -> Image.Exif:
    """EXIF by names of `PIL.ExifTags.Base`, sub-directory tags included."""
    from PIL.ExifTags import Base

    block = Image.Exif()
    inner = block.get_ifd(0x8769)
    for name, value in tags.items():
        tag = int(Base[name])
        (inner if tag > 0x8298 and tag != 0x8825 else block)[tag] = value
    return block


def comment(value: str) -> bytes:
    """A UserComment in UTF-16, as A1111 writes it."""
    return b"UNICODE\0" + value.encode("utf-16-be")


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def ask(path: Path, kind: str = "image") -> Finding:
    """The finding of `file_forensics`, through inspection and the cell."""
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector=kind, operations=(Operation.FILE_FORENSICS,))
    findings = run_item(str(path), media, item, Options(visualize=False), str(path.parent))
    assert all(found.reason != "detector_error" for found in findings), findings[0].detail
    assert all(flag.caveat and flag.base_rate for flag in findings[0].evidence.flags)
    return findings[0]


def codes(path: Path, kind: str = "image") -> set[str]:
    return {flag.code for flag in ask(path, kind).evidence.flags}
