"""Known media: register, list, look at, forget."""

from __future__ import annotations

from bonafide import known
from bonafide.errors import Conflict, Gone, NotFound, Unprocessable
from bonafide.http import MAX_JSON_BYTES, Response, Status, json_response
from bonafide.known import Fingerprint
from bonafide.model import Operation, State
from bonafide.routing import Call, Route
from bonafide.store import analyses
from bonafide.store import known as store
from bonafide.tokens import Scope

from native import cursor, render
from native.idempotency import Once, fingerprint, key
from native.schemas import CreateKnownMedia, PageQuery, read, read_query

__all__ = ["ROUTES"]


def create(call: Call) -> Response:
    """POST /v1/known-media."""
    wish = read(CreateKnownMedia, call.request.json(limit=MAX_JSON_BYTES))
    once = Once(call, key(call.request))
    if earlier := once.begin(fingerprint(call, None)):
        return earlier
    with once.held():
        found = _measured(call, wish.analysis_id) if wish.analysis_id else None
        entry_id = f"km_{once.analysis_id[3:]}" if once.analysis_id else call.tools.new_id("km")
        entry = known.register(
            known.new_entry(
                call.tenant,
                entry_id,
                found or Fingerprint(kind=wish.kind, pdq=(wish.pdq,)),
                verdict=wish.verdict,
                title=wish.title,
                url=wish.url,
                reason=wish.reason,
                now=call.tools.now(),
            )
        )
    where = call.request.url(f"/v1/known-media/{entry.id}")
    response = json_response(render.known_media(entry), Status.CREATED, {"Location": where})
    once.complete(response)
    return response


def _measured(call: Call, analysis_id: str) -> Fingerprint:
    """Return the fingerprint that an analysis measured."""
    analysis = analyses.get(call.tenant, analysis_id)
    if analysis is None:
        raise NotFound("There is no such analysis.")
    if analysis.state is State.DELETED:
        raise Gone("This analysis was erased.")
    if analysis.state is not State.COMPLETED:
        raise Conflict("The analysis is not completed.", code="analysis_not_completed")
    for result in analysis.results:
        if result.operation is Operation.KNOWN_FAKE_SEARCH:
            found = known.fingerprint_of(result.evidence.details)
            if found:
                return found
    entry = {"pointer": "/analysis_id", "detail": "no fingerprint"}
    raise Unprocessable(
        "The analysis has no fingerprint: known_fake_search was not asked for, or had nothing to measure.",
        code="no_fingerprint",
        errors=[entry],
    )


def list_(call: Call) -> Response:
    """GET /v1/known-media."""
    query = read_query(PageQuery, call.request.query)
    found = store.list_(call.tenant, query.limit, cursor.unpack(call, query.cursor))
    following = cursor.pack(call, found[-1].id if len(found) == query.limit else None)
    document = render.page([render.known_media(entry) for entry in found], following)
    return json_response(document, headers=cursor.link(call.request, following))


def show(call: Call) -> Response:
    """GET /v1/known-media/{id}."""
    entry = store.get(call.tenant, call.params["id"])
    if entry is None:
        raise NotFound("There is no such entry.")
    return json_response(render.known_media(entry))


def delete(call: Call) -> Response:
    """DELETE /v1/known-media/{id}."""
    known.remove(call.tenant, call.params["id"])
    return Response(Status.NO_CONTENT)


ROUTES = (
    Route("POST", "/v1/known-media", create, Scope.KNOWN_MEDIA),
    Route("GET", "/v1/known-media", list_, Scope.KNOWN_MEDIA),
    Route("GET", "/v1/known-media/{id}", show, Scope.KNOWN_MEDIA),
    Route("DELETE", "/v1/known-media/{id}", delete, Scope.KNOWN_MEDIA),
)
