"""What a camera leaves in a file: coherent EXIF, its own tables, a thumbnail of the same picture.

Evidence *for* a capture, and weak: anyone can copy these blocks into any file, and a screen can be
photographed. That they are missing means nothing: every platform removes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bonafide.model import Flag, MediaFacts
from bonafide_inference.detectors.picture_traces import editors, thumbnail
from bonafide_inference.detectors.picture_traces.tables import Encoding, encoding
from bonafide_inference.metadata import Metadata, mapped, read_bytes

__all__ = ["CameraTraces", "read_camera"]

_EXPOSURE = ("ExposureTime", "FNumber", "ISOSpeedRatings", "PhotographicSensitivity", "FocalLength")
_WRITTEN = frozenset({"jpeg", "heic", "tiff"})
"""What cameras write. A record in a PNG, WebP, GIF, BMP or AVIF was carried there by a program."""
_INNOCENT = frozenset({"firmware", "manager", "converter"})


@dataclass(frozen=True)
class CameraTraces:
    """Each trace on its own; ``None`` where the file gives no occasion to judge it.

    ``named``: maker and model; ``exposed``: how many settings of the exposure are given, 0..5; ``dated``: the
    moment of capture; ``sized``: EXIF's size is the picture's; ``noted``: a maker's private block;
    ``thumbnail``: it shows this picture, in this shape; ``tables``: quantisation tables that are neither
    libjpeg's nor Adobe's; ``untouched``: no editor, developer, generator or history is named, and the format
    is one that cameras write.
    """

    camera: str | None
    exposed: int
    dated: bool
    sized: bool | None
    noted: bool
    thumbnail: bool | None
    tables: bool | None
    untouched: bool

    @property
    def coherent(self) -> bool:
        """Nothing that a camera writes is missing, and nothing contradicts it."""
        return (
            self.camera is not None and self.exposed >= 2 and self.dated and self.untouched
            and self.sized is not False and self.thumbnail is not False
        )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """As named measurements of the finding."""
        return {
            "camera": self.camera, "camera_coherent": self.coherent, "camera_exposure_settings": self.exposed,
            "camera_dated": self.dated, "camera_size_fits": self.sized, "camera_maker_note": self.noted,
            "camera_thumbnail_fits": self.thumbnail, "camera_tables": self.tables,
            "camera_untouched": self.untouched,
        }  # fmt: skip

    def flags(self, base_rate: str) -> list[Flag]:
        """One flag when the traces are coherent."""
        if not self.coherent:
            return []
        parts = (("block of its own", self.noted), ("thumbnail", self.thumbnail), ("tables", self.tables))
        also = ", ".join(name for name, there in parts if there)
        return [Flag(
            code="camera_traces", where="EXIF", value=self.camera, base_rate=base_rate,
            message=f"The file bears a camera's record ({self.camera}) without contradiction"
            + (f"; besides: {also}." if also else "."),
            caveat="Such records can be copied into any file; a photograph of a screen bears them too.",
        )]  # fmt: skip


def read_camera(path: str, media: MediaFacts) -> tuple[Metadata, Encoding | None, CameraTraces]:
    """Read the file's blocks once: all metadata, a JPEG's coding, and what of it speaks of a camera."""
    with mapped(path) as data:
        found = read_bytes(data, media.format)
        coded = encoding(data, found.layout) if media.format == "jpeg" else None
    return found, coded, _traces(path, media, found, coded)


def _traces(path: str, media: MediaFacts, found: Metadata, coded: Encoding | None) -> CameraTraces:
    exif = found.exif
    named = [str(exif[tag]).strip() for tag in ("Make", "Model") if str(exif.get(tag) or "").strip()]
    camera = " ".join(named)[:120] if len(named) == 2 else None
    sides = [exif.get("ExifImageWidth"), exif.get("ExifImageHeight")]
    sized = set(sides) == {media.width, media.height} if _counts(sides) else None
    small = thumbnail.compare(path, found.thumbnail, media.format) if camera and found.thumbnail else None
    programs = editors.programs(found)
    history = any(item.root == "xmpMM:History" for item in found.xmp)
    return CameraTraces(
        camera=camera,
        exposed=sum(isinstance(exif.get(tag), (int, float, tuple)) for tag in _EXPOSURE),
        dated=bool(str(exif.get("DateTimeOriginal") or "").strip(" 0:")),
        sized=sized,
        noted=str(exif.get("MakerNote") or "").startswith("<"),
        thumbnail=None if small is None else not thumbnail.thumbnail_flags(small),
        tables=coded.family == "custom" if coded else None,
        untouched=media.format in _WRITTEN
        and not history
        and not found.photoshop
        and all(p.kind in _INNOCENT for p in programs),
    )


def _counts(sides: list[Any]) -> bool:
    return all(isinstance(side, int) and side > 0 for side in sides)
