"""An analysis as this vendor's ``item``: the union of both documents (RES-28 … RES-41, RES-57)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from bonafide.ids import digest, to_uuid
from bonafide.model import Analysis, MediaKind, OperationResult, State

from resemble_detect import prose, scores

__all__ = ["FORMATS", "Linker", "envelope", "item", "moment", "status"]

Json = dict[str, Any]
Linker = Callable[[str, str, str], str]
"""Makes a link that works for a while: ``(key, file name, media type) -> URL``."""

FORMATS = {
    **dict.fromkeys(("wav", "mp3", "ogg", "m4a", "flac"), MediaKind.AUDIO),
    **dict.fromkeys(("mp4", "mov", "avi", "wmv"), MediaKind.VIDEO),
    **dict.fromkeys(("jpg", "jpeg", "png", "gif", "webp"), MediaKind.IMAGE),
}
"""What the vendor takes (RES-11); by these names the type is guessed until the bytes were looked at."""

_STATUS = {State.COMPLETED: "completed", State.FAILED: "failed"}
_TOLD = ("use_reverse_search",)


def envelope(analysis: Analysis, link: Linker) -> Json:
    """Return what a create, a get and a callback say of one detection (RES-28, RES-5)."""
    return {"success": True, "item": item(analysis, link)}


def status(analysis: Analysis) -> str:
    """Return ``processing``, ``completed`` or ``failed`` (RES-31); of foreign formats always the last."""
    return "failed" if _foreign(analysis) else _STATUS.get(analysis.state, "processing")


def item(analysis: Analysis, link: Linker) -> Json:
    """Return the item: what was asked, how far it is, and once it has ended what was found."""
    state = status(analysis)
    document: Json = {
        "uuid": to_uuid(analysis.id),
        "status": state,
        "media_type": _media_type(analysis),
        "duration": _duration(analysis),
        "created_at": moment(analysis.created_at),
        "updated_at": moment(_updated(analysis)),
        **_names(analysis, link),
        **_flags(analysis),
        "metrics": {},
        "intelligence": _intelligence(analysis, done=state == "completed"),
        "audio_source_tracing": None,
    }
    if state == "failed":
        document["error_message"] = _why(analysis)
    if state == "completed":
        document |= _found(analysis, link)
    return document


def _found(analysis: Analysis, link: Linker) -> Json:
    kept = _kept(analysis)
    kind = analysis.media.kind if analysis.media else MediaKind.AUDIO

    def picture(result: OperationResult) -> str:
        return _picture(analysis, result, link)

    if kind is MediaKind.IMAGE:
        sources = bool(kept.get("use_reverse_search"))
        return {"image_metrics": scores.image_metrics(analysis, picture, sources=sources)}
    found: Json = {"metrics": scores.audio_metrics(analysis, picture)}
    if kept.get("audio_source_tracing"):
        found["audio_source_tracing"] = scores.source_tracing(analysis)
    if kind is MediaKind.VIDEO:
        found["video_metrics"] = scores.video_metrics(analysis, picture)
    return found


def _picture(analysis: Analysis, result: OperationResult, link: Linker) -> str:
    """Return a link to the first picture of a result; empty without one, or when it will be erased."""
    if analysis.options.zero_retention:
        return ""
    pictures = (a for a in result.artifacts if a.key and a.media_type.startswith("image/"))
    first = next(pictures, None)
    return link(first.key, first.name, first.media_type) if first and first.key else ""


# ---- what was sent in --------------------------------------------------------------------------------


def _names(analysis: Analysis, link: Linker) -> Json:
    """Return address, name and what became of them (RES-33, RES-34, RES-57)."""
    redacted = analysis.options.zero_retention
    erased = analysis.media_deleted_at
    url = None if redacted else analysis.source.url or _stored(analysis, link)
    return {
        "url": url,
        "audio_url": url,
        "filename": _redacted_name(analysis) if redacted else _filename(analysis),
        "zero_retention_mode": redacted,
        "media_redacted": redacted,
        "media_deleted": erased is not None,
        "file_deleted_at": moment(erased) if erased else None,
    }


def _stored(analysis: Analysis, link: Linker) -> str | None:
    if not analysis.media_ref or not analysis.media:
        return None
    return link(analysis.media_ref.key, f"media.{analysis.media.format}", analysis.media.mime)


def _filename(analysis: Analysis) -> str:
    if analysis.source.filename:
        return analysis.source.filename
    path = urlsplit(analysis.source.url).path if analysis.source.url else ""
    return unquote(path).rsplit("/", 1)[-1][:255]


def _redacted_name(analysis: Analysis) -> str:
    ending = _ending(analysis) or (analysis.media.format if analysis.media else "bin")
    return f"redacted_{digest('resemble', analysis.id)[:24]}.{ending}"


def _ending(analysis: Analysis) -> str:
    """Return what the name ended with; it outlives the name."""
    ending = _filename(analysis).rpartition(".")[2].lower()
    return str(_kept(analysis).get("ext") or (ending if ending in FORMATS else ""))


def _media_type(analysis: Analysis) -> str:
    """Return audio, image or video; ``unknown`` until the bytes of a nameless file were looked at."""
    if analysis.media:
        return analysis.media.kind.value
    kind = FORMATS.get(_ending(analysis))
    return kind.value if kind else "unknown"


def _duration(analysis: Analysis) -> str:
    """Return seconds as a string (RES-30); ``0.0`` of pictures, and while nobody knows."""
    return str(round(analysis.media.duration_s or 0.0, 3) if analysis.media else 0.0)


def _flags(analysis: Analysis) -> Json:
    """Return what was asked for (RES-35, RES-36); the core's verdict stands in ``extra_params``."""
    kept = _kept(analysis)
    extra: Json = {name: True for name in _TOLD if kept.get(name)} | {"search_identity_requested": False}
    if analysis.verdict:
        extra["verdict"] = analysis.verdict.label.value
        if analysis.verdict.reason:
            extra["reason"] = analysis.verdict.reason
    if kept.get("use_ood_detector") and analysis.results:
        extra["out_of_distribution"] = any(_is_odd(result) for result in analysis.results)
    return {
        "visualize": analysis.options.visualize,
        "audio_source_tracing_enabled": bool(kept.get("audio_source_tracing")),
        "use_ood_detector": bool(kept.get("use_ood_detector")),
        "extra_params": extra,
    }


