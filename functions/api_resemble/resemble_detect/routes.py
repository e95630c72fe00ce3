"""Create, look at, list, and the secure upload (RES-1 … RES-9, RES-24, RES-58)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bonafide import address, ingest
from bonafide.errors import InvalidRequest, NotFound, TooLarge
from bonafide.http import MAX_JSON_BYTES, Form, Response, json_response
from bonafide.ids import from_uuid
from bonafide.ingest import NewAnalysis
from bonafide.model import Analysis, Operation, Options, State
from bonafide.routing import Call, Route
from bonafide.settings import settings
from bonafide.store import analyses
from bonafide.telemetry import logger
from bonafide.tokens import Scope
from bonafide.waiting import wait

from resemble_detect.links import link
from resemble_detect.render import envelope, item
from resemble_detect.wire import DetectionRequest, read, read_query

__all__ = ["DIALECT", "LIST_CAP", "ROUTES", "TOKEN_LIFE_S"]

DIALECT = "resemble"
POLICY = "even"
"""The vendor's labels are two, fake and real: the core's policy that splits at one half."""

TOKEN_LIFE_S = 3600
LIST_CAP = 10_000
"""The list and its total reach back so many analyses of the tenant; see docs/decisions/0021-resemble.md."""

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


def create(call: Call) -> Response:
    """POST /detect (RES-1, RES-3, RES-4, RES-9)."""
    started = call.tools.now()
    new = _new(call)
    analysis = ingest.create(new, now=call.tools.now(), new_id=call.tools.new_id)
    logger.append_keys(analysis_id=analysis.id)
    analysis, applied = wait(call, analysis, started, wish=call.request.prefer.wait_s)
    return json_response(envelope(analysis, link), headers=applied)


def show(call: Call) -> Response:
    """GET /detect/{uuid} (RES-7); any analysis of the tenant can be read."""
    return json_response(envelope(_existing(call), link))


def list_(call: Call) -> Response:
    """GET /detect?page&page_size (RES-7)."""
    query = read_query(call.request.query)
    ids = analyses.index(call.tenant, dialect=DIALECT, limit=LIST_CAP)
    first = (query.page - 1) * query.page_size
    found = [analyses.get(call.tenant, one) for one in ids[first : first + query.page_size]]
    document = {
        "success": True,
        "page": query.page,
        "num_pages": math.ceil(len(ids) / query.page_size),
        "page_size": query.page_size,
        "total_count": len(ids),
        "items": [item(one, link) for one in found if one and one.state is not State.DELETED],
    }
    return json_response(document)


def secure_upload(call: Call) -> Response:
    """POST /secure_uploads: the file for one detection within the hour (RES-58)."""
    form = _form(call)
    file = form.first("file")
    if file is None:
        raise InvalidRequest("The part 'file' is missing.")
    token = ingest.keep_upload(
        call.tenant,
        file.data,
        filename=file.filename,
        life_s=TOKEN_LIFE_S,
        now=call.tools.now(),
        new_id=call.tools.new_id,
    )
    return json_response({"success": True, "token": token})


def _existing(call: Call) -> Analysis:
    absent = NotFound("Detect not found")
    try:
        analysis_id = from_uuid(call.params["uuid"], "an")
    except ValueError as error:
        raise absent from error
    logger.append_keys(analysis_id=analysis_id)
    analysis = analyses.get(call.tenant, analysis_id)
    if analysis is None or analysis.state is State.DELETED:
        raise absent
    return analysis


# ---- reading a new detection -------------------------------------------------------------------------


def _new(call: Call) -> NewAnalysis:
    """Return what is asked for, of exactly one source (RES-24). Raises `InvalidRequest` and its like."""
    if call.request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        form = _form(call)
        file = form.first("file")
        wish = read({part.name: part.text for part in form.parts if part.name != "file"})
    else:
        file, wish = None, read(call.request.json(limit=MAX_JSON_BYTES))
    if sum(map(bool, (file, wish.url, wish.media_token))) != 1:
        raise InvalidRequest("Provide exactly one of 'url', 'media_token' and 'file'.")
    if wish.callback_url:
        address.check(wish.callback_url, allow_loopback=settings().allow_loopback, schemes=_schemes())
    return NewAnalysis(
        tenant=call.tenant,
        inline=file.data if file else None,
        filename=file.filename if file else None,
        upload_id=wish.media_token,
        url=wish.url,
        operations=_operations(wish),
        options=_options(wish),
        dialect=DIALECT,
        echo={"kept": _kept(wish, file.filename if file else None)},
    )


def _schemes() -> tuple[str, ...]:
    """Callbacks carry results: https, but for a local cloud."""
    return ("http", "https") if settings().allow_loopback else ("https",)


def _form(call: Call) -> Form:
    limit = settings().inline_limit_bytes
    if len(call.request.body) > limit + _ENVELOPE_BYTES:
        raise TooLarge(
            f"A file in a request may have {limit} bytes here. Give a 'url'; or upload through"
            " POST /v1/uploads and give its upload_id as 'media_token'."
        )
    return call.request.form()


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


ROUTES = (
    Route("POST", "/api/v2/detect", create, Scope.ANALYSES_WRITE),
    Route("GET", "/api/v2/detect", list_, Scope.ANALYSES_READ),
    Route("GET", "/api/v2/detect/{uuid}", show, Scope.ANALYSES_READ),
    Route("POST", "/api/v2/secure_uploads", secure_upload, Scope.ANALYSES_WRITE),
)
