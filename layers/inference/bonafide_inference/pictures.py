"""Opening a picture with the one plug-in that its bytes ask for. Only in the cell."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["BROKEN", "FAMILIES", "LOSSLESS", "open_picture"]

FAMILIES = {
    "jpeg": ("JPEG", "MPO"), "png": ("PNG",), "tiff": ("TIFF",), "gif": ("GIF",), "webp": ("WEBP",),
    "bmp": ("BMP",), "avif": ("AVIF",), "heic": ("HEIF",),
}  # fmt: skip
"""Family of `sniff` → names of Pillow's plug-ins."""
LOSSLESS = ("png", "bmp", "tiff")
"""Families in which the traces of an earlier save, and parts equal to the bit, survive untouched."""
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError)
"""What Pillow and its plug-ins raise for a file that is broken."""


def open_picture(source: str | IO[bytes], family: str) -> Image.Image:
    """Open the file; nothing is decoded yet.

    Raises
    ------
    Exception
        One of `BROKEN`: not a picture of this family.
    """
    from PIL import Image

    if family == "heic":
        import pi_heif  # a tenth of a second that no other picture pays

        pi_heif.register_heif_opener()
    return Image.open(source, formats=FAMILIES[family])
