"""Errors as this vendor writes them: ``{success: false, message}`` for every status (RES-8, X-5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bonafide.errors import BonafideError
from bonafide.http import Request, Response, Status, json_response, problem

__all__ = ["fault"]

_STATUS = {Status.UNPROCESSABLE_ENTITY: Status.BAD_REQUEST}
"""The vendor knows no 422: a bad value is a bad request (RES-26)."""


def fault(
    error: BonafideError, request: Request | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer of an error: the core's status and headers, the vendor's body."""
    native = problem(error, request, headers)
    kept = {name: value for name, value in native.headers.items() if name != "Content-Type"}
    document = {"success": False, "message": json.loads(native.body)["detail"]}
    return json_response(document, _STATUS.get(Status(native.status), native.status), kept)
