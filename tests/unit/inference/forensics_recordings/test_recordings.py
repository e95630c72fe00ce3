"""Facts and flags of sound and video files: each rises on its cause, none on plain files."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from bonafide.model import Outcome
from bonafide_inference.isofile import read_iso
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inference import makers
from tests.unit.inference.forensics_pictures.files import ask, codes, put, xmp

UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
SOUND = {"digital_silence", "clipping", "band_limited", "lossy_history", "cutoff_changes"}
"""Flags of the samples, not of the file."""


def box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def tagged(path: Path, **tags: str) -> Path:
    """The same streams with these tags in the container."""
    out = path.with_stem(path.stem + "-tagged")
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path)) as source, av.open(str(out), "w", options=options) as target:
        target.metadata.update({key.replace("__", "."): value for key, value in tags.items()})
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return out


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.video(tmp_path_factory.mktemp("v") / "x.mp4", seconds=2, audio="aac")


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.sound(tmp_path_factory.mktemp("a") / "x.wav", "pcm_s16le", makers.noise(2))


def moved_dates(data: bytes, kind: bytes, created: int, modified: int) -> bytes:
    """Every box of this kind with these dates (seconds since 1904)."""
    out, at = bytearray(data), 0
    while (at := data.find(kind, at)) >= 0:
        out[at + 8 : at + 16] = struct.pack(">II", created, modified)
        at += 4
    return bytes(out)


def day(*date: int) -> int:
    return int((datetime(*date, tzinfo=UTC) - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())


class TestInnocent:
    def test_clip(self, clip: Path, tmp_path: Path) -> None:
        found = ask(put(tmp_path / "x.mp4", clip.read_bytes()), "video")
        assert found.evidence.flags == ()
        tree = found.evidence.details["document_details"]
        assert tree["brand"] == "isom"
        assert [track["handler"] for track in tree["iso_tracks"]] == ["vide", "soun"]
        assert {"ftyp", "moov", "mdat"} <= {part["block"] for part in tree["structure"]}
        assert len(tree["hashes"]["md5"]) == 32
        assert any("x264" in writer["name"] for writer in tree["writers"])

    @pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "m4a", "ogg"])
    def test_sound(self, tmp_path: Path, suffix: str) -> None:
        codec = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac", "m4a": "aac", "ogg": "libopus"}[
            suffix
        ]
        path = makers.sound(tmp_path / f"x.{suffix}", codec, makers.noise(2))
        found = ask(path, "audio")
        assert {flag.code for flag in found.evidence.flags} <= SOUND
        assert found.evidence.details["document_details"]["tracks"][0]["type"] == "audio"

    def test_dates_that_agree(self, clip: Path, tmp_path: Path) -> None:
        data = clip.read_bytes()
        for kind in (b"mvhd", b"mdhd", b"tkhd"):
            data = moved_dates(data, kind, day(2024, 5, 1), day(2024, 5, 1))
        assert codes(put(tmp_path / "x.mp4", data), "video") == set()

    def test_free_boxes_and_padding(self, clip: Path, tmp_path: Path) -> None:
        data = clip.read_bytes() + box(b"free", b"\0" * 100) + b"\0" * 64
        assert codes(put(tmp_path / "x.mp4", data), "video") == set()


class TestFile:
    def test_creation_dates(self, clip: Path, tmp_path: Path) -> None:
        data = moved_dates(clip.read_bytes(), b"mvhd", day(2024, 5, 1), day(2024, 5, 1))
        data = moved_dates(data, b"mdhd", day(2023, 1, 1), day(2023, 1, 1))
        assert codes(put(tmp_path / "x.mp4", data), "video") == {"creation_dates_differ"}

    def test_saved_later(self, clip: Path, tmp_path: Path) -> None:
        data = moved_dates(clip.read_bytes(), b"mvhd", day(2024, 5, 1), day(2024, 6, 1))
        assert codes(put(tmp_path / "x.mp4", data), "video") == {"container_saved_later"}

    @pytest.mark.parametrize(
        ("tail", "code"),
        [
            (b"PK\x03\x04" + b"x" * 100, "polyglot"),
            (b"<html>" + b"x" * 100, "polyglot"),
            (bytes(range(20, 120)), "trailing_data"),
        ],
    )
    def test_tail(self, clip: Path, tmp_path: Path, tail: bytes, code: str) -> None:
        assert codes(put(tmp_path / "x.mp4", clip.read_bytes() + tail), "video") == {code}

    def test_tail_of_a_wave_file(self, tone: Path, tmp_path: Path) -> None:
        path = put(tmp_path / "x.wav", tone.read_bytes() + b"PK\x03\x04" + b"x" * 100)
        assert codes(path, "audio") == {"polyglot"}

    def test_editor_and_camera(self, clip: Path) -> None:
        path = tagged(clip, comment="Cropped with ezgif.com GIF maker", com__apple__quicktime__make="Apple")
        assert codes(path, "video") == {"editor_named", "camera_file_reencoded"}

    @pytest.mark.parametrize(
        ("attribute", "scored"),
        [
            (
                'ext:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"',
                False,
            )
        ],
    )
    def test_xmp_declares(self, clip: Path, tmp_path: Path, attribute: str, scored: bool) -> None:
        data = clip.read_bytes() + box(b"uuid", UUID + xmp(attribute))
        found = ask(put(tmp_path / "x.mp4", data), "video")
        assert {flag.code for flag in found.evidence.flags} == {"digital_source_type"}
        assert (found.outcome is Outcome.SCORED) is scored

    def test_tag_declares(self, clip: Path, tone: Path, tmp_path: Path) -> None:
        label = '{"AIGC": {"Label": "1", "ContentProducer": "kling"}}'
        assert codes(tagged(clip, AIGC=label), "video") == {"aigc_label"}
        mp3 = makers.sound(tmp_path / "x.mp3", "libmp3lame", makers.noise(2))
        assert "aigc_label" in codes(tagged(mp3, AIGC=label), "audio")

    @pytest.mark.parametrize("says", [None, 0, 2**32 - 1], ids=["its length", "nothing", "endless"])
    def test_broadcast_wave(self, tone: Path, tmp_path: Path, says: int | None) -> None:
        body = (
            b"Take 1".ljust(256, b"\0")
            + b"Adobe Audition".ljust(32, b"\0")
            + b"\0" * 32
            + b"2024-05-0110:00:00"
        )
        data = tone.read_bytes()
        chunk = b"bext" + len(body.ljust(604, b"\0")).to_bytes(4, "little") + body.ljust(604, b"\0")
        data = data[:12] + chunk + data[12:]
        data = data[:4] + (len(data) - 8 if says is None else says).to_bytes(4, "little") + data[8:]
        found = ask(put(tmp_path / "x.wav", data), "audio")
        assert {flag.code for flag in found.evidence.flags} == {"editor_named", "mixed_writers"}
        assert found.evidence.details["document_details"]["broadcast"]["date"] == "2024-05-01"


class TestSound:
    def test_poor_band_for_its_bitrate(self, tmp_path: Path) -> None:
        samples = makers.noise(4, cut_hz=11_000)
        path = tmp_path / "x.mp3"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libmp3lame", rate=44100, layout="mono")
            stream.bit_rate = 256_000
            makers._feed_sound(out, stream, samples[None, :], "mono", 44100)
        assert "poor_band_for_bitrate" in codes(path, "audio")
        low = makers.sound(tmp_path / "y.mp3", "libmp3lame", samples)  # 64 kbit/s: nothing is odd
        assert "poor_band_for_bitrate" not in codes(low, "audio")


class TestIso:
    def movie(self, *, edits: int = 1, descriptions: int = 1) -> bytes:
        entry = struct.pack(">Ii", 100, 0) + b"\0\1\0\0"
        edts = box(b"edts", box(b"elst", b"\0" * 4 + edits.to_bytes(4, "big") + entry * edits))
        handler = box(b"hdlr", b"\0" * 8 + b"vide" + b"\0" * 12 + b"Camera\0")
        sample = box(b"avc1", b"\0" * 80)
        table = box(b"stsd", b"\0" * 4 + descriptions.to_bytes(4, "big") + sample * descriptions)
        inner = box(b"mdia", handler + box(b"minf", box(b"stbl", table)))
        return (
            box(b"ftyp", b"isom\0\0\0\1mp42")
            + box(b"moov", box(b"trak", edts + inner))
            + box(b"mdat", b"\0" * 9)
        )

    def test_facts(self, tmp_path: Path) -> None:
        found = read_iso(str(put(tmp_path / "x.mp4", self.movie(edits=2, descriptions=3))))
        (track,) = found.tracks
        assert (found.brand, found.compatible) == ("isom", ("mp42",))
        assert (track.handler, track.name, track.played_pieces) == ("vide", "Camera", 2)
        assert track.entries == ["avc1"] * 3
        assert found.strange_at is None

    def test_deep_nesting_is_cut_off(self, tmp_path: Path) -> None:
        data = b""
        for _ in range(1500):
            data = box(b"moov", data)
        assert len(read_iso(str(put(tmp_path / "x.mp4", data))).boxes) == 1

    def test_pauses_are_no_cut(self, tmp_path: Path) -> None:
        data = self.movie(edits=2).replace(struct.pack(">Ii", 100, 0), struct.pack(">Ii", 100, -1), 1)
        assert read_iso(str(put(tmp_path / "x.mp4", data))).tracks[0].played_pieces == 1

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=300, deadline=None)
    def test_mutations_are_values(self, seed: int) -> None:
        import tempfile

        dice, data = random.Random(seed), bytearray(self.movie(edits=3))
        for _ in range(dice.randint(1, 10)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0xFF, dice.randrange(256)))
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(data[: dice.randrange(1, len(data) + 1)]))
            file.flush()
            assert len(read_iso(file.name).boxes) <= 2000


def test_tracks_that_do_not_last_alike(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("aac", rate=44100, layout="mono")
        for n in range(80):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), n, np.uint8), format="rgb24")
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        makers._feed_sound(out, sound, makers.noise(2)[None, :], "mono", 44100)
    assert "tracks_differ_in_length" in codes(path, "video")


def rebuilt(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """The boxes with the first one at this path changed; what it grows by follows all media data."""
    made, place, done = b"", 0, False
    while place + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + size]
        if kind == path[0] and not done:
            body, done = change(body) if len(path) == 1 else rebuilt(body, path[1:], change), True
        made, place = made + box(kind, body), place + size
    return made


def timed(path: Path, moments: list[int]) -> Path:
    """A clip whose frames are shown at these tenths of a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 3, np.uint8), format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


