"""Each flag rises on a file that has its cause, and on no innocent one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from bonafide.model import Outcome
from bonafide_inference.recordings import fit
from PIL import Image, ImageCms, PngImagePlugin

from tests.unit.inference import makers
from tests.unit.inference.forensics_pictures.files import (
    ask,
    chunk,
    codes,
    comment,
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

PLAIN = makers.jpeg(makers.texture())
CAMERA = {"Make": "Nikon", "Model": "D70", "Software": "Ver.1.02"}
A1111 = "a duck\nNegative prompt: cat\nSteps: 15, Sampler: UniPC, CFG scale: 5, Seed: 23, Size: 512x400"
GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})


class TestInnocent:
    @pytest.mark.parametrize(
        "data",
        [
            PLAIN,
            makers.picture("PNG"),
            makers.picture("WEBP"),
            makers.picture("GIF"),
            makers.picture("TIFF"),
            makers.jpeg(makers.texture(), progressive=True),
            makers.jpeg(makers.texture(), exif=exif(**CAMERA, DateTimeOriginal="2024:05:01 10:00:00",
                                                    DateTimeDigitized="2024:05:01 10:00:00",
                                                    DateTime="2024:07:01 10:00:00")),
            makers.jpeg(makers.texture(), exif=exif(ExifImageWidth=320, ExifImageHeight=256)),
            with_segments(PLAIN, segment(0xFE, b"Our holiday in Rome")),
            with_xmp(PLAIN, xmp('xmp:CreateDate="2024-01-01T10:00:00"')),
            PLAIN + b"\0" * 512,
            png(text("Title", "AIGC in a title"), text("mxfile", "x" * 3000)),
            png(text("Comment", "Steps to Rome: three, Sampler none")),
            png(text("prompt", '{"3": "no node"}')),
        ],
    )  # fmt: skip
    def test_no_flags(self, tmp_path: Path, data: bytes) -> None:
        found = ask(put(tmp_path / "x", data))
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
        assert [flag.code for flag in found.evidence.flags] == []
        assert found.evidence.values["resaved_by_editor"] is False

    def test_details(self, tmp_path: Path) -> None:
        data = makers.jpeg(makers.texture(), 83, exif=exif(**CAMERA))
        tree = ask(put(tmp_path / "x.jpg", data)).evidence.details["document_details"]
        assert (tree["format"], tree["width"], tree["bytes"]) == ("jpeg", 320, len(data))
        assert {len(tree["hashes"][name]) for name in ("sha256", "sha1", "md5")} == {64, 40, 32}
        assert tree["coding"]["family"] == "ijg"
        assert tree["coding"]["quality"] == 83
        assert tree["programs"] == [{"name": "Ver.1.02", "where": "EXIF Software", "kind": "firmware"}]
        assert [block["block"] for block in tree["structure"]][:3] == ["APP0", "APP1", "DQT"]
        assert tree["exif"]["Model"] == "D70"


class TestGenerators:
    @pytest.mark.parametrize(
        ("data", "code", "name"),
        [
            (png(text("parameters", A1111)), "generator_a1111", "Stable Diffusion (A1111)"),
            (png(text("parameters", A1111), last=True), "generator_a1111", "Stable Diffusion (A1111)"),
            (makers.jpeg(makers.texture(), exif=exif(UserComment=comment(A1111))), "generator_a1111",
             "Stable Diffusion (A1111)"),
            (png(text("prompt", GRAPH)), "generator_comfyui", "ComfyUI"),
            (png(text("workflow", json.dumps({"links": [], "nodes": [{"type": "SamplerCustom"}]}))),
             "generator_comfyui", "ComfyUI"),
            (makers.picture("WEBP", exif=exif(Make="workflow:{}", Model="prompt:" + GRAPH)),
             "generator_comfyui", "ComfyUI"),
            (png(text("invokeai_metadata", '{"seed": 1}')), "generator_invokeai", "InvokeAI"),
            (png(text("Dream", '"a duck" -s 50 -S 42 -W 512')), "generator_invokeai", "InvokeAI"),
            (png(text("Software", "NovelAI"), text("Comment", '{"steps": 5, "seed": 2, "sampler": "k"}')),
             "generator_novelai", "NovelAI"),
            (png(text("fooocus_scheme", "fooocus"), text("parameters", '{"base_model": "x", "seed": 4}')),
             "generator_fooocus", "Fooocus"),
            (png(text("parameters", '{"sui_image_params": {"prompt": "a duck"}}')), "generator_swarmui",
             "SwarmUI"),
            (png(text("prompt", "a duck"), text("seed", "7"), text("num_inference_steps", "25")),
             "generator_prompt", None),
            (with_xmp(PLAIN, xmp(body="<dc:description><rdf:Alt><rdf:li>a duck --v 6 Job ID: "
                                 "01234567-89ab-cdef-0123-456789abcdef</rdf:li></rdf:Alt></dc:description>")),
             "generator_midjourney", "Midjourney"),
            (makers.jpeg(makers.texture(), exif=exif(UserComment=b"ASCII\0\0\0"
                         b'{"AIGC":{"Label":"1","ContentProducer":"doubao"}}')), "aigc_label", "doubao"),
            (with_xmp(PLAIN, xmp("TC260:AIGC='{\"Label\":\"1\",\"ContentProducer\":\"wan\"}'")),
             "aigc_label", "wan"),
            (with_xmp(PLAIN, xmp('ext:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
                                 'trainedAlgorithmicMedia"')), "digital_source_type", None),
            (with_xmp(PLAIN, xmp('photoshop:Credit="Made with Google AI"')), "google_ai_credit", "Google AI"),
            (with_resources(PLAIN, resource(0x404, dataset(2, 110, b"Made with Google AI"))),
             "google_ai_credit", "Google AI"),
        ],
    )  # fmt: skip
    def test_declaration_decides(self, tmp_path: Path, data: bytes, code: str, name: str | None) -> None:
        found = ask(put(tmp_path / "x", data))
        assert code in {flag.code for flag in found.evidence.flags}
        assert found.outcome is Outcome.SCORED
        assert found.p_fake == pytest.approx(0.974, abs=0.001)
        assert found.llr == pytest.approx(3.63)
        assert found.interval.low > 0.9
        assert found.attribution == name

    @pytest.mark.parametrize("compressed", [False, True])
    def test_text_in_the_alpha_channel(self, tmp_path: Path, compressed: bool) -> None:
        import gzip

        body = gzip.compress(A1111.encode()) if compressed else A1111.encode()
        raw = (
            (b"stealth_pngcomp" if compressed else b"stealth_pnginfo")
            + (len(body) * 8).to_bytes(4, "big")
            + body
        )
        bits = np.unpackbits(np.frombuffer(raw, np.uint8))
        alpha = np.full(160 * 120, 255, np.uint8)
        alpha[: bits.size] = 254 | bits
        image = makers.texture(160, 120).convert("RGBA")
        image.putalpha(Image.fromarray(alpha.reshape(160, 120).T.copy()))
        assert "generator_a1111" in codes(put(tmp_path / "x.png", makers.picture("PNG", image)))

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (png(text("prompt", json.dumps({"1": {"class_type": "LoadImage", "inputs": {}}}))),
             "generator_comfyui"),
            (with_xmp(PLAIN, xmp('ext:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
                                 'minorHumanEdits"')), "digital_source_type"),
            (png(text("AIGC", '{"Label": "3", "ContentProducer": "x"}')), "aigc_label"),
        ],
    )  # fmt: skip
    def test_weak_statement_is_flagged_only(self, tmp_path: Path, data: bytes, code: str) -> None:
        found = ask(put(tmp_path / "x", data))
        assert {flag.code for flag in found.evidence.flags} == {code}
        assert (found.outcome, found.attribution) == (Outcome.INCONCLUSIVE, None)

    @pytest.mark.parametrize(
        "value",
        [
            "{" * 5000,
            "\n" * 100_000 + "Steps",
            '"a" ' + "-s 1 " * 30_000,
            '{"a":' * 4000 + "1" + "}" * 4000,
            '{"nodes": 3, "links": 1}',
        ],
    )
    def test_hostile_json(self, tmp_path: Path, value: str) -> None:
        assert codes(put(tmp_path / "x.png", png(text("prompt", value), text("Dream", value)))) == set()
        assert codes(put(tmp_path / "y.png", png(text("parameters", value)))) == set()


class TestEditors:
    @pytest.mark.parametrize("size", [12, 14, 33, 38])
    def test_app14_of_any_length(self, tmp_path: Path, size: int) -> None:
        data = with_segments(PLAIN, segment(0xEE, b"Adobe" + b"\0" * (size - 5)))
        found = ask(put(tmp_path / "x.jpg", data))
        assert {flag.code for flag in found.evidence.flags} == {"adobe_app14"}
        assert found.evidence.values["resaved_by_editor"] is True

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (makers.jpeg(makers.texture(), exif=exif(Software="Adobe Photoshop 25.0")), "editor_named"),
            (makers.jpeg(makers.texture(), exif=exif(Software="paint.net 5.0", Make="C")), "editor_named"),
            (png(text("Software", "GIMP 2.10")), "editor_named"),
            (png(text("Software", "Adobe ImageReady")), "editor_named"),
            (with_segments(PLAIN, segment(0xFE, b"File written by Adobe Photoshop\xa8 4.0")), "editor_named"),
            (makers.jpeg(makers.texture(), exif=exif(Software="Adobe Lightroom 5.3")), "raw_developer_named"),
            (with_resources(PLAIN, resource(0x3ED, b"\0" * 16)), "photoshop_resources"),
            (with_resources(PLAIN, resource(0x404, dataset(2, 120, b"A duck"))), "photoshop_caption_block"),
            (with_segments(PLAIN, segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x32")), "save_for_web"),
            (makers.jpeg(makers.texture(), "web_low"), "adobe_tables"),
            (with_xmp(PLAIN, xmp(body="<xmpMM:History><rdf:Seq><rdf:li stEvt:action='saved' "
                                 "stEvt:softwareAgent='X'/></rdf:Seq></xmpMM:History>")), "edit_history"),
            (with_xmp(PLAIN, xmp(body="<photoshop:DocumentAncestors><rdf:Bag><rdf:li>1</rdf:li>"
                                 "<rdf:li>2</rdf:li></rdf:Bag></photoshop:DocumentAncestors>")),
             "document_ancestors"),
            (with_xmp(PLAIN, xmp(body="<photoshop:TextLayers><rdf:Bag><rdf:li photoshop:LayerName='a' "
                                 "photoshop:LayerText='a'/></rdf:Bag></photoshop:TextLayers>")),
             "text_layers"),
            (with_xmp(PLAIN, xmp(body="<crs:RetouchAreas><rdf:Seq><rdf:li crs:SpotType='heal'/></rdf:Seq>"
                                 "</crs:RetouchAreas>")), "local_corrections"),
            (with_resources(PLAIN, resource(0x404, dataset(2, 40, b"FBMD0100abc"))),
             "passed_through_platform"),
        ],
    )  # fmt: skip
    def test_trace(self, tmp_path: Path, data: bytes, code: str) -> None:
        found = ask(put(tmp_path / "x", data))
        assert code in {flag.code for flag in found.evidence.flags}
        assert found.outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize(
        "name", ["17.1", "Ver.1.02", "HDR+ 1.0.345618096zd", "MediaTek Camera Application"]
    )
    def test_firmware_is_no_editor(self, tmp_path: Path, name: str) -> None:
        data = makers.jpeg(makers.texture(), exif=exif(Software=name, Make="Apple", Model="iPhone 15"))
        assert codes(put(tmp_path / "x.jpg", data)) == set()


class TestDates:
    @pytest.mark.parametrize(
        ("tags", "code"),
        [
            ({"DateTimeOriginal": "2020:01:01 00:00:00", "DateTimeDigitized": "2021:01:01 00:00:00"},
             "exif_dates_differ"),
            ({"DateTimeOriginal": "2020:01:05 00:00:00", "DateTime": "2020:01:01 00:00:00"},
             "modified_before_taken"),
        ],
    )  # fmt: skip
    def test_contradiction(self, tmp_path: Path, tags: dict[str, str], code: str) -> None:
        assert codes(put(tmp_path / "x.jpg", makers.jpeg(makers.texture(), exif=exif(**tags)))) == {code}

    def test_other_sources(self, tmp_path: Path) -> None:
        block = exif(DateTimeOriginal="2020:01:05 00:00:00")
        block.get_ifd(0x8825)[29] = "2020:01:01"
        data = with_xmp(
            makers.jpeg(makers.texture(), exif=block), xmp('exif:DateTimeOriginal="2019-01-01T00:00:00"')
        )
        data = with_resources(data, resource(0x404, dataset(2, 55, b"20180101")))
        assert codes(put(tmp_path / "x.jpg", data)) >= {
            "gps_date_differs",
            "xmp_date_differs",
            "iptc_date_differs",
        }

    @pytest.mark.parametrize(
        "taken", ["0000:00:00 00:00:00", "2020:13:45 99:99:99", "    :  :     :  :  ", "x" * 300]
    )
    def test_no_date_is_no_contradiction(self, tmp_path: Path, taken: str) -> None:
        tags = {"DateTimeOriginal": taken, "DateTimeDigitized": "2021:01:01 00:00:00"}
        assert codes(put(tmp_path / "x.jpg", makers.jpeg(makers.texture(), exif=exif(**tags)))) == set()

    def test_size(self, tmp_path: Path) -> None:
        data = makers.jpeg(makers.texture(), exif=exif(ExifImageWidth=4000, ExifImageHeight=3000))
        assert codes(put(tmp_path / "x.jpg", data)) == {"exif_size_differs"}


class TestScreenshots:
    @pytest.mark.parametrize(
        "data",
        [
            png(text("Software", "gnome-screenshot")),
            png(text("User Comment", "Screenshot")),
            makers.jpeg(makers.texture(), exif=exif(UserComment=b"ASCII\0\0\0Screenshot")),
            with_xmp(PLAIN, xmp('exif:UserComment="Screenshot"')),
        ],
    )
    def test_marker(self, tmp_path: Path, data: bytes) -> None:
        assert codes(put(tmp_path / "x", data)) == {"screenshot_marker"}

    def test_circumstances(self, tmp_path: Path) -> None:
        image = makers.texture(160, 120).resize((1170, 2532))
        profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        plain = put(tmp_path / "a.png", makers.picture("PNG", image))
        assert codes(plain) == set()  # a size alone is nothing
        odd = bytes(profile).replace("sRGB".encode("utf-16-be"), "DELL".encode("utf-16-be"))
        assert codes(put(tmp_path / "b.png", makers.picture("PNG", image, icc_profile=odd))) == {
            "screenshot_likely"
        }
        retina = makers.picture("PNG", image, dpi=(144, 144))
        assert codes(put(tmp_path / "d.png", retina)) == {"screenshot_likely"}
        other = makers.picture("PNG", makers.texture(160, 120), dpi=(144, 144))
        assert codes(put(tmp_path / "e.png", other)) == set()
        standard = makers.picture("PNG", image, icc_profile=bytes(profile))
        assert codes(put(tmp_path / "c.png", standard)) == set()

    def test_words_in_a_caption_are_no_marker(self, tmp_path: Path) -> None:
        assert codes(put(tmp_path / "x.png", png(text("Description", "How to take a screenshot")))) == set()


class TestThumbnail:
    def file(self, thumbnail: Image.Image, picture: Image.Image) -> bytes:
        return with_segments(makers.jpeg(picture), segment(0xE1, self.block(thumbnail)))

    def block(self, thumbnail: Image.Image) -> bytes:
        """EXIF with a second directory that holds a thumbnail."""
        small = makers.jpeg(thumbnail)
        first = 8 + 2 + 4
        second = 2 + 2 * 12 + 4
        block = b"II*\0\x08\0\0\0" + b"\0\0" + first.to_bytes(4, "little") + (2).to_bytes(2, "little")
        for tag, value in ((0x201, first + second), (0x202, len(small))):
            block += tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little")
            block += value.to_bytes(4, "little")
        return b"Exif\0\0" + block + b"\0" * 4 + small

    def test_same(self, tmp_path: Path) -> None:
        picture = makers.texture(480, 320)
        assert codes(put(tmp_path / "a.jpg", self.file(picture.resize((160, 107)), picture))) == set()

    def test_black_bars_and_turns(self, tmp_path: Path) -> None:
        picture = makers.texture(480, 320)
        barred = Image.new("RGB", (160, 120))
        barred.paste(picture.resize((160, 106)), (0, 7))
        assert codes(put(tmp_path / "a.jpg", self.file(barred, picture))) == set()
        turned = picture.resize((160, 107)).rotate(90, expand=True)
        assert codes(put(tmp_path / "b.jpg", self.file(turned, picture))) == set()

    @pytest.mark.parametrize(("seed", "found"), [(9, {"thumbnail_differs"}), (None, set())])
    def test_of_a_heic(self, tmp_path: Path, seed: int | None, found: set[str]) -> None:
        picture = makers.texture(480, 320)
        small = (picture if seed is None else makers.texture(480, 320, seed)).resize((160, 107))
        data = makers.heic(picture, exif=self.block(small))
        assert codes(put(tmp_path / "a.heic", data)) == found

    def test_other_picture(self, tmp_path: Path) -> None:
        data = self.file(makers.texture(480, 320, 9).resize((160, 107)), makers.texture(480, 320))
        assert codes(put(tmp_path / "a.jpg", data)) == {"thumbnail_differs"}

    def test_photoshops_own(self, tmp_path: Path) -> None:
        small = b"\0" * 28 + makers.jpeg(makers.texture(480, 320, 9).resize((160, 107)))
        data = with_resources(makers.jpeg(makers.texture(480, 320)), resource(0x40C, small))
        assert codes(put(tmp_path / "a.jpg", data)) == {"photoshop_resources", "thumbnail_differs"}

    def test_other_shape(self, tmp_path: Path) -> None:
        picture = makers.texture(480, 320)
        assert codes(put(tmp_path / "a.jpg", self.file(picture.resize((160, 160)), picture))) == {
            "thumbnail_other_shape"
        }


class TestBehindTheEnd:
    @pytest.mark.parametrize(
        ("data", "code", "what"),
        [
            (PLAIN + b"PK\x03\x04" + b"\x14\0" * 13 + b"x" * 100, "polyglot", "zip"),
            (makers.picture("PNG") + b"%PDF-1.7\nxxxxxxxxxxxx", "polyglot", "pdf"),
            (PLAIN + b"<html><body>hello</body></html>", "polyglot", "html"),
            (makers.picture("GIF") + b"<script>alert(1)</script>", "polyglot", "html"),
            (with_segments(PLAIN, segment(0xFE, b"<?php system($_GET[0]); ?>")), "polyglot", "php"),
            (PLAIN + bytes(range(1, 200)), "trailing_data", len(range(1, 200))),
            (makers.picture("WEBP") + bytes(range(1, 200)), "trailing_data", 199),
            (makers.picture("PNG") + makers.picture("PNG")[40:], "earlier_picture_remains", None),
            (PLAIN + makers.jpeg(makers.texture(64, 64)), "second_picture", None),
        ],
    )
    def test_unexplained(self, tmp_path: Path, data: bytes, code: str, what: object) -> None:
        flags = {flag.code: flag.value for flag in ask(put(tmp_path / "x", data)).evidence.flags}
        assert set(flags) == {code}
        assert what is None or flags[code] == what

    @pytest.mark.parametrize(
        ("data", "part"),
        [
            (with_segments(PLAIN, segment(0xE2, b"MPF\0" + b"\0" * 60)) + makers.jpeg(makers.texture(64, 64)),
             "multi-picture JPEG"),
            (PLAIN + with_xmp(makers.jpeg(makers.texture(64, 64)), xmp('xmp:Label="hdrgm"')), "gain map"),
            (with_xmp(PLAIN, xmp('GCamera:MotionPhoto="1"')) + b"\0\0\0\x18ftypmp42" + b"\1" * 99,
             "motion photo"),
            (PLAIN + b"\1\2\3" * 50 + b"SEFT", "Samsung trailer"),
        ],
    )  # fmt: skip
    def test_explained(self, tmp_path: Path, data: bytes, part: str) -> None:
        found = ask(put(tmp_path / "x", data))
        assert {flag.code for flag in found.evidence.flags} == set()
        assert part in found.evidence.details["document_details"]["after_the_end"]["parts"]


class TestSavedTwice:
    def test_finer_second_save(self, tmp_path: Path) -> None:
        data = makers.jpeg(makers.twice(makers.texture(512, 384), 70, 92), 92, subsampling=2)
        found = ask(put(tmp_path / "x.jpg", data))
        assert {flag.code for flag in found.evidence.flags} == {"saved_twice"}

    @pytest.mark.parametrize("quality", [60, 80, 95])
    def test_once(self, tmp_path: Path, quality: int) -> None:
        assert codes(put(tmp_path / "x.jpg", makers.jpeg(makers.texture(512, 384), quality))) == set()


def test_pnginfo_of_pillow_is_read(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp('xmp:CreatorTool="Adobe Photoshop 23.1"').decode(), zip=True)
    out = io.BytesIO()
    makers.texture(64, 64).save(out, "PNG", pnginfo=info)
    assert codes(put(tmp_path / "x.png", out.getvalue())) == {"editor_named"}


def test_chunks_are_listed(tmp_path: Path) -> None:
    tree = ask(put(tmp_path / "x.png", png(chunk(b"tIME", b"\x07\xe8\1\1\1\1\1")))).evidence.details
    assert "tIME" in [block["block"] for block in tree["document_details"]["structure"]]


def test_details_stay_small(tmp_path: Path) -> None:
    long = "ü" * 400
    data = png(*[chunk(b"iTXt", f"k{n}".encode() + b"\0\0\0\0\0" + long.encode()) for n in range(300)])
    tree = ask(put(tmp_path / "x.png", data)).evidence.details["document_details"]
    assert len(json.dumps(tree)) < 60_000
    packet = xmp(body="".join(f"<dc:a{n}>{long[:300]}</dc:a{n}>" for n in range(60)))
    tree = ask(put(tmp_path / "y.jpg", with_xmp(PLAIN, packet))).evidence.details["document_details"]
    assert len(json.dumps(tree, ensure_ascii=False).encode()) < 49_200
    assert tree["xmp"]["dc:a1"].startswith("ü")


def test_what_is_too_long_is_named() -> None:
    assert fit({"a": "x" * 90, "b": "y" * 20}, 60) == {"b": "y" * 20, "left_out": ["a"]}
