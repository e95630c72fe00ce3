"""The tenant's own account: plan, what it allows, what this month has used."""

from __future__ import annotations

from typing import Any

from bonafide import clock
from bonafide import credits as ledger
from bonafide.http import Response, json_response
from bonafide.model import MediaKind
from bonafide.routing import Call, Route
from bonafide.store import slots, tenants
from bonafide.tenants import Tenant, month

__all__ = ["ROUTES", "document"]


def show(call: Call) -> Response:
    """GET /v1/account."""
    now, tenant = call.tools.now(), tenants.get(call.tenant)
    return json_response(
        document(
            tenant,
            running=len(slots.holders(call.tenant)),
            used=dict(tenants.usage(call.tenant, month(now))),
            balance=ledger.balance(call.tenant, now=now),
        )
    )


def document(
    tenant: Tenant, *, running: int, used: dict[str, int], balance: ledger.Balance
) -> dict[str, Any]:
    """Return the wire document; ``used`` is what `store.tenants.usage` counts."""
    requests = tenant.terms.requests
    return {
        "object": "account",
        "tenant": tenant.id,
        "plan": tenant.plan.value,
        "policy": tenant.policy,
        "policies": [rule.model_dump() for rule in tenant.policies],
        "created_at": clock.text(tenant.created_at) if tenant.created_at else None,
        "jobs": {"limit": tenant.terms.concurrent, "running": running},
        "requests": {"limit": requests.limit, "window_seconds": requests.window_s} if requests else None,
        "credits": {
            "limit": balance.allowance,
            "spent": balance.spent,
            "held": balance.held,
            "remaining": balance.remaining,
        },
        "usage": {
            "month": balance.month,
            "analyses": used["analyses"],
            "failed": used["failed"],
            "media": {kind.value: used[kind.value] for kind in MediaKind},
            "seconds": used["milliseconds"] / 1000,
            "bytes": used["bytes"],
            "credits": used["credits"],
        },
    }


ROUTES = (Route("GET", "/v1/account", show),)
