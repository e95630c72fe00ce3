"""Tokens: create (shown once), list, revoke."""

from __future__ import annotations

from bonafide import tokens
from bonafide.errors import NotFound
from bonafide.http import MAX_JSON_BYTES, Response, Status, json_response
from bonafide.routing import Call, Route
from bonafide.store import tokens as store
from bonafide.tokens import Scope

from native import render
from native.schemas import CreateToken, read

__all__ = ["ROUTES"]


def create(call: Call) -> Response:
    """POST /v1/tokens."""
    wish = read(CreateToken, call.request.json(limit=MAX_JSON_BYTES))
    maker = store.find(call.tenant, call.caller.token_id)
    own_expiry = maker.expires_at if maker else None
    expires_at = wish.expires_at or own_expiry
    tokens.may_grant(call.caller.scopes, wish.scopes, own_expiry=own_expiry, expires_at=expires_at)
    record, plain = tokens.create(
        call.tenant, name=wish.name, scopes=wish.scopes, now=call.tools.now(), expires_at=expires_at
    )
    return json_response(render.token(record) | {"token": plain}, Status.CREATED)


def list_(call: Call) -> Response:
    """GET /v1/tokens."""
    return json_response(render.page([render.token(record) for record in tokens.list_(call.tenant)]))


def revoke(call: Call) -> Response:
    """DELETE /v1/tokens/{id}."""
    if not tokens.revoke(call.tenant, call.params["id"], now=call.tools.now()):
        raise NotFound("There is no such token.")
    return Response(Status.NO_CONTENT)


ROUTES = (
    Route("POST", "/v1/tokens", create, Scope.TOKENS),
    Route("GET", "/v1/tokens", list_, Scope.TOKENS),
    Route("DELETE", "/v1/tokens/{id}", revoke, Scope.TOKENS),
)
