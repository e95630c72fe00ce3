"""Containers that no signature of ours names: what libavformat knows by content, and what is never taken."""

from __future__ import annotations

import io
import random
import sqlite3
import struct
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide.sniff import sniff
from bonafide_inference.containers import DEMUXERS, RECOGNISED
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.piece import Piece

from benchmarks import recognition
from benchmarks.hostile import mutated
from tests.unit.inference import makers
from tests.unit.inference.makers import voice
from tests.unit.inference.test_containers import facts, heard

REFUSED = {
    "a device": "alsa fbdev kmsgrab lavfi oss video4linux2 v4l2 x11grab",
    "opens other files or addresses": """
        concat hls image2 mlv rtp rtsp sap sdp vobsub webm_dash_manifest""",
    "text or subtitles": """
        adf aqtitle ass bin dvbsub dvbtxt ffmetadata idf jacosub lrc mcc microdvd mpl2 mpsub pjs rcwt
        realtext sami sbg scc srt stl subviewer subviewer1 sup tedcaptions tty vplayer webvtt xbin""",
    "a picture, which Pillow reads or nobody": """
        alias_pix apng bmp_pipe brender_pix cri_pipe dds_pipe dpx_pipe exr_pipe fits gem_pipe gif gif_pipe
        hdr_pipe ico image2pipe j2k_pipe jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe jpegxs_pipe mjpeg
        mjpeg_2000 mpjpeg msp pam_pipe pbm_pipe pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe
        photocd_pipe pictor_pipe png_pipe ppm_pipe psd_pipe qdraw_pipe qoi_pipe sgi_pipe sunrast_pipe
        svg_pipe tiff_pipe txd vbn_pipe webp_pipe xbm_pipe xpm_pipe xwd_pipe""",
    "no structure to be told by: a wrong guess hears noise": """
        adp alaw amrnb amrwb aptx aptx_hd bit bitpacked cdg codec2raw data daud dfpwm f32be f32le f64be
        f64le filmstrip g722 g723_1 g726 g726le g728 g729 gsm mulaw rawvideo rso s16be s16le s24be s24le
        s32be s32le s8 sbc sln u16be u16le u24be u24le u32be u32le u8 v210 v210x vidc""",
    "coded pictures without times": """
        apv av1 avs2 avs3 cavsvideo dirac dnxhd evc h261 h263 h264 hevc ingenient ipu m4v mpegvideo obu vc1
        vvc""",
    "another reader of what is read already": "asf_o mpegtsraw",
}  # fmt: skip
"""Why a demuxer of this build is not let near a file (decision 0102)."""


def test_every_demuxer_is_taken_or_refused_for_a_reason() -> None:
    here = {
        name
        for names in av.formats_available
        if av.format.ContainerFormat(names).is_input
        for name in names.split(",")
    }
    signed = {name for own, names in DEMUXERS.items() if own not in RECOGNISED for name in names.split(",")}
    lists = [*signed, *RECOGNISED, *(name for names in REFUSED.values() for name in names.split())]
    assert sorted(lists) == sorted(here), "a new demuxer, or one in two lists"


@pytest.mark.parametrize(
    ("name", "muxer", "codec", "rate"),
    [
        ("adx", "adx", "adpcm_adx", 44_100), ("alp", "alp", "adpcm_ima_alp", 22_050),
        ("apm", "apm", "adpcm_ima_apm", 44_100), ("argo_asf", "argo_asf", "adpcm_argo", 44_100),
        ("ast", "ast", "pcm_s16be_planar", 44_100), ("ircam", "ircam", "pcm_s16le", 44_100),
        ("kvag", "kvag", "adpcm_ima_ssi", 44_100), ("loas", "latm", "aac", 44_100),
        ("mmf", "mmf", "adpcm_yamaha", 44_100), ("mxf", "mxf_opatom", "pcm_s16le", 48_000),
        ("nut", "nut", "flac", 44_100), ("rm", "rm", "ac3", 44_100), ("roq", "roq", "roq_dpcm", 22_050),
        ("smjpeg", "smjpeg", "pcm_s16le", 44_100), ("sox", "sox", "pcm_s32le", 44_100),
        ("spdif", "spdif", "ac3", 48_000), ("swf", "swf", "libmp3lame", 44_100),
        ("wsaud", "wsaud", "adpcm_ima_ws", 44_100), ("wtv", "wtv", "ac3", 48_000),
    ],
)  # fmt: skip
def test_sound_is_recognised_and_heard_whole(
    tmp_path: Path, name: str, muxer: str, codec: str, rate: int
) -> None:
    path = makers.sound(tmp_path / "x.mp3", codec, voice(5, rate=rate), rate, muxer)
    assert sniff(path.read_bytes()[:4096]) is None
    found = facts(path)
    assert (found.kind, found.format, found.mime) == ("audio", name, f"audio/x-{name}")
    sound = heard(path)
    assert sound.seconds == pytest.approx(5, abs=0.2)
    assert sound.stats.rate_hz == rate
    assert sound.speech_s > 3


