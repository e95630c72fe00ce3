"""Reading a new detection: the request's options become the core's words (RES-10 … RES-27)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bonafide import address
from bonafide.errors import InvalidRequest, TooLarge
from bonafide.http import MAX_JSON_BYTES, Form, Part
from bonafide.ingest import NewAnalysis
from bonafide.model import Operation, Options
from bonafide.routing import Call
from bonafide.settings import settings

from resemble_detect.wire import DetectionRequest, read

__all__ = ["DIALECT", "FORMS", "asked", "form_of", "new_detection", "wish_of"]

DIALECT = "resemble"
POLICY = "even"
"""The vendor's labels are two, fake and real: the core's policy that splits at one half."""

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
MAX_FPS = 60.0
_ENVELOPE_BYTES = 64 * 1024
_ASKED = (
    Operation.SYNTHETIC_IMAGE,
    Operation.FACE_MANIPULATION,
    Operation.IMAGE_FORGERY,
    Operation.SYNTHETIC_SPEECH,
    Operation.AUDIO_SPLICE,
    Operation.AUDIO_REPLAY,
    Operation.SYNTHETIC_VIDEO,
    Operation.TEMPORAL_COHERENCE,
    Operation.LIP_SYNC,
    Operation.FILE_FORENSICS,
    Operation.PROVENANCE,
)


def new_detection(call: Call) -> NewAnalysis:
    """Return what is asked for, of exactly one source (RES-24). Raises `InvalidRequest` and its like."""
    if call.request.content_type in FORMS:
        form = form_of(call)
        file, wish = form.first("file"), wish_of(form)
    else:
        file, wish = None, read(call.request.json(limit=MAX_JSON_BYTES))
    if sum(map(bool, (file, wish.url, wish.media_token))) != 1:
        raise InvalidRequest("Provide exactly one of 'url', 'media_token' and 'file'.")
    return asked(call.tenant, wish, file)


def wish_of(form: Form) -> DetectionRequest:
    """Return the options that stand beside the files of a form."""
    return read(
        {part.name: part.text for part in form.parts if part.name not in ("file", "files[]", "files")}
    )


def asked(tenant: str, wish: DetectionRequest, file: Part | None) -> NewAnalysis:
    """Return the new analysis of one file, or of the request's own url or token. Raises `Refused`."""
    if wish.callback_url:
        address.check(wish.callback_url, allow_loopback=settings().allow_loopback, schemes=_schemes())
    return NewAnalysis(
        tenant=tenant,
        inline=file.data if file else None,
        filename=file.filename if file else None,
        upload_id=None if file else wish.media_token,
        url=None if file else wish.url,
        operations=_operations(wish),
        options=_options(wish),
        dialect=DIALECT,
        echo={"kept": _kept(wish, file.filename if file else None)},
    )


def form_of(call: Call) -> Form:
    """Return the form. Raises `TooLarge` naming the way round (X-3)."""
    limit = settings().inline_limit_bytes
    if len(call.request.body) > limit + _ENVELOPE_BYTES:
        raise TooLarge(
            f"A file in a request may have {limit} bytes here. Give a 'url'; or upload through"
            " POST /v1/uploads and give its upload_id as 'media_token'."
        )
    return call.request.form()


def _schemes() -> tuple[str, ...]:
    """Callbacks carry results: https, but for a local cloud."""
    return ("http", "https") if settings().allow_loopback else ("https",)


def _operations(wish: DetectionRequest) -> tuple[Operation, ...]:
    told = (Operation.TRANSCRIPTION, Operation.DESCRIPTION) if wish.intelligence else ()
    searched = (Operation.KNOWN_FAKE_SEARCH,) if wish.use_reverse_search else ()
    return (*_ASKED, *told, *searched)


def _options(wish: DetectionRequest) -> Options:
    return Options(
        policy=POLICY,
        visualize=wish.visualize,
        zero_retention=wish.zero_retention_mode,
        start_s=wish.start_region,
        end_s=wish.end_region,
        max_video_fps=None if wish.max_video_fps is None else min(wish.max_video_fps, MAX_FPS),
        max_video_s=wish.max_video_secs,
        frame_length_s=wish.frame_length,
    )


def _kept(wish: DetectionRequest, filename: str | None) -> dict[str, Any]:
    """Return what the answers show again, and zero retention may keep: no names, no addresses of media."""
    name = filename or (urlsplit(wish.url).path if wish.url else "")
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    kept: Mapping[str, Any] = {
        "callback_url": wish.callback_url,
        "frame_length": wish.frame_length,
        "intelligence": wish.intelligence,
        "audio_source_tracing": wish.audio_source_tracing,
        "use_reverse_search": wish.use_reverse_search,
        "use_ood_detector": wish.use_ood_detector,
        "ext": ending if ending.isalnum() and len(ending) <= 5 else None,
    }
    return {key: value for key, value in kept.items() if value}
