"""Webhook endpoints and the log of their deliveries, in the single table.

Rows: ``T#<tenant>`` / ``WEBHOOK#<id>`` is an endpoint with its secrets (wrapped by KMS, bound to tenant and
endpoint); ``T#<tenant>#WH#<id>`` / ``DELIVERY#<id>`` is one delivery with its attempts, kept 30 days. A
delivery's id sorts by time, and is the same for the same event and endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from bonafide import keys
from bonafide.address import check
from bonafide.errors import Conflict, NotFound, Refused, Unprocessable
from bonafide.ids import IdFactory, new_id
from bonafide.model import Word
from bonafide.settings import settings
from bonafide.store import table
from bonafide.store.table import dumps, loads, tenant_key
from bonafide.webhooks import OVERLAP, EventType, delivery_prefix, new_secret

__all__ = [
    "CALLBACK",
    "MAX_ENDPOINTS",
    "Attempt",
    "Delivery",
    "Endpoint",
    "claim",
    "create",
    "delete",
    "deliveries",
    "delivery",
    "disable",
    "discard",
    "enable",
    "failing",
    "find",
    "find_delivery",
    "forget_callbacks",
    "gave_up",
    "get",
    "list_",
    "open_",
    "record",
    "rotate",
    "signing",
    "signing_all",
    "succeeded",
]

MAX_ENDPOINTS = 20
"""Endpoints of one tenant; each event makes at most so many calls."""

CALLBACK = "callback"
"""Stands for the endpoint of deliveries that carry their own URL."""

LIFETIME = timedelta(days=30)
LEASE_S = 60
_MAX_SECRETS = 3
_FRESH_S = 60


class Endpoint(Word):
    """Where a tenant wants its events. ``failing_since`` and ``exhausted`` run since the last success."""

    id: str
    url: str
    events: tuple[EventType, ...] = Field((), description="Empty: every event.")
    description: str = ""
    enabled: bool = True
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    created_at: datetime
    rotated_at: datetime | None = None
    failing_since: datetime | None = None
    exhausted: int = Field(0, description="Deliveries given up since the last one that got through.")
    last_success_at: datetime | None = None


class Attempt(Word):
    """One try: an HTTP ``status``, or the machine name of the ``error`` (see `outbound.post`)."""

    number: int = Field(ge=1)
    at: datetime
    status: int | None = None
    error: str | None = None
    ms: int = Field(ge=0)


class Delivery(Word):
    """One event on its way to one endpoint.

    ``failed``: given up early (410, endpoint disabled or deleted); ``exhausted``: every attempt was used up.
    """

    id: str
    webhook_id: str
    event_id: str
    type: EventType
    state: Literal["pending", "delivered", "failed", "exhausted"] = "pending"
    reason: str | None = None
    attempts: tuple[Attempt, ...] = ()
    next_attempt_at: datetime | None = None
    redelivery_of: str | None = None
    created_at: datetime
    payload: str = Field(description="The JSON text that is sent, without the client's reference.")
    url: str | None = Field(None, description="Of a ready body that belongs to no endpoint; see `CALLBACK`.")
    headers: dict[str, str] = Field({}, description="A dialect's own, sent with every attempt.")


# ---- endpoints ---------------------------------------------------------------------------------------


def _key(tenant: str, webhook_id: str) -> tuple[str, str]:
    return tenant_key(tenant), f"WEBHOOK#{webhook_id}"


def _context(tenant: str, webhook_id: str) -> dict[str, str]:
    return {"tenant": tenant, "webhook": webhook_id}


def _endpoint(row: table.Item) -> Endpoint:
    known = {name: row[name] for name in Endpoint.model_fields if name in row}
    return Endpoint.model_validate(known | {"exhausted": len(row.get("exhausted_ids", ()))})


def create(
    tenant: str,
    url: str,
    events: Sequence[str],
    description: str = "",
    *,
    now: datetime,
    id_factory: IdFactory = new_id,
) -> tuple[Endpoint, str]:
    """Make an endpoint; returns it with its secret, which is never shown again.

    Raises Unprocessable (``url_invalid``, ``address_refused``, ``unknown_event``, ``too_long``), Conflict
    ``too_many_webhooks``.
    """
    _acceptable(url, events, description)
    if len(list_(tenant)) >= MAX_ENDPOINTS:
        raise Conflict(f"A tenant has at most {MAX_ENDPOINTS} webhooks.", code="too_many_webhooks")
    webhook_id, secret = id_factory("wh"), new_secret()
    pk, sk = _key(tenant, webhook_id)
    row = {
        "pk": pk,
        "sk": sk,
        "id": webhook_id,
        "url": url,
        "events": sorted(set(events)),
        "description": description,
        "enabled": True,
        "created_at": now.isoformat(),
        "secrets": dumps([{"sealed": keys.encrypt(secret, _context(tenant, webhook_id))}]),
    }
    if not table.put(row, only_if_absent=True):
        raise Conflict("This webhook exists already.")
    return _endpoint(row), secret


def _acceptable(url: str, events: Sequence[str], description: str) -> None:
    loopback = settings().allow_loopback
    try:
        check(url, allow_loopback=loopback, schemes=("http", "https") if loopback else ("https",))
    except Refused as error:
        where = {"pointer": "#/url", "detail": error.detail}
        raise Unprocessable(error.detail, code=error.code, errors=[where]) from error
    known = (EventType.COMPLETED.value, EventType.FAILED.value)
    for i, kind in enumerate(events):
        if kind not in known:
            detail = f"Events are {' and '.join(known)}."
            raise Unprocessable(
                detail, code="unknown_event", errors=[{"pointer": f"#/events/{i}", "detail": detail}]
            )
    if len(description) > 200:
        detail = "The description has at most 200 characters."
        raise Unprocessable(detail, code="too_long", errors=[{"pointer": "#/description", "detail": detail}])


def list_(tenant: str) -> list[Endpoint]:
    """Return a tenant's endpoints, oldest first."""
    return [_endpoint(row) for row in table.query(tenant_key(tenant), "WEBHOOK#")]


