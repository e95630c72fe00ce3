"""What the pixels themselves show: periodic patterns, noise, and whether they are a photograph's at all.

Everything is measured on crops in native resolution; nothing is resized before. The measurements are shown,
not scored: each points one way on one source and the other way on the next (card).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Pixels", "boxes", "crops", "look", "spectrum", "unfit"]

SIDE = 256
"""Pixels of a crop's side; the spectrum's too."""
_FLAT = 16
"""Side of the cells in which noise is estimated."""


@dataclass(frozen=True)
class Pixels:
    """Measurements of one picture, ``None`` where there is too little of it.

    ``period_two``: the pattern of period 2 along the diagonals of the green channel's second derivative, over
    that of the other multiples of 1/8, which JPEG's grid makes as well. Meant to find demosaicing (Gallagher
    & Chen, CVPR 2008); a decoder's upsampling makes it too. ``noise_by_light``: correlation of noise and
    brightness over the calm cells, -1..1 (a sensor's shot noise grows with light). ``noise``: median standard
    deviation of the residual in them, grey levels. ``plain``: share of neighbours that are equal, 0..1.
    ``hues``: share of distinct colours among the sampled pixels, 0..1. ``detail``: log10 of the mean squared
    residual. ``blocks``: differences across the strongest line of a grid of 8 over those across the others
    (about 1 without blocks; what a heavy JPEG leaves even when it is saved again, in any format).
    """

    period_two: float | None
    noise_by_light: float | None
    noise: float | None
    plain: float
    hues: float
    detail: float
    blocks: float | None

    def values(self) -> dict[str, float | None]:
        """As named measurements of the finding."""
        return {
            "pixel_" + name: None if value is None else round(float(value), 4)
            for name, value in vars(self).items()
        }


def crops(picture: Image.Image) -> list[NDArray[np.uint8]]:
    """Up to 3 x 3 crops of `SIDE` pixels (smaller where the picture is), evenly laid over it, uint8 RGB."""
    return [np.asarray(picture.crop(box)) for box in boxes(picture.size)]


def boxes(size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Where the crops of a picture of this (width, height) lie: (left, top, right, bottom), row by row."""
    wide, high = size
    columns, rows = (max(1, min(3, side // SIDE)) for side in size)
    lefts = [_place(wide, column, columns) for column in range(columns)]
    tops = [_place(high, row, rows) for row in range(rows)]
    return [(x, y, min(wide, x + SIDE), min(high, y + SIDE)) for y in tops for x in lefts]


def _place(side: int, number: int, count: int) -> int:
    """Where crop ``number`` of ``count`` begins; a single one lies in the middle. Always even."""
    room = max(0, side - SIDE)
    return (room * number // (count - 1) if count > 1 else room // 2) // 2 * 2


def look(found: list[NDArray[np.uint8]]) -> Pixels:
    """Measure the crops of one picture."""
    greens = [crop[..., 1].astype(np.float32) for crop in found]
    whole = [green for green in greens if min(green.shape) >= 64]
    cells = np.concatenate([_cells(green) for green in whole]) if whole else np.zeros((0, 2))
    residuals = [_residual(green) for green in greens if min(green.shape) >= 3]
    power = float(np.mean([np.mean(r**2) for r in residuals])) if residuals else 0.0
    return Pixels(
        period_two=float(np.median([_period_two(green) for green in whole])) if whole else None,
        noise_by_light=_correlation(cells),
        noise=float(np.median(cells[:, 1])) if len(cells) else None,
        plain=float(np.mean([_plain(crop) for crop in found])),
        hues=_hues(found),
        detail=float(np.log10(power + 1e-3)),
        blocks=float(np.median([_blocks(part) for green in whole for part in (green, green.T)]))
        if whole
        else None,
    )


def unfit(seen: Pixels, least_side: int, quality: int | None, limits: dict[str, float]) -> str | None:
    """Why a picture is not one of those that anything here was measured on; None when it is.

    Parameters
    ----------
    least_side
        The shorter side in pixels.
    quality
        Of the JPEG on libjpeg's scale, if it is one.
    limits
        The manifest's thresholds.

    Returns
    -------
    str | None
        ``too_small``, ``not_a_photograph`` (documents, screenshots, drawings), ``heavily_compressed``.
    """
    if least_side < limits["least_side"]:
        return "too_small"
    if seen.plain > limits["plain_most"] or seen.hues < limits["hues_least"]:
        return "not_a_photograph"
    crushed = quality is not None and quality < limits["quality_least"]
    return "heavily_compressed" if crushed or (seen.blocks or 0.0) > limits["blocks_most"] else None


def _residual(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Second derivative in both directions, without the border."""
    middle = plane[1:-1, 1:-1]
    around = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    return np.asarray(middle - around / 4, np.float32)


def _period_two(green: NDArray[np.float32]) -> float:
    """Peak at half the sampling rate of the means along diagonals, over the peaks at 1/8, 2/8 and 3/8."""
    strength = np.abs(_residual(green))
    side = min(strength.shape) // 8 * 8
    torus = np.tile(strength[:side, :side], 2)
    steps = (torus.strides[0] + torus.strides[1], torus.strides[1])
    diagonals = as_strided(torus, (side, side), steps, writeable=False)  # all of equal length
    line = diagonals.mean(axis=0, dtype=np.float64)
    power = np.abs(np.fft.rfft(line - line.mean()))
    step = side // 8
    other = max(float(power[k * step]) for k in (1, 2, 3))
    floor = float(np.median(power)) + 1e-6
    return float(power[4 * step]) / max(other, floor)


def _blocks(green: NDArray[np.float32]) -> float:
    """Mean difference across the strongest column of eight, over the median of the seven others."""
    steps = np.abs(np.diff(green, axis=1)).mean(axis=0)
    lines = np.sort(steps[: len(steps) // 8 * 8].reshape(-1, 8).mean(axis=0))
    return float(lines[-1] / (np.median(lines[:-1]) + 0.05))


def _cells(green: NDArray[np.float32]) -> NDArray[np.float64]:
    """(brightness, noise) of the calmer half of the cells that are neither dark nor clipped."""
    noise = _residual(green)
    rows, columns = noise.shape[0] // _FLAT, noise.shape[1] // _FLAT
    shape = (rows, _FLAT, columns, _FLAT)
    light = green[1:-1, 1:-1][: rows * _FLAT, : columns * _FLAT].reshape(shape).mean(axis=(1, 3)).ravel()
    spread = noise[: rows * _FLAT, : columns * _FLAT].reshape(shape).std(axis=(1, 3)).ravel()
    calm = (light > 20) & (light < 235) & (spread <= np.median(spread))
    return np.stack([light[calm], spread[calm]], axis=1).astype(np.float64)


def _correlation(cells: NDArray[np.float64]) -> float | None:
    if len(cells) < 24 or cells.std(axis=0).min() < 1e-6:
        return None
    return float(np.corrcoef(cells[:, 0], cells[:, 1])[0, 1])


def _plain(crop: NDArray[np.uint8]) -> float:
    if crop.shape[1] < 2:
        return 1.0
    return float((crop[:, 1:] == crop[:, :-1]).all(axis=-1).mean())


def _hues(found: list[NDArray[np.uint8]]) -> float:
    sample = np.concatenate([crop[::4, ::4].reshape(-1, 3) for crop in found]).astype(np.int64)
    codes = sample[:, 0] << 16 | sample[:, 1] << 8 | sample[:, 2]
    return float(len(np.unique(codes)) / len(codes))


def spectrum(found: list[NDArray[np.uint8]]) -> NDArray[np.float64] | None:
    """Mean power spectrum of the residual, dB, (`SIDE`, `SIDE`), zero frequency in the middle.

    Peaks off the middle are periodic patterns: upsampling leaves them, and so do JPEG's grid, demosaicing,
    fabric and screens. None when no crop is whole.
    """
    square = [crop for crop in found if crop.shape[:2] == (SIDE, SIDE)]
    whole: list[Any] = [crop @ np.full(3, 1 / 3, np.float32) for crop in square]
    if not whole:
        return None
    window = np.hanning(SIDE)[:, None] * np.hanning(SIDE)[None, :]
    total = np.zeros((SIDE, SIDE))
    for plane in whole:
        noise = np.zeros((SIDE, SIDE))
        noise[1:-1, 1:-1] = _residual(plane)
        total += np.abs(np.fft.fftshift(np.fft.fft2(noise * window))) ** 2
    return np.asarray(10 * np.log10(total / len(whole) + 1e-6))