class TestClocks:
    """What the containers' own tables and clocks tell, each on a file that really has it."""

    def test_edit_list_with_cuts(self, clip: Path, tmp_path: Path) -> None:
        def cut(body: bytes) -> bytes:
            length, start, rate = struct.unpack(">IiI", body[8:20])
            parts = [struct.pack(">IiI", length // 4, start + n * 10_000, rate) for n in (0, 1)]
            return body[:4] + (2).to_bytes(4, "big") + b"".join(parts)

        data = rebuilt(clip.read_bytes(), (b"moov", b"trak", b"edts", b"elst"), cut)
        found = ask(put(tmp_path / "x.mp4", data), "video")
        assert "edit_list_with_cuts" in {flag.code for flag in found.evidence.flags}
        assert found.evidence.values["edit_lists"] >= 2

    def test_pieces_with_other_settings(self, clip: Path, tmp_path: Path) -> None:
        table = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
        data = rebuilt(
            clip.read_bytes(), table, lambda body: body[:4] + (2).to_bytes(4, "big") + body[8:] * 2
        )
        assert codes(put(tmp_path / "x.mp4", data), "video") == {"several_sample_descriptions"}

    def test_frames_that_are_missing(self, tmp_path: Path) -> None:
        path = timed(tmp_path / "x.mp4", [*range(20), *range(45, 65)])
        assert codes(path, "video") == {"gap_in_frame_times"}

    def test_frames_at_no_steady_rate(self, tmp_path: Path) -> None:
        path = timed(tmp_path / "x.mp4", [n + n // 4 for n in range(40)])
        assert codes(path, "video") == {"irregular_frame_times"}

    @pytest.mark.parametrize("form", ["ts", "mkv"])
    def test_clips_joined_without_encoding(self, tmp_path: Path, form: str) -> None:
        data = makers.video(tmp_path / f"a.{form}").read_bytes()
        assert codes(put(tmp_path / f"x.{form}", data * 2), "video") == {"timestamps_run_backward"}

    def test_more_than_the_header_says(self, tmp_path: Path) -> None:
        data = makers.video(tmp_path / "a.avi").read_bytes()
        assert codes(put(tmp_path / "x.avi", data * 2), "video") == {"duration_mismatch"}


@pytest.mark.parametrize(("form", "codec"), [("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus")])
def test_an_archive_behind_a_recording(tmp_path: Path, form: str, codec: str) -> None:
    data = makers.sound(tmp_path / f"a.{form}", codec, makers.noise(2)).read_bytes()
    found = ask(put(tmp_path / f"x.{form}", data + makers.archive()), "audio")
    (flag,) = (flag for flag in found.evidence.flags if flag.code == "polyglot")
    assert (flag.where, flag.value) == (f"offset {len(data)}", len(makers.archive()))
