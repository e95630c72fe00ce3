"""Rows of API tokens: partition key ``T#<tenant>``, sort key ``TOKEN#<sha-256 of the token>``.

A token's id is the first half of that hash, so an id leads to its row by a prefix; it opens nothing.
``SIGNING`` is the secret that signs the tenant's JSON Web Tokens, wrapped by KMS.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bonafide.model import Word
from bonafide.store import table
from bonafide.store.table import Item, tenant_key

__all__ = [
    "TokenRecord",
    "find",
    "get",
    "keep_signing",
    "list_",
    "put",
    "revoke",
    "signing",
    "touch",
]

_KEPT_S = 30 * 86400
_ID = re.compile(r"tok_[0-9a-f]{32}")


class TokenRecord(Word):
    """What is known of a token; the token itself is not.

    ``account`` is the hash of the token that a JSON Web Token was made with, and that it dies with.
    """

    id: str
    tenant: str
    hash: str
    name: str
    scopes: tuple[str, ...]
    prefix: str
    last4: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    account: str | None = None


_DATES = ("created_at", "expires_at", "last_used_at", "revoked_at")


def _epoch(value: datetime | None) -> int | None:
    return int(value.timestamp()) if value else None


def _record(item: Item) -> TokenRecord:
    plain = {name: item[name] for name in TokenRecord.model_fields if name in item}
    plain |= {name: datetime.fromtimestamp(item[name], UTC) for name in _DATES if name in item}
    return TokenRecord.model_validate(plain)


def put(record: TokenRecord) -> None:
    """Write a new token; its row goes a month after it expires."""
    item: Item = record.model_dump(mode="python", exclude_none=True)
    item |= {name: _epoch(getattr(record, name)) for name in _DATES}
    item |= {"scopes": list(record.scopes), "pk": tenant_key(record.tenant), "sk": f"TOKEN#{record.hash}"}
    if record.expires_at:
        item["ttl"] = int(record.expires_at.timestamp()) + _KEPT_S
    table.put(item)


def get(tenant: str, hashed: str) -> TokenRecord | None:
    """Return the token with this hash (strongly consistent: a revocation counts at once)."""
    item = table.get(tenant_key(tenant), f"TOKEN#{hashed}")
    return _record(item) if item else None


def find(tenant: str, token_id: str) -> TokenRecord | None:
    """Return the token with this id, or ``None``."""
    if not _ID.fullmatch(token_id):
        return None
    items = table.page(tenant_key(tenant), prefix=f"TOKEN#{token_id.removeprefix('tok_')}", limit=1)
    return _record(items[0]) if items else None


def list_(tenant: str) -> list[TokenRecord]:
    """Return every token of a tenant."""
    return [_record(item) for item in table.query(tenant_key(tenant), "TOKEN#")]


def touch(record: TokenRecord, *, now: datetime, before: datetime) -> None:
    """Note the use, unless somebody did so after ``before``."""
    table.update(
        tenant_key(record.tenant),
        f"TOKEN#{record.hash}",
        set_={"last_used_at": _epoch(now)},
        condition="attribute_exists(pk)"
        " AND (attribute_not_exists(#last_used_at) OR #last_used_at <= :before)",
        values={"before": _epoch(before)},
    )


def revoke(tenant: str, token_id: str, *, now: datetime) -> bool:
    """Mark as revoked; the first date stays. ``False`` if there is no such token."""
    record = find(tenant, token_id)
    if record is None:
        return False
    table.update(
        tenant_key(tenant),
        f"TOKEN#{record.hash}",
        set_={"revoked_at": _epoch(now), "ttl": int(now.timestamp()) + _KEPT_S},
        condition="attribute_exists(pk) AND attribute_not_exists(#revoked_at)",
    )
    return True


def signing(tenant: str) -> str | None:
    """Return the wrapped secret that signs this tenant's JSON Web Tokens, or ``None``."""
    item = table.get(tenant_key(tenant), "SIGNING")
    return str(item["sealed"]) if item else None


def keep_signing(tenant: str, sealed: str) -> str:
    """Keep a wrapped secret; returns the one that counts, which is the first."""
    table.put({"pk": tenant_key(tenant), "sk": "SIGNING", "sealed": sealed}, only_if_absent=True)
    return signing(tenant) or sealed
