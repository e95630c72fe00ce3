"""Pair makers for pictures: what both members of a pair, and both classes of a set, go through alike.

A detector that sees one class saved once and the other twice learns the saving. So: the same random
post-processing for both (`postprocess`); copies whose content is the original's (`reconstruct`); a face
blended onto itself (`self_blended`, Shiohara & Yamasaki, CVPR 2022), the components of later detectors.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["compress", "postprocess", "reconstruct", "resize", "self_blended"]

Picture = NDArray[np.uint8]
_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def compress(rgb: Picture, form: str, quality: int) -> Picture:
    """Save and load again; ``form`` is ``JPEG`` or ``WEBP``."""
    held = io.BytesIO()
    Image.fromarray(rgb).save(held, form, quality=quality)
    return np.asarray(Image.open(held).convert("RGB"))


def resize(rgb: Picture, factor: float, how: Image.Resampling = Image.Resampling.BICUBIC) -> Picture:
    """Scale both sides, at least to one pixel."""
    size = max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor))
    return np.asarray(Image.fromarray(rgb).resize(size, how))


def postprocess(rgb: Picture, rng: np.random.Generator, least: int = 1) -> Picture:
    """A random history: resized (0.5 to 1.5), blurred, noisy, compressed (JPEG 60 to 100, WebP), cropped.

    Eight of ten are resized: whether a picture was is what a network learns first.

    Parameters
    ----------
    rgb
        uint8 (height, width, 3).
    least
        Pixels that the shorter side keeps, if it has them.
    """
    out = rgb
    if rng.random() < 0.8:
        factor = float(np.exp(rng.uniform(np.log(0.5), np.log(1.5))))
        out = resize(out, max(factor, least / min(out.shape[:2])), _FILTERS[rng.integers(3)])
    if rng.random() < 0.2:
        soft = ImageFilter.GaussianBlur(rng.uniform(0.2, 1.2))
        out = np.asarray(Image.fromarray(out).filter(soft))
    if rng.random() < 0.2:
        noisy = out + rng.normal(0, rng.uniform(0.5, 5), out.shape)
        out = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    kind = rng.random()
    if kind < 0.7:
        out = compress(out, "JPEG", int(rng.integers(60, 101)))
    elif kind < 0.85:
        out = compress(out, "WEBP", int(rng.integers(60, 100)))
    if min(out.shape[:2]) > least + 8:
        down, right = rng.integers(0, 8, 2)
        out = out[down:, right:]
    return out


def self_blended(rgb: Picture, mask: NDArray[Any], rng: np.random.Generator) -> tuple[Picture, Picture]:
    """(genuine, blended): the region is laid back over its own picture, slightly moved, recoloured, blurred.

    Parameters
    ----------
    mask
        bool or 0..1 (height, width), the region (a face).

    Returns
    -------
    tuple
        Both uint8 like ``rgb``; outside a margin of the mask they are equal.
    """
    source = Image.fromarray(rgb)
    (a, e), (c, f) = 1 + rng.uniform(-0.02, 0.02, 2), rng.uniform(-3, 3, 2)
    turned = source.transform(
        source.size, Image.Transform.AFFINE, (a, 0, c, 0, e, f), Image.Resampling.BICUBIC
    )
    if rng.random() < 0.5:
        turned = turned.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    moved = np.asarray(turned, np.float32) * rng.uniform(0.94, 1.06, 3) + rng.uniform(-6, 6)
    soft = Image.fromarray((np.asarray(mask, np.float32) * 255).astype(np.uint8))
    soft = soft.filter(ImageFilter.GaussianBlur(rng.uniform(1, 8)))
    weight = np.asarray(soft, np.float32)[..., None] / 255 * rng.uniform(0.5, 1.0)
    mixed = rgb * (1 - weight) + moved * weight
    return rgb, np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def reconstruct(rgb: Picture, session: Any, multiple: int = 16) -> Picture:
    """The picture through an autoencoder: ``session`` is an onnxruntime session with one input and output.

    Both are float32 (1, 3, height, width) in -1..1, as the usual KL and VQ autoencoders take them; sides are
    cut to a ``multiple``.

    Raises
    ------
    ValueError
        If the picture is smaller than ``multiple``, or the output is not of the input's shape.
    """
    height, width = (side // multiple * multiple for side in rgb.shape[:2])
    if not height or not width:
        raise ValueError(f"smaller than {multiple} pixels")
    given = rgb[:height, :width].astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
    made = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(given)})[0]
    if made.shape != given.shape:
        raise ValueError(f"the autoencoder answers {made.shape} to {given.shape}")
    levels = np.rint((np.asarray(made[0], np.float32).transpose(1, 2, 0) + 1) * 127.5)
    return np.clip(levels, 0, 255).astype(np.uint8)
