"""Which program last saved a JPEG, from its headers. Evidence, no score."""

from __future__ import annotations

import re
from typing import Any

from bonafide.model import Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.registry import Job
from PIL import Image

__all__ = ["JpegTraces", "segments"]

EDITORS = re.compile(
    r"photoshop|lightroom|gimp|affinity|paint\.net|pixelmator|snapseed|picsart|facetune|capture one|canva|"
    r"acdsee|irfanview|imagemagick|photopea|luminar|darktable|krita|corel",
    re.IGNORECASE,
)
_MAX_SEGMENTS = 400
_SOFTWARE, _ORIGINAL, _DIGITISED, _WIDTH, _HEIGHT, _EXIF = 0x0131, 0x9003, 0x9004, 0xA002, 0xA003, 0x8769


class JpegTraces:
    """See the card: ``inconclusive`` with evidence; other formats are not applicable."""

    def applies(self, media: MediaFacts) -> str | None:
        """JPEG only."""
        return None if media.format == "jpeg" else "no_jpeg"

    def score(self, job: Job) -> Finding:
        """Read the segments up to the first scan, and EXIF."""
        found = segments(job.path)
        exif = _exif(job.path)
        values: dict[str, Any] = {
            "segments": " ".join(f"{marker:02x}" for marker, _ in found[:40]),
            "software": exif.get("software"), "taken": exif.get("original"),
        }  # fmt: skip
        flags = _segment_flags(found) + _exif_flags(exif)
        return Finding(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score",
            detail="These traces name programs, not forgeries; no score has been calibrated on them.",
            evidence=Evidence(flags=tuple(flags), values=values),
        )  # fmt: skip


def segments(path: str) -> list[tuple[int, bytes]]:
    """(marker, payload) of each JPEG segment before the first scan; a broken header ends the list."""
    found: list[tuple[int, bytes]] = []
    with open(path, "rb") as file:
        file.read(2)
        while len(found) < _MAX_SEGMENTS:
            head = file.read(4)
            while len(head) == 4 and head[:2] == b"\xff\xff":  # fill bytes before a marker
                head = head[1:] + file.read(1)
            if len(head) < 4 or head[0] != 0xFF or head[1] in (0xDA, 0xD9):
                break
            length = int.from_bytes(head[2:4], "big")
            if length < 2:
                break
            found.append((head[1], file.read(length - 2)))
    return found


def _segment_flags(found: list[tuple[int, bytes]]) -> list[Flag]:
    flags = []
    if any(marker == 0xEE and data.startswith(b"Adobe") for marker, data in found):
        flags.append(Flag(
            code="adobe_app14", message="Saved by a program of Adobe's, or one that writes like it.",
            base_rate="1 of 71 originals, 26 of 72 edited web pictures",
            caveat="An innocent crop or export leaves the same; it does not say that content was changed.",
        ))  # fmt: skip
    if any(marker == 0xED and data.startswith(b"Photoshop 3.0") for marker, data in found):
        flags.append(Flag(
            code="photoshop_trace", message="Holds a Photoshop resource block.",
            base_rate="4 of 71 originals, 28 of 72 edited web pictures (any Photoshop trace)",
            caveat="News agencies and platforms write captions into this block without editing pixels.",
        ))  # fmt: skip
    for marker, data in found:
        if marker == 0xE1 and data.startswith(b"http://ns.adobe.com/xap/") and b"xmpMM:History" in data:
            saves = len(re.findall(rb"stEvt:action[=>\"' ]{1,3}(?:saved|converted|derived)", data))
            flags.append(Flag(
                code="edit_history", value=saves, message="XMP lists the steps of an editing session.",
                base_rate="not measured", caveat="Developing a raw photograph writes such a history as well.",
            ))  # fmt: skip
    return flags


def _exif(path: str) -> dict[str, Any]:
    """The few EXIF facts that are compared; {} when the block is absent or broken."""
    try:
        with Image.open(path, formats=["JPEG", "MPO"]) as image:
            exif = image.getexif()
            inner = exif.get_ifd(_EXIF)
            return {
                "software": _text(exif.get(_SOFTWARE)), "original": _text(inner.get(_ORIGINAL)),
                "digitised": _text(inner.get(_DIGITISED)), "size": (inner.get(_WIDTH), inner.get(_HEIGHT)),
                "real": image.size,
            }  # fmt: skip
    except Exception:  # noqa: BLE001  (Pillow raises anything on a hostile EXIF block)
        return {}


def _text(value: Any) -> str | None:
    text = str(value).replace("\0", "").strip()[:120] if value is not None else ""
    return text or None


def _exif_flags(exif: dict[str, Any]) -> list[Flag]:
    flags = []
    if exif.get("software") and EDITORS.search(exif["software"]):
        flags.append(Flag(
            code="editor_named", value=exif["software"], message=f"EXIF names an editor: {exif['software']}.",
            base_rate="32 of 176 sample camera files, most of them edited",
            caveat="Says that the program saved the file, not what it changed.",
        ))  # fmt: skip
    original, digitised = exif.get("original"), exif.get("digitised")
    if original and digitised and original != digitised:
        flags.append(Flag(
            code="exif_dates_differ", value=f"{original} | {digitised}",
            message="The times of exposure and of digitising differ.", base_rate="4 of 176 camera files",
            caveat="Scans of film differ honestly; clocks can be set.",
        ))  # fmt: skip
    size = exif.get("size", (None, None))
    if all(isinstance(side, int) and side > 0 for side in size) and sorted(size) != sorted(exif["real"]):
        flags.append(Flag(
            code="exif_size_differs", value=f"{size[0]}x{size[1]}",
            message="EXIF remembers another size than the picture has.", base_rate="38 of 176 camera files",
            caveat="Means that software resized or cropped it; most such pictures are honest.",
        ))  # fmt: skip
    return flags
