"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header): a POST sent twice happens once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bonafide.errors import BonafideError, InvalidRequest, Unavailable
from bonafide.http import Form, Request, Response, status_of
from bonafide.routing import Call
from bonafide.store import claims

__all__ = ["Once", "fingerprint", "key"]

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x7e]+")


def key(request: Request) -> str | None:
    """Return the key, quoted (a structured-field string) or bare; ``None`` without the header.

    Raises `InvalidRequest` if it is malformed, empty or longer than 255 characters.
    """
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    text = header.strip()
    quoted = _QUOTED.fullmatch(text)
    value = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text if _BARE.fullmatch(text) else ""
    if not 1 <= len(value) <= 255:
        raise InvalidRequest(
            "Idempotency-Key must be one string of 1 to 255 printable characters.",
            code="idempotency_key_malformed",
            errors=({"header": "Idempotency-Key", "detail": "malformed"},),
        )
    return value


def fingerprint(call: Call, form: Form | None) -> str:
    """Return what a retry must repeat: method, path, tenant, body (of a form the parts, not the boundary)."""
    total = hashlib.sha256()
    pieces: list[bytes] = [call.request.method.encode(), call.request.path.encode(), call.tenant.encode()]
    if form is None:
        pieces.append(call.request.body)
    else:
        for part in form.parts:
            named = repr((part.name, part.filename, part.content_type)).encode(errors="backslashreplace")
            pieces += [named, part.data]
    for piece in pieces:
        total.update(len(piece).to_bytes(8, "big"))
        total.update(piece)
    return total.hexdigest()


@dataclass
class Once:
    """One claim on a key: `begin` it, work inside `held`, `complete` it. Without a key all do nothing."""

    call: Call
    name: str | None
    analysis_id: str | None = None

    def __post_init__(self) -> None:
        """Keep a client's keys apart from the claims that we make ourselves (uploads, drops)."""
        self.name = None if self.name is None else f"key:{self.name}"

    def begin(self, print_: str) -> Response | None:
        """Return the first answer if there is one already. Raises `Unprocessable`, `Conflict`."""
        if self.name is None:
            return None
        candidate = self.call.tools.new_id("an")
        now = self.call.tools.now()
        begun = claims.begin(self.call.tenant, self.name, print_, now=now, candidate_id=candidate)
        if isinstance(begun, claims.Replay):
            headers = begun.headers | {"Idempotency-Replayed": "true"}
            return Response(begun.status, begun.body.encode(), headers)
        self.analysis_id = begun.analysis_id
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Free the key if the request is refused: a mended one may use it again.

        Not so if something of ours broke: the claim keeps the analysis id for whoever tries again.
        """
        try:
            yield
        except BonafideError as error:
            refused = status_of(error) < status_of(Unavailable(""))
            if self.name is not None and refused:
                claims.release(self.call.tenant, self.name)
            raise

    def complete(self, response: Response, analysis_id: str | None = None) -> None:
        """Keep the answer for every retry within a day; that of an analysis goes when it is erased."""
        if self.name is not None:
            claims.complete(
                self.call.tenant,
                self.name,
                status=response.status,
                headers=dict(response.headers),
                body=response.body.decode(),
                analysis_id=analysis_id,
                now=self.call.tools.now(),
            )
