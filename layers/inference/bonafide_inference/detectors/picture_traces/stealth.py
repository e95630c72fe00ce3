"""Text that some generators hide in the lowest bit of a PNG's alpha channel (A1111 and NovelAI write it)."""

from __future__ import annotations

import json
import zlib

import numpy as np
from bonafide.model import MediaFacts
from numpy.typing import NDArray
from PIL import Image

__all__ = ["stealth_text"]

MAX_PIXELS = 20_000_000
MAX_BITS = 8 * 2**20
_MARKS = {b"stealth_pnginfo": False, b"stealth_pngcomp": True}
"""Signature → whether the text is compressed."""


def stealth_text(path: str, media: MediaFacts) -> str | None:
    """The hidden text, or None. Bits run down the columns: signature, length in bits, text."""
    pixels = (media.width or 0) * (media.height or 0)
    if not 200 <= pixels <= MAX_PIXELS:
        return None
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode != "RGBA":
                return None
            alpha = np.asarray(image.getchannel("A"))
        return _decode((alpha.T.ravel() & 1).astype(np.uint8))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (Pillow raises anything on a hostile file)
        return None


def _decode(bits: NDArray[np.uint8]) -> str | None:
    packed = _MARKS.get(np.packbits(bits[:120]).tobytes())
    if packed is None:
        return None
    size = int.from_bytes(np.packbits(bits[120:152]).tobytes(), "big")
    body = np.packbits(bits[152 : 152 + min(size, MAX_BITS)]).tobytes()
    if packed:
        body = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, 2**20)
    text = body.decode("utf-8", "replace")
    try:  # NovelAI hides all its chunks as one object; what counts is the comment
        inner = json.loads(text)
    except ValueError:
        return text
    comment = inner.get("Comment") if isinstance(inner, dict) else None
    return comment if isinstance(comment, str) else text
