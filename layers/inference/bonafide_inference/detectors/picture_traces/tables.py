"""JPEG quantisation tables: whose they are. libjpeg's are computed, Adobe's presets come with Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from mmap import mmap
from typing import Any

from bonafide_inference.chunks import Layout
from bonafide_inference.jpegdct import ZIGZAG
from PIL import JpegPresets

__all__ = ["Encoding", "encoding"]

_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
) + (99,) * 32  # fmt: skip
"""Tables K.1 and K.2 of ITU-T T.81, row by row."""


@dataclass(frozen=True)
class Encoding:
    """How a JPEG is coded.

    ``family`` is ``ijg`` (libjpeg's scaling at ``quality``), ``adobe`` (a Photoshop preset, named by
    ``preset``), ``custom`` or ``none``; ``process`` baseline, extended, progressive or lossless;
    ``subsampling`` such as 4:2:0.
    """

    family: str
    quality: int | None = None
    preset: str | None = None
    process: str = ""
    subsampling: str = ""
    tables: tuple[tuple[int, ...], ...] = ()


def encoding(data: bytes | mmap, layout: Layout) -> Encoding:
    """Read tables and frame header; a broken one leaves its part empty."""
    tables = _tables(b"".join(chunk.data(data, 70_000) for chunk in layout.all("DQT")[:8]))
    frame = next((c for c in layout.chunks if c.kind.startswith("SOF")), None)
    process, subsampling = "", ""
    if frame is not None:
        number = int(frame.kind[3:])
        process = {0: "baseline", 1: "extended", 2: "progressive", 3: "lossless"}.get(number, f"SOF{number}")
        subsampling = _subsampling(frame.data(data, 64))
    family, quality, preset = _family(tables)
    return Encoding(family, quality, preset, process, subsampling, tables)


def _tables(block: bytes) -> tuple[tuple[int, ...], ...]:
    """Tables by their number, row by row; a later definition replaces an earlier one."""
    found: dict[int, tuple[int, ...]] = {}
    place = 0
    while place < len(block):
        wide, number = block[place] >> 4, block[place] & 15
        size = 128 if wide else 64
        raw = block[place + 1 : place + 1 + size]
        if len(raw) < size or number > 3:
            break
        steps = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, 128, 2)] if wide else list(raw)
        rows = [0] * 64
        for step, index in zip(steps, ZIGZAG, strict=True):
            rows[index] = step
        found[number] = tuple(rows)
        place += 1 + size
    return tuple(found[number] for number in sorted(found))


def _subsampling(frame: bytes) -> str:
    count = frame[5] if len(frame) > 5 else 0
    factors = [frame[7 + 3 * i] for i in range(count) if 7 + 3 * i < len(frame)]
    if len(factors) == 1:
        return "grey"
    if len(factors) < 3 or not factors[1]:
        return ""
    pair = (factors[0] >> 4, factors[0] & 15, factors[1] >> 4, factors[1] & 15)
    known = {(1, 1, 1, 1): "4:4:4", (2, 1, 1, 1): "4:2:2", (2, 2, 1, 1): "4:2:0", (1, 2, 1, 1): "4:4:0"}
    return known.get(pair, "x".join(str(n) for n in pair))


def _family(tables: tuple[tuple[int, ...], ...]) -> tuple[str, int | None, str | None]:
    if not tables:
        return "none", None, None
    luma = tables[0]
    quality = _scaled(_LUMA).get(luma)
    if quality is not None and all(t in (luma, _scaled_at(_CHROMA, quality)) for t in tables[1:]):
        return "ijg", quality, None
    preset = _presets().get(luma)
    return ("adobe", None, preset) if preset else ("custom", None, None)


def _scaled_at(base: tuple[int, ...], quality: int) -> tuple[int, ...]:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(255, max(1, (value * scale + 50) // 100)) for value in base)


@lru_cache(maxsize=2)
def _scaled(base: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    return {_scaled_at(base, quality): quality for quality in range(1, 101)}


@lru_cache(maxsize=1)
def _presets() -> dict[tuple[int, ...], str]:
    """Photoshop's luma tables that are not also libjpeg's."""
    found: dict[tuple[int, ...], str] = {}
    for name, preset in JpegPresets.presets.items():
        tables: Any = preset["quantization"]
        luma = tuple(tables[0])
        if name.startswith(("web_", "low", "medium", "high", "maximum")) and luma not in _scaled(_LUMA):
            found.setdefault(luma, name.replace("_", " "))
    return found
