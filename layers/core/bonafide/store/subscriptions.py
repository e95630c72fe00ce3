"""Webhooks that a dialect registers in its vendor's own words: ``T#<tenant>`` / ``SUB#<dialect>#<id>``.

Their events and bodies are the dialect's; `delivery.deliver_raw` carries them. The secret is wrapped by KMS
and bound to tenant, dialect and subscription.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from bonafide import keys
from bonafide.address import check
from bonafide.errors import Conflict, NotFound
from bonafide.ids import IdFactory, new_id
from bonafide.model import Word
from bonafide.settings import settings
from bonafide.store import table
from bonafide.store.table import tenant_key

__all__ = ["MAX_SUBSCRIPTIONS", "Subscription", "create", "delete", "get", "list_", "secret_of"]

MAX_SUBSCRIPTIONS = 20
"""Of one tenant and dialect; each event makes at most so many calls."""


class Subscription(Word):
    """Where a tenant wants which events of a dialect."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str = ""
    created_at: datetime
    sealed: str = Field(repr=False, description="The secret, as `keys.encrypt` wrapped it.")


def _sort_key(dialect: str, subscription_id: str = "") -> str:
    return f"SUB#{dialect}#{subscription_id}"


def _context(tenant: str, dialect: str, subscription_id: str) -> dict[str, str]:
    return {"tenant": tenant, "dialect": dialect, "subscription": subscription_id}


def create(
    tenant: str,
    dialect: str,
    url: str,
    events: Sequence[str],
    secret: str,
    description: str = "",
    *,
    now: datetime,
    id_factory: IdFactory = new_id,
) -> Subscription:
    """Keep a subscription. Raises `Refused` (an address that is never called), `Conflict` (too many)."""
    loopback = settings().allow_loopback
    check(url, allow_loopback=loopback, schemes=("http", "https") if loopback else ("https",))
    if len(list_(tenant, dialect)) >= MAX_SUBSCRIPTIONS:
        raise Conflict(f"There are at most {MAX_SUBSCRIPTIONS} webhooks.", code="too_many_webhooks")
    subscription_id = id_factory("wh")
    made = Subscription(
        id=subscription_id,
        url=url,
        events=tuple(dict.fromkeys(events)),
        description=description,
        created_at=now,
        sealed=keys.encrypt(secret, _context(tenant, dialect, subscription_id)),
    )
    row = {
        "pk": tenant_key(tenant),
        "sk": _sort_key(dialect, subscription_id),
        **made.model_dump(mode="json"),
    }
    table.put(row, only_if_absent=True)
    return made


def list_(tenant: str, dialect: str) -> list[Subscription]:
    """Return a tenant's subscriptions, oldest first."""
    return [_subscription(row) for row in table.query(tenant_key(tenant), _sort_key(dialect))]


def get(tenant: str, dialect: str, subscription_id: str) -> Subscription:
    """Return the subscription. Raises `NotFound`."""
    row = table.get(tenant_key(tenant), _sort_key(dialect, subscription_id))
    if row is None:
        raise NotFound("There is no such webhook.")
    return _subscription(row)


def delete(tenant: str, dialect: str, subscription_id: str) -> None:
    """Remove the subscription; absent is fine. What is under way is still delivered."""
    table.delete(tenant_key(tenant), _sort_key(dialect, subscription_id))


def secret_of(tenant: str, dialect: str, subscription: Subscription) -> str:
    """Return the secret in clear text."""
    return keys.decrypt(subscription.sealed, _context(tenant, dialect, subscription.id))


def _subscription(row: table.Item) -> Subscription:
    return Subscription.model_validate({name: row[name] for name in Subscription.model_fields if name in row})
