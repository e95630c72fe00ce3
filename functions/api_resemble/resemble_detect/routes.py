"""Create, look at, list, and the secure upload (RES-1 … RES-9, RES-24, RES-58)."""

from __future__ import annotations

import math

from bonafide import ingest
from bonafide.errors import InvalidRequest
from bonafide.http import Response, json_response
from bonafide.model import State
from bonafide.routing import Call, Route
from bonafide.store import analyses
from bonafide.telemetry import logger
from bonafide.tokens import Scope
from bonafide.waiting import wait

from resemble_detect import batch
from resemble_detect.links import link
from resemble_detect.reading import DIALECT, form_of, new_detection
from resemble_detect.render import envelope, item
from resemble_detect.whole import whole
from resemble_detect.wire import read_query

__all__ = ["LIST_CAP", "ROUTES", "TOKEN_LIFE_S"]

TOKEN_LIFE_S = 3600
LIST_CAP = 10_000
"""The list and its total reach back so many analyses of the tenant; see docs/decisions/0021-resemble.md."""


def create(call: Call) -> Response:
    """POST /detect (RES-1, RES-3, RES-4, RES-9)."""
    started = call.tools.now()
    new = new_detection(call)
    analysis = ingest.create(new, now=call.tools.now(), new_id=call.tools.new_id)
    logger.append_keys(analysis_id=analysis.id)
    analysis, applied = wait(call, analysis, started, wish=call.request.prefer.wait_s)
    return json_response(envelope(whole(analysis), link), headers=applied)


def show(call: Call) -> Response:
    """GET /detect/{uuid} (RES-7); any analysis of the tenant can be read."""
    return json_response(envelope(whole(call.analysis("uuid", "Detect not found")), link))


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
        "items": [item(whole(one), link) for one in found if one and one.state is not State.DELETED],
    }
    return json_response(document)


def secure_upload(call: Call) -> Response:
    """POST /secure_uploads: the file for one detection within the hour (RES-58)."""
    form = form_of(call)
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


ROUTES = (
    *batch.ROUTES,
    Route("POST", "/api/v2/detect", create, Scope.ANALYSES_WRITE),
    Route("GET", "/api/v2/detect", list_, Scope.ANALYSES_READ),
    Route("GET", "/api/v2/detect/{uuid}", show, Scope.ANALYSES_READ),
    Route("POST", "/api/v2/secure_uploads", secure_upload, Scope.ANALYSES_WRITE),
)