def find(tenant: str, webhook_id: str) -> Endpoint | None:
    """Return the endpoint, or ``None``."""
    row = table.get(*_key(tenant, webhook_id))
    return _endpoint(row) if row else None


def get(tenant: str, webhook_id: str) -> Endpoint:
    """Return the endpoint. Raises NotFound."""
    found = find(tenant, webhook_id)
    if found is None:
        raise _absent()
    return found


def _absent() -> NotFound:
    return NotFound("There is no such webhook.")


def delete(tenant: str, webhook_id: str) -> None:
    """Remove the endpoint and its secrets; absent is fine. What is under way is given up; the log expires."""
    table.delete(*_key(tenant, webhook_id))


def rotate(tenant: str, webhook_id: str, now: datetime) -> tuple[Endpoint, str]:
    """Give the endpoint a new secret; the old one signs along for 24 h. Raises NotFound, Conflict (race)."""
    row = table.get(*_key(tenant, webhook_id))
    if row is None:
        raise _absent()
    secret, old = new_secret(), row["secrets"]
    expires = (now + OVERLAP).isoformat()
    kept = [{"expires_at": expires, **entry} for entry in loads(old) if _valid(entry, now)]
    fresh = {"sealed": keys.encrypt(secret, _context(tenant, webhook_id))}
    changed = table.update(
        *_key(tenant, webhook_id),
        set_={"secrets": dumps([fresh, *kept][:_MAX_SECRETS]), "rotated_at": now.isoformat()},
        condition="#secrets = :old",
        values={"old": old},
    )
    if changed is None:
        raise Conflict("The secret was rotated by someone else at the same time.")
    return _endpoint(changed), secret


def _valid(entry: dict[str, str], now: datetime) -> bool:
    return "expires_at" not in entry or datetime.fromisoformat(entry["expires_at"]) > now


def signing(tenant: str, webhook_id: str, now: datetime) -> tuple[Endpoint, list[str]] | None:
    """Return the endpoint and the secrets that sign at ``now``, newest first; ``None`` if it is gone."""
    row = table.get(*_key(tenant, webhook_id))
    if row is None:
        return None
    valid = [entry["sealed"] for entry in loads(row["secrets"]) if _valid(entry, now)]
    return _endpoint(row), [keys.decrypt(sealed, _context(tenant, webhook_id)) for sealed in valid]


def signing_all(tenant: str, now: datetime) -> list[str]:
    """Return every secret that signs for this tenant at ``now``: any of them verifies a ready body."""
    found = []
    for row in table.query(tenant_key(tenant), "WEBHOOK#"):
        valid = [entry["sealed"] for entry in loads(row["secrets"]) if _valid(entry, now)]
        found += [keys.decrypt(sealed, _context(tenant, row["id"])) for sealed in valid]
    return found


def enable(tenant: str, webhook_id: str) -> Endpoint:
    """Turn the endpoint on and forget its failures. Raises NotFound."""
    forget = ("disabled_reason", "disabled_at", "failing_since", "exhausted_ids")
    changed = table.update(*_key(tenant, webhook_id), set_={"enabled": True}, remove=forget)
    if changed is None:
        raise _absent()
    return _endpoint(changed)


def disable(tenant: str, webhook_id: str, reason: str, now: datetime) -> bool:
    """Turn the endpoint off, with a reason for people; ``False`` if it was off or gone already."""
    change = {"enabled": False, "disabled_reason": reason, "disabled_at": now.isoformat()}
    condition, values = "#enabled = :on", {"on": True}
    return (
        table.update(*_key(tenant, webhook_id), set_=change, condition=condition, values=values) is not None
    )


def succeeded(tenant: str, endpoint: Endpoint, now: datetime) -> None:
    """Note a success; written at most once a minute while all is well."""
    last = endpoint.last_success_at
    well = endpoint.failing_since is None and endpoint.exhausted == 0
    if well and last and (now - last).total_seconds() < _FRESH_S:
        return
    change = {"last_success_at": now.isoformat()}
    table.update(*_key(tenant, endpoint.id), set_=change, remove=("failing_since", "exhausted_ids"))


