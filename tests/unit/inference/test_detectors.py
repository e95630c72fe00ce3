"""The shipped detectors on media whose history is known, because the test made it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, Window, WorkItem
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item
from PIL import Image

from tests.unit.inference import makers

PLAIN = Options()
FORGERY, FORENSICS = Operation.IMAGE_FORGERY, Operation.FILE_FORENSICS


def ask(
    path: Path, operation: Operation, kind: str, options: Options = PLAIN,
    window: Window | None = None, channel: int | None = None,
) -> Finding:  # fmt: skip
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector=kind, operations=(operation,), window=window, channel=channel)
    found = run_item(str(path), media, item, options, str(path.parent))
    others = ("error_level", "jpeg_ghosts", "jpeg_grid", "moved_copies")  # these have tests of their own
    (finding,) = [one for one in found if one.model is None or one.model.name not in others]
    assert finding.reason != "detector_error", finding.detail
    assert all(flag.caveat for flag in finding.evidence.flags)
    return finding


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def codes(finding: Finding) -> set[str]:
    return {flag.code for flag in finding.evidence.flags}


class TestDoubleQuantisation:
    def test_splice_is_scored_and_located(self, tmp_path: Path) -> None:
        data, (left, top, right, bottom) = makers.spliced()
        found = ask(put(tmp_path / "x.jpg", data), FORGERY, "image")
        assert found.outcome is Outcome.SCORED
        assert found.p_fake > 0.9
        assert found.interval.low <= found.p_fake <= found.interval.high
        region = found.evidence.regions[0]
        width = min(region.x + region.width, right) - max(region.x, left)
        height = min(region.y + region.height, bottom) - max(region.y, top)
        union = region.width * region.height + (right - left) * (bottom - top) - width * height
        assert width * height / union > 0.7
        with Image.open(found.artifacts[0].path) as heat:
            assert heat.size == (512, 384)

    def test_turned_splice_is_located_upright(self, tmp_path: Path) -> None:
        data, (left, top, right, bottom) = makers.spliced()
        with Image.open(put(tmp_path / "x.jpg", data)) as image:
            tables = image.quantization
        assert tables
        exif = Image.Exif()
        exif[0x0112] = 6
        block = exif.tobytes()
        turned = data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]
        region = ask(put(tmp_path / "y.jpg", turned), FORGERY, "image").evidence.regions[0]
        # 90° clockwise: the stored (x, y) is shown at (height - y, x).
        assert region.x + region.width / 2 == pytest.approx(384 - (top + bottom) / 2, abs=24)
        assert region.y + region.height / 2 == pytest.approx((left + right) / 2, abs=24)

    @pytest.mark.parametrize("seed", [1, 2, 5])
    def test_whole_picture_saved_twice_is_not_called_forged(self, tmp_path: Path, seed: int) -> None:
        data = makers.jpeg(makers.twice(makers.texture(512, 384, seed)), 92)
        found = ask(put(tmp_path / "x.jpg", data), FORGERY, "image")
        assert found.outcome is Outcome.SCORED
        assert found.p_fake < 0.5
        assert codes(found) == {"saved_twice"}

    def test_a_low_score_is_no_acquittal(self, tmp_path: Path) -> None:
        data = makers.jpeg(makers.twice(makers.texture(512, 384, 7)), 92)
        assert ask(put(tmp_path / "x.jpg", data), FORGERY, "image").p_fake > 0.2

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (makers.jpeg(makers.texture(512, 384), 92), "no_double_quantisation"),
            (
                makers.jpeg(makers.twice(makers.texture(512, 384)).resize((400, 300)), 92),
                "no_double_quantisation",
            ),
            (makers.jpeg(makers.twice(makers.texture(512, 384), 90, 70), 70), "quality_too_low"),
            (makers.jpeg(makers.texture(100, 100)), "too_small"),
            (makers.jpeg(makers.texture(200, 200).convert("CMYK")), "unsupported_colour"),
            (makers.jpeg(Image.new("RGB", (400, 400), (90, 90, 90)), 92), "no_double_quantisation"),
            (makers.picture("PNG"), "no_jpeg_history"),
            (makers.picture("GIF"), "no_jpeg_history"),
        ],
    )
    def test_abstains_with_a_reason(self, tmp_path: Path, data: bytes, reason: str) -> None:
        found = ask(put(tmp_path / "x", data), FORGERY, "image")
        assert (found.outcome, found.reason, found.p_fake) == (Outcome.INCONCLUSIVE, reason, None)
        assert found.detail

    def test_grey_splice(self, tmp_path: Path) -> None:
        base = makers.twice(makers.texture(512, 384)).convert("L")
        base = Image.open(put(tmp_path / "g.jpg", makers.jpeg(base, 60)))
        base.load()
        base.paste(makers.texture(512, 384, 9).convert("L").crop((3, 5, 163, 149)), (160, 96))
        assert ask(put(tmp_path / "x.jpg", makers.jpeg(base, 92)), FORGERY, "image").p_fake > 0.9

    def test_truncated_is_a_value(self, tmp_path: Path) -> None:
        data = makers.spliced()[0]
        found = ask(put(tmp_path / "x.jpg", data[: len(data) * 3 // 4]), FORGERY, "image")
        assert found.outcome in (Outcome.SCORED, Outcome.INCONCLUSIVE)

    def test_no_pictures_when_none_are_wanted(self, tmp_path: Path) -> None:
        path = put(tmp_path / "x.jpg", makers.spliced()[0])
        assert not ask(path, FORGERY, "image", Options(visualize=False)).artifacts


class TestCodecHistory:
    def sound(self, tmp_path: Path, samples: np.ndarray, codec: str = "pcm_s16le", **more) -> Finding:
        path = makers.sound(tmp_path / ("x.mp3" if codec == "libmp3lame" else "x.wav"), codec, samples)
        return ask(path, FORENSICS, "audio", **more)

    def test_full_band_has_no_flag(self, tmp_path: Path) -> None:
        found = self.sound(tmp_path, makers.noise(4))
        assert found.evidence.values["cutoff_median_hz"] > 21500
        assert not codes(found) & {"band_limited", "lossy_history", "cutoff_changes", "clipping"}

    def test_band_limit_of_a_lossless_file(self, tmp_path: Path) -> None:
        found = self.sound(tmp_path, makers.noise(4, cut_hz=16000))
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
        assert found.evidence.values["cutoff_median_hz"] == pytest.approx(16000, abs=300)
        assert "lossy_history" in codes(found)

    def test_mp3_ends_where_its_encoder_cut_and_names_it(self, tmp_path: Path) -> None:
        found = self.sound(tmp_path, makers.noise(4), "libmp3lame")
        assert 14000 < found.evidence.values["cutoff_median_hz"] < 20500
        assert "band_limited" in codes(found)
        assert "LAME" in str(found.evidence.values["writer"]) or "Lav" in str(found.evidence.values["writer"])

    def test_insertion_of_another_band_is_a_segment(self, tmp_path: Path) -> None:
        parts = [makers.noise(4), makers.noise(3, 2, cut_hz=8000), makers.noise(4, 3)]
        found = self.sound(tmp_path, np.concatenate(parts))
        (segment,) = found.evidence.segments
        assert (segment.start_s, segment.end_s) == (pytest.approx(4, abs=0.3), pytest.approx(7, abs=0.3))

    def test_clipping_and_silence(self, tmp_path: Path) -> None:
        loud = np.clip(makers.noise(2) * 40, -1, 1)
        found = self.sound(tmp_path, np.concatenate((loud, np.zeros(makers.RATE, np.float32))))
        assert {"clipping", "digital_silence"} <= codes(found)
        assert found.evidence.values["silent_s"] == pytest.approx(1, abs=0.1)

    def test_nan_and_infinity(self, tmp_path: Path) -> None:
        samples = makers.noise(2)
        samples[100:200], samples[300], samples[400] = np.nan, np.inf, 1e30
        found = self.sound(tmp_path, samples, "pcm_f32le")
        assert found.evidence.values["non_finite_samples"] == 101
        assert "non_finite_samples" in codes(found)

    def test_channel_and_window(self, tmp_path: Path) -> None:
        both = np.stack((makers.noise(6), makers.noise(6, 2, cut_hz=8000)))
        path = makers.sound(tmp_path / "x.wav", "pcm_s16le", both)
        window = Window(start_s=2, end_s=4)
        left = ask(path, FORENSICS, "audio", window=window, channel=0)
        right = ask(path, FORENSICS, "audio", window=window, channel=1)
        assert (
            left.evidence.values["measured_s"]
            == right.evidence.values["measured_s"]
            == pytest.approx(2, abs=0.01)
        )
        assert left.evidence.values["cutoff_median_hz"] > 20000
        assert right.evidence.values["cutoff_median_hz"] == pytest.approx(8000, abs=300)
        assert {artifact.name for artifact in left.artifacts + right.artifacts} == {
            "spectrogram-0.png", "spectrogram-1.png",
        }  # fmt: skip

    @pytest.mark.parametrize("seconds", [0.01, 0.2])
    def test_very_short_and_silent(self, tmp_path: Path, seconds: float) -> None:
        silent = np.zeros(int(seconds * makers.RATE), np.float32)
        assert self.sound(tmp_path, silent).outcome is Outcome.INCONCLUSIVE
        assert self.sound(tmp_path, makers.noise(seconds)).outcome is Outcome.INCONCLUSIVE

    def test_window_beyond_the_end(self, tmp_path: Path) -> None:
        found = self.sound(tmp_path, makers.noise(2), window=Window(start_s=60, end_s=70))
        assert found.reason == "no_samples"


def test_long_sound_is_measured_in_bounded_memory() -> None:
    from bonafide_inference.detectors.codec_history.spectrum import analyse

    block = makers.noise(2, rate=8000)
    found = analyse((2.0 * i, 8000, block) for i in range(600))  # 20 minutes
    assert found.seconds == pytest.approx(1200)
    assert 600 <= len(found.levels) <= 1200
    assert found.column_s * len(found.levels) == pytest.approx(1200, rel=0.02)


class TestVideoContainer:
    def test_steady_video(self, tmp_path: Path) -> None:
        path = makers.video(tmp_path / "x.mp4", seconds=3, audio="aac")
        found = ask(path, FORENSICS, "video")
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
        values = found.evidence.values
        assert (values["packets"], values["frames_per_s"], values["irregular_share"]) == (30, 10, 0)
        assert codes(found) == set()
        assert "x264" in str(found.evidence.details["document_details"]["writers"])
        assert [frame.index for frame in found.evidence.frames] == [0, 10, 20]
        assert found.artifacts[0].name == "frames.jpg"

    def test_window_repeats_no_facts_of_the_file(self, tmp_path: Path) -> None:
        path = makers.video(tmp_path / "x.mp4", seconds=4)
        found = ask(path, FORENSICS, "video", window=Window(start_s=2, end_s=4))
        assert codes(found) == set()
        assert found.evidence.values["packets"] == 20
        assert [frame.time_s for frame in found.evidence.frames] == [2.0, 3.0]

    def test_sampling_options(self, tmp_path: Path) -> None:
        path = makers.video(tmp_path / "x.mp4", seconds=6)
        found = ask(path, FORENSICS, "video", Options(max_video_fps=0.5, max_video_s=4))
        assert [frame.time_s for frame in found.evidence.frames] == [0.0, 2.0]
        late = ask(path, FORENSICS, "video", Options(start_s=3.0, end_s=5.0))
        assert [frame.time_s for frame in late.evidence.frames] == [3.0, 4.0]
