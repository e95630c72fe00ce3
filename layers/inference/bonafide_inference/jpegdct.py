"""JPEG luma: quantised DCT coefficients without a JPEG library of our own.

Pillow's draft mode gives the decoded Y plane before colour conversion; its blockwise DCT divided by the
quantisation table and rounded equals the stored coefficients in 99.9 % of cases for steps of 2 and more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

__all__ = ["STANDARD", "ZIGZAG", "Luma", "block_dct", "read_luma", "standard_quality"]

STANDARD = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Luma table of ITU-T T.81 annex K, row by row."""

ZIGZAG: tuple[int, ...] = tuple(
    sorted(range(64), key=lambda i: (s := i // 8 + i % 8, i % 8 if s % 2 == 0 else i // 8))
)
"""Zigzag order: position → row-major index."""

_STRIP = 64
"""Block rows transformed at a time: bounds memory on large pictures."""


@dataclass(frozen=True)
class Luma:
    """The decoded Y plane of a JPEG and its quantisation.

    ``plane``: uint8 (height, width), cropped to whole blocks; ``table``: 64 steps, row-major;
    ``clipped``: bool (block rows, columns), blocks with colours at the end of the scale.
    """

    plane: NDArray[np.uint8]
    table: NDArray[np.float64]
    clipped: NDArray[np.bool_]

    @property
    def blocks(self) -> tuple[int, int]:
        """Rows and columns of 8×8 blocks."""
        return self.plane.shape[0] // 8, self.plane.shape[1] // 8


def read_luma(path: str) -> Luma | None:
    """The luma of a JPEG as it is stored (not turned upright); None unless it is YCbCr or grey.

    Raises
    ------
    OSError
        If the file cannot be decoded at all; a truncated one is read as far as it goes.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    with Image.open(path, formats=["JPEG"]) as image:  # an MPO comes out of it, too
        tables: dict[int, Any] = getattr(image, "quantization", {})
        if image.mode not in ("RGB", "YCbCr", "L") or 0 not in tables:
            return None
        if image.mode != "L":
            image.draft("YCbCr", image.size)
        if image.mode not in ("YCbCr", "L"):
            return None  # stored as RGB: no luma plane to speak of
        pixels = np.asarray(image)
        plane = pixels if pixels.ndim == 2 else pixels[..., 0]
        rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
        clipped = _clipped(image, rows, columns)
    cropped = np.ascontiguousarray(plane[: rows * 8, : columns * 8])
    return Luma(cropped, np.array(tables[0], dtype=np.float64), clipped)


def _clipped(image: Image.Image, rows: int, columns: int) -> NDArray[np.bool_]:
    """Blocks in which more than one pixel in fifty has a colour channel at 0 or 255."""
    out = np.zeros((rows, columns), dtype=bool)
    for top in range(0, rows, _STRIP):
        bottom = min(rows, top + _STRIP)
        strip = np.asarray(image.crop((0, top * 8, columns * 8, bottom * 8)).convert("RGB"))
        ends = ((strip <= 1) | (strip >= 254)).any(axis=-1)
        out[top:bottom] = ends.reshape(bottom - top, 8, columns, 8).mean(axis=(1, 3)) > 0.02
    return out


def standard_quality(table: NDArray[np.float64]) -> int:
    """The IJG quality (1..100) whose table is nearest; also a fair word for tables of other houses."""
    ratio = float(np.mean(np.sort(table) / np.sort(np.array(STANDARD)))) * 100
    quality = (200 - ratio) / 2 if ratio <= 100 else 5000 / ratio
    return int(min(100, max(1, round(quality))))


def _basis() -> NDArray[np.float32]:
    k = np.arange(8)
    matrix = np.sqrt(0.25) * np.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16)
    matrix[0] *= math.sqrt(0.5)
    return np.kron(matrix, matrix).astype(np.float32)


_BASIS = _basis()


def block_dct(plane: NDArray[np.uint8], indices: list[int], offset: int = 0) -> NDArray[np.float32]:
    """Orthonormal DCT of all 8×8 blocks at the row-major ``indices``: float32 (block rows, columns, n).

    ``offset`` moves the grid by that many pixels down and right (the last blocks are then lost).
    """
    shifted = plane[offset:, offset:]
    rows, columns = shifted.shape[0] // 8, shifted.shape[1] // 8
    out = np.empty((rows, columns, len(indices)), dtype=np.float32)
    basis = np.ascontiguousarray(_BASIS[indices].T)
    for top in range(0, rows, _STRIP):
        strip = shifted[top * 8 : min(rows, top + _STRIP) * 8, : columns * 8].astype(np.float32) - 128.0
        blocks = strip.reshape(-1, 8, columns, 8).transpose(0, 2, 1, 3).reshape(-1, columns, 64)
        out[top : top + _STRIP] = blocks @ basis
    return out
