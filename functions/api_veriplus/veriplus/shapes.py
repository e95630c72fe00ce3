"""Errors as the vendor writes them (VER-3, VER-67 … VER-73): ``{success, error: {code, message}, meta}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bonafide import clock, errors
from bonafide.errors import BonafideError
from bonafide.http import Request, Response, Status, json_response, problem

from veriplus.words import ErrorCode

__all__ = ["STATUS", "failed", "shape"]

STATUS = {
    ErrorCode.INVALID_FILE_FORMAT: Status.BAD_REQUEST,
    ErrorCode.FILE_TOO_LARGE: Status.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.INSUFFICIENT_CREDITS: Status.PAYMENT_REQUIRED,
    ErrorCode.ANALYSIS_FAILED: Status.INTERNAL_SERVER_ERROR,
    ErrorCode.NO_FACE_DETECTED: Status.BAD_REQUEST,
    ErrorCode.VALIDATION_ERROR: Status.BAD_REQUEST,
    ErrorCode.MISSING_API_KEY: Status.UNAUTHORIZED,
    ErrorCode.INVALID_API_KEY: Status.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: Status.FORBIDDEN,
    ErrorCode.NOT_FOUND: Status.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED: Status.METHOD_NOT_ALLOWED,
    ErrorCode.CONFLICT: Status.CONFLICT,
    ErrorCode.GONE: Status.GONE,
    ErrorCode.RATE_LIMIT_EXCEEDED: Status.TOO_MANY_REQUESTS,
    ErrorCode.SERVICE_UNAVAILABLE: Status.SERVICE_UNAVAILABLE,
}
"""The HTTP status of each code; the first five are the document's own table."""

_CODES: dict[type[BonafideError], ErrorCode] = {
    BonafideError: ErrorCode.ANALYSIS_FAILED,
    errors.InvalidRequest: ErrorCode.VALIDATION_ERROR,
    errors.UnsupportedMedia: ErrorCode.VALIDATION_ERROR,
    errors.Unprocessable: ErrorCode.VALIDATION_ERROR,
    errors.Refused: ErrorCode.VALIDATION_ERROR,
    errors.Unauthenticated: ErrorCode.INVALID_API_KEY,
    errors.InsufficientCredits: ErrorCode.INSUFFICIENT_CREDITS,
    errors.Forbidden: ErrorCode.FORBIDDEN,
    errors.NotFound: ErrorCode.NOT_FOUND,
    errors.MethodNotAllowed: ErrorCode.METHOD_NOT_ALLOWED,
    errors.Conflict: ErrorCode.CONFLICT,
    errors.Gone: ErrorCode.GONE,
    errors.TooLarge: ErrorCode.FILE_TOO_LARGE,
    errors.RateLimited: ErrorCode.RATE_LIMIT_EXCEEDED,
    errors.Unavailable: ErrorCode.SERVICE_UNAVAILABLE,
}


def failed(code: ErrorCode, message: str, **details: Any) -> BonafideError:
    """Return an error that `shape` answers with this very code."""
    kind = BonafideError if code is ErrorCode.ANALYSIS_FAILED else errors.InvalidRequest
    return kind(message, code=code.value, errors=[details] if details else ())


def shape(
    error: BonafideError, request: Request | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the vendor's answer to an error: the core's headers and words, the vendor's code and body."""
    code = _code(error)
    native = problem(error, request, headers)
    kept = {name: value for name, value in native.headers.items() if name != "Content-Type"}
    said: dict[str, Any] = {"code": code.value, "message": json.loads(native.body)["detail"]}
    if error.errors:
        said["details"] = [dict(entry) for entry in error.errors]
    meta = {"timestamp": clock.text(clock.now())}
    if request and request.request_id:
        meta["requestId"] = request.request_id
    return json_response({"success": False, "error": said, "meta": meta}, STATUS[code], kept)


def _code(error: BonafideError) -> ErrorCode:
    if error.code in ErrorCode.__members__:
        return ErrorCode[error.code]
    if error.code == "missing_credentials":
        return ErrorCode.MISSING_API_KEY
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
