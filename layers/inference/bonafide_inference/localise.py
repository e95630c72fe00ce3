"""What localisers share: when they may speak, how they are silent, maps turned upright, regions, the overlay.

A map is a grid of cells laid over the picture *as stored*; people see the picture upright (EXIF), so regions
and overlays are turned. Boxes are pixels of the upright picture.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, Outcome, Region
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.jpegdct import standard_quality
from bonafide_inference.plots import heat_overlay
from bonafide_inference.regions import components, turn_upright
from bonafide_inference.registry import Job

__all__ = ["MOST_REGIONS", "gate", "orientation", "overlay", "regions_of", "silent", "spoken", "upright_map"]

MOST_REGIONS = 8
LEAST_SIDE = 128
"""Pixels a side: below there are too few 8×8 blocks for statistics of them."""
LOWEST_QUALITY = 75
_ORIENTATION = 0x0112

_WORDS = {
    "no_jpeg_history": "Not a JPEG, and nothing of an earlier one can be seen in it.",
    "unsupported_colour": "The JPEG is stored in another colour model than YCbCr or grey.",
    "too_small": f"Under {LEAST_SIDE} pixels a side there are too few blocks.",
    "truncated": "The file is cut off: what is missing would look like a part with another history.",
    "quality_too_low": f"Saved at quality {LOWEST_QUALITY} or below: the traces of earlier saves are wiped.",
}
"""Why those that look for a compression history are silent."""


def gate(shape: tuple[int, ...], table: NDArray[Any] | None) -> tuple[int | None, str | None]:
    """Whether a compression history may be looked for.

    Parameters
    ----------
    shape
        (height, width) of the plane; ``table`` the luma table of its last save, None for a lossless one.

    Returns
    -------
    tuple
        The quality of the last save (None: lossless), and the reason to be silent (None: none).
    """
    quality = None if table is None else standard_quality(table)
    if min(shape) < LEAST_SIDE:
        return quality, "too_small"
    low = quality is not None and quality <= LOWEST_QUALITY
    return quality, "quality_too_low" if low else None


def silent(job: Job, reason: str, values: dict[str, Any], words: Mapping[str, str] | None = None) -> Finding:
    """The finding of a localiser that says nothing; ``words`` are its own, before the shared ones."""
    return Finding(
        operation=job.manifest.operation, outcome=Outcome.INCONCLUSIVE, reason=reason,
        detail=(_WORDS | dict(words or {})).get(reason),
        evidence=Evidence(values=values),
    )  # fmt: skip


def spoken(
    job: Job, raw: float, values: dict[str, Any], heat: NDArray[Any], title: str,
    regions: tuple[Region, ...] = (), flags: tuple[Flag, ...] = (),
) -> Finding:  # fmt: skip
    """The finding of a raw score with its upright map (``heat``, 0..1), calibrated by the manifest."""
    if job.manifest.calibration is None:
        return silent(job, "no_calibrated_score", values)
    found = job.manifest.calibration.apply(raw)
    job.piece.maps[job.folder] = heat
    return Finding(
        operation=job.manifest.operation, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
        interval=found.interval, artifacts=overlay(job, f"{job.manifest.name}.png", title, heat),
        evidence=Evidence(values=values, regions=regions, flags=flags),
    )  # fmt: skip


def orientation(path: str) -> int:
    """The EXIF orientation (1..8) of a picture file; 1 when there is none or it cannot be read."""
    try:
        with Image.open(path) as image:
            return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  (a broken EXIF block says nothing about orientation)
        return 1


def upright_map(path: str, values: NDArray[Any]) -> NDArray[Any]:
    """A map of the stored picture (rows, columns, …) as a viewer would turn it."""
    return turn_upright(values, orientation(path))


def regions_of(
    job: Job, upright: NDArray[Any], threshold: float, cell: tuple[float, float], least_cells: int
) -> tuple[Region, ...]:
    """Boxes of the largest regions above ``threshold``.

    Parameters
    ----------
    upright
        Map (rows, columns); ``cell`` is the (height, width) of one of its cells in pixels.
    least_cells
        Smaller regions are noise of the map.
    """
    peak = max(float(upright.max()), 1e-9) if upright.size else 1.0
    high, wide = cell
    out = []
    for group in components(upright > threshold)[:MOST_REGIONS]:
        if sum(end - first for _, first, end in group) < least_cells:
            break
        top, bottom = min(row for row, _, _ in group), max(row for row, _, _ in group) + 1
        left, right = min(first for _, first, _ in group), max(end for _, _, end in group)
        hottest = max(float(upright[row, first:end].max()) for row, first, end in group)
        x, y = round(left * wide), round(top * high)
        width = min(round((right - left) * wide), (job.media.width or 1 << 30) - x)
        height = min(round((bottom - top) * high), (job.media.height or 1 << 30) - y)
        out.append(Region(x=x, y=y, width=width, height=height, score=round(max(0.0, hottest / peak), 3)))
    return tuple(out)


def overlay(job: Job, name: str, title: str, heat: NDArray[Any]) -> tuple[Artifact, ...]:
    """The picture with ``heat`` (0..1, upright, any grid over the whole picture) as an artifact PNG.

    Nothing when the client wants no pictures.
    """
    if not job.options.visualize:
        return ()
    path = os.path.join(job.workdir, name)
    heat_overlay(job.piece.picture(), np.clip(heat, 0, 1)).save(path)
    return (Artifact(name=name, media_type="image/png", title=title, path=path),)
