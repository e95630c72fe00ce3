"""Each localiser finds what was planted, abstains where it must, and is silent on innocent pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, Operation, Options, Outcome, Verdict
from bonafide.policy import policy
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.forgery import making
from tests.unit.inference.forgery.making import NAMES, ask, copied, photo, put, saved, with_patch

HISTORY = ("double_quantisation", "jpeg_ghosts", "jpeg_grid")


def best_overlap(found: Finding, box: making.Box) -> float:
    boxes = [(r.x, r.y, r.width, r.height) for r in found.evidence.regions]
    return max((making.overlap(box, *one) for one in boxes), default=0.0)


def silent(found: dict[str, Finding]) -> None:
    """Nothing is called forged."""
    for name, finding in found.items():
        assert finding.outcome is Outcome.INCONCLUSIVE or (finding.p_fake or 0) < 0.5, (name, finding)


def test_ghost_is_found_and_located(tmp_path: Path) -> None:
    forged, box = with_patch(60)
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, 90, subsampling=2)))["jpeg_ghosts"]
    assert found.outcome is Outcome.SCORED and found.p_fake > 0.8
    assert found.interval.low <= found.p_fake <= found.interval.high
    assert abs(found.evidence.values["ghost_quality"] - 60) <= 4
    assert best_overlap(found, box) > 0.5
    with Image.open(found.artifacts[-1].path) as heat:
        assert heat.size == (640, 480)


def test_foreign_grid_is_found_and_located(tmp_path: Path) -> None:
    forged, box = with_patch(60, offset=(3, 5))
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, 95, subsampling=2)))["jpeg_grid"]
    assert found.outcome is Outcome.SCORED and found.p_fake > 0.8
    assert found.evidence.values["grid_offset"] == "3,5"
    assert best_overlap(found, box) > 0.5


def test_foreign_grid_in_a_png_that_was_a_jpeg(tmp_path: Path) -> None:
    base = saved(photo(), 85)
    patch = saved(photo(seed=75), 75)
    box = (203, 141, 403, 301)
    base.paste(patch.crop((0, 0, 200, 160)), box[:2])
    found = ask(put(tmp_path / "x.png", making.png(base)))
    assert found["jpeg_grid"].outcome is Outcome.SCORED
    assert best_overlap(found["jpeg_grid"], box) > 0.5
    assert found["jpeg_ghosts"].reason == found["double_quantisation"].reason == "no_jpeg_history"


@pytest.mark.parametrize(("turn", "quality"), [(0.0, 90), (0.0, 70), (17.0, 90)])
def test_copy_is_found_and_located(tmp_path: Path, turn: float, quality: int) -> None:
    forged, source, copy = copied(turn=turn)
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, quality)))["moved_copies"]
    assert found.outcome is Outcome.SCORED and found.p_fake > 0.8
    assert best_overlap(found, source) > 0.4 and best_overlap(found, copy) > 0.4
    assert abs(abs(found.evidence.values["copy_turned_degrees"]) - turn) < 2


@pytest.mark.parametrize(("scale", "quality"), [(1.2, 85), (0.85, 85), (0.9, 75)])
def test_scaled_copy_is_found_and_located(tmp_path: Path, scale: float, quality: int) -> None:
    forged, source, copy = copied(turn=12, scale=scale)
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, quality)))["moved_copies"]
    assert found.outcome is Outcome.SCORED and found.p_fake > 0.8
    assert best_overlap(found, source) > 0.4 and best_overlap(found, copy) > 0.4
    assert min(abs(found.evidence.values["copy_scale"] - one) for one in (scale, 1 / scale)) < 0.03


def test_mirrored_copy_is_found_and_located(tmp_path: Path) -> None:
    forged, source, copy = copied(mirrored=True)
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, 85)))["moved_copies"]
    assert found.outcome is Outcome.SCORED and found.p_fake > 0.7
    assert found.evidence.values["copy_mirrored"] is True
    assert best_overlap(found, source) > 0.4 and best_overlap(found, copy) > 0.4


def test_faint_copy_in_a_lossless_picture(tmp_path: Path) -> None:
    """A flat part with the grain of a sensor only: equal to the bit, which is no chance."""
    rng = np.random.default_rng(3)
    sky = np.clip(np.linspace(150, 190, 400)[:, None] + rng.normal(0, 1.6, (400, 600)), 0, 255)
    base = photo(600, 400)
    base.paste(Image.fromarray(np.stack([sky] * 3, axis=-1).astype(np.uint8)).crop((0, 0, 600, 220)), (0, 0))
    silent({"moved_copies": ask(put(tmp_path / "clean.png", making.png(base)))["moved_copies"]})
    base.paste(base.crop((40, 40, 120, 120)), (401, 93))
    found = ask(put(tmp_path / "x.png", making.png(base)))["moved_copies"]
    assert found.p_fake > 0.8 and found.evidence.values["copy_equal_blocks"] > 3000
    assert best_overlap(found, (401, 93, 481, 173)) > 0.8


@pytest.mark.parametrize("quality", [90, 75])
def test_faint_copy_that_was_saved_again(tmp_path: Path, quality: int) -> None:
    """Texture of three grey levels: keypoints there are few or none, and windows propose the move."""
    grain = np.random.default_rng(5).normal(0, 3, (240, 320)).astype(np.float32)
    wool = np.asarray(Image.fromarray(grain).resize((640, 480), Image.Resampling.BICUBIC))
    grey = np.clip(np.linspace(120, 170, 480)[:, None] + wool, 0, 255).astype(np.uint8)
    base = Image.fromarray(np.stack([grey] * 3, axis=-1))
    silent({"moved_copies": ask(put(tmp_path / "clean.jpg", makers.jpeg(base, quality)))["moved_copies"]})
    base.paste(base.crop((60, 70, 190, 200)), (401, 293))
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(base, quality)))["moved_copies"]
    assert found.p_fake > 0.8
    assert best_overlap(found, (401, 293, 531, 423)) > 0.7 and best_overlap(found, (60, 70, 190, 200)) > 0.7


def test_copy_needs_no_history(tmp_path: Path) -> None:
    forged, _, copy = copied()
    found = ask(put(tmp_path / "x.png", making.png(forged)))
    assert found["moved_copies"].p_fake > 0.8
    assert best_overlap(found["moved_copies"], copy) > 0.4
    assert all(found[name].reason == "no_jpeg_history" for name in HISTORY)


def test_one_method_is_enough_for_the_operation(tmp_path: Path) -> None:
    """Saved twice, nothing spliced in: double quantisation speaks mildly against, the copy for it."""
    base = saved(photo(), 70)
    base.paste(base.crop((64, 72, 184, 192)), (400, 288))  # moved by whole blocks: its history fits in
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(base, 92, subsampling=2)))
    assert found["moved_copies"].llr > 0 > found["double_quantisation"].llr
    result = fuse_operation(Operation.IMAGE_FORGERY, list(found.values()), policy("default"))
    assert result.verdict is Verdict.MANIPULATED


@pytest.mark.parametrize("quality", [75, 60])
def test_strong_compression_abstains_with_that_reason(tmp_path: Path, quality: int) -> None:
    forged, _ = with_patch(50)
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, quality)))
    assert all(found[name].reason == "quality_too_low" for name in HISTORY)


def test_innocent_pictures(tmp_path: Path) -> None:
    once = photo(seed=31)
    dusk = Image.blend(Image.linear_gradient("L").resize((640, 480)).convert("RGB"), photo(seed=8), 0.05)
    cropped = saved(once, 80).crop((3, 5, 640, 480))
    small = saved(once, 80).resize((500, 375), Image.Resampling.LANCZOS)
    for number, data in enumerate((
        makers.jpeg(once, 92), makers.jpeg(saved(once, 70), 90, subsampling=2), makers.jpeg(cropped, 95),
        makers.jpeg(small, 85), making.png(once), makers.jpeg(making.bricks(), 90),
        making.png(making.bricks()), makers.jpeg(making.facade(), 90), making.png(making.facade()),
        making.png(saved(making.facade(), 80)), making.png(saved(dusk, 80)),
    )):  # fmt: skip
        suffix = "png" if data[:4] == b"\x89PNG" else "jpg"
        silent(ask(put(tmp_path / f"{number}.{suffix}", data), Options(visualize=False)))


def test_a_file_that_is_cut_off_is_not_forged(tmp_path: Path) -> None:
    """What a decoder puts below the cut has no compression history; that is no patch from elsewhere."""
    for quality in (70, 85):
        data = makers.jpeg(saved(photo(seed=31), quality), 92, subsampling=2)
        found = ask(put(tmp_path / "x.jpg", data[: len(data) * 2 // 3]), Options(visualize=False))
        assert [found[name].reason for name in HISTORY] == ["truncated"] * 3
        silent(found)


def test_drawings_are_not_searched_for_copies(tmp_path: Path) -> None:
    screen = Image.new("RGB", (600, 400), "white")
    for left in range(20, 560, 60):
        screen.paste((20, 40, 200), (left, 100, left + 30, 130))
        screen.paste((0, 0, 0), (left, 200, left + 12, 214))
    found = ask(put(tmp_path / "x.png", making.png(screen)))
    assert found["moved_copies"].reason == "not_photographic"


@pytest.mark.parametrize("name", [*HISTORY, "moved_copies"])
def test_who_speaks_shows_an_overlay_of_the_picture_and_regions(tmp_path: Path, name: str) -> None:
    data = {
        "double_quantisation": lambda: makers.spliced()[0],
        "jpeg_ghosts": lambda: makers.jpeg(with_patch(60)[0], 90, subsampling=2),
        "jpeg_grid": lambda: makers.jpeg(with_patch(60, offset=(3, 5))[0], 95, subsampling=2),
        "moved_copies": lambda: makers.jpeg(copied()[0], 90),
    }[name]()
    path = put(tmp_path / "x.jpg", data)
    found = ask(path)[name]
    assert found.outcome is Outcome.SCORED and found.evidence.regions and found.evidence.flags
    artifact = found.artifacts[-1]  # before it, with the first detector, the picture of all of them
    assert (artifact.name, artifact.media_type) == (f"{name}.png", "image/png")
    with Image.open(artifact.path) as heat, Image.open(path) as picture:
        assert heat.format == "PNG" and heat.size == picture.size
        likeness = np.corrcoef(*(np.asarray(one.convert("L")).ravel() for one in (heat, picture)))[0, 1]
        assert likeness > 0.3, "the picture shows through the map"


def test_error_level_is_a_picture_and_no_score(tmp_path: Path) -> None:
    forged, _ = with_patch(60)
    path = put(tmp_path / "x.jpg", makers.jpeg(forged, 90))
    found = ask(path)["error_level"]
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "picture_only")
    with Image.open(found.artifacts[0].path) as picture:
        assert picture.size == (640, 480) and np.asarray(picture).max() == 255
    assert ask(path, Options(visualize=False))["error_level"].artifacts == ()


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (40, 40), (130, 20), (128, 128)])
def test_tiny_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    for name, data in (("x.jpg", makers.jpeg(photo(*size) if min(size) > 30 else Image.new("RGB", size), 90)),
                       ("x.png", making.png(Image.new("RGB", size, "grey")))):  # fmt: skip
        found = ask(put(tmp_path / name, data))
        assert set(found) == set(NAMES)
        silent(found)


def test_odd_pixels(tmp_path: Path) -> None:
    cmyk = photo(300, 200).convert("CMYK")
    found = ask(put(tmp_path / "cmyk.jpg", makers.jpeg(cmyk, 90)))
    assert found["jpeg_ghosts"].reason == found["jpeg_grid"].reason == "unsupported_colour"
    silent(found)
    deep = np.asarray(photo(300, 200).convert("L")).astype(np.uint16) * 257
    silent(ask(put(tmp_path / "deep.png", making.png(Image.fromarray(deep)))))
    silent(ask(put(tmp_path / "grey.jpg", makers.jpeg(photo(300, 200).convert("L"), 90))))


def test_turned_copy_is_located_upright(tmp_path: Path) -> None:
    forged, _, copy = copied()
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = forged.transpose(Image.Transpose.ROTATE_90)
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(stored, 90, exif=exif)))["moved_copies"]
    assert best_overlap(found, copy) > 0.4