@pytest.mark.parametrize(
    ("name", "codec", "size", "pixels", "fps"),
    [
        ("dv", "dvvideo", (720, 576), "yuv420p", 25), ("film_cpk", "cinepak", (176, 144), "rgb24", 10),
        ("gxf", "mpeg2video", (720, 576), "yuv420p", 25), ("ivf", "libvpx", (176, 144), "yuv420p", 10),
        ("mxf", "mpeg2video", (176, 144), "yuv420p", 25), ("nut", "mpeg4", (176, 144), "yuv420p", 10),
        ("rm", "rv10", (176, 144), "yuv420p", 10), ("smjpeg", "mjpeg", (176, 144), "yuvj420p", 10),
        ("swf", "flv", (176, 144), "yuv420p", 10),
        ("wtv", "mpeg2video", (176, 144), "yuv420p", 25),
        ("yuv4mpegpipe", "wrapped_avframe", (176, 144), "yuv420p", 10),
    ],
)  # fmt: skip
def test_video_is_recognised_and_seen(
    tmp_path: Path, name: str, codec: str, size: tuple[int, int], pixels: str, fps: int
) -> None:
    path = makers.video(tmp_path / "x", codec, fps=fps, size=size, container=name, pixels=pixels)
    assert sniff(path.read_bytes()[:4096]) is None
    found = facts(path)
    assert (found.kind, found.format, found.width, found.height) == ("video", name, *size)
    item = WorkItem(id="a", detector="video", operations=(Operation.KNOWN_FAKE_SEARCH,))
    frames = Piece(str(path), found, item, Options()).frames()
    assert frames
    assert frames[0].rgb.shape[0] == size[1]
    assert frames[-1].rgb.mean() > frames[0].rgb.mean() + 40  # `makers.video` grows brighter


# ---- what no muxer here makes ------------------------------------------------------------------------


def sphere(path: Path) -> bytes:
    """NIST SPHERE: a header of text, then samples (LDC's telephone corpora)."""
    samples = (voice(5, rate=16_000) * 32767).astype("<i2")
    said = [
        "NIST_1A", "   1024", "channel_count -i 1", "sample_rate -i 16000", "sample_n_bytes -i 2",
        f"sample_count -i {samples.size}", "sample_byte_format -s2 01", "sample_coding -s3 pcm", "end_head",
    ]  # fmt: skip
    return "\n".join([*said, ""]).encode().ljust(1024, b"\0") + samples.tobytes()


def amiga(path: Path) -> bytes:
    """IFF 8SVX, a voice of an Amiga: 8 bits."""
    body = (voice(5, rate=16_000) * 127).astype(np.int8).tobytes()
    head = b"VHDR" + struct.pack(">IIIIHBBI", 20, len(body), 0, 0, 16_000, 1, 0, 65536)
    chunks = b"8SVX" + head + b"BODY" + struct.pack(">I", len(body)) + body
    return b"FORM" + struct.pack(">I", len(chunks)) + chunks


def xwma(path: Path) -> bytes:
    """XWMA: WMA 2 in a RIFF of its own (DirectX)."""
    makers.sound(path, "wmav2", voice(5, rate=44_100), 44_100, "asf")
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        extra, align = bytes(stream.codec_context.extradata), len(packets[0])
    form = struct.pack("<HHIIHHH", 0x161, 1, 44_100, 8_000, align, 16, len(extra)) + extra
    table = struct.pack(f"<{len(packets)}I", *(4096 * (n + 1) for n in range(len(packets))))
    body = b"".join(packets)
    chunks = b"XWMA"
    for kind, data in ((b"fmt ", form), (b"dpds", table), (b"data", body)):
        chunks += kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def bluray(path: Path) -> bytes:
    """A camcorder's M2TS: each packet of a transport stream behind four bytes of arrival time."""
    whole = makers.sound(path, "ac3", voice(5, rate=48_000), 48_000, "mpegts").read_bytes()
    return b"".join(bytes(4) + whole[at : at + 188] for at in range(0, len(whole), 188))


@pytest.mark.parametrize(
    ("name", "maker"),
    [("nistsphere", sphere), ("iff", amiga), ("xwma", xwma), ("ts", bluray)],
)
def test_what_no_muxer_here_makes(tmp_path: Path, name: str, maker) -> None:
    path = tmp_path / "x"
    path.write_bytes(maker(tmp_path / "y"))
    assert sniff(path.read_bytes()[:4096]) is None
    found = facts(path)
    assert (found.kind, found.format) == ("audio", name)
    assert heard(path).seconds == pytest.approx(5, abs=0.2)
    assert heard(path).speech_s > 3


# ---- what is never taken for sound or video ------------------------------------------------------------


def refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    found = inspect(str(path))
    assert found == Refusal("unsupported_format", "The bytes are of no supported format."), data[:40]


@pytest.mark.parametrize("size", [1, 64, 600, 2_048, 20_000, 300_000])
def test_random_bytes(tmp_path: Path, size: int) -> None:
    for seed in range(8):
        rng = np.random.default_rng((seed, size))
        data = bytes([seed + 1]) + rng.integers(0, 256, size - 1, dtype=np.uint8).tobytes()
        refused(tmp_path / "x.mp3", data)
        sparse = (
            bytes([0, seed + 1])
            + (rng.integers(0, 256, size) * (rng.random(size) < 0.05)).astype(np.uint8).tobytes()
        )
        refused(tmp_path / "x.dts", sparse)


