"""``result`` of a forensic analysis: details, red flags and what triggered them (SEN-69 … SEN-74).

A red flag is there only if it was triggered. None of them proves a forgery, and no label is made of them;
what a flag does not prove stands beside its value in ``trigger_values``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bonafide.model import Analysis, Artifact, Finding, Flag, MediaKind, Operation, OperationResult, Outcome

from sensity.scores import Silent, gather
from sensity.words import RED_FLAGS

__all__ = ["result"]

MAX_TRIGGERS = 20
"""Of one red flag."""

Json = dict[str, Any]
_TOLD = (Operation.FILE_FORENSICS, Operation.PROVENANCE, Operation.IMAGE_FORGERY)
_FACTS = ("kind", "format", "mime", "bytes", "sha256", "width", "height", "duration_s", "pages")


def result(analysis: Analysis, every: Sequence[Finding], read: Callable[[str], bytes], room: int) -> Json:
    """Return the result; extracted images as far as ``room`` characters of base64 go. Raises `Silent`."""
    spoken = [one for one in analysis.results if one.operation in _TOLD and one.outcome is not Outcome.FAILED]
    if all(one.operation is not Operation.FILE_FORENSICS for one in spoken):
        raise Silent("The file could not be examined. (detector_unavailable)")
    flags: dict[str, list[Flag]] = {}
    for one in spoken:
        for flag in gather(one, every).flags:
            flags.setdefault(RED_FLAGS.get(flag.code, flag.code), []).append(flag)
    found: Json = {
        "document_details": _details(analysis, spoken),
        "red_flags": {name: _message(own) for name, own in flags.items()},
        "trigger_values": {
            name: [_trigger(flag) for flag in own[:MAX_TRIGGERS]] for name, own in flags.items()
        },
    }
    if (
        analysis.echo.get("is_extract_images")
        and analysis.media
        and analysis.media.kind is MediaKind.DOCUMENT
    ):
        images, left = _images(spoken, read, room)
        found["extracted_images"] = images
        if left:
            found["document_details"]["extracted_images_left_out"] = left
    return found


def _details(analysis: Analysis, spoken: Iterable[OperationResult]) -> Json:
    """Return the file's facts, and what the detectors describe of it; the first to name a thing is heard."""
    media = (
        analysis.media.model_dump(mode="json", include=set(_FACTS), exclude_none=True)
        if analysis.media
        else {}
    )
    told: Json = {"file": media}
    for one in spoken:
        own: Json = dict(one.evidence.details)
        inner = own.pop("document_details", {})
        told = own | (inner if isinstance(inner, dict) else {}) | told
    return told


def _message(flags: Sequence[Flag]) -> str:
    return " ".join(dict.fromkeys(f"{flag.message.rstrip('.')}." for flag in flags[:MAX_TRIGGERS]))


def _trigger(flag: Flag) -> Json:
    return flag.model_dump(mode="json", exclude={"message"}, exclude_none=True, exclude_defaults=True)


def _images(
    spoken: Iterable[OperationResult], read: Callable[[str], bytes], room: int
) -> tuple[list[str], int]:
    """Return the pictures of a PDF in base64 (SEN-70), and how many there was no room for."""
    pictures = [a for one in spoken for a in one.artifacts if _extracted(one, a)]
    images: list[str] = []
    left = 0
    for picture in pictures:
        size = 4 * ((picture.bytes or 0) + 2) // 3
        if picture.key is None or size > room:
            left += 1
            continue
        try:
            images.append(base64.b64encode(read(picture.key)).decode())
        except FileNotFoundError:  # its day has come
            left += 1
            continue
        room -= len(images[-1])
    return images, left


def _extracted(result_: OperationResult, artifact: Artifact) -> bool:
    return result_.operation is Operation.FILE_FORENSICS and artifact.media_type.startswith("image/")
