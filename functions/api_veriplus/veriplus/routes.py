"""The ways in: pictures, sound and documents answer at once if they can, videos are jobs (VER-11 … 48)."""

from __future__ import annotations

import math
from functools import partial

from bonafide import ingest
from bonafide.errors import NotFound
from bonafide.http import Response, Status, json_response
from bonafide.model import Analysis, State
from bonafide.routing import Call, Route
from bonafide.store import slots
from bonafide.telemetry import logger
from bonafide.tokens import Scope
from bonafide.waiting import wait

from veriplus import words
from veriplus.jobs import POLL_S
from veriplus.reading import new_analysis
from veriplus.shapes import failed
from veriplus.translate import created, data, fault, job_id, status
from veriplus.words import Media

__all__ = ["PREFIX", "ROUTES"]

PREFIX = "/api/v4/deepfake"


def analyse(call: Call, *, media: Media) -> Response:
    """POST /analyse/image, /audio, /document: the result, or the job if it takes too long (VER-76, X-8)."""
    started = call.tools.now()
    analysis = _begin(call, media)
    prefer = call.request.prefer
    wish = 0.0 if prefer.respond_async else math.inf if prefer.wait_s is None else prefer.wait_s
    analysis, applied = wait(call, analysis, started, wish=wish)
    if analysis.state is State.DELETED:
        raise NotFound("There is no such job.")
    if analysis.state in (State.QUEUED, State.RUNNING):
        return _accepted(call, analysis)
    if status(analysis) is words.Status.FAILED:
        code, message = fault(analysis)
        raise failed(code, message, jobId=job_id(analysis))
    headers = applied if prefer.wait_s is not None else {}
    return json_response({"success": True, "data": data(analysis)}, Status.OK, headers)


def video(call: Call) -> Response:
    """POST /analyse/video: a job (VER-26, VER-30, VER-31)."""
    return _accepted(call, _begin(call, Media.VIDEO))


def _begin(call: Call, media: Media) -> Analysis:
    new = new_analysis(call, media)
    analysis = ingest.create(new, now=call.tools.now(), new_id=call.tools.new_id)
    logger.append_keys(analysis_id=analysis.id)
    return analysis


def _accepted(call: Call, analysis: Analysis) -> Response:
    running = slots.holders(call.tenant) if analysis.state is State.QUEUED else ()
    document = created(analysis, status(analysis, running))
    where = call.request.url(f"{PREFIX}/jobs/{job_id(analysis)}")
    headers = {"Location": where, "Retry-After": str(POLL_S)}
    return json_response({"success": True, "data": document}, Status.ACCEPTED, headers)


ROUTES = (
    Route("POST", f"{PREFIX}/analyse/image", partial(analyse, media=Media.IMAGE), Scope.ANALYSES_WRITE),
    Route("POST", f"{PREFIX}/analyse/video", video, Scope.ANALYSES_WRITE),
    Route("POST", f"{PREFIX}/analyse/audio", partial(analyse, media=Media.AUDIO), Scope.ANALYSES_WRITE),
    Route("POST", f"{PREFIX}/analyse/document", partial(analyse, media=Media.DOCUMENT), Scope.ANALYSES_WRITE),
)
