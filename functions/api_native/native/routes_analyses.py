"""Analyses: create, look at, list, delete."""

from __future__ import annotations

from typing import Any

from bonafide import clock, erasure, ingest, receipts
from bonafide.errors import Gone, InvalidRequest, NotFound, TooLarge, Unprocessable
from bonafide.http import MAX_JSON_BYTES, Form, Response, Status, json_response, loads, problem, words
from bonafide.ingest import NewAnalysis
from bonafide.model import Analysis, State
from bonafide.routing import Call, Route
from bonafide.settings import settings
from bonafide.store import analyses
from bonafide.telemetry import logger
from bonafide.tokens import Scope
from bonafide.waiting import FINISHED, wait

from native import cursor, render
from native.idempotency import Once, fingerprint, key
from native.schemas import AnalysisQuery, CreateAnalysis, FormAnalysis, read, read_query

__all__ = ["ROUTES", "existing"]

POLL_S = 2
_ENVELOPE_BYTES = 16 * 1024  # what a form may add to its file
_FORM_NAMES = frozenset(("file", "operations", "options", "client_reference"))


def create(call: Call) -> Response:
    """POST /v1/analyses."""
    started = call.tools.now()
    _small_enough(call)
    form = call.request.form() if call.request.content_type == "multipart/form-data" else None
    new = _from_json(call) if form is None else _from_form(call, form)
    once = Once(call, key(call.request))
    if earlier := once.begin(fingerprint(call, form)):
        return earlier
    with once.held():
        analysis = ingest.create(
            new, now=call.tools.now(), new_id=call.tools.new_id, analysis_id=once.analysis_id
        )
    logger.append_keys(analysis_id=analysis.id)
    once.complete(_shown(call, analysis, created=True), analysis.id)
    analysis, applied = wait(call, analysis, started, wish=call.request.prefer.wait_s)
    return _shown(call, analysis, created=True, headers=applied)


def show(call: Call) -> Response:
    """GET /v1/analyses/{id}."""
    started = call.tools.now()
    analysis, applied = wait(call, existing(call), started, wish=call.request.prefer.wait_s)
    return _shown(call, analysis, headers=applied)


def list_(call: Call) -> Response:
    """GET /v1/analyses."""
    query = read_query(AnalysisQuery, call.request.query)
    found, before = analyses.list_(
        call.tenant,
        limit=query.limit,
        before=cursor.unpack(call, query.cursor),
        state=query.state,
        media_kind=query.media_kind,
        created_after=query.created_after,
        created_before=query.created_before,
    )
    shown = [a for a in found if query.state is State.DELETED or a.state is not State.DELETED]
    following = cursor.pack(call, before)
    entries = [render.summary(analysis, call.request.base_url) for analysis in shown]
    return json_response(render.page(entries, following), headers=cursor.link(call.request, following))


def delete(call: Call) -> Response:
    """DELETE /v1/analyses/{id}."""
    logger.append_keys(analysis_id=call.params["id"])
    if not erasure.delete_analysis(call.tenant, call.params["id"], now=call.tools.now()):
        raise _absent()
    return deletion_receipt(call)


def deletion_receipt(call: Call) -> Response:
    """GET /v1/analyses/{id}/deletion-receipt."""
    existing(call)
    found = receipts.receipt(call.tenant, call.params["id"])
    if found is None:
        raise NotFound("Nothing of this analysis was erased.", code="nothing_erased")
    return json_response(found)


def existing(call: Call) -> Analysis:
    """Return the analysis that the path names, a tombstone too. Raises `NotFound`, for a foreign one too."""
    logger.append_keys(analysis_id=call.params["id"])
    analysis = analyses.get(call.tenant, call.params["id"])
    if analysis is None:
        raise _absent()
    return analysis


def gone(call: Call, analysis: Analysis) -> Response:
    """Return what is left of a deleted analysis: when it was erased."""
    when = clock.text(analysis.deleted_at) if analysis.deleted_at else None
    return problem(Gone("This analysis was erased."), call.request, deleted_at=when)


def _absent() -> NotFound:
    return NotFound("There is no such analysis.")


def _shown(
    call: Call, analysis: Analysis, *, created: bool = False, headers: dict[str, str] | None = None
) -> Response:
    if analysis.state is State.DELETED:
        return gone(call, analysis)
    done = analysis.state in FINISHED
    document = render.analysis(analysis, call.request.base_url)
    extra = dict(headers or {})
    if created:
        extra["Location"] = document["links"]["self"]
    if not done:
        extra["Retry-After"] = str(POLL_S)
    return json_response(document, Status.ACCEPTED if created and not done else Status.OK, extra)


# ---- reading a new analysis --------------------------------------------------------------------------


def _small_enough(call: Call) -> None:
    limit = settings().inline_limit_bytes
    if len(call.request.body) > limit + _ENVELOPE_BYTES:
        raise TooLarge(f"Inline files may have {limit} bytes at most; use POST /v1/uploads, or give a url.")


def _from_json(call: Call) -> NewAnalysis:
    value = read(CreateAnalysis, call.request.json(limit=MAX_JSON_BYTES))
    return NewAnalysis(
        tenant=call.tenant,
        upload_id=value.upload_id or None,
        url=value.url or None,
        operations=value.operations,
        options=value.options,
        client_reference=value.client_reference,
    )


def _from_form(call: Call, form: Form) -> NewAnalysis:
    file = form.first("file")
    if file is None:
        raise InvalidRequest("The part 'file' is missing.", code="file_missing")
    _expected(form)
    value = read(FormAnalysis, _beside(form))
    return NewAnalysis(
        tenant=call.tenant,
        inline=file.data,
        filename=file.filename,
        operations=value.operations,
        options=value.options,
        client_reference=value.client_reference,
    )


def _expected(form: Form) -> None:
    """Refuse parts that we do not know, and a second one where only one can count."""
    names = [part.name for part in form.parts]
    odd = [n for n in names if n not in _FORM_NAMES or (n != "operations" and names.count(n) > 1)]
    if odd:
        entry = {
            "pointer": "/" + odd[0][:100],
            "code": "unexpected_part",
            "detail": "Unknown, or given twice.",
        }
        raise Unprocessable("The form has an unexpected part.", code="unexpected_part", errors=[entry])


def _beside(form: Form) -> dict[str, Any]:
    """Return what stands beside the file: operations (repeated or with commas), options (JSON), reference."""
    value: dict[str, Any] = {"operations": words(part.text for part in form.all("operations"))}
    options, reference = form.text("options"), form.text("client_reference")
    if options and len(options) > MAX_JSON_BYTES:
        raise TooLarge(f"Options may have {MAX_JSON_BYTES} bytes at most.")
    if options:
        value["options"] = loads(options)
    if reference:
        value["client_reference"] = reference
    return value


ROUTES = (
    Route("POST", "/v1/analyses", create, Scope.ANALYSES_WRITE),
    Route("GET", "/v1/analyses", list_, Scope.ANALYSES_READ),
    Route("GET", "/v1/analyses/{id}", show, Scope.ANALYSES_READ),
    Route("DELETE", "/v1/analyses/{id}", delete, Scope.ANALYSES_WRITE),
    Route("GET", "/v1/analyses/{id}/deletion-receipt", deletion_receipt, Scope.ANALYSES_READ),
)
