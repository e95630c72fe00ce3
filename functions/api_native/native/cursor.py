"""Opaque cursors: where the next page begins, sealed to the very list that it belongs to.

The seal is a checksum, not a signature: a forged cursor opens nothing, since the tenant always comes from the
caller. It catches what happens in life: a cursor cut short, or used with other filters.
"""

from __future__ import annotations

import base64
import binascii
import re

from bonafide.errors import Unprocessable
from bonafide.http import Request
from bonafide.ids import digest
from bonafide.routing import Call

__all__ = ["link", "pack", "unpack"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def _seal(call: Call, before: str) -> str:
    kept = sorted(
        (name, *values) for name, values in call.request.query.items() if name not in ("cursor", "limit")
    )
    return digest(call.tenant, call.request.path.rstrip("/"), repr(kept), before)[:12]


def pack(call: Call, before: str | None) -> str | None:
    """Return the cursor of the page that continues ``before`` an id; ``None`` at the end."""
    if before is None:
        return None
    return base64.urlsafe_b64encode(f"{before}.{_seal(call, before)}".encode()).decode().rstrip("=")


def unpack(call: Call, cursor: str | None) -> str | None:
    """Return the id in ``cursor``. Raises `Unprocessable` if it was not made for this list."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    before, _, seal = text.partition(".")
    if not _ID.fullmatch(before) or seal != _seal(call, before):
        entry = {
            "parameter": "cursor",
            "code": "invalid_cursor",
            "detail": "Use next_cursor as it was given.",
        }
        raise Unprocessable(
            "This cursor does not belong to this list.", code="invalid_cursor", errors=[entry]
        )
    return before


def link(request: Request, cursor: str | None) -> dict[str, str]:
    """Return the Link header to the next page (RFC 8288), if there is one."""
    if cursor is None:
        return {}
    from urllib.parse import urlencode

    query = [(name, value) for name, values in request.query.items() if name != "cursor" for value in values]
    return {"Link": f'<{request.url(request.path)}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'}
