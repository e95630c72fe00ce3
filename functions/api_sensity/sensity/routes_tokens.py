"""``/auth/tokens``: an account, by HTTP Basic, makes JSON Web Tokens and takes them back (SEN-3 … SEN-15).

An account is a token of ours (``bf_…``) with the scope ``tokens``: it is the password, the user's name is for
people (docs/decisions/0024-accounts.md).
"""

from __future__ import annotations

from bonafide import jwts, tokens
from bonafide.errors import NotFound, Unauthenticated
from bonafide.http import Response, json_response
from bonafide.routing import Call, Route
from bonafide.store import tokens as store
from bonafide.tokens import Scope, TokenRecord

from sensity.words import DIALECT

__all__ = ["PATH", "ROUTES", "SCOPES"]

PATH = "/auth/tokens"
SCOPES = frozenset((Scope.ANALYSES_READ, Scope.ANALYSES_WRITE, Scope.WEBHOOKS))
"""What a token may do, as far as its account may."""


def create(call: Call) -> Response:
    """POST /auth/tokens (SEN-8)."""
    account = _account(call)
    scopes = SCOPES if Scope.ALL in account.scopes else SCOPES & set(account.scopes)
    record, plain = jwts.issue(account, scopes=scopes, name=DIALECT, now=call.tools.now())
    told = {"claims": jwts.claims(record), "id": record.id, "success": True, "token": plain}
    return json_response(told)


def list_(call: Call) -> Response:
    """GET /auth/tokens (SEN-9): claims by token id (SEN-10)."""
    found = jwts.made_by(_account(call), call.tools.now())
    return json_response({"claims": {one.id: jwts.claims(one) for one in found}, "success": True})


def show(call: Call) -> Response:
    """GET /auth/tokens/{id}: the claims, never the token again (SEN-12, SEN-13)."""
    return json_response({"claims": jwts.claims(_token(call)), "success": True})


def delete_all(call: Call) -> Response:
    """DELETE /auth/tokens: every token of this account (SEN-11)."""
    now = call.tools.now()
    found = jwts.made_by(_account(call), now)
    for record in found:
        tokens.revoke(call.tenant, record.id, now=now)
    return json_response({"deleted_tokens": [record.id for record in found], "success": True})


def delete(call: Call) -> Response:
    """DELETE /auth/tokens/{id} (SEN-14)."""
    record = _token(call)
    tokens.revoke(call.tenant, record.id, now=call.tools.now())
    return json_response({"deleted_tokens": [record.id], "success": True})


def _account(call: Call) -> TokenRecord:
    """Return whose account this is. Raises `Unauthenticated` for anything but Basic."""
    scheme = call.request.headers.get("authorization", "").partition(" ")[0]
    account = store.find(call.tenant, call.caller.token_id)
    if scheme.lower() != "basic" or account is None or account.account is not None:
        raise Unauthenticated("Use HTTP Basic: any user name, and an account's key as the password.")
    return account


def _token(call: Call) -> TokenRecord:
    account = _account(call)
    good = jwts.made_by(account, call.tools.now())
    found = next((record for record in good if record.id == call.params["id"]), None)
    if found is None:
        raise NotFound("There is no such token.")
    return found


ROUTES = (
    Route("POST", PATH, create, Scope.TOKENS),
    Route("GET", PATH, list_, Scope.TOKENS),
    Route("DELETE", PATH, delete_all, Scope.TOKENS),
    Route("GET", PATH + "/{id}", show, Scope.TOKENS),
    Route("DELETE", PATH + "/{id}", delete, Scope.TOKENS),
)
