"""The end of an analysis as the vendor's events, one delivery a webhook and event (VER-63 … VER-66, X-9)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from bonafide import clock
from bonafide.delivery import deliver_raw
from bonafide.ids import digest
from bonafide.model import State
from bonafide.store import analyses
from bonafide.store import subscriptions as store
from bonafide.telemetry import logger
from bonafide.webhooks import EventType

from veriplus.translate import events, told
from veriplus.words import DIALECT, Event

__all__ = ["headers", "tell"]


def tell(detail: dict[str, Any]) -> dict[str, Any]:
    """Queue what the webhooks of a tenant want to hear of a bus event. Twice is once."""
    tenant, analysis_id = str(detail["tenant"]), str(detail["analysis_id"])
    logger.append_keys(tenant=tenant, analysis_id=analysis_id)
    analysis = analyses.get(tenant, analysis_id)
    if analysis is None or analysis.dialect != DIALECT or analysis.state is State.DELETED:
        return {"queued": 0}
    queued = 0
    webhooks = store.list_(tenant, DIALECT)
    for event in events(analysis):
        body = json.dumps(told(analysis, event), separators=(",", ":"))
        for webhook in webhooks:
            if event not in webhook.events:
                continue
            name = f"evt_{digest(str(detail['event_id']), event, webhook.id)}"
            secret = store.secret_of(tenant, DIALECT, webhook)
            deliver_raw(
                tenant,
                webhook.url,
                body,
                event_id=name,
                kind=EventType(detail["type"]),
                occurred_at=datetime.fromisoformat(detail["occurred_at"]),
                now=clock.now(),
                headers=headers(body, event, name, secret),
            )
            queued += 1
    return {"queued": queued}


def headers(body: str, event: Event, name: str, secret: str) -> dict[str, str]:
    """Return the vendor's three headers; the signature is of the body, so that it holds for every attempt."""
    signature = hmac.digest(secret.encode(), body.encode(), hashlib.sha256).hex()
    return {
        "X-Veriplus-Signature": f"sha256={signature}",
        "X-Veriplus-Event": event.value,
        "X-Veriplus-Delivery": name,
    }
