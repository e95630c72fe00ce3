"""Rows of tenants: the plan, the counter of requests, the usage of each month.

``T#<tenant>`` / ``TENANT`` is the plan. ``T#<tenant>#RATE`` / ``<start of the window>`` counts the requests
of one window and goes by itself. ``T#<tenant>#USAGE`` / ``<month>#<shard>`` counts what has ended, over a few
shards: every count is a transaction, and two at once on one row hinder each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bonafide.model import Analysis, MediaKind, State
from bonafide.store import table
from bonafide.store.analyses import key as analysis_key
from bonafide.store.table import Change, dumps, loads, tenant_key
from bonafide.tenants import Quota, Tenant, Terms, month

__all__ = ["count_request", "get", "meter", "put", "terms", "usage"]

SHARDS = 8
MEMORY_S = 60
"""A warm function believes a plan for this long where only the request rate depends on it."""

_USAGE_LIFE = timedelta(days=800)
_COUNTED = ("analyses", "failed", *MediaKind, "milliseconds", "bytes", "credits")


@lru_cache(maxsize=1)
def _remembered() -> dict[str, tuple[float, Terms]]:
    return {}


def get(tenant: str) -> Tenant:
    """Return the tenant; one that was never described is on the FREE plan (VER-78)."""
    row = table.get(tenant_key(tenant), "TENANT") or {}
    created = datetime.fromtimestamp(row["created_at"], UTC) if "created_at" in row else None
    known = {name: row[name] for name in ("plan", "policy") if name in row}
    own = loads(row["policies"]) if "policies" in row else ()
    return Tenant(id=tenant, created_at=created, policies=own, **known)


def put(tenant: Tenant, *, now: datetime) -> Tenant:
    """Describe a tenant, anew or again; the first date stays."""
    said = {
        "plan": tenant.plan.value,
        "policy": tenant.policy,
        "policies": dumps([rule.model_dump() for rule in tenant.policies]),
    }
    row = table.update(
        tenant_key(tenant.id),
        "TENANT",
        set_={**said, "created_at": int(now.timestamp())},
        condition="attribute_not_exists(pk)",
    ) or table.update(tenant_key(tenant.id), "TENANT", set_=said)
    _remembered().pop(tenant.id, None)
    return get(tenant.id) if row else tenant


def terms(tenant: str, *, now: datetime) -> Terms:
    """Return what the plan allows, as known at most a minute ago."""
    known, moment = _remembered(), now.timestamp()
    found = known.get(tenant)
    if found and moment < found[0]:
        return found[1]
    if len(known) >= 1000:
        known.clear()
    known[tenant] = (moment + MEMORY_S, get(tenant).terms)
    return known[tenant][1]


def count_request(tenant: str, quota: Quota, *, window: int) -> int | None:
    """Count a request in the window that began at ``window``; returns how many there were, with this one.

    ``None``: the window is full, and this one is not counted.
    """
    row = table.update(
        tenant_key(tenant, "RATE"),
        str(window),
        add={"requests": 1},
        set_={"ttl": window + quota.window_s + 60},
        condition="attribute_not_exists(#requests) OR #requests < :limit",
        values={"limit": quota.limit},
    )
    return int(row["requests"]) if row else None


def meter(analysis: Analysis, *, credits_: int, now: datetime) -> bool:
    """Add what has ended to its month, once for ever. ``False`` if it was counted before.

    One transaction marks the analysis and adds: neither a crash nor a second messenger changes the sum.
    """
    facts = analysis.media
    counted = {"analyses": 1, "failed": int(analysis.state is State.FAILED), "credits": credits_}
    if facts:
        counted |= {facts.kind.value: 1, "bytes": facts.bytes}
        counted["milliseconds"] = round((facts.duration_s or 0) * 1000)
    shard = ord(analysis.id[-1]) % SHARDS
    mark = Change(
        analysis_key(analysis.tenant, analysis.id),
        set_={"metered": True},
        condition="attribute_exists(pk) AND attribute_not_exists(#metered)",
    )
    total = Change(
        tenant_key(analysis.tenant, "USAGE"),
        f"{month(now)}#{shard}",
        add={name: value for name, value in counted.items() if value},
        set_={"ttl": int((now + _USAGE_LIFE).timestamp())},
        condition="",
    )
    return table.together(mark, total) is None


def usage(tenant: str, month_: str) -> Mapping[str, int]:
    """Return what ended in a month (``2026-11``): analyses, failed, media, milliseconds, bytes, credits."""
    rows = list(table.query(tenant_key(tenant, "USAGE"), f"{month_}#"))
    return {str(name): sum(int(row.get(name, 0)) for row in rows) for name in _COUNTED}