def failing(tenant: str, webhook_id: str, now: datetime) -> None:
    """Note when the present run of failures began."""
    condition = "attribute_exists(pk) AND attribute_not_exists(failing_since)"
    table.update(*_key(tenant, webhook_id), set_={"failing_since": now.isoformat()}, condition=condition)


def gave_up(tenant: str, webhook_id: str, delivery_id: str) -> Endpoint | None:
    """Count an exhausted delivery (once, however often it is told); ``None`` if the endpoint is gone."""
    changed = table.update(*_key(tenant, webhook_id), add={"exhausted_ids": {delivery_id}})
    return _endpoint(changed) if changed else None


# ---- deliveries --------------------------------------------------------------------------------------


def _log(tenant: str, webhook_id: str, delivery_id: str) -> tuple[str, str]:
    return tenant_key(tenant, "WH", webhook_id), f"DELIVERY#{delivery_id}"


def _delivery(row: table.Item) -> Delivery:
    known = {name: row[name] for name in Delivery.model_fields if name in row}
    return Delivery.model_validate(known | {"attempts": loads(row.get("attempts", "[]"))})


def open_(tenant: str, fresh: Delivery) -> Delivery:
    """Log a delivery before its first attempt; returns the one that is there if it was logged before."""
    pk, sk = _log(tenant, fresh.webhook_id, fresh.id)
    row = fresh.model_dump(mode="json", exclude={"attempts"}, exclude_none=True)
    row |= {"pk": pk, "sk": sk, "made": 0, "ttl": int((fresh.created_at + LIFETIME).timestamp())}
    if table.put(row, only_if_absent=True):
        return fresh
    return find_delivery(tenant, fresh.webhook_id, fresh.id) or fresh


def claim(tenant: str, webhook_id: str, delivery_id: str, number: int, now: datetime) -> Delivery | None:
    """Take attempt ``number`` for a minute; ``None`` if it was made, is under way, or is not due."""
    epoch = int(now.timestamp())
    changed = table.update(
        *_log(tenant, webhook_id, delivery_id),
        set_={"claimed_until": epoch + LEASE_S, "claimed": number},
        condition="#state = :pending AND made = :made"
        " AND (attribute_not_exists(claimed) OR #claimed <> :number OR #claimed_until <= :now)",
        values={"pending": "pending", "made": number - 1, "number": number, "now": epoch},
    )
    return _delivery(changed) if changed else None


def record(tenant: str, before: Delivery, after: Delivery) -> bool:
    """Write what came of an attempt; ``False`` if another run of it was faster."""
    change: dict[str, Any] = after.model_dump(mode="json", include={"state", "reason", "next_attempt_at"})
    attempts = [attempt.model_dump(mode="json") for attempt in after.attempts]
    change |= {"attempts": dumps(attempts), "made": len(attempts)}
    cleared = tuple(name for name, value in change.items() if value is None)
    if after.url and after.state != "pending":
        change["payload"] = ""  # a ready body may name people: once it is through, nobody needs it here
    changed = table.update(
        *_log(tenant, after.webhook_id, after.id),
        set_={name: value for name, value in change.items() if value is not None},
        remove=cleared,
        condition="#state = :pending AND #made = :before",
        values={"pending": "pending", "before": len(before.attempts)},
    )
    return changed is not None


def find_delivery(tenant: str, webhook_id: str, delivery_id: str) -> Delivery | None:
    """Return the delivery, or ``None``."""
    row = table.get(*_log(tenant, webhook_id, delivery_id))
    return _delivery(row) if row else None


def delivery(tenant: str, webhook_id: str, delivery_id: str) -> Delivery:
    """Return one delivery of an endpoint that still exists. Raises NotFound."""
    get(tenant, webhook_id)
    found = find_delivery(tenant, webhook_id, delivery_id)
    if found is None:
        raise NotFound("There is no such delivery.")
    return found


def deliveries(tenant: str, webhook_id: str, limit: int = 20, before: str | None = None) -> list[Delivery]:
    """Return up to ``limit`` deliveries older than ``before`` (an id), newest first. Raises NotFound."""
    get(tenant, webhook_id)
    pk, sk = _log(tenant, webhook_id, before or "")
    rows = table.page(pk, before=sk if before else None, limit=limit, newest_first=True)
    return [_delivery(row) for row in rows]


def forget_callbacks(tenant: str, marks: Collection[str], *, occurred_at: datetime) -> int:
    """Erase the log of an event's ready bodies (`CALLBACK`), queued or sent; returns how many there were.

    A delivery's id begins with its event's moment, so that one short look finds them. ``marks``:
    ids of events, and words by which a body names the analysis whose dialect has event ids of its own.
    """
    log = tenant_key(tenant, "WH", CALLBACK)
    rows = [
        row
        for row in table.query(log, f"DELIVERY#{delivery_prefix(occurred_at)}")
        if row["event_id"] in marks or any(mark in row["payload"] for mark in marks)
    ]
    for row in rows:
        table.delete(row["pk"], row["sk"])
    return len(rows)


def discard(tenant: str, webhook_id: str, delivery_id: str) -> None:
    """Remove a delivery that could not even be queued."""
    table.delete(*_log(tenant, webhook_id, delivery_id))
