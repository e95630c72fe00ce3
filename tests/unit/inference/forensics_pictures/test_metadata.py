"""Reading of metadata: what is read, and that rubbish costs and raises nothing."""

from __future__ import annotations

import io
import random
import zlib
from pathlib import Path

import pytest
from bonafide_inference import metadata
from bonafide_inference.blocks import inflate, parse_iptc, parse_resources, png_text
from bonafide_inference.chunks import walk
from bonafide_inference.generators import declarations
from bonafide_inference.tiffdata import read_tiff
from bonafide_inference.xmp import parse_xmp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.forensics_pictures.files import (
    chunk,
    dataset,
    exif,
    png,
    put,
    resource,
    segment,
    text,
    with_resources,
    with_segments,
    with_xmp,
    xmp,
)

PLAIN = makers.jpeg(makers.texture(64, 64))
NESTED = (
    "<xmpMM:History><rdf:Seq><rdf:li stEvt:action='created'/><rdf:li rdf:parseType='Resource'>"
    "<stEvt:action>saved</stEvt:action></rdf:li></rdf:Seq></xmpMM:History>"
    "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Title</rdf:li></rdf:Alt></dc:title>"
)


class TestXmp:
    def test_paths_and_namespaces(self) -> None:
        found = parse_xmp(xmp('xmp:CreatorTool="A"', NESTED))
        paths = {item.path: item.value for item in found}
        assert paths == {
            "xmp:CreatorTool": "A",
            "xmpMM:History[1]/stEvt:action": "created",
            "xmpMM:History[2]/stEvt:action": "saved",
            "dc:title[1]": "Title",
        }
        assert {item.namespace for item in found if item.leaf == "dc:title"} == {
            "http://purl.org/dc/elements/1.1/"
        }

    def test_prefix_of_the_file_does_not_matter(self) -> None:
        packet = (
            xmp('xmp:CreatorTool="A"')
            .replace(b"xmlns:xmp=", b"xmlns:q=")
            .replace(b"xmp:Creator", b"q:Creator")
        )
        assert parse_xmp(packet)[0].path == "xmp:CreatorTool"

    @pytest.mark.parametrize(
        "packet",
        [
            b"",
            b"no xml",
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>',
            b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><rdf:RDF/>',
            b"<rdf:RDF" + b"<a>" * 10_000,
            b" " * (9 * 2**20),
        ],
    )
    def test_refused(self, packet: bytes) -> None:
        with pytest.raises(ValueError, match=r"XMP"):
            parse_xmp(packet)

    def test_bounded(self) -> None:
        deep = xmp(body="<dc:a rdf:parseType='Resource'>" * 500 + "x" + "</dc:a>" * 500)
        assert len(parse_xmp(deep)) <= 1
        wide = xmp(body="<dc:a>x</dc:a>" * 20_000)
        assert len(parse_xmp(wide)) == 4000

    def test_extended_packets_are_joined(self) -> None:
        packet = xmp('xmp:Label="from the extension"')
        cuts = (packet[:100], packet[100:])
        head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + len(packet).to_bytes(4, "big")
        parts = [
            segment(0xE1, head + at.to_bytes(4, "big") + part)
            for at, part in zip((0, 100), cuts, strict=True)
        ]
        found = metadata.read_bytes(with_segments(PLAIN, *parts), "jpeg")
        assert found.xmp_value("xmp:Label") == "from the extension"


