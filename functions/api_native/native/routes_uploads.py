"""Ways in and out for big things: presigned uploads, and links to artifacts."""

from __future__ import annotations

from datetime import timedelta

from bonafide import clock, ingest, media
from bonafide.errors import NotFound
from bonafide.http import MAX_JSON_BYTES, Response, Status, json_response
from bonafide.model import State
from bonafide.routing import Call, Route
from bonafide.tokens import Scope

from native import render
from native.routes_analyses import existing, gone
from native.schemas import CreateUpload, read

__all__ = ["LINK_S", "ROUTES"]

LINK_S = 300
"""How long a link to an artifact lives."""


def create(call: Call) -> Response:
    """POST /v1/uploads."""
    wish = read(CreateUpload, call.request.json(limit=MAX_JSON_BYTES) if call.request.body else {})
    ticket = ingest.new_upload(
        call.tenant,
        size=wish.bytes,
        sha256=wish.sha256,
        filename=wish.filename,
        now=call.tools.now(),
        new_id=call.tools.new_id,
    )
    document = {
        "object": "upload",
        "upload_id": ticket.upload_id,
        "url": ticket.url,
        "fields": ticket.fields,
        "max_bytes": ticket.max_bytes,
        "expires_at": clock.text(ticket.expires_at),
    }
    return json_response(document, Status.CREATED)


def list_artifacts(call: Call) -> Response:
    """GET /v1/analyses/{id}/artifacts."""
    analysis = existing(call)
    if analysis.state is State.DELETED:
        return gone(call, analysis)
    return json_response(render.page(render.artifacts(analysis, call.request.base_url)))


def show_artifact(call: Call) -> Response:
    """GET /v1/analyses/{id}/artifacts/{name}: a redirect, or the link as JSON for who asks for JSON."""
    analysis = existing(call)
    if analysis.state is State.DELETED:
        return gone(call, analysis)
    artifact = render.find_artifact(analysis, call.params["name"])
    if artifact is None or artifact.key is None:
        raise NotFound("There is no such artifact.")
    url = media.presign_get(
        artifact.key, filename=artifact.name, media_type=artifact.media_type, seconds=LINK_S
    )
    if "application/json" not in call.request.headers.get("accept", ""):
        return Response(Status.TEMPORARY_REDIRECT, b"", {"Location": url})
    expires = call.tools.now() + timedelta(seconds=LINK_S)
    return json_response({"url": url, "expires_at": clock.text(expires)})


ROUTES = (
    Route("POST", "/v1/uploads", create, Scope.ANALYSES_WRITE),
    Route("GET", "/v1/analyses/{id}/artifacts", list_artifacts, Scope.ANALYSES_READ),
    Route("GET", "/v1/analyses/{id}/artifacts/{name}", show_artifact, Scope.ANALYSES_READ),
)
