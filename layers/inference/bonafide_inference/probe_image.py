"""Probe of a picture: Pillow with only the wanted plug-ins and a pixel cap."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageFile

from bonafide_inference.pictures import BROKEN, open_picture
from bonafide_inference.probe import Refused, over

__all__ = ["probe_image"]

_UPRIGHT_SWAPS = {5, 6, 7, 8}
_ORIENTATION = 0x0112


def probe_image(path: str, family: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Facts of the picture at ``path``; width and height are those of the upright picture.

    Raises
    ------
    Refused
        ``media_limit_exceeded`` for too many pixels or frames, ``unreadable_media`` for no picture.
    """
    Image.MAX_IMAGE_PIXELS = int(limits["pixels"])
    try:
        with open_picture(path, family) as image:
            width, height = image.size
            if width * height > limits["pixels"]:
                raise over("pixels", width * height, limits["pixels"])
            frames = int(getattr(image, "n_frames", 1))
            if frames > limits["frames"]:
                raise over("frames", frames, limits["frames"])
            if _orientation(image) in _UPRIGHT_SWAPS:
                width, height = height, width
            mime = Image.MIME.get(str(image.format), f"image/{family}")
    except Image.DecompressionBombError as error:
        raise Refused("media_limit_exceeded", str(error)) from error
    except BROKEN as error:
        raise Refused("unreadable_media", f"The picture cannot be opened: {error}") from error
    warnings = _decode_once(path, family)
    mime = {"jpeg": "image/jpeg", "heic": "image/heic"}.get(family, mime)
    return {
        "kind": "image", "format": family, "mime": mime, "width": width, "height": height,
        "frames": frames, "warnings": warnings,
    }  # fmt: skip


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  (a broken EXIF block says nothing about orientation)
        return 1


def _decode_once(path: str, family: str) -> list[str]:
    """Decode the first frame as cheaply as the format allows: [] when whole, ["truncated"] when partial."""
    try:
        _load(path, family)
        return []
    except BROKEN as error:
        first = str(error)
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        extremes = _load(path, family)
    except BROKEN as error:
        raise Refused("unreadable_media", f"The picture cannot be decoded: {first}") from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    if all(low == high for low, high in extremes):  # nothing but the decoder's filling
        raise Refused("unreadable_media", f"Nothing of the picture can be decoded: {first}")
    return ["truncated"]


def _load(path: str, family: str) -> list[tuple[float, float]]:
    with open_picture(path, family) as image:
        if family == "jpeg":  # all entropy-coded data is read, an eighth of the picture is made
            image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
        extremes: Any = image.getextrema() if image.mode != "P" else image.convert("RGB").getextrema()
        return list(extremes) if isinstance(extremes[0], tuple) else [extremes]
