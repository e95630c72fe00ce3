"""One pass over a stretch of video: what is kept, at which times, and what damage does."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from bonafide_inference import frames
from bonafide_inference.frames import Stretch, read_reel

from tests.unit.inference import makers
from tests.unit.inference.video.making import SIZE, face, film, piece, scene


def steps(count: int) -> list[np.ndarray]:
    """Pictures whose brightness tells their number (115 at most)."""
    return [np.full((96, 128, 3), 20 + 2 * n, np.uint8) for n in range(count)]


def numbers(found: list[frames.Frame]) -> list[int]:
    return [round((float(frame.rgb.mean()) - 20) / 2) for frame in found]


def test_two_frames_a_second_and_the_right_ones(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", steps(100), fps=10)
    reel = piece(path).reel()
    assert [frame.time_s for frame in reel.frames] == pytest.approx([n / 2 for n in range(20)], abs=0.051)
    assert [frame.index for frame in reel.frames] == [round(frame.time_s * 10) for frame in reel.frames]
    assert numbers(reel.frames) == pytest.approx([frame.index for frame in reel.frames], abs=1)
    assert reel.cut_s is None


def test_bursts_are_consecutive(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", (scene(n % 7) for n in range(220)), fps=10)
    first, second = piece(path).reel().bursts
    for burst in (first, second):
        assert len(burst.frames) == len(burst.luma) == pytest.approx(40, abs=1)
        assert np.diff([frame.time_s for frame in burst.frames]) == pytest.approx(0.1, abs=0.01)
        assert {patch.shape for patch in burst.luma} == {(SIZE[1], 256)}
    assert first.frames[0].time_s == pytest.approx(22 / 4 - 2, abs=0.11)


def test_a_video_of_ten_seconds_has_one_burst_in_its_middle(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", (scene(n % 7) for n in range(100)), fps=10)
    (burst,) = piece(path).reel().bursts
    assert burst.frames[0].time_s == pytest.approx(3, abs=0.11)
    assert burst.frames[-1].time_s == pytest.approx(7, abs=0.11)


def test_a_short_video_is_one_burst_of_every_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", steps(60), fps=30)
    (burst,) = piece(path).reel().bursts
    assert numbers(list(burst.frames)) == pytest.approx(list(range(60)), abs=1)


def test_a_burst_of_large_frames_keeps_its_colours(tmp_path: Path) -> None:
    """Large frames are scaled before they are converted; sampled ones are converted at once."""
    halves = np.zeros((540, 960, 3), np.uint8)
    halves[:, :480], halves[:, 480:] = (200, 40, 60), (30, 170, 90)
    reel = piece(film(tmp_path / "x.mp4", [halves] * 12)).reel()
    burst, sampled = reel.bursts[0].frames[0].rgb, reel.frames[0].rgb
    assert burst.shape == (288, 512, 3)
    assert sampled.shape == (540, 960, 3)
    for x in (0.2, 0.8):
        shown = (picture[100, int(x * picture.shape[1])].astype(int) for picture in (burst, sampled))
        assert np.abs(np.subtract(*shown)).max() <= 4
    assert reel.frames[0].small.size == (320, 180)


def test_the_packets_of_a_stretch(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", (scene(n % 7) for n in range(300)), fps=10)
    packets = piece(path, window=(12.0, 20.0)).reel().packets
    assert sorted(packets.shown) == pytest.approx([12 + n / 10 for n in range(80)], abs=0.001)
    assert len(packets.decoded) == 80
    assert packets.keyframes <= 1
    assert b"x264" in piece(path).reel().packets.head


def test_skipping_keeps_the_pictures_right(tmp_path: Path) -> None:
    """At 30 frames a second frames nobody refers to are not decoded; those kept are still the right ones."""
    path = film(tmp_path / "x.mp4", steps(100), fps=30)
    reel = read_reel(str(path), "mov", Stretch(bursts=False))
    assert reel.decoded < 100
    assert numbers(reel.frames) == pytest.approx([frame.index for frame in reel.frames], abs=1)


@pytest.mark.parametrize(("options", "expected"), [
    ({"max_video_fps": 1.0}, [0, 1, 2, 3, 4, 5]),
    ({"max_video_s": 1.2}, [0, 0.5, 1.0]),
    ({"start_s": 2.0, "end_s": 3.1}, [2.0, 2.5, 3.0]),
    ({"start_s": 2.0, "max_video_s": 0.4}, [2.0]),
])  # fmt: skip
def test_options(tmp_path: Path, options: dict[str, float], expected: list[float]) -> None:
    path = film(tmp_path / "x.mp4", steps(60), fps=10)
    found = piece(path, **options).reel()
    assert [frame.time_s for frame in found.frames] == pytest.approx(expected, abs=0.051)
    lowest, highest = options.get("start_s", 0), options.get("start_s", 0) + options.get("max_video_s", 9)
    for burst in found.bursts:
        assert all(lowest <= frame.time_s < min(highest, options.get("end_s", 9)) for frame in burst.frames)
    assert bool(found.bursts) is ("max_video_fps" not in options), "one a second is no burst"


def test_a_window_seeks_to_its_own_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "x.mp4", steps(114), fps=4, every_key=True)
    whole = piece(path).frames()
    window = piece(path, window=(15.0, 28.0)).reel()
    assert window.decoded <= 56, "it does not decode what lies before"
    assert [frame.index for frame in window.frames] == [f.index for f in whole if 15 <= f.time_s < 28]
    assert numbers(window.frames) == pytest.approx([frame.index for frame in window.frames], abs=1)


def test_windows_join_without_a_gap(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", steps(114), fps=4)
    parts = [piece(path, window=(start, start + 10.0)).frames() for start in (0.0, 10.0, 20.0)]
    assert [f.index for part in parts for f in part] == [f.index for f in piece(path).frames()]


def test_variable_rate_is_timed_by_its_own_clock(tmp_path: Path) -> None:
    path = film(
        tmp_path / "x.mkv", steps(40), fps=10, times=lambda n: 40 * n if n < 20 else 800 + 500 * (n - 20)
    )
    found = piece(path).frames()
    late = [frame.time_s for frame in found if frame.time_s > 1]
    assert np.diff(late) == pytest.approx(0.5, abs=0.02)
    assert found[-1].time_s == pytest.approx(10.3, abs=0.05)


@pytest.mark.parametrize("pixels", ["yuv444p", "yuv422p10le", "gray", "yuvj420p"])
def test_odd_pixel_formats(tmp_path: Path, pixels: str) -> None:
    path = film(
        tmp_path / "x.mkv", steps(20), fps=10, pixels=pixels, codec="ffv1" if "10" in pixels else "libx264"
    )
    reel = piece(path).reel()
    assert np.diff(numbers(reel.frames)) == pytest.approx(5, abs=1), "grey is read as full range"
    assert reel.bursts[0].luma[0].dtype == np.uint8
    assert reel.bursts[0].luma[0].shape == (96, 128)


def test_a_turned_video_is_upright(tmp_path: Path) -> None:
    """The matrix in the track header says a quarter turn: what was the top edge is now at the right."""
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:20] = 255
    path = film(tmp_path / "x.mp4", [picture] * 20, fps=10)
    data = bytearray(path.read_bytes())
    matrix = data.index(struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30), data.index(b"tkhd"))
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 96 << 16, 0, 1 << 30)
    path.write_bytes(data)
    found = piece(path).frames()[0].rgb
    assert found.shape == (128, 96, 3)
    assert found[:, -15:].mean() > 230
    assert found[:, :60].mean() < 25


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", (scene(n % 9) for n in range(100)), fps=10)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    found = piece(path)
    assert 3 < len(found.frames()) < 18


def test_rubbish_in_the_middle_does_not_end_it(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", (scene(n % 9) for n in range(60)), fps=10, every_key=True)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(1).integers(0, 256, 3000, np.uint8).tobytes()
    path.write_bytes(data)
    assert piece(path).frames()[-1].time_s > 4


def test_frames_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is and whatever its header says: thinned evenly, never cut off."""
    monkeypatch.setattr(frames, "MAX_FRAMES", 16)
    path = film(tmp_path / "x.mp4", steps(100), fps=4)
    found = read_reel(str(path), "mov", Stretch()).frames
    assert 8 <= len(found) <= 16
    assert found[-1].time_s > 22
    assert len(set(np.diff([frame.time_s for frame in found]).round(1))) <= 2


