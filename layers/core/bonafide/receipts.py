"""Deletion receipts: what was erased, what stays and why, signed with a key that never leaves KMS.

A receipt is a JWS (RFC 7515, compact, ES256) whose payload is the document; the public key is a JWK Set
(RFC 7517). Anybody can hold one against the other with any JOSE library, long after we are gone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from bonafide import clock, keys
from bonafide.store import erasures
from bonafide.store.erasures import COUNTED, Erasure

__all__ = ["KIND", "document", "jwks", "receipt"]

KIND = "deletion-receipt+jws"
"""``typ`` of the header: a receipt cannot be taken for another kind of token of the same key."""

_RESULT = (
    (
        "The result: verdict, scores, evidence without quotations, what kind of file it was and how long and"
        " large (not its hash), options, client_reference, callback address."
    ),
    "Zero retention keeps the answer. DELETE erases it.",
)
_TOMBSTONE = (
    "A tombstone: id, tenant, the moments of creation and erasure, these counts.",
    "Nothing can bring the analysis back, and this receipt can be asked for.",
)
_ALWAYS = (
    (
        "What it added to the month's usage and credits: numbers beside its id.",
        "The owner's accounts.",
    ),
    (
        "Its id, and a verdict that was told, in logs, run history and the log of webhooks; no names.",
        "Operations; they expire by themselves.",
    ),
    (
        "Backups of the table (point-in-time recovery, 35 days) hold what its row held; never media.",
        "They cannot be changed; restoring one is the owner's act.",
    ),
)


def receipt(tenant: str, analysis_id: str) -> dict[str, Any] | None:
    """Return the document with its signature (``jws``); ``None`` if nothing was erased."""
    found = erasures.get(tenant, analysis_id)
    if found is None:
        return None
    plain = document(tenant, analysis_id, found)
    return plain | {"jws": _signed(plain)}


def document(tenant: str, analysis_id: str, found: Erasure) -> dict[str, Any]:
    """Return what a receipt says. Pure: the same erasure reads the same each time."""
    deleted = found.reason == "deleted"
    until = clock.text(found.until)
    return {
        "object": "deletion_receipt",
        "analysis_id": analysis_id,
        "tenant": tenant,
        "reason": found.reason,
        "created_at": clock.text(found.created_at),
        "erased_at": clock.text(found.erased_at),
        "confirmed_at": clock.text(found.confirmed_at) if found.confirmed_at else None,
        "erased": {name.removeprefix("erased_"): getattr(found, name) for name in COUNTED},
        "kept": [
            {"what": what, "why": why, "until": end}
            for (what, why), end in (
                (_TOMBSTONE if deleted else _RESULT, until),
                *((entry, None) for entry in _ALWAYS),
            )
        ],
    }


def jwks() -> dict[str, Any]:
    """Return the public key as a JWK Set. Raises `Unavailable`."""
    return {"keys": [_jwk() | {"kid": _kid(), "use": "sig", "alg": "ES256"}]}


def _jwk() -> dict[str, str]:
    x, y = keys.public_point()
    return {"crv": "P-256", "kty": "EC", "x": _text(x), "y": _text(y)}


def _kid() -> str:
    """Return the key's own thumbprint (RFC 7638: required members, sorted, no spaces)."""
    plain = json.dumps(_jwk(), separators=(",", ":"), sort_keys=True)
    return _text(hashlib.sha256(plain.encode()).digest())


def _signed(plain: dict[str, Any]) -> str:
    header = {"alg": "ES256", "kid": _kid(), "typ": KIND}
    said = ".".join(_text(json.dumps(part, separators=(",", ":")).encode()) for part in (header, plain))
    return f"{said}.{_text(keys.sign(said.encode()))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
