"""Errors as clients of this vendor read them: ``{success: false, error: "<text>"}`` (SEN-34, X-5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bonafide.errors import BonafideError
from bonafide.http import Request, Response, Status, json_response, problem

__all__ = ["fault"]

_STATUS = {Status.UNPROCESSABLE_ENTITY: Status.BAD_REQUEST}


def fault(
    error: BonafideError, request: Request | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer of an error: the core's status and headers, this vendor's body."""
    native = problem(error, request, headers)
    kept = {name: value for name, value in native.headers.items() if name != "Content-Type"}
    if "WWW-Authenticate" in kept and request and request.path.startswith("/auth"):
        kept["WWW-Authenticate"] = 'Basic realm="bonafide", charset="UTF-8"'  # SEN-3
    document = {"success": False, "error": json.loads(native.body)["detail"]}
    return json_response(document, _STATUS.get(Status(native.status), native.status), kept)
