"""AVIF, HEIC, BMP and TIFF: the same traces as in a JPEG, where their containers can hold them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pytest
from bonafide.model import Outcome
from bonafide_inference.chunks import walk, zip_at_end
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inference import makers
from tests.unit.inference.forensics_pictures.files import ask, codes, comment, exif, put, xmp
from tests.unit.inference.forensics_pictures.test_metadata import mutated

pillow_heif.register_heif_opener()
PICTURE = makers.texture(160, 120)
BOXED = ("AVIF", "HEIF")
PLAIN = {name: makers.picture(name, PICTURE) for name in (*BOXED, "BMP")}
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
A1111 = "a duck\nSteps: 15, Sampler: UniPC, CFG scale: 5, Seed: 23, Size: 512x400"


@pytest.mark.parametrize("form", [*BOXED, "BMP", "TIFF"])
def test_a_plain_picture_raises_nothing(tmp_path: Path, form: str) -> None:
    assert codes(put(tmp_path / "x", makers.picture(form, PICTURE))) == set()


@pytest.mark.parametrize("form", BOXED)
class TestBoxed:
    def test_a_generator_declares_itself(self, tmp_path: Path, form: str) -> None:
        packet = xmp(f'ext:DigitalSourceType="{GENERATED}"')
        block = exif(UserComment=comment(A1111)).tobytes()
        found = ask(put(tmp_path / "x", makers.picture(form, PICTURE, exif=block, xmp=packet)))
        assert {flag.code for flag in found.evidence.flags} == {"generator_a1111", "digital_source_type"}
        assert (found.outcome, found.attribution) == (Outcome.SCORED, "Stable Diffusion (A1111)")

    def test_editor_and_dates(self, tmp_path: Path, form: str) -> None:
        block = exif(
            Software="Adobe Photoshop 25.0", DateTimeOriginal="2020:01:01 00:00:00",
            DateTimeDigitized="2021:01:01 00:00:00",
        ).tobytes()  # fmt: skip
        path = put(tmp_path / "x", makers.picture(form, PICTURE, exif=block))
        assert codes(path) == {"editor_named", "exif_dates_differ"}

    def test_structure_is_told(self, tmp_path: Path, form: str) -> None:
        data = makers.picture(form, PICTURE)
        tree = ask(put(tmp_path / "x", data)).evidence.details["document_details"]
        assert [block["block"] for block in tree["structure"]] == ["ftyp", "meta", "mdat"]
        assert walk(data, form.lower().replace("heif", "heic")).end == len(data)

    def test_a_second_file_behind_it(self, tmp_path: Path, form: str) -> None:
        clip = makers.video(tmp_path / "c.mp4").read_bytes()
        flags = ask(put(tmp_path / "x", makers.picture(form, PICTURE) + clip)).evidence.flags
        assert [(flag.code, flag.value) for flag in flags] == [("polyglot", "video")]

    def test_a_box_that_is_cut_off_has_no_end(self, form: str) -> None:
        assert walk(makers.picture(form, PICTURE)[:-20], form.lower().replace("heif", "heic")).end is None


@pytest.mark.parametrize("form", [*BOXED, "BMP"])
@pytest.mark.parametrize(
    ("rider", "code", "value"),
    [
        (makers.archive(), "polyglot", "zip"),
        (b"<html><body>hello</body></html>", "polyglot", "html"),
        (bytes(range(1, 200)), "trailing_data", 199),
    ],
)
def test_behind_the_end(tmp_path: Path, form: str, rider: bytes, code: str, value: object) -> None:
    flags = ask(put(tmp_path / "x", makers.picture(form, PICTURE) + rider)).evidence.flags
    assert [(flag.code, flag.value) for flag in flags] == [(code, value)]


@pytest.mark.parametrize("form", [*BOXED, "BMP"])
def test_padding_is_innocent(tmp_path: Path, form: str) -> None:
    assert codes(put(tmp_path / "x", makers.picture(form, PICTURE) + b"\0" * 64)) == set()


@pytest.mark.parametrize("stated", [0, 54, 99_999_999])
def test_a_bmp_that_states_a_wrong_size(tmp_path: Path, stated: int) -> None:
    data = bytearray(makers.picture("BMP", PICTURE))
    data[2:6] = stated.to_bytes(4, "little")
    assert codes(put(tmp_path / "x", bytes(data))) == set()
    assert walk(bytes(data), "bmp").end in (len(data), None)


def test_an_archive_in_a_tiff(tmp_path: Path) -> None:
    data = makers.picture("TIFF", PICTURE)
    flags = ask(put(tmp_path / "x", data + makers.archive())).evidence.flags
    assert [(f.code, f.value, f.where) for f in flags] == [("polyglot", "zip", f"offset {len(data)}")]


def _adjusted(head: bytes) -> bytes:
    """An archive whose offsets count from the start of the file that carries it."""
    out = io.BytesIO(head)
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("inside.txt", "hidden")
    return out.getvalue()


@pytest.mark.parametrize("joined", [lambda head: head + makers.archive(), _adjusted])
def test_where_an_archive_begins(joined: Callable[[bytes], bytes]) -> None:
    assert zip_at_end(joined(b"x" * 100)) == 100


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"PK\x05\x06" + b"\xff" * 18, b"x" * 70_000])
def test_no_archive(data: bytes) -> None:
    assert zip_at_end(data) is None


@pytest.mark.parametrize("form", BOXED)
def test_the_thumbnail_is_compared(tmp_path: Path, form: str) -> None:
    """EXIF's second directory holds one, as in a JPEG."""
    picture, other = makers.texture(480, 320), makers.texture(480, 320, 9)
    for seen, wanted in ((picture, set()), (other, {"thumbnail_differs"})):
        small = makers.jpeg(seen.resize((160, 107)))
        block = b"II*\0\x08\0\0\0" + b"\0\0" + (14).to_bytes(4, "little") + (2).to_bytes(2, "little")
        for tag, value in ((0x201, 14 + 2 + 2 * 12 + 4), (0x202, len(small))):
            block += tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little")
            block += value.to_bytes(4, "little")
        block = b"Exif\0\0" + block + b"\0" * 4 + small
        assert codes(put(tmp_path / "x", makers.picture(form, picture, exif=block))) == wanted


@pytest.mark.parametrize(("name", "form"), [("AVIF", "avif"), ("HEIF", "heic"), ("BMP", "bmp")])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_mutations_have_a_layout(name: str, form: str, seed: int) -> None:
    data = mutated(PLAIN[name], seed)
    end = walk(data, form).end
    assert end is None or 0 <= end <= len(data)
    assert zip_at_end(data) is None
