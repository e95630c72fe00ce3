"""What localisers share: maps of the stored picture turned upright, boxes of hot regions, the overlay.

A map is a grid of cells laid over the picture *as stored*; people see the picture upright (EXIF), so regions
and overlays are turned. Boxes are pixels of the upright picture.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from bonafide.model import Artifact, Region
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.plots import heat_overlay
from bonafide_inference.regions import components, turn_upright
from bonafide_inference.registry import Job

__all__ = ["MOST_REGIONS", "orientation", "overlay", "regions_of", "upright_map"]

MOST_REGIONS = 8
_ORIENTATION = 0x0112


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
