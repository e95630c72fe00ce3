"""Forged and innocent pictures, made on the spot, and a way to ask one detector about them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from bonafide.model import Finding, MediaFacts, Operation, Options, WorkItem
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import discover, run_item
from PIL import Image, ImageFilter

from tests.unit.inference import makers

Box = tuple[int, int, int, int]
NAMES = ("double_quantisation", "error_level", "jpeg_ghosts", "jpeg_grid", "moved_copies")


def ask(path: Path, options: Options | None = None) -> dict[str, Finding]:
    """Findings of all detectors of ``image_forgery``, by name."""
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="image", operations=(Operation.IMAGE_FORGERY,))
    discover.cache_clear()
    found = run_item(str(path), media, item, options or Options(), str(path.parent))
    for finding in found:
        assert finding.reason != "detector_error", finding.detail
        assert all(flag.caveat for flag in finding.evidence.flags)
    return {finding.model.name: finding for finding in found if finding.model}


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def photo(width: int = 640, height: int = 480, seed: int = 5) -> Image.Image:
    """Like a photograph: shapes at all scales, fine grain, nothing repeats."""
    rng = np.random.default_rng(seed)
    total = np.full((height, width), 120.0)
    for cells in (5, 11, 24, 52, 110, 230):
        grid = rng.normal(0, 1, (max(2, cells * height // width), cells)).astype(np.float32)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer) * 42 / np.sqrt(cells / 5)
    total += rng.normal(0, 2.5, total.shape)
    grey = np.clip(total, 6, 249)
    colour = np.stack([grey, grey * 0.94 + 6, grey * 0.86 + 14], axis=-1)
    return Image.fromarray(colour.astype(np.uint8))


def saved(image: Image.Image, quality: int) -> Image.Image:
    """The picture after a save."""
    return Image.open(io.BytesIO(makers.jpeg(image, quality, subsampling=2))).convert("RGB")


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def with_patch(
    quality: int = 60, *, offset: tuple[int, int] = (0, 0), seed: int = 5
) -> tuple[Image.Image, Box]:
    """A picture never saved before, and a patch in it that was saved at ``quality`` on a grid of its own."""
    base, patch = photo(seed=seed), saved(photo(seed=seed + 70), quality)
    box = (200, 136, 424, 328)
    moved = np.roll(np.asarray(patch), offset[::-1], axis=(0, 1))
    base.paste(Image.fromarray(moved).crop(box), box[:2])
    return base, box


def copied(
    seed: int = 5, size: int = 110, turn: float = 0.0, scale: float = 1.0, *, mirrored: bool = False
) -> tuple[Image.Image, Box, Box]:
    """A picture with a part of it copied to another place, the source's box and the copy's."""
    base = photo(seed=seed)
    source = (60, 70, 60 + size, 70 + size)
    patch = base.crop(source)
    if turn or scale != 1:
        grown = base.crop((source[0] - 40, source[1] - 40, source[2] + 40, source[3] + 40))
        side = round((size + 80) * scale)
        turned = grown.resize((side, side), Image.Resampling.BICUBIC).rotate(turn, Image.Resampling.BICUBIC)
        edge = round(40 * scale)
        patch = turned.crop((edge, edge, side - edge, side - edge))
    if mirrored:
        patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    place, side = (400, 290), patch.width
    mask = Image.new("L", patch.size, 0)
    mask.paste(255, (3, 3, side - 3, side - 3))
    base.paste(patch, place, mask.filter(ImageFilter.GaussianBlur(1)))
    return base, source, (place[0], place[1], place[0] + side, place[1] + side)


def facade(width: int = 640, height: int = 480, seed: int = 11) -> Image.Image:
    """A front with rows of like windows, each with its own curtains, light and grain."""
    rng = np.random.default_rng(seed)
    wall = 170 + 8 * rng.normal(0, 1, (height, width))
    for top in range(30, height - 60, 90):
        for left in range(25, width - 50, 75):
            glass = Image.fromarray(rng.normal(0, 1, (6, 4)).astype(np.float32))
            pane = np.asarray(glass.resize((40, 60), Image.Resampling.BICUBIC))
            wall[top - 3 : top + 63, left - 3 : left + 43] = 225
            wall[top : top + 60, left : left + 40] = 70 + rng.normal(0, 12) + 18 * pane
            wall[top + 28 : top + 31, left : left + 40] = 215
    wall += rng.normal(0, 3, wall.shape)
    grey = np.clip(wall, 0, 255)
    return Image.fromarray(np.stack([grey, grey * 0.96, grey * 0.9], axis=-1).astype(np.uint8))


def bricks(width: int = 640, height: int = 480, seed: int = 9) -> Image.Image:
    """A brick wall: the same shape over and over, each brick with its own colour and grain."""
    rng = np.random.default_rng(seed)
    wall = np.full((height, width), 150.0)
    for row, top in enumerate(range(0, height, 30)):
        for left in range(-(row % 2) * 30, width, 60):
            x0, x1 = max(0, left + 2), min(width, left + 58)
            y1 = min(height, top + 27)
            if x1 <= x0:
                continue
            grain = rng.normal(0, 1, (5, 9)).astype(np.float32)
            fine = Image.fromarray(grain).resize((x1 - x0, y1 - top), Image.Resampling.BICUBIC)
            wall[top:y1, x0:x1] = 95 + rng.normal(0, 9) + 12 * np.asarray(fine)
    wall += rng.normal(0, 3.5, wall.shape)
    grey = np.clip(wall, 0, 255)
    return Image.fromarray(np.stack([grey, grey * 0.7, grey * 0.55], axis=-1).astype(np.uint8))


def overlap(one: Box, x: int, y: int, width: int, height: int) -> float:
    """Intersection over union."""
    w = max(0, min(one[2], x + width) - max(one[0], x))
    h = max(0, min(one[3], y + height) - max(one[1], y))
    union = (one[2] - one[0]) * (one[3] - one[1]) + width * height - w * h
    return w * h / union