def _is_odd(result: OperationResult) -> bool:
    codes = {result.reason, *(flag.code for flag in result.evidence.flags)}
    return "out_of_distribution" in codes


def _intelligence(analysis: Analysis, *, done: bool) -> Json | None:
    if not _kept(analysis).get("intelligence"):
        return None
    return {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"intelligence of {analysis.id}")),
        "description": prose.describe(analysis) if done else None,
        "created_at": moment(_updated(analysis)),
        "detect_uuid": to_uuid(analysis.id),
        **prose.said(analysis),
    }


# ---- how it went -------------------------------------------------------------------------------------


def _foreign(analysis: Analysis) -> bool:
    return analysis.media is not None and analysis.media.format not in FORMATS


def _why(analysis: Analysis) -> str:
    if analysis.failure:
        return analysis.failure.detail
    return f"Unsupported media format; send one of {', '.join(FORMATS)}."


def _updated(analysis: Analysis) -> datetime:
    moments = (
        analysis.created_at,
        analysis.started_at,
        analysis.completed_at,
        analysis.media_deleted_at,
    )
    return max(moment for moment in moments if moment)


def moment(value: datetime) -> str:
    """Return a moment in UTC to the millisecond, as the vendor writes it."""
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kept(analysis: Analysis) -> Json:
    kept = analysis.echo.get("kept")
    return kept if isinstance(kept, dict) else {}