def words(seed: int, count: int = 4_000) -> str:
    return " ".join(
        random.Random(seed).choices(("a", "media", "file", "1.5", "{", "}", "<p>", "of", "\n"), k=count)
    )


def packed(name: str, data: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr(name, data)
    return out.getvalue()


def database(path: Path) -> bytes:
    with sqlite3.connect(path) as base:
        base.execute("create table a (b text)")
        base.executemany("insert into a values (?)", [(words(n, 50),) for n in range(50)])
    base.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        words(1).encode(), words(2).encode("utf-16"), f"<!doctype html><html>{words(3)}</html>".encode(),
        ("#!/bin/sh\n" + words(4)).encode(), f'{{"a": "{words(5)}"}}'.encode(), packed("a.txt", words(6)),
        packed("word/document.xml", words(7)), packed("xl/workbook.xml", words(8)),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + words(9).encode(),
        b"\x1f\x8b\x08" + bytes(7) + words(10).encode(),
        b"MZ\x90\0" + words(11).encode(), (b"ab" * 16 + b"cd" * 16) * 300, b"\0" * 9_000, b"\xff" * 9_000,
        b"1\n00:00:01,000 --> 00:00:02,000\nHello.\n\n" * 90, b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"ffconcat version 1.0\nfile 'x'\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=audio 5004 RTP/AVP 0\r\n",
        b"8BPS\0\1" + bytes(6) + words(12).encode(),
        b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(900), b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(900),
    ],
    ids=lambda data: repr(data[:12]),
)  # fmt: skip
def test_other_files(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path / "x.wav", data)


def test_an_amigas_picture_is_no_video(tmp_path: Path) -> None:
    side = 64
    head = struct.pack(">HHHHBBBBHBBHH", side, side, 0, 0, 8, 0, 0, 0, 0, 1, 1, side, side)
    chunks = b"ILBM"
    for kind, data in ((b"BMHD", head), (b"CMAP", bytes(range(256)) * 3), (b"BODY", bytes(side * side))):
        chunks += kind + struct.pack(">I", len(data)) + data
    (tmp_path / "x").write_bytes(b"FORM" + struct.pack(">I", len(chunks)) + chunks)
    found = inspect(str(tmp_path / "x"))
    assert found == Refusal("unsupported_format", "A picture of a format that is not read.")


def test_programs_and_databases(tmp_path: Path) -> None:
    refused(tmp_path / "x", Path(sys.executable).read_bytes()[:500_000])
    refused(tmp_path / "x", database(tmp_path / "base"))


def test_raw_samples_are_no_container(tmp_path: Path) -> None:
    samples = voice(3, rate=16_000)
    for coded in (
        (samples * 32767).astype("<i2"),
        samples.astype("<f4"),
        (samples * 100 + 128).astype(np.uint8),
    ):
        refused(tmp_path / "x.raw", coded.tobytes())
    for codec, muxer in (("pcm_alaw", "alaw"), ("g722", "g722")):  # sbc's encoder leaves foreign memory in it
        refused(tmp_path / "x", makers.sound(tmp_path / "y", codec, samples, 16_000, muxer).read_bytes())


def test_a_guess_is_no_recognition(tmp_path: Path) -> None:
    """libavformat alone would take this text for a GameCube's music."""
    path = tmp_path / "x"
    path.write_bytes((b"ab" * 16 + b"cd" * 16) * 300)
    with av.open(str(path)) as container:
        assert container.format.name == "adp"
    assert isinstance(inspect(str(path)), Refusal)


def test_what_the_benchmark_of_it_counts(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for seed in range(0, 40, 3):
        path.write_bytes(recognition.made(seed))
        assert recognition.taken_for(path) is None
    assert recognition.taken_for(makers.sound(path, "flac", voice(1), 16_000, "nut")) == ("nut", 100)
    assert list(recognition.files([str(tmp_path)], 1)) == [path]


def test_a_playlist_opens_nothing_else(tmp_path: Path) -> None:
    secret = makers.sound(tmp_path / "secret.nut", "flac", voice(2), 16_000, "nut")
    for text in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile '{secret}'\n"):
        refused(tmp_path / "x.m3u8", text.encode())


@pytest.mark.parametrize("name", ["nut", "mxf_opatom", "rm", "ircam"])
def test_faults_end_in_facts_or_a_refusal(tmp_path: Path, name: str) -> None:
    codec, rate = {"nut": ("flac", 44_100), "rm": ("ac3", 44_100)}.get(name, ("pcm_s16le", 48_000))
    whole = makers.sound(tmp_path / "x", codec, voice(2, rate=rate), rate, name).read_bytes()
    for seed in range(6):
        (tmp_path / "y").write_bytes(mutated(whole, seed))
        found = inspect(str(tmp_path / "y"))
        if isinstance(found, MediaFacts) and found.kind == "audio":
            assert np.isfinite(heard(tmp_path / "y").samples).all()