class TestContainers:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_exif_of_every_format(self, tmp_path: Path, form: str) -> None:
        data = makers.picture(form, exif=exif(Make="Canon", DateTimeOriginal="2020:01:01 00:00:00"))
        found = metadata.read(str(put(tmp_path / "x", data)), form.lower())
        assert (found.exif["Make"], found.exif["DateTimeOriginal"]) == ("Canon", "2020:01:01 00:00:00")
        assert found.problems == ()

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
    def test_the_end_is_found(self, form: str) -> None:
        data = makers.picture(form)
        assert walk(data, form.lower()).end == len(data)
        assert walk(data + b"tail", form.lower()).end == len(data)
        assert walk(data[:-30], form.lower()).end is None

    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    def test_xmp_elsewhere(self, form: str) -> None:
        packet = xmp('xmp:Label="here"')
        if form == "PNG":
            data = png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
        else:
            out = io.BytesIO()
            Image.new("RGB", (8, 8)).save(out, "TIFF", tiffinfo={700: packet})
            data = out.getvalue()
        assert metadata.read_bytes(data, form.lower()).xmp_value("xmp:Label") == "here"

    def test_texts(self) -> None:
        data = png(
            text("a", "1"),
            chunk(b"zTXt", b"b\0\0" + zlib.compress(b"2")),
            chunk(b"iTXt", b"c\0\1\0en\0\0" + zlib.compress("ü".encode())),
            chunk(b"tEXt", b"no separator"),
        )
        found = metadata.read_bytes(data, "png")
        assert [(t.keyword, t.text) for t in found.texts] == [("a", "1"), ("b", "2"), ("c", "ü")]
        assert found.problems == ("png: malformed tEXt",)

    def test_iptc_and_resources(self) -> None:
        block = (
            dataset(1, 90, b"\x1b%G")
            + dataset(2, 80, "Zoë".encode())
            + dataset(2, 25, b"a")
            + dataset(2, 25, b"b")
        )
        found = metadata.read_bytes(
            with_resources(PLAIN, resource(0x3ED, b"\1"), resource(0x404, block)), "jpeg"
        )
        assert found.iptc["By-line"] == ("Zoë",)
        assert found.iptc["Keywords"] == ("a", "b")
        assert [(r.number, r.name) for r in found.photoshop] == [(0x3ED, "resolution"), (0x404, "IPTC")]

    def test_colour_profile(self) -> None:
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        for form in ("JPEG", "PNG", "WEBP", "TIFF"):
            found = metadata.read_bytes(makers.picture(form, icc_profile=profile), form.lower())
            assert "sRGB" in found.icc.description
            assert found.icc.device_class == "mntr"

    def test_bomb_in_a_text_is_cut(self) -> None:
        assert len(inflate(zlib.compress(b"\0" * 50_000_000))) == 8 * 2**20
        data = png(chunk(b"zTXt", b"b\0\0" + zlib.compress(b"\0" * 50_000_000)))
        assert len(metadata.read_bytes(data, "png").texts[0].text) <= 8 * 2**20

    def test_directory_that_names_itself(self) -> None:
        loop = b"II*\0\x08\0\0\0" + b"\1\0" + b"\x69\x87\4\0\1\0\0\0\x08\0\0\0" + b"\x08\0\0\0"
        assert read_tiff(loop).thumbnail is None

    @pytest.mark.parametrize("path", ["absent"])
    def test_absent_file(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(OSError, match="absent"):
            metadata.read(str(tmp_path / path), "jpeg")

    def test_empty_file(self, tmp_path: Path) -> None:
        assert metadata.read(str(put(tmp_path / "x", b"")), "png").end is None


RICH = {
    "jpeg": with_resources(
        with_xmp(
            makers.jpeg(makers.texture(64, 64), exif=exif(Make="C", UserComment=b"UNICODE\0\0a")),
            xmp("", NESTED),
        ),
        resource(0x404, dataset(2, 80, b"By")),
    ),
    "png": png(text("parameters", "Steps: 1, Seed: 2"), chunk(b"zTXt", b"b\0\0" + zlib.compress(b"2"))),
    "webp": makers.picture("WEBP", makers.texture(64, 64), exif=exif(Make="C"), xmp=xmp("", NESTED)),
    "gif": makers.picture("GIF", makers.texture(64, 64), comment=b"hello"),
    "tiff": makers.picture("TIFF", makers.texture(64, 64)),
    "avif": makers.picture("AVIF", makers.texture(64, 64), exif=exif(Make="C"), xmp=xmp("", NESTED)),
}
"""Without HEIC, whose library a mutation can crash: that is what the cell is for."""


def mutated(data: bytes, seed: int) -> bytes:
    """Some bytes changed, a stretch removed or doubled, or the end cut; headers are hit most."""
    dice = random.Random(seed)
    out = bytearray(data)
    for _ in range(dice.randint(1, 12)):
        reach = len(out) if dice.random() < 0.3 else min(len(out), 900)
        out[dice.randrange(reach)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    if dice.random() < 0.3:
        at = dice.randrange(len(out))
        out[at : at + dice.randint(1, 40)] = out[at : at + dice.randint(0, 80)]
    return bytes(out[: dice.randrange(8, len(out))] if dice.random() < 0.25 else out)


@pytest.mark.parametrize("form", sorted(RICH))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=250, deadline=None)
def test_mutated_files_are_values(form: str, seed: int) -> None:
    found = metadata.read_bytes(mutated(RICH[form], seed), form)
    declarations(found)
    assert len(found.layout.chunks) <= 400


@given(data=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_rubbish_is_a_value(data: bytes) -> None:
    for form in RICH:
        metadata.read_bytes(data, form)
    read_tiff(b"II*\0" + data)
    parse_resources(b"8BIM" + data)
    parse_iptc(b"\x1c" + data)
    for kind in ("tEXt", "zTXt", "iTXt"):
        png_text(kind, data)
