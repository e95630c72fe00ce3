"""synthetic_image: statements decide, camera records lean, pixels make it abstain; pixels of odd files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bonafide.fuse import fuse, fuse_operation
from bonafide.model import Finding, MediaFacts, MediaKind, Operation, Options, Outcome, Verdict, WorkItem
from bonafide.policy import POLICIES, Policy, policy
from bonafide_inference.detectors.synthetic_image import network, pixels
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.piece import Piece
from bonafide_inference.registry import run_item
from bonafide_inference.stability import CHANGES, flipped
from PIL import Image

from benchmarks.single import finding_of
from tests.unit.inference import makers
from tests.unit.inference.forensics_pictures.files import exif, png, put, text
from tests.unit.inference.provenance import signing

ITEM = WorkItem(id="i", detector="image", operations=(Operation.SYNTHETIC_IMAGE,))
GRAPH = json.dumps({"1": {"class_type": "KSampler", "inputs": {"seed": 1}}})
CAMERA = {
    "Make": "Test", "Model": "T-1", "ExposureTime": 0.01, "FNumber": 4.0, "ISOSpeedRatings": 200,
    "DateTimeOriginal": "2026:01:02 03:04:05",
}  # fmt: skip


def ask(path: Path, data: bytes, *, visualize: bool = False) -> Finding:
    """The finding of a file, through inspection and the cell."""
    media = inspect(str(put(path, data)))
    assert isinstance(media, MediaFacts), media
    (found,) = run_item(str(path), media, ITEM, Options(visualize=visualize), str(path.parent))
    assert found.outcome is not Outcome.FAILED, found.detail
    assert all(flag.caveat and flag.base_rate for flag in found.evidence.flags)
    return found


def verdict(found: Finding) -> Verdict:
    return fuse_operation(Operation.SYNTHETIC_IMAGE, [found], policy("default")).verdict


def shot(picture: Image.Image | None = None, **tags: object) -> bytes:
    return makers.jpeg(picture or makers.texture(), exif=exif(**(CAMERA | tags)))


class TestStatements:
    def test_metadata_decides_and_names(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.png", png(text("prompt", GRAPH)))
        assert (verdict(found), found.attribution) == (Verdict.MANIPULATED, "ComfyUI")
        assert found.evidence.values["declared_by"] == "metadata"

    def test_a_manifest_that_holds_decides(self, tmp_path: Path) -> None:
        signed = signing.sign(makers.jpeg(makers.texture()), source="trainedAlgorithmicMedia")
        found = ask(tmp_path / "x.jpg", signed)
        assert (verdict(found), found.attribution) == (Verdict.MANIPULATED, "Bonafide test 1")
        assert found.evidence.values["declared_by"] == "manifest"

    def test_a_manifest_of_another_picture_does_not(self, tmp_path: Path) -> None:
        signed = signing.sign(makers.jpeg(makers.texture()), source="trainedAlgorithmicMedia")
        found = ask(tmp_path / "x.jpg", signed[:-40] + bytes(38) + signed[-2:])
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "declared_generated" in {flag.code for flag in found.evidence.flags}

    def test_captured_is_no_acquittal(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", signing.sign(makers.jpeg(makers.texture()), source="digitalCapture"))
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")

    def test_a_statement_outweighs_a_camera_record(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", shot(UserComment=b"ASCII\0\0\0" + b'{"AIGC":{"Label":"1"}}'))
        assert verdict(found) is Verdict.MANIPULATED

    def test_silence_says_nothing(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", makers.jpeg(makers.texture()))
        assert (found.outcome, found.llr, found.attribution) == (Outcome.INCONCLUSIVE, None, None)


class TestCameraRecords:
    def test_a_coherent_one_leans_and_does_not_decide(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", shot())
        assert found.llr is not None
        assert -1.7 <= found.llr < 0
        assert verdict(found) is Verdict.INCONCLUSIVE
        assert "camera_traces" in {flag.code for flag in found.evidence.flags}

    @pytest.mark.parametrize(
        "tags",
        [
            {"Software": "Adobe Photoshop 25.0"},
            {"ExifImageWidth": 4000, "ExifImageHeight": 3000},
            {"DateTimeOriginal": "0000:00:00 00:00:00"},
            {"Model": " "},
        ],
    )
    def test_what_contradicts_it(self, tmp_path: Path, tags: dict[str, object]) -> None:
        assert ask(tmp_path / "x.jpg", shot(**tags)).outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF"])
    def test_no_camera_writes_such_a_file(self, tmp_path: Path, form: str) -> None:
        data = makers.picture(form, makers.texture(), exif=exif(**CAMERA))
        found = ask(tmp_path / "x", data)
        assert (found.reason, found.evidence.values["camera"]) == ("no_calibrated_score", "Test T-1")
        assert found.evidence.values["camera_untouched"] is False

    @pytest.mark.parametrize(
        ("tags", "scored"),
        [
            ({"ExifImageWidth": 320, "ExifImageHeight": 256}, True), ({"Orientation": 6}, True),
            ({"Make": "Apple", "Model": "iPhone 15", "Software": "18.1.1"}, True),
            ({"ExifImageWidth": 4000, "ExifImageHeight": 3000}, False),
            ({"Software": "Adobe Photoshop 25.0"}, False), ({"ExposureTime": "", "FNumber": ""}, False),
        ],
    )  # fmt: skip
    def test_of_a_heic_it_weighs_the_same(
        self, tmp_path: Path, tags: dict[str, object], scored: bool
    ) -> None:
        """What only a JPEG has (tables, history) speaks neither for nor against it."""
        block = exif(**{name: value for name, value in (CAMERA | tags).items() if value != ""})
        found = ask(tmp_path / "x.heic", makers.heic(makers.texture(), quality=80, exif=block.tobytes()))
        assert (found.outcome is Outcome.SCORED) is scored
        assert found.evidence.values["camera_tables"] is None
        assert found.evidence.values["jpeg_quality"] is None

    def test_of_a_picture_that_was_crushed_before_it_is_worth_nothing(self, tmp_path: Path) -> None:
        crushed = makers.twice(makers.texture(), 10)
        assert ask(tmp_path / "x.jpg", shot(crushed)).reason == "heavily_compressed"

    def test_on_a_drawing_it_is_worth_nothing(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", shot(Image.new("RGB", (320, 256), "white")))
        assert found.reason == "not_a_photograph"

    def test_of_pixels_that_turn_with_one_more_jpeg(self, tmp_path: Path) -> None:
        grey = np.linspace(90, 160, 320)[None, :, None] + np.random.default_rng(2).normal(
            0, 0.9, (256, 320, 3)
        )
        faint = Image.fromarray(grey.round().astype(np.uint8))
        found = ask(tmp_path / "x.jpg", makers.jpeg(faint, 100, subsampling=0, exif=exif(**CAMERA)))
        assert found.reason == "unstable"
        assert "WebP 80" in found.evidence.details["stability"]["flipped_by"]  # type: ignore[index,operator]
        assert "WebP 80" in (found.detail or "")


class TestAbstention:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (makers.picture("PNG", makers.texture(48, 300)), "too_small"),
            (makers.picture("PNG", Image.new("RGB", (300, 300), "white")), "not_a_photograph"),
            (makers.jpeg(makers.texture(), 10), "heavily_compressed"),
            (makers.picture("PNG", makers.twice(makers.texture(), 10)), "heavily_compressed"),
            (makers.jpeg(makers.twice(makers.texture(), 10), 95), "heavily_compressed"),
            (makers.picture("WEBP", makers.texture(), quality=80), "no_calibrated_score"),
            (makers.jpeg(makers.texture()), "no_calibrated_score"),
        ],
    )
    def test_reasons(self, tmp_path: Path, data: bytes, reason: str) -> None:
        found = ask(tmp_path / "x", data)
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, reason)

    def test_the_probe_names_what_flipped(self) -> None:
        assert flipped(makers.texture(64, 48), lambda rgb: rgb.shape[0] < 40) == [
            "half size", "crop to three quarters",
        ]  # fmt: skip
        assert flipped(makers.texture(64, 48), lambda _: 0) == []
        assert len(CHANGES) == 7


class TestNetwork:
    """What a small network sees is shown, and decides nothing."""

    def test_its_scores_are_evidence_without_a_number_that_a_policy_reads(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", makers.jpeg(makers.texture(800, 600)))
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
        assert (found.p_fake, found.llr, found.interval) == (None, None, None)
        said: Any = found.evidence.details["network"]
        assert said["weight"] == 0
        assert "Weak evidence" in said["meaning"]
        assert len(said["crops"]) == 6
        assert said["score"] == pytest.approx(np.mean([crop["score"] for crop in said["crops"]]), abs=0.01)
        assert not {name for name in found.evidence.values if "network" in name}

    @pytest.mark.parametrize("rule", POLICIES.values(), ids=lambda rule: rule.name)
    @pytest.mark.parametrize("raw", [-1e6, -0.01, 0.01, 1e6])
    def test_it_accuses_nobody_under_any_policy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: Policy, raw: float
    ) -> None:
        monkeypatch.setattr(network, "_score", lambda *_: raw)
        found = finding_of(put(tmp_path / "x.jpg", makers.jpeg(makers.texture())), visualize=False)
        assert found.evidence.details["network"]["score"] == raw  # type: ignore[index,call-overload]
        results, judged = fuse([Operation.SYNTHETIC_IMAGE], [found], MediaKind.IMAGE, rule)
        assert [one.verdict for one in results] == [Verdict.INCONCLUSIVE]
        assert (judged.label, judged.p_fake) == (Verdict.INCONCLUSIVE, None)

    @pytest.mark.parametrize("raw", [-1e6, 1e6])
    def test_a_camera_record_weighs_the_same_whatever_it_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: float
    ) -> None:
        path = put(tmp_path / "x.jpg", shot())
        before = finding_of(path, visualize=False)
        monkeypatch.setattr(network, "_score", lambda *_: raw)
        after = finding_of(path, visualize=False)
        assert (after.outcome, after.llr, after.interval) == (Outcome.SCORED, before.llr, before.interval)

    def test_it_is_not_loaded_where_the_answer_is_known(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(network, "load", None)
        declared = finding_of(put(tmp_path / "x.png", png(text("prompt", GRAPH))), visualize=False)
        assert verdict(declared) is Verdict.MANIPULATED
        plain = makers.picture("PNG", Image.new("RGB", (300, 300), "white"))
        assert finding_of(put(tmp_path / "y.png", plain)).reason == "not_a_photograph"

    def test_a_picture_smaller_than_a_crop_is_not_shown_to_it(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", makers.jpeg(makers.texture(400, 191)), visualize=True)
        assert "network" not in found.evidence.details
        assert "synthetic_image-crops.png" not in {one.name for one in found.artifacts}

    @pytest.mark.parametrize(
        ("size", "count"), [((192, 192), 1), ((193, 5000), 3), ((255, 256), 1), ((1701, 1203), 9)]
    )
    def test_crops_lie_within_the_picture(self, size: tuple[int, int], count: int) -> None:
        places = network.boxes(size)
        assert len(set(places)) == count
        assert all((right - left, bottom - top) == (192, 192) for left, top, right, bottom in places)
        assert all(left >= 0 and right <= size[0] for left, _, right, _ in places)
        assert all(top >= 0 and bottom <= size[1] for _, top, _, bottom in places)

    def test_crops_are_drawn_and_the_rest_stays_grey(self, tmp_path: Path) -> None:
        found = ask(tmp_path / "x.jpg", makers.jpeg(makers.texture(900, 700)), visualize=True)
        (drawn,) = [one for one in found.artifacts if one.name == "synthetic_image-crops.png"]
        assert "weak evidence" in (drawn.title or "")
        shown = np.asarray(Image.open(str(drawn.path)).convert("RGB"), int)
        assert shown.shape[1] == 450, "halved; the legend stands below"
        grey = np.ptp(shown, axis=2) == 0
        assert not grey[16:112, 16:112].any()
        assert grey[150:160, :300].all()


class TestPixels:
    def test_the_spectrum_is_drawn_when_wanted(self, tmp_path: Path) -> None:
        data = makers.jpeg(makers.texture())
        drawn = ask(tmp_path / "x.jpg", data, visualize=True).artifacts[0]
        assert drawn.name == "residual-spectrum.png"
        assert Image.open(str(drawn.path)).size > (300, 300)
        assert ask(tmp_path / "y.jpg", data).artifacts == ()

    def test_a_period_shows_in_the_spectrum(self) -> None:
        wave = 128 + 20 * np.sin(2 * np.pi * np.arange(256) / 8)
        plane = np.repeat(wave[None, :, None], 256, axis=0).repeat(3, axis=2).astype(np.uint8)
        levels = pixels.spectrum([plane])
        assert levels is not None
        row, column = np.unravel_index(int(levels.argmax()), levels.shape)
        assert (row, abs(int(column) - 128)) == (128, 32)

    def test_interpolated_green_has_period_two(self) -> None:
        rng = np.random.default_rng(1)
        green = rng.uniform(40, 200, (256, 256))
        missing = np.indices(green.shape).sum(axis=0) % 2 == 1
        around = sum(np.roll(green, s, axis) for s in (1, -1) for axis in (0, 1)) / 4
        bayer = np.where(missing, around, green)
        plain, made = (np.repeat(g[..., None], 3, axis=2).astype(np.uint8) for g in (green, bayer))
        assert pixels.look([made]).period_two > 5 * pixels.look([plain]).period_two  # type: ignore[operator]

    def test_shot_noise_grows_with_light(self) -> None:
        rng = np.random.default_rng(1)
        light = np.linspace(30, 220, 256)[None, :].repeat(256, axis=0)
        noisy = np.clip(light + rng.normal(0, 1, light.shape) * np.sqrt(light) / 3, 0, 255)
        found = pixels.look([np.repeat(noisy[..., None], 3, axis=2).astype(np.uint8)])
        assert (found.noise_by_light or 0) > 0.6


class TestOddFiles:
    def picture(self, path: Path, data: bytes) -> Image.Image:
        media = inspect(str(put(path, data)))
        assert isinstance(media, MediaFacts), media
        found = Piece(str(path), media, ITEM, Options()).picture()
        assert (found.mode, found.size) == ("RGB", (media.width, media.height))
        ask(path, data)
        return found

    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    def test_sixteen_bits_are_scaled(self, tmp_path: Path, form: str) -> None:
        deep = np.linspace(0, 65535, 128 * 128).reshape(128, 128).astype(np.uint16)
        shown = np.asarray(self.picture(tmp_path / "x", makers.picture(form, Image.fromarray(deep))))
        assert np.abs(shown[..., 0] - deep / 257.0).max() <= 1

    def test_a_dark_one_of_sixteen_bits_stays_dark(self, tmp_path: Path) -> None:
        deep = np.full((128, 128), 200, np.uint16)
        shown = self.picture(tmp_path / "x", makers.picture("PNG", Image.fromarray(deep)))
        assert shown.getextrema() == ((1, 1),) * 3

    def test_floating_point(self, tmp_path: Path) -> None:
        deep = np.linspace(0, 1, 128 * 128, dtype=np.float32).reshape(128, 128)
        shown = np.asarray(self.picture(tmp_path / "x", makers.picture("TIFF", Image.fromarray(deep))))
        assert np.abs(shown[..., 1] - deep * 255).max() <= 1

    @pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA", "LA", "1"])
    def test_colour_models(self, tmp_path: Path, mode: str) -> None:
        given = makers.texture(160, 120).convert(mode)
        data = makers.jpeg(given, 95) if mode == "CMYK" else makers.picture("PNG", given)
        shown = np.asarray(self.picture(tmp_path / "x", data), np.float32)
        assert np.abs(shown - np.asarray(given.convert("RGB"), np.float32)).mean() < 6

    def test_turned_by_exif(self, tmp_path: Path) -> None:
        halves = Image.new("RGB", (160, 120), "black")
        halves.paste("white", (0, 0, 80, 120))
        shown = self.picture(tmp_path / "x.jpg", makers.jpeg(halves, exif=exif(Orientation=6)))
        assert shown.size == (120, 160)
        assert min(shown.getpixel((60, 20))) > 250  # type: ignore[type-var,arg-type]

    @pytest.mark.parametrize("form", ["GIF", "WEBP"])
    def test_animations_show_their_first_frame(self, tmp_path: Path, form: str) -> None:
        frames = [Image.new("RGB", (96, 80), colour) for colour in ("red", "blue", "lime")]
        data = makers.picture(form, frames[0], save_all=True, append_images=frames[1:])
        shown = self.picture(tmp_path / "x", data)
        red, _, blue = shown.getpixel((40, 40))  # type: ignore[misc]
        assert red > 200 > 60 > blue
        values = ask(tmp_path / "x", data).evidence.values
        assert (values["frames"], values["frames_looked_at"]) == (3, 1)

    def test_a_gain_map_is_left_aside(self, tmp_path: Path) -> None:
        whole, gain = makers.texture(320, 256), Image.new("L", (80, 64), 30)
        data = makers.picture("MPO", whole, save_all=True, append_images=[gain])
        shown = np.asarray(self.picture(tmp_path / "x.jpg", data), np.float32)
        assert np.abs(shown - np.asarray(whole, np.float32)).mean() < 8

    @pytest.mark.parametrize("size", [(1, 1), (1, 30000), (30000, 1)])
    def test_thin_ones_are_too_small(self, tmp_path: Path, size: tuple[int, int]) -> None:
        assert ask(tmp_path / "x", makers.picture("PNG", Image.new("RGB", size, "red"))).reason == "too_small"

    def test_a_truncated_one_is_read_as_far_as_it_goes(self, tmp_path: Path) -> None:
        data = makers.jpeg(makers.texture())
        found = ask(tmp_path / "x.jpg", data[: len(data) * 2 // 3])
        assert found.outcome is Outcome.INCONCLUSIVE

    def test_a_bomb_is_refused(self, tmp_path: Path) -> None:
        found = inspect(str(put(tmp_path / "x.png", makers.png_of_size(60_000, 60_000))))
        assert isinstance(found, Refusal)
        assert found.code == "media_limit_exceeded"
