"""Errors as the vendor writes them (PHX-33 … PHX-44): ``{type, message, detail}``, plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from bonafide import errors
from bonafide.errors import BonafideError
from bonafide.http import Request, Response, Status, json_response
from bonafide.quota import Rate

from phonexia.words import ErrorType

__all__ = ["SAID", "Said", "detail", "meter", "shape"]

RETRY_S = 5
LICENSED = frozenset(("insufficient_credits", "quota_exceeded", "capacity_exceeded"))
"""Codes that mean: known and allowed, but nothing left of what was bought (PHX-36)."""


class Said(NamedTuple):
    """One kind of error: the vendor's type, status and sentence."""

    type: ErrorType
    status: Status
    message: str


_INVALID = Said(ErrorType.INVALID, Status.BAD_REQUEST, "Invalid request.")
_ABSENT = Said(ErrorType.NOT_FOUND, Status.NOT_FOUND, "Resource not found.")
_FORBIDDEN = Said(ErrorType.FORBIDDEN, Status.FORBIDDEN, "Request is forbidden.")

SAID: dict[type[BonafideError], Said] = {
    BonafideError: Said(ErrorType.INTERNAL, Status.INTERNAL_SERVER_ERROR, "Internal error."),
    errors.InvalidRequest: _INVALID,
    errors.UnsupportedMedia: _INVALID,
    errors.Refused: Said(ErrorType.VALIDATION, Status.UNPROCESSABLE_ENTITY, "Request validation error."),
    # The vendor's appliance asks for no key, so that its ten types have none for a missing one (PHX-24).
    errors.Unauthenticated: Said(ErrorType.FORBIDDEN, Status.UNAUTHORIZED, "Authentication is required."),
    errors.Forbidden: _FORBIDDEN,
    errors.InsufficientCredits: _FORBIDDEN,
    errors.NotFound: _ABSENT,
    errors.Gone: _ABSENT,
    errors.MethodNotAllowed: Said(ErrorType.METHOD, Status.METHOD_NOT_ALLOWED, "Method not allowed."),
    errors.Conflict: Said(ErrorType.CONFLICT, Status.CONFLICT, "Request conflict."),
    errors.TooLarge: Said(ErrorType.SIZE, Status.REQUEST_ENTITY_TOO_LARGE, "Request size limit exceeded."),
    errors.Unprocessable: Said(
        ErrorType.VALIDATION, Status.UNPROCESSABLE_ENTITY, "Request validation error."
    ),
    errors.RateLimited: Said(ErrorType.RATE, Status.TOO_MANY_REQUESTS, "Rate limit exceeded."),
    errors.StorageFull: Said(ErrorType.STORAGE, Status.INSUFFICIENT_STORAGE, "Storage capacity exceeded."),
}


def shape(
    error: BonafideError, request: Request | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the vendor's answer to an error, with the headers that its status asks for."""
    said = next(SAID[kind] for kind in type(error).__mro__ if kind in SAID)
    document = {"type": said.type.value, "message": said.message, "detail": _details(error, said)}
    extra: dict[str, str] = {}
    if said.status is Status.UNAUTHORIZED:
        extra["WWW-Authenticate"] = 'Bearer realm="bonafide"'
    if isinstance(error, errors.RateLimited) and error.limit:
        document["message"] = f"Rate limit exceeded: {error.limit} per {error.window_s} second."
    wait = error.retry_after_s
    if wait is None and isinstance(error, errors.RateLimited | errors.Unavailable):
        wait = RETRY_S
    if wait is not None:
        extra["Retry-After"] = str(wait)
    return json_response(document, said.status, extra | dict(headers or {}))


def meter(now: Callable[[], datetime]) -> Callable[[Rate], Mapping[str, str]]:
    """Return what tells a tenant of its rate: PHX-40, the reset in epoch seconds (PHX-44)."""

    def fields(rate: Rate) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(rate.limit),
            "x-ratelimit-remaining": str(rate.remaining),
            "x-ratelimit-reset": str(int(now().timestamp()) + rate.reset_s),
        }

    return fields


def detail(location: list[str | int], message: str, kind: str, **context: Any) -> dict[str, Any]:
    """Return one entry of ``detail`` (PHX-33)."""
    return {"location": location, "message": message, "type": kind, "context": context}


def _details(error: BonafideError, said: Said) -> list[dict[str, Any]]:
    if error.code in LICENSED or isinstance(error, errors.InsufficientCredits):
        return [detail(["license"], "Licensed processing capacity exceeded.", "licensing.capacity-exceeded")]
    if said.status in (Status.UNAUTHORIZED, Status.FORBIDDEN):
        kind = "authentication" if said.status is Status.UNAUTHORIZED else "authorization"
        return [detail(["header", "Authorization"], error.detail, f"{kind}.{error.code.replace('_', '-')}")]
    found = [entry if "location" in entry else _pointed(entry) for entry in error.errors]
    plain = [dict(entry) for entry in found]
    if not plain and said.type in (ErrorType.VALIDATION, ErrorType.SIZE, ErrorType.CONFLICT):
        plain = [detail(["body"], error.detail, error.code)]
    return plain if said.type is not ErrorType.RATE else []


def _pointed(entry: Mapping[str, object]) -> dict[str, Any]:
    """Turn an entry of the core (a JSON pointer, a parameter or a header) into one of the vendor's."""
    location: list[str | int] = ["body"]
    if "pointer" in entry:
        location += [step for step in str(entry["pointer"]).removeprefix("#").split("/") if step]
    elif "parameter" in entry:
        location = ["query", str(entry["parameter"])]
    elif "header" in entry:
        location = ["header", str(entry["header"])]
    return detail(location, str(entry.get("detail", "")), str(entry.get("code", "value_error")))
