"""JSON Web Tokens (RFC 7519) for the APIs whose clients expect one: signed, and revocable at once.

Each is a row among the tenant's tokens, under its own id and the SHA-256 of the token with its signature.
Whoever checks one therefore reads its row and needs no key; a token that was not made here has no row. The
signature is HS256 (RFC 7518) with a secret a tenant, which lies in the table wrapped by KMS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from bonafide import keys
from bonafide.errors import Conflict
from bonafide.ids import TENANT
from bonafide.store import tokens as store
from bonafide.store.tokens import TokenRecord

__all__ = ["LIFE", "MAX_TOKENS", "claims", "issue", "made_by", "place"]

LIFE = timedelta(days=365)
"""A token lives so long, or as long as its account if that is shorter."""

MAX_TOKENS = 100
"""Good tokens of one account."""

ISSUER = "bonafide"
_JWT = re.compile(r"[A-Za-z0-9_-]{2,500}\.([A-Za-z0-9_-]{2,1500})\.[A-Za-z0-9_-]{2,500}")
_ID = re.compile(r"tok_[0-9a-f]{32}")


def issue(
    account: TokenRecord, *, scopes: Iterable[str], name: str, now: datetime
) -> tuple[TokenRecord, str]:
    """Make a token for the holder of ``account``; returns its record and itself, never shown again.

    ``scopes`` must be the account's own (`tokens.may_grant`). Raises `Conflict` (``too_many_tokens``),
    `Unavailable`.
    """
    if len(made_by(account, now)) >= MAX_TOKENS:
        raise Conflict(f"An account has {MAX_TOKENS} tokens at most; delete some.", code="too_many_tokens")
    moment = now.replace(microsecond=0)
    record = TokenRecord(
        id=f"tok_{secrets.token_hex(16)}",
        tenant=account.tenant,
        hash="",
        name=name,
        scopes=tuple(sorted(scopes)),
        prefix="eyJ",
        last4="",
        created_at=moment,
        expires_at=min(moment + LIFE, account.expires_at or moment + LIFE),
        account=account.hash,
    )
    body = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims(record))}"
    mac = hmac.digest(_secret(account.tenant), body.encode(), hashlib.sha256)
    plain = f"{body}.{_encoded(mac)}"
    record = record.model_copy(update={"hash": _hash(record.id, plain), "last4": plain[-4:]})
    store.put(record)
    return record, plain


def claims(record: TokenRecord) -> dict[str, Any]:
    """Return what a token says of itself: RFC 7519's registered claims, and the scopes (RFC 8693)."""
    return {
        "iss": ISSUER,
        "sub": record.tenant,
        "aud": ISSUER,
        "jti": record.id,
        "iat": int(record.created_at.timestamp()),
        "exp": int(record.expires_at.timestamp()) if record.expires_at else None,
        "scope": " ".join(record.scopes),
    }


def made_by(account: TokenRecord, now: datetime) -> list[TokenRecord]:
    """Return the good tokens of an account, oldest first."""
    mine = [record for record in store.list_(account.tenant) if record.account == account.hash]
    good = [one for one in mine if not one.revoked_at and (one.expires_at is None or one.expires_at > now)]
    return sorted(good, key=lambda record: (record.created_at, record.id))


def place(plain: str) -> tuple[str, str] | None:
    """Return (tenant, hash): where a token's row must lie, if there is one; ``None`` for no token of ours."""
    match = _JWT.fullmatch(plain)
    try:
        said = json.loads(base64.urlsafe_b64decode(match[1] + "==")) if match else None
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    tenant, own_id = said.get("sub"), said.get("jti")
    if not isinstance(tenant, str) or not isinstance(own_id, str):
        return None
    fits = TENANT.fullmatch(tenant) and _ID.fullmatch(own_id)
    return (tenant, _hash(own_id, plain)) if fits else None


def _hash(own_id: str, plain: str) -> str:
    """Begin with the id, as every token's hash does; 128 bits of SHA-256 follow."""
    return own_id.removeprefix("tok_") + hashlib.sha256(plain.encode()).hexdigest()[:32]


def _secret(tenant: str) -> bytes:
    bound = {"tenant": tenant, "use": "jwt"}
    sealed = store.signing(tenant)
    if sealed is None:
        sealed = store.keep_signing(tenant, keys.encrypt(secrets.token_urlsafe(32), bound))
    return keys.decrypt(sealed, bound).encode()


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
