"""Pictures for people: heat overlays, spectrograms, contact sheets. Pillow and numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = [
    "contact_sheet",
    "crops_overlay",
    "heat_overlay",
    "label_boxes",
    "palette",
    "residual_spectrum",
    "spectrogram",
]

_STOPS = np.array([[0, 0, 4], [60, 9, 101], [140, 41, 99], [214, 72, 65], [251, 155, 6], [252, 255, 164]])


def palette(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Colour values 0..1 (any shape) black → violet → red → yellow: uint8 with one more axis of 3."""
    place = np.clip(np.nan_to_num(values), 0, 1) * (len(_STOPS) - 1)
    knots = np.arange(len(_STOPS))
    return np.stack([np.interp(place, knots, _STOPS[:, i]) for i in range(3)], axis=-1).astype(np.uint8)


def heat_overlay(picture: Image.Image, heat: NDArray[Any], long_side: int = 1280) -> Image.Image:
    """Lay ``heat`` (0..1, any grid) over the picture: grey where calm, red to yellow where hot."""
    canvas = picture.copy()
    canvas.thumbnail((long_side, long_side))
    base = np.asarray(canvas.convert("L").convert("RGB"), dtype=np.float32)
    small = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8))
    level = np.asarray(small.resize(canvas.size, Image.Resampling.BILINEAR), dtype=np.float32) / 255
    weight = (0.75 * np.clip(level * 1.5, 0, 1))[..., None]
    mixed = base * (1 - weight) + palette(0.35 + 0.65 * level).astype(np.float32) * weight
    return Image.fromarray(mixed.astype(np.uint8))


def crops_overlay(
    picture: Image.Image,
    boxes: Sequence[tuple[int, int, int, int]],
    levels: Sequence[float],
    legend: Sequence[str],
    long_side: int = 480,
) -> Image.Image:
    """Colour squares of the picture by what was found in each; what nobody looked at stays grey.

    Parameters
    ----------
    boxes
        (left, top, right, bottom) in pixels of the picture.
    levels
        0..1 for each box.
    legend
        Lines that stand under the picture.
    """
    factor = max(1, -(-max(picture.size) // long_side))
    small = picture.reduce(factor).convert("L")
    shown = np.asarray(small.convert("RGB"), dtype=np.float32).copy()
    for box, level in zip(boxes, levels, strict=True):
        left, top, right, bottom = (edge // factor for edge in box)
        part = shown[top:bottom, left:right]
        part *= 0.5
        part += palette(np.array(0.2 + 0.8 * level)).astype(np.float32) * 0.5
    image = Image.new("RGB", (max(small.width, 360), small.height + _LINE * len(legend) + 6), "white")
    image.paste(Image.fromarray(shown.astype(np.uint8)), (0, 0))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for row, line in enumerate(legend):
        draw.text((4, small.height + 2 + _LINE * row), line, "black", font)
    return image


_INKS = ("cyan", "magenta", "lime", "orange", "deepskyblue", "white")
_LINE = 15


def label_boxes(image: Image.Image, boxes: Iterable[tuple[str, tuple[float, ...]]]) -> None:
    """Draw boxes (left, top, right, bottom in pixels) with their labels; each label has an ink of its own."""
    draw, font, inks = ImageDraw.Draw(image), ImageFont.load_default(12), dict[str, int]()
    for label, (left, top, right, bottom) in boxes:
        row = inks.setdefault(label, len(inks))
        ink = _INKS[row % len(_INKS)]
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=ink, width=2)
        wide = draw.textlength(label, font=font) + 4
        x = max(0.0, min(left, image.width - wide))  # labels of boxes at one place stand below each other
        y = max(0.0, min(top + _LINE * row, image.height - _LINE))
        draw.rectangle((x, y, x + wide, y + _LINE), fill="black")
        draw.text((x + 2, y), label, fill=ink, font=font)


def spectrogram(
    levels_db: NDArray[Any],
    track_hz: NDArray[Any],
    nyquist_hz: float,
    start_s: float,
    end_s: float,
    title: str,
) -> Image.Image:
    """Spectrogram with a line on it.

    Parameters
    ----------
    levels_db
        (columns, bands) in dBFS; -110..-20 is drawn.
    track_hz
        (columns,) the line, NaN where there is none.
    """
    width, height, left, top = 900, 360, 56, 24
    image = Image.new("RGB", (left + width + 12, top + height + 34), "white")
    scaled = np.clip((levels_db.T[::-1] + 110) / 90, 0, 1)
    image.paste(
        Image.fromarray(palette(scaled)).resize((width, height), Image.Resampling.BILINEAR), (left, top)
    )
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    draw.text((left, 4), title, fill="black", font=font)
    columns = max(1, len(track_hz))
    for column, hertz in enumerate(track_hz):
        if np.isfinite(hertz):
            y = top + height * (1 - hertz / nyquist_hz)
            x = left + width * column / columns
            draw.rectangle((x, y - 1, x + max(1.0, width / columns), y + 1), fill=(0, 255, 255))
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = top + height * (1 - share)
        draw.text((4, y - 7), f"{nyquist_hz * share / 1000:.1f} k", fill="black", font=font)
        moment = start_s + (end_s - start_s) * share
        draw.text(
            (left + width * share - (30 if share else 0), top + height + 6), f"{moment:.1f} s", "black", font
        )
    return image


def residual_spectrum(levels_db: NDArray[Any]) -> Image.Image:
    """A two-dimensional power spectrum, zero frequency in the middle, with its scale in cycles a pixel.

    Drawn from the median to 30 dB above it, so that peaks show whatever the picture's noise is.
    """
    side, left, top = 384, 44, 24
    image = Image.new("RGB", (left + side + 12, top + side + 34), "white")
    scaled = np.clip((levels_db - np.median(levels_db) + 6) / 36, 0, 1)
    image.paste(Image.fromarray(palette(scaled)).resize((side, side), Image.Resampling.BILINEAR), (left, top))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    draw.text((left, 4), "Residual spectrum, cycles a pixel; a measurement, no verdict", "black", font)
    for share, text in ((0.0, "-1/2"), (0.5, "0"), (1.0, "1/2")):
        draw.text((left + (side - 22) * share, top + side + 6), text, "black", font)
        draw.text((8, top + (side - 14) * share), text, "black", font)
    return image


def contact_sheet(
    frames: Sequence[tuple[str, Image.Image]], columns: int = 4, tile: int = 240
) -> Image.Image:
    """A grid of captioned pictures, each fitted into ``tile`` pixels."""
    thumbs = []
    for caption, picture in frames:
        small = picture.copy()
        small.thumbnail((tile, tile))
        thumbs.append((caption, small))
    rows, tall = -(-len(thumbs) // columns), max((small.height for _, small in thumbs), default=tile)
    sheet = Image.new("RGB", (columns * (tile + 6) + 6, max(1, rows) * (tall + 24) + 6), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, (caption, small) in enumerate(thumbs):
        x, y = 6 + place % columns * (tile + 6), 6 + place // columns * (tall + 24)
        sheet.paste(small, (x, y))
        draw.text((x, y + small.height + 2), caption, fill="black", font=font)
    return sheet
