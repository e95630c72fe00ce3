"""Every container and codec of sound that is taken: named, heard whole; what has no decoder says so."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from bonafide.model import MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide.sniff import sniff
from bonafide_inference.containers import DEMUXERS, FAMILIES
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.piece import Piece
from bonafide_inference.speech import Speech

from benchmarks.hostile import mutated
from tests.unit.inference import makers
from tests.unit.inference.makers import voice, wav

MADE = [
    ("amr", "amr", "libopencore_amrnb", 8_000),
    ("aiff", "aiff", "pcm_s16be", 44_100),
    ("aiff", "aiff", "pcm_s24be", 48_000),
    ("caf", "caf", "pcm_s16le", 44_100),
    ("caf", "caf", "alac", 44_100),
    ("au", "au", "pcm_mulaw", 16_000),
    ("w64", "w64", "pcm_s16le", 44_100),
    ("wma", "asf", "wmav2", 44_100),
    ("ac3", "ac3", "ac3", 48_000),
    ("eac3", "eac3", "eac3", 48_000),
    ("mp2", "mp2", "mp2", 44_100),
    ("mkv", "matroska", "flac", 44_100),
    ("webm", "webm", "libopus", 48_000),
    ("3gp", "3gp", "libopencore_amrnb", 8_000),
    ("3gp", "3gp", "aac", 44_100),
    ("m4a", "ipod", "alac", 44_100),
    ("aac", "adts", "aac", 44_100),
    ("ogg", "ogg", "flac", 44_100),
    ("wav", "wav", "adpcm_ima_wav", 44_100),
    ("wv", "wv", "wavpack", 44_100),
    ("tta", "tta", "tta", 44_100),
    ("voc", "voc", "pcm_s16le", 44_100),
    ("ts", "mpegts", "aac", 44_100),
    ("mpg", "mpeg", "mp2", 44_100),
]
"""Format that is told, muxer, encoder, rate."""


def made(path: Path, muxer: str, codec: str, rate: int, seconds: float = 5) -> Path:
    return makers.sound(path, codec, voice(seconds, rate=rate), rate, muxer)


def facts(path: Path) -> MediaFacts:
    found = inspect(str(path))
    assert isinstance(found, MediaFacts), found
    return found


def heard(path: Path) -> Speech:
    item = WorkItem(id="a", detector="audio", operations=(Operation.SYNTHETIC_SPEECH,), channel=0)
    return Piece(str(path), facts(path), item, Options()).speech()


@pytest.mark.parametrize(("name", "muxer", "codec", "rate"), MADE)
def test_is_named_and_heard_whole(tmp_path: Path, name: str, muxer: str, codec: str, rate: int) -> None:
    path = made(tmp_path / "x", muxer, codec, rate)
    found = facts(path)
    assert (found.kind, found.format, found.warnings) == ("audio", name, ())
    assert found.mime.startswith("audio/")
    sound = heard(path)
    assert sound.seconds == pytest.approx(5, abs=0.15)
    assert sound.stats.rate_hz == rate
    assert sound.speech_s > 3
    assert not sound.stats.non_finite_share


def amr_wb() -> bytes:
    """Frames of the 6.6 kbit/s mode with random bits; PyAV has a decoder of AMR-WB and no encoder."""
    bits = np.random.default_rng(1).integers(0, 256, (100, 17), dtype=np.uint8)
    return b"#!AMR-WB\n" + b"".join(b"\x04" + frame.tobytes() for frame in bits)


def flac_with_id3(path: Path) -> bytes:
    return b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + made(path, "flac", "flac", 44_100, 2).read_bytes()


def rf64() -> bytes:
    """A WAV of more than 4 GiB would be one: sizes are in its ds64 chunk (EBU Tech 3306)."""
    plain = wav(voice(2))
    at = plain.index(b"data")
    body = plain[at + 8 :]
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(plain) + 28, len(body), len(body) // 2, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + plain[12:at] + b"data\xff\xff\xff\xff" + body


def caf_opus(path: Path) -> bytes:
    """Opus in CAF, as telephones send voice messages: PyAV's muxer knows it not, its demuxer does."""
    makers.sound(path, "libopus", voice(2, rate=48_000), 48_000, "ogg")
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack(">Q", len(body)) + body

    def length(size: int) -> bytes:
        return bytes([size]) if size < 128 else bytes([0x80 | size >> 7, size & 0x7F])

    table = struct.pack(">QQII", len(packets), 960 * len(packets), 0, 0) + b"".join(
        length(len(packet)) for packet in packets
    )
    told = struct.pack(">d4sIIIII", 48_000, b"opus", 0, 0, 960, 1, 0)
    data = chunk(b"data", bytes(4) + b"".join(packets))
    return b"caff\0\1\0\0" + chunk(b"desc", told) + chunk(b"pakt", table) + data