def test_one_pass_serves_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "x.mp4", (face() for _ in range(5)), fps=5)
    opened: list[str] = []
    real = frames.open_container
    monkeypatch.setattr(frames, "open_container", lambda *words: opened.append("x") or real(*words))
    shared = piece(path)
    assert [frame.rgb.shape for frame in shared.frames(1.0, 160)] == [(120, 160, 3)]
    shared.faces()
    shared.burst_faces()
    assert len(opened) == 1


def test_sound_of_a_video_decodes_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = makers.video(tmp_path / "x.mp4", seconds=2, audio="aac")
    shared = piece(path)
    monkeypatch.setattr(frames, "read_reel", None)
    seen: set[str] = set()
    real = shared._decode
    monkeypatch.setattr(shared, "_decode", lambda box, stream: seen.add(stream.type) or real(box, stream))
    assert shared.waveform(16000).size > 16000
    assert seen == {"audio"}


def test_no_video_track_is_an_empty_reel(tmp_path: Path) -> None:
    path = makers.sound(tmp_path / "x.m4a", "aac", makers.noise(1.0), container="mp4")
    assert read_reel(str(path), "mov", Stretch()).frames == []


def test_what_is_no_container_raises(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(makers.jpeg(makers.texture()))
    with pytest.raises((av.FFmpegError, ValueError)):
        read_reel(str(path), "mov", Stretch())
