"""API tokens: ``bf_<tenant>_<43 url-safe characters>``, 256 random bits, kept only as a SHA-256.

The token names its tenant, so one strongly consistent read by key finds it: no index, no scan, and the
partition key begins with the tenant. A plain hash suffices because the secret is random, not a password.
JSON Web Tokens (`jwts`) lie among them and are checked, listed and revoked as they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum

from bonafide import jwts
from bonafide.errors import Forbidden, Unavailable, Unprocessable
from bonafide.ids import TENANT
from bonafide.store import tokens as store
from bonafide.store.tokens import TokenRecord

__all__ = [
    "Scope",
    "TokenRecord",
    "authenticate",
    "check",
    "create",
    "list_",
    "may_grant",
    "presented",
    "revoke",
]

_TOKEN = re.compile(r"bf_([a-z0-9][a-z0-9-]{0,39})_([A-Za-z0-9_-]{43})")
_TOUCH = timedelta(minutes=1)
_NOBODY = "0" * 64


class Scope(StrEnum):
    """What a token may do."""

    ANALYSES_READ = "analyses:read"
    ANALYSES_WRITE = "analyses:write"
    KNOWN_MEDIA = "known-media"
    WEBHOOKS = "webhooks"
    TOKENS = "tokens"
    ALL = "*"


def digest(plain: str) -> str:
    """Return the SHA-256 under which a token is kept (hexadecimal)."""
    return hashlib.sha256(plain.encode(errors="replace")).hexdigest()


def create(
    tenant: str, *, name: str, scopes: Iterable[str], now: datetime, expires_at: datetime | None = None
) -> tuple[TokenRecord, str]:
    """Make a token; returns its record and the token itself, which is never shown again.

    Raises `Unprocessable` for a bad tenant, name, scope or expiry.
    """
    wanted = tuple(sorted({str(scope) for scope in scopes}))
    if not TENANT.fullmatch(tenant):
        raise Unprocessable("A tenant is 1 to 40 of a-z, 0-9 and -.", code="invalid_tenant")
    if not wanted or set(wanted) - set(Scope):
        raise Unprocessable(f"Scopes are {', '.join(Scope)}.", code="unknown_scope")
    if not 1 <= len(name) <= 100:
        raise Unprocessable("A name has 1 to 100 characters.", code="invalid_name")
    if expires_at is not None and expires_at <= now:
        raise Unprocessable("expires_at must lie in the future.", code="invalid_expiry")
    secret = secrets.token_urlsafe(32)
    plain = f"bf_{tenant}_{secret}"
    hashed = digest(plain)
    record = TokenRecord(
        id=f"tok_{hashed[:32]}",
        tenant=tenant,
        hash=hashed,
        name=name,
        scopes=wanted,
        prefix=f"bf_{tenant}_{secret[:4]}",
        last4=secret[-4:],
        created_at=now.replace(microsecond=0),
        expires_at=expires_at,
    )
    store.put(record)
    return record, plain


def check(plain: str, now: datetime) -> tuple[TokenRecord | None, str]:
    """Return (record, ``""``) for a good token, else (``None``, reason).

    Reasons: ``invalid_token``, ``expired_token``, ``revoked_token``; only who holds the whole token learns
    the last two. An unknown token costs the same read as a known one. Raises `Unavailable` if the table is
    broken: nobody is let in, and nobody is told that a good token is bad.
    """
    place = _place(plain)
    if place is None:
        return None, "invalid_token"
    tenant, hashed = place
    record = store.get(tenant, hashed)
    if not hmac.compare_digest(record.hash if record else _NOBODY, hashed) or record is None:
        return None, "invalid_token"
    if record.revoked_at is not None:
        return None, "revoked_token"
    if record.expires_at is not None and record.expires_at <= now:
        return None, "expired_token"
    if record.account is not None and not _lives(store.get(tenant, record.account), now):
        return None, "revoked_token"
    if record.last_used_at is None or now - record.last_used_at >= _TOUCH:
        with suppress(Unavailable):  # a note, not worth refusing a caller for
            store.touch(record, now=now, before=now - _TOUCH)
    return record, ""


def _place(plain: str) -> tuple[str, str] | None:
    """Return (tenant, hash) of what is formed like a token of ours, else ``None``."""
    match = _TOKEN.fullmatch(plain)
    return (match[1], digest(plain)) if match else jwts.place(plain)


def _lives(account: TokenRecord | None, now: datetime) -> bool:
    """Whether the token that a JSON Web Token was made with is still good."""
    if account is None or account.revoked_at is not None:
        return False
    return account.expires_at is None or account.expires_at > now


def authenticate(plain: str, now: datetime) -> TokenRecord | None:
    """Return whose token this is, or ``None``; see `check`."""
    return check(plain, now)[0]


def list_(tenant: str) -> list[TokenRecord]:
    """Return a tenant's tokens, newest first; revoked and expired ones stay for 30 days."""
    return sorted(store.list_(tenant), key=lambda record: (record.created_at, record.id), reverse=True)


def revoke(tenant: str, token_id: str, *, now: datetime) -> bool:
    """Revoke at once. Idempotent; ``False`` if this tenant never had it."""
    return store.revoke(tenant, token_id, now=now)


def may_grant(
    own: Iterable[str], wanted: Iterable[str], *, own_expiry: datetime | None, expires_at: datetime | None
) -> None:
    """Raise `Forbidden` unless a holder of ``own`` may hand out ``wanted``: never more, never for longer."""
    held = set(own)
    more = [] if Scope.ALL in held else sorted(set(wanted) - held)
    if more:
        raise Forbidden(f"This token lacks the scope {', '.join(more)} itself.", code="insufficient_scope")
    if own_expiry is not None and (expires_at is None or expires_at > own_expiry):
        raise Forbidden("A token cannot outlive the one that makes it.", code="insufficient_lifetime")


def presented(headers: Mapping[str, str]) -> str | None:
    """Return the token in ``headers`` (lower-case names), in whatever spelling; ``None`` without any.

    ``Authorization``: ``Bearer T``, ``T`` alone, ``Token token=T``, ``Token T``, or Basic with T as the
    password (or as the user, without a password); or ``X-API-Key: T``. Of several the first that is
    formed like a token.
    """
    found = [_authorization(headers.get("authorization", "")), headers.get("x-api-key", "").strip()]
    given = [value for value in found if value]
    return next((value for value in given if _place(value)), given[0] if given else None)


def _authorization(value: str) -> str:
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    if not rest:
        return scheme
    if scheme.lower() == "basic":
        return _basic(rest)
    if scheme.lower() == "token" and rest.lower().startswith("token="):
        return rest.partition("=")[2].split(",")[0].strip().strip('"')
    return rest


def _basic(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return encoded
    return password.strip() or user.strip()
