"""inspect: what a file is by its bytes, and every refusal a value in bounded time and memory."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from bonafide.model import MediaFacts
from bonafide.sniff import sniff
from bonafide_inference import inspect as inspect_module
from bonafide_inference.inspect import Limits, Refusal, inspect
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.inference import makers

USUAL = Limits()


def facts(path: Path, limits: Limits = USUAL) -> MediaFacts:
    found = inspect(str(path), limits)
    assert isinstance(found, MediaFacts), found
    return found


def refusal(path: Path, limits: Limits = USUAL) -> str:
    found = inspect(str(path), limits)
    assert isinstance(found, Refusal), found
    assert str(path.parent) not in found.detail
    return found.code


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("pillow", "name", "mime"),
    [
        ("JPEG", "jpeg", "image/jpeg"),
        ("PNG", "png", "image/png"),
        ("TIFF", "tiff", "image/tiff"),
        ("GIF", "gif", "image/gif"),
        ("WEBP", "webp", "image/webp"),
        ("BMP", "bmp", "image/bmp"),
        ("AVIF", "avif", "image/avif"),
    ],
)
def test_pictures(tmp_path: Path, pillow: str, name: str, mime: str) -> None:
    found = facts(put(tmp_path / "x.bin", makers.picture(pillow)))
    assert (found.kind, found.format, found.mime) == ("image", name, mime)
    assert (found.width, found.height, found.frames, found.warnings) == (160, 120, 1, ())


def test_a_telephones_heic_is_upright(tmp_path: Path) -> None:
    found = facts(put(tmp_path / "IMG_0001.HEIC", makers.heic(turned=6)))
    assert (found.kind, found.format, found.mime) == ("image", "heic", "image/heic")
    assert (found.width, found.height, found.frames, found.warnings) == (120, 160, 1, ())


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_half_a_heic_is_a_value(tmp_path: Path, share: float) -> None:
    whole = makers.heic()
    found = inspect(str(put(tmp_path / "x.heic", whole[: int(len(whole) * share)])), USUAL)
    assert isinstance(found, Refusal) and found.code == "unreadable_media"


def test_a_cameras_raw_file_is_refused_by_name(tmp_path: Path) -> None:
    data = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64)
    assert refusal(put(tmp_path / "x.cr3", data)) == "unsupported_format"


@pytest.mark.parametrize(
    ("suffix", "codec", "container", "name"),
    [
        ("wav", "pcm_s16le", None, "wav"),
        ("mp3", "libmp3lame", None, "mp3"),
        ("m4a", "aac", "ipod", "m4a"),
        ("mp4", "aac", "mp4", "m4a"),
        ("ogg", "libopus", None, "ogg"),
        ("aac", "aac", "adts", "aac"),
        ("flac", "flac", None, "flac"),
    ],
)
def test_sound(tmp_path: Path, suffix: str, codec: str, container: str | None, name: str) -> None:
    path = makers.sound(tmp_path / f"x.{suffix}", codec, makers.noise(2), container=container)
    found = facts(path)
    assert (found.kind, found.format) == ("audio", name)
    assert found.duration_s == pytest.approx(2, abs=0.25)
    assert found.tracks[0].rate_hz == (48000 if codec == "libopus" else makers.RATE)
    assert not found.warnings


@pytest.mark.parametrize(
    ("suffix", "codec", "container", "name"),
    [
        ("mp4", "libx264", "mp4", "mp4"),
        ("mov", "libx264", "mov", "mov"),
        ("3gp", "mpeg4", "3gp", "3gp"),
        ("mkv", "libx264", "matroska", "mkv"),
        ("webm", "libvpx", "webm", "webm"),
        ("avi", "mpeg4", "avi", "avi"),
        ("flv", "flv", "flv", "flv"),
        ("wmv", "wmv2", "asf", "wmv"),
    ],
)
def test_video(tmp_path: Path, suffix: str, codec: str, container: str, name: str) -> None:
    found = facts(makers.video(tmp_path / f"x.{suffix}", codec, container=container))
    assert (found.kind, found.format) == ("video", name)
    assert (found.width, found.height) == (176, 144)
    assert found.duration_s == pytest.approx(2, abs=0.25)


def test_video_with_sound_has_both_tracks(tmp_path: Path) -> None:
    found = facts(makers.video(tmp_path / "x.mp4", audio="aac"))
    assert [(track.type, track.codec) for track in found.tracks] == [("video", "h264"), ("audio", "aac")]
    assert found.tracks[0].fps == pytest.approx(10)


def test_document(tmp_path: Path) -> None:
    found = facts(makers.pdf(tmp_path / "x.pdf", pages=3))
    assert (found.kind, found.format, found.pages, found.warnings) == ("document", "pdf", 3, ())


def test_hash_and_size_are_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    data = makers.picture("PNG")
    found = facts(put(tmp_path / "x", data))
    assert (found.bytes, found.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_picture_renamed_to_video_is_a_picture(tmp_path: Path) -> None:
    assert facts(put(tmp_path / "x.mp4", makers.picture("PNG"))).kind == "image"


def test_sound_with_a_cover_is_sound(tmp_path: Path) -> None:
    sound = makers.sound(tmp_path / "x.mp3", "libmp3lame", makers.noise(2)).read_bytes()
    cover = makers.picture("JPEG")
    body = b"\0image/jpeg\0\x03\0" + cover
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = len(frame)
    tag = b"ID3\x03\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + frame
    found = facts(put(tmp_path / "cover.mp3", tag + sound))
    assert (found.kind, found.format) == ("audio", "mp3")
    assert {track.type for track in found.tracks} == {"audio", "video"}


def test_turned_picture_is_measured_upright(tmp_path: Path) -> None:
    image, exif = makers.texture(160, 120), Image.Exif()
    exif[0x0112] = 6
    found = facts(put(tmp_path / "x.jpg", makers.jpeg(image, exif=exif)))
    assert (found.width, found.height) == (120, 160)


def test_animation_counts_frames(tmp_path: Path) -> None:
    frames = [makers.texture(32, 32, seed) for seed in range(5)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert facts(tmp_path / "x.gif").frames == 5
    assert refusal(tmp_path / "x.gif", Limits(frames=4)) == "media_limit_exceeded"


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_other_colour_models(tmp_path: Path, mode: str) -> None:
    assert facts(put(tmp_path / "x.jpg", makers.jpeg(makers.texture().convert(mode)))).width == 320


def test_one_pixel(tmp_path: Path) -> None:
    assert facts(put(tmp_path / "x.png", makers.picture("PNG", Image.new("RGB", (1, 1))))).width == 1
    assert facts(put(tmp_path / "x.jpg", makers.picture("JPEG", Image.new("RGB", (1, 1))))).height == 1


def test_float_wave_with_nan_is_sound(tmp_path: Path) -> None:
    samples = makers.noise(1)
    samples[1000:2000] = np.nan
    assert facts(makers.sound(tmp_path / "x.wav", "pcm_f32le", samples)).kind == "audio"


def test_empty_file(tmp_path: Path) -> None:
    assert refusal(put(tmp_path / "x.jpg", b"")) == "empty_file"


def test_absent_file_is_infrastructure(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect(str(tmp_path / "absent"))


@pytest.mark.parametrize(
    "data",
    [
        b"hello, world",
        b"\0" * 5000,
        b"PK\3\4" + b"\0" * 100,
        b"<svg/>",
        b"\x7fELF",
    ],
)
def test_unsupported(tmp_path: Path, data: bytes) -> None:
    assert refusal(put(tmp_path / "x.jpg", data)) == "unsupported_format"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "TIFF", "WEBP"])
def test_truncated_picture(tmp_path: Path, format_: str) -> None:
    data = makers.picture(format_, makers.texture(640, 480))
    found = inspect(str(put(tmp_path / "x", data[: len(data) * 2 // 3])))
    # TIFF keeps its directory at the end and WEBP its sizes: there it is beyond use, elsewhere a warning.
    assert found.code == "unreadable_media" if isinstance(found, Refusal) else "truncated" in found.warnings
    if format_ in ("JPEG", "PNG"):
        assert isinstance(found, MediaFacts)
    assert refusal(put(tmp_path / "y", data[:40])) == "unreadable_media"


def test_truncated_sound_and_video(tmp_path: Path) -> None:
    wave = makers.sound(tmp_path / "x.wav", "pcm_s16le", makers.noise(4)).read_bytes()
    cut = facts(put(tmp_path / "cut.wav", wave[: len(wave) // 2]))
    assert cut.duration_s == pytest.approx(2, abs=0.2)
    assert cut.warnings == ("truncated",)
    mp3 = makers.sound(tmp_path / "x.mp3", "libmp3lame", makers.noise(4)).read_bytes()
    assert "truncated" in facts(put(tmp_path / "cut.mp3", mp3[: len(mp3) // 2])).warnings
    front = {"movflags": "faststart"}
    film = makers.video(tmp_path / "x.mp4", "mpeg4", seconds=4, options=front).read_bytes()
    assert "truncated" in facts(put(tmp_path / "cut.mp4", film[: len(film) * 2 // 3])).warnings
    plain = makers.video(tmp_path / "y.mp4", "mpeg4", seconds=4).read_bytes()  # its index is at the end
    assert refusal(put(tmp_path / "cut2.mp4", plain[: len(plain) // 2])) == "unreadable_media"


@pytest.mark.parametrize(
    ("says", "more", "told"),
    [(None, b"", ()), (None, b"LIST\4\0\0\0abcd", ()), (10**9, b"", ("truncated",)),
     (40_000, b"", ("wrong_length",)), (0, b"", ("unknown_length",)), (2**32 - 1, b"", ("unknown_length",))],
)  # fmt: skip
def test_what_the_header_of_a_wav_says(
    tmp_path: Path, says: int | None, more: bytes, told: tuple[str, ...]
) -> None:
    body = makers.wav(makers.voice(2), says=says) + more
    assert facts(put(tmp_path / "x.wav", body)).warnings == told


def test_truncated_document(tmp_path: Path) -> None:
    data = makers.pdf(tmp_path / "x.pdf", pages=4).read_bytes()
    found = inspect(str(put(tmp_path / "cut.pdf", data[: len(data) * 9 // 10])))
    assert found.code == "unreadable_media" if isinstance(found, Refusal) else "truncated" in found.warnings
    assert refusal(put(tmp_path / "head.pdf", data[:20])) == "unreadable_media"


@pytest.mark.parametrize("size", [(50_000, 50_000), (12_000, 12_000)])
def test_decompression_bomb(tmp_path: Path, size: tuple[int, int]) -> None:
    assert refusal(put(tmp_path / "x.png", makers.png_of_size(*size))) == "media_limit_exceeded"


@pytest.mark.parametrize("maker", [makers.matroska_of_tracks, makers.mp4_of_tracks])
def test_100_000_tracks(tmp_path: Path, maker) -> None:
    path = put(tmp_path / "x.bin", maker(100_000))
    assert refusal(path) == "media_limit_exceeded"  # and not `inspection_timed_out`


def test_document_bomb(tmp_path: Path) -> None:
    path = put(tmp_path / "x.pdf", makers.pdf_bomb(300))
    assert path.stat().st_size < 3 * 2**20
    code = refusal(path, Limits(memory_mb=128, inspect_seconds=10))
    assert code in ("media_limit_exceeded", "inspection_timed_out", "unreadable_media")


def test_pages_are_refused_by_their_claim(tmp_path: Path) -> None:
    data = makers.pdf(tmp_path / "x.pdf").read_bytes().replace(b"/Count 1", b"/Count 9999999")
    assert refusal(put(tmp_path / "y.pdf", data)) == "media_limit_exceeded"


@pytest.mark.parametrize(
    "limits", [Limits(bytes=10_000), Limits(seconds=1), Limits(tracks=1), Limits(pixels=100)], ids=str
)
def test_limits_of_video(tmp_path: Path, limits: Limits) -> None:
    path = makers.video(tmp_path / "x.mp4", audio="aac")
    assert path.stat().st_size > 10_000
    assert refusal(path, limits) == "media_limit_exceeded"


def test_time_limit_of_the_inspection(tmp_path: Path) -> None:
    path = put(tmp_path / "x.png", makers.picture("PNG"))
    assert refusal(path, Limits(inspect_seconds=0.0)) == "inspection_timed_out"


def test_playlist_opens_nothing_else(tmp_path: Path) -> None:
    secret = makers.sound(tmp_path / "secret.wav", "pcm_s16le", makers.noise(1))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    assert refusal(put(tmp_path / "x.mp4", playlist.encode())) == "unsupported_format"
    disguised = b"ID3\x03\0\0\0\0\0\0" + playlist.encode()
    assert refusal(put(tmp_path / "x.mp3", disguised)) == "unreadable_media"


def test_password(tmp_path: Path) -> None:
    import pikepdf

    with pikepdf.open(makers.pdf(tmp_path / "x.pdf")) as document:
        document.save(tmp_path / "y.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    assert refusal(tmp_path / "y.pdf") == "unreadable_media"


def test_a_lying_cell_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "x.png", makers.picture("PNG"))
    for lie in ([1], {"kind": "image"}, {"kind": "god", "format": "x", "mime": "y"}, "x", None):
        monkeypatch.setattr(inspect_module.cell, "run", lambda *a, lie=lie, **k: {"ok": True, "result": lie})
        assert refusal(path) == "unreadable_media"


@given(st.binary(max_size=64))
def test_sniff_takes_any_bytes(data: bytes) -> None:
    assert sniff(data) is None or isinstance(sniff(data), str)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF"]),
    st.integers(0, 10**6),
    st.binary(min_size=1, max_size=40),
)
def test_damaged_pictures_are_values(tmp_path_factory, format_: str, place: int, junk: bytes) -> None:
    data = bytearray(makers.picture(format_, makers.texture(64, 64)))
    place %= len(data)
    data[place : place + len(junk)] = junk
    path = put(tmp_path_factory.mktemp("damaged") / "x", bytes(data))
    assert isinstance(inspect(str(path)), MediaFacts | Refusal)
    shutil.rmtree(path.parent)