def speex(path: Path) -> bytes:
    """Speex in Ogg: narrow band frames of the mode of 2.15 kbit/s with random bits, 50 a page."""
    told = struct.pack("<8s20s13i", b"Speex   ", b"1.2", 1, 80, 8000, 0, 4, 1, -1, 160, 0, 1, 0, 0, 0)
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(100):
        bits = "0" + "0001" + "".join(str(bit) for bit in rng.integers(0, 2, 38)) + "01111"
        frames.append(int(bits, 2).to_bytes(6, "big"))
    pages = [
        (2, 0, [told]),
        (0, 0, [struct.pack("<I", 0) * 2]),
        (0, 8000, frames[:50]),
        (4, 16000, frames[50:]),
    ]
    return b"".join(ogg_page(flags, moment, n, packets) for n, (flags, moment, packets) in enumerate(pages))


def ogg_page(flags: int, moment: int, number: int, packets: list[bytes]) -> bytes:
    sizes = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, moment, 7, number, 0)
    page = head + bytes([len(sizes)]) + sizes + b"".join(packets)
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("amr", "amrwb"), ("flac", "flac"), ("wav", "pcm_f32le"), ("caf", "opus"), ("ogg", "speex")],
    ids=["AMR-WB", "FLAC with ID3", "RF64", "Opus in CAF", "Speex"],
)
def test_what_no_encoder_here_makes(tmp_path: Path, name: str, codec: str) -> None:
    made_by_hand = {
        "amrwb": amr_wb, "flac": lambda: flac_with_id3(tmp_path / "y"), "pcm_f32le": rf64,
        "opus": lambda: caf_opus(tmp_path / "y"), "speex": lambda: speex(tmp_path / "y"),
    }  # fmt: skip
    path = tmp_path / "x"
    path.write_bytes(made_by_hand[codec]())
    found = facts(path)
    assert (found.kind, found.format) == ("audio", name)
    assert found.tracks[0].codec.replace("_", "") == codec.replace("_", "")
    assert heard(path).seconds == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(
    ("head", "family"),
    [(b"MAC \x96\x0f", "ape"), (b"MPCK", "mpc"), (b"MP+\x07", "mpc"), (b"tBaK", "tak"), (b"DSD \x1c", "dsf"),
     (b"FORM\0\0\0\x10AIFC", "aiff"), (b"FORM\0\0\0\x10ILBM", None), (b"G" + bytes(400), None)],
)  # fmt: skip
def test_heads(head: bytes, family: str | None) -> None:
    assert sniff(head) == family


def test_the_lists_agree() -> None:
    assert set(FAMILIES.values()) == set(DEMUXERS)
    wanted = {name for names in DEMUXERS.values() for name in names.split(",")}
    known = {alias for name in av.formats_available for alias in name.split(",")}
    assert wanted <= known, "this build lacks a demuxer"


def test_a_codec_without_a_decoder_is_named_as_that(tmp_path: Path) -> None:
    whole = made(tmp_path / "x", "ipod", "alac", 44_100, 2).read_bytes()
    (tmp_path / "y").write_bytes(whole.replace(b"alac", b"ac-4", 1))
    found = inspect(str(tmp_path / "y"))
    assert found == Refusal("unsupported_codec", "No decoder here knows how the audio is coded.")


def test_a_film_whose_sound_has_no_decoder(tmp_path: Path) -> None:
    film = makers.video(tmp_path / "x.mov", audio="pcm_s16be", container="mov").read_bytes()
    assert film.count(b"twos") == 1
    (tmp_path / "y").write_bytes(film.replace(b"twos", b"ac-4"))
    assert facts(tmp_path / "y").kind == "video"
    gate = heard(tmp_path / "y").gate()
    assert gate is not None
    assert (gate.outcome, gate.reason) == (Outcome.INCONCLUSIVE, "no_samples")


@pytest.mark.parametrize(
    ("name", "muxer", "codec", "rate"), [row for row in MADE if row[0] in ("amr", "aiff", "caf", "ts")]
)
def test_faults_end_in_facts_or_a_refusal(
    tmp_path: Path, name: str, muxer: str, codec: str, rate: int
) -> None:
    whole = made(tmp_path / "x", muxer, codec, rate, 2).read_bytes()
    for seed in range(4):
        (tmp_path / "y").write_bytes(mutated(whole, seed))
        found = inspect(str(tmp_path / "y"))
        if isinstance(found, MediaFacts) and found.kind == "audio":
            assert np.isfinite(heard(tmp_path / "y").samples).all()
