"""The thumbnail (EXIF's or Photoshop's) against the picture: a crop or a change that forgot it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide.model import Flag
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.pictures import open_picture
from numpy.typing import NDArray
from PIL import Image, ImageFile

__all__ = ["Comparison", "compare", "thumbnail_flags"]

SIDE = 32
MAX_THUMBNAIL = 4_000_000
"""Pixels of a thumbnail that is looked at."""
ALIKE = 0.80
"""Correlation under which thumbnail and picture differ; innocent ones measured 0.9 and more."""
ASPECT = 0.05
"""Relative difference of the sides' ratio, after black bars are gone."""


@dataclass(frozen=True)
class Comparison:
    """Sizes in pixels, best correlation (-1..1) of 32x32 grey versions, ratio of the sides' ratios, turn.

    ``turned`` is by how many quarters the thumbnail had to be turned to fit; ``bars`` the rows and columns
    of black that were cut from it.
    """

    width: int
    height: int
    correlation: float
    aspect: float
    turned: int
    bars: int


def compare(path: str, thumbnail: bytes, form: str) -> Comparison | None:
    """Compare; None when one of them cannot be decoded or is one plain colour."""
    try:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        with Image.open(io.BytesIO(thumbnail), formats=["JPEG"]) as small:
            if small.width * small.height > MAX_THUMBNAIL or min(small.size) < 16:
                return None
            size, grey = small.size, np.asarray(small.convert("L"), dtype=np.float32)
        with open_picture(path, form) as image:
            if form == "jpeg":
                image.draft("L", (256, 256))
            large = np.asarray(image.convert("L").resize((256, 256), Image.Resampling.BOX), dtype=np.float32)
            ratio = image.width / image.height
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (Pillow raises anything on a hostile thumbnail)
        return None
    picture = _grid(large)
    tries = [
        (_correlation(_grid(np.rot90(inner, quarters)), picture), -quarters, inner)
        for inner in (grey, _without_bars(grey))
        for quarters in range(4)
    ]
    best = max(tries, key=lambda found: (found[0] > ALIKE, round(found[0], 1), found[1]))
    if not np.isfinite(best[0]):
        return None
    inner = best[2]
    height, width = np.rot90(inner, best[1]).shape
    bars = int(sum(grey.shape) - sum(inner.shape))
    return Comparison(*size, round(float(best[0]), 4), round(width / height / ratio, 4), -best[1], bars)


def _without_bars(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without black rows and columns at the edges (letterboxes of 4:3 thumbnails), half of it at most."""
    rows = np.flatnonzero(np.percentile(grey, 95, axis=1) > 24)
    columns = np.flatnonzero(np.percentile(grey, 95, axis=0) > 24)
    if rows.size < grey.shape[0] // 2 or columns.size < grey.shape[1] // 2:
        return grey
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    # bars come in pairs of equal width: a dark sky is none
    if abs(top - (grey.shape[0] - bottom)) > 3 or abs(left - (grey.shape[1] - right)) > 3:
        return grey
    return grey[top:bottom, left:right]


def _grid(grey: Any) -> NDArray[np.float32]:
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)


def _correlation(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    first, second = one - one.mean(), two - two.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > SIDE * SIDE else float("nan")


def thumbnail_flags(found: Comparison | None) -> list[Flag]:
    """Another picture, or another crop."""
    if found is None:
        return []
    size = f"{found.width}x{found.height}"
    if found.correlation < ALIKE:
        return [Flag(
            code="thumbnail_differs", where="EXIF or Photoshop block", value=found.correlation,
            base_rate=rate("thumbnail_differs"),
            message=f"The thumbnail ({size}) shows something else than the picture.",
            caveat="A program that crops or recolours without writing a new thumbnail does this.",
        )]  # fmt: skip
    if abs(found.aspect - 1) > max(ASPECT, 2 / min(found.width, found.height)):
        return [Flag(
            code="thumbnail_other_shape", where="EXIF or Photoshop block", value=found.aspect,
            base_rate=rate("thumbnail_other_shape"),
            message=f"The thumbnail ({size}) has another shape than the picture, black bars aside.",
            caveat="Some cameras fit thumbnails by stretching or cropping them.",
        )]  # fmt: skip
    return []
