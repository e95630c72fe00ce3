"""The rules of signed webhooks, pure: signatures, the retry schedule, what an answer means, who is dead.

Source: Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). Times are seconds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets as random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bonafide import clock
from bonafide.ids import digest

__all__ = [
    "MAX_BODY_BYTES",
    "OFFSETS_S",
    "OVERLAP",
    "TEST_ATTEMPTS",
    "TIMEOUT_S",
    "Answer",
    "EventType",
    "body",
    "completed",
    "dead",
    "delivery_id",
    "delivery_prefix",
    "jitter",
    "judge",
    "matches",
    "new_secret",
    "next_delay",
    "sign",
    "trial_event",
    "unsigned",
]

TIMEOUT_S = 20.0
"""How long an endpoint may take to answer, in all (the standard says 15 to 30)."""

OFFSETS_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""When the attempts happen after the first at the latest: the standard's own example, one day."""

TEST_ATTEMPTS = 3
"""A test event is for a person who waits: it is not tried for a day."""

OVERLAP = timedelta(hours=24)
"""How long a rotated secret still signs beside the new one."""

MAX_BODY_BYTES = 20_000
EXHAUSTED_LIMIT = 5
"""An endpoint is dead after so many exhausted deliveries in a row …"""

FAILING_LIMIT = timedelta(days=5)
"""… or after one, if nothing has got through for so long."""

SLOW_DOWN_S = 60
MAX_SLOW_DOWN_S = 6 * 3600
_PREFIX = "whsec_"
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class EventType(StrEnum):
    """What a webhook tells. A filter may name the first two; a test is sent to one endpoint on request."""

    COMPLETED = "analysis.completed"
    FAILED = "analysis.failed"
    TEST = "webhook.test"


class Answer(StrEnum):
    """What an attempt's outcome means for its delivery."""

    DELIVERED = "delivered"
    RETRY = "retry"
    SLOW_DOWN = "slow_down"
    GONE = "gone"


def new_secret() -> str:
    """Return ``whsec_`` and the base64 of 32 random bytes."""
    return _PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def sign(secrets: Sequence[str], message_id: str, timestamp: int, content: bytes) -> dict[str, str]:
    """Return the three headers of one attempt; one ``v1`` signature a secret, newest first.

    ``timestamp`` is that of the attempt, in epoch seconds; ``message_id`` stays over retries. Raises
    ValueError for a malformed secret, or an id with a dot (it would make the signed text ambiguous).
    """
    if not secrets or "." in message_id or not message_id.isascii():
        raise ValueError("a message needs a secret, and an id without dots")
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, content)
    signatures = (hmac.digest(_key(secret), signed, hashlib.sha256) for secret in secrets)
    joined = " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures)
    return unsigned(message_id, timestamp) | {"webhook-signature": joined}


def unsigned(message_id: str, timestamp: int) -> dict[str, str]:
    """Return the headers of an attempt for whose tenant there is no secret: a ready body, no endpoint."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is base64") from error
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a webhook secret is whsec_ and 24 to 64 bytes")
    return key


def judge(status: int | None) -> Answer:
    """Tell what an HTTP status (``None``: no answer at all) means. A redirect is a failure."""
    if status is None:
        return Answer.RETRY
    if 200 <= status < 300:
        return Answer.DELIVERED
    if status == 410:
        return Answer.GONE
    return Answer.SLOW_DOWN if status in (429, 502, 503, 504) else Answer.RETRY


def jitter(name: str, attempt: int) -> float:
    """Return a number in [0, 1) that is the same for the same attempt, and spread over deliveries."""
    return int(digest(name, str(attempt))[:13], 16) / 16**13


def next_delay(
    made: int,
    share: float,
    *,
    answer: Answer = Answer.RETRY,
    retry_after_s: int | None = None,
    limit: int = len(OFFSETS_S),
) -> int | None:
    """Return seconds until the next attempt after ``made`` of them, or ``None`` when they are used up.

    ``share`` in [0, 1] is the jitter: it takes up to a fifth off the schedule, so that all of it stays
    within a day. An endpoint that asks us to slow down gets a minute at least, and what it asks for, up to
    six hours.
    """
    if made >= limit:
        return None
    delay = (OFFSETS_S[made] - OFFSETS_S[made - 1]) * (1 - share / 5)
    if answer is Answer.SLOW_DOWN:
        delay = max(delay, SLOW_DOWN_S, min(retry_after_s or 0, MAX_SLOW_DOWN_S))
    return max(1, round(delay))


def dead(exhausted: int, failing_since: datetime | None, now: datetime) -> str | None:
    """Return why an endpoint should be disabled, or ``None``.

    ``exhausted`` counts the deliveries given up since the last one that got through.
    """
    if exhausted >= EXHAUSTED_LIMIT:
        return f"{exhausted} deliveries in a row failed every attempt of about a day."
    if exhausted and failing_since and now - failing_since >= FAILING_LIMIT:
        return f"Nothing was delivered for {(now - failing_since).days} days."
    return None


def matches(events: Iterable[str], kind: str) -> bool:
    """Whether an endpoint's filter (empty: everything) lets ``kind`` through."""
    wanted = tuple(events)
    return not wanted or kind in wanted


def delivery_id(webhook_id: str, event_id: str, occurred_at: datetime) -> str:
    """Return the id of an event's delivery to an endpoint: the same each time, sorted by the event's."""
    return delivery_prefix(occurred_at) + digest(webhook_id, event_id)[:16]


def delivery_prefix(occurred_at: datetime) -> str:
    """Return how the ids of all deliveries of an event of this moment begin."""
    milliseconds = int(occurred_at.timestamp() * 1000)
    return "dlv_" + "".join(_CROCKFORD[(milliseconds >> shift) & 31] for shift in range(45, -1, -5))


def body(detail: Mapping[str, Any]) -> str:
    """Return the JSON that is signed and sent for a bus event: ``{type, timestamp, data}``, under 20 kB.

    Details that grow (operations, failure text) are left out if it would be larger; the receiver finds them
    at ``GET /v1/analyses/{id}``.
    """
    data = {k: v for k, v in detail.items() if k not in ("tenant", "schema_version")}
    if "analysis_id" in data:
        data = {"id": data["analysis_id"], **data}
    text = _json(detail, data)
    if len(text.encode()) > MAX_BODY_BYTES:
        kept = ("id", "analysis_id", "event_id", "type", "state", "media_kind", "occurred_at")
        text = _json(detail, {k: data[k] for k in kept if k in data} | {"truncated": True})
    return text


def completed(payload: str, client_reference: str | None) -> str:
    """Return the body with the client's own reference, which the log of deliveries does not hold."""
    content = json.loads(payload)
    content["data"]["client_reference"] = client_reference
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _json(detail: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    content = {"type": detail["type"], "timestamp": detail["occurred_at"], "data": data}
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def trial_event(webhook_id: str, event_id: str, now: datetime) -> dict[str, Any]:
    """Return the detail of a ``webhook.test`` event, in the shape of a bus event."""
    return {
        "event_id": event_id,
        "type": EventType.TEST.value,
        "webhook_id": webhook_id,
        "occurred_at": clock.text(now),
    }
