"""What becomes of a message on the webhook queue. Any message may come twice; nothing is done twice for it.

    bus event ─► one delivery an endpoint ─► attempt ─► delivered
                                             │    ▲ └─► failed (410)
                                             ▼    │ after 5 s … 6 h (`webhooks.OFFSETS_S`)
                                             retry ─► exhausted ─► dead letters; in the end, endpoint disabled

An attempt is claimed, made, logged, and only then followed up (next message, counters); a run that dies in
between is taken up by the redelivery of its message. The receiver sees the same webhook-id each time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bonafide import queue
from bonafide.errors import Conflict, InvalidRequest, Unavailable
from bonafide.ids import IdFactory, new_id
from bonafide.model import Analysis, State, Word
from bonafide.outbound import Posted, post
from bonafide.store import analyses
from bonafide.store import webhooks as store
from bonafide.store.webhooks import CALLBACK, Attempt, Delivery, Endpoint
from bonafide.telemetry import MetricUnit, logger, metrics
from bonafide.webhooks import (
    OFFSETS_S,
    TEST_ATTEMPTS,
    TIMEOUT_S,
    Answer,
    EventType,
    body,
    completed,
    dead,
    delivery_id,
    jitter,
    judge,
    matches,
    next_delay,
    sign,
    trial_event,
    unsigned,
)

__all__ = ["decode", "deliver_raw", "receive", "redeliver", "send_test"]

Clock = Callable[[], datetime]
Poster = Callable[..., Posted]
GONE = "The endpoint answered 410 Gone."


class _Due(Word):
    """One attempt that is due."""

    tenant: str
    webhook_id: str
    delivery_id: str
    number: int


class _Event(BaseModel):
    """What must be known of a bus event; the rest passes through to the receiver."""

    model_config = ConfigDict(extra="allow")

    tenant: str
    event_id: str
    type: EventType
    occurred_at: str

    @field_validator("occurred_at")
    @classmethod
    def _is_a_moment(cls, text: str) -> str:
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError("a moment has a time zone")
        return text


def receive(message: Mapping[str, Any], *, clock: Clock, poster: Poster = post) -> None:
    """Act on one message: a bus event (fan out), or one attempt of a delivery.

    Raises InvalidRequest for neither, Unavailable if the message should come again.
    """
    try:
        due = _Due.model_validate(message["delivery"]) if "delivery" in message else None
        event = None if due else _Event.model_validate(message.get("detail"))
    except ValidationError as error:
        raise InvalidRequest("This is no message of the webhook queue.") from error
    if due:
        _attempt(due, clock=clock, poster=poster)
    elif event:
        _fan_out(event, clock=clock, poster=poster)


def _message(tenant: str, delivery: Delivery, number: int) -> dict[str, Any]:
    due = _Due(tenant=tenant, webhook_id=delivery.webhook_id, delivery_id=delivery.id, number=number)
    return {"delivery": due.model_dump()}


def _fan_out(event: _Event, *, clock: Clock, poster: Poster) -> None:
    tenant = event.tenant
    wanted = [e for e in store.list_(tenant) if e.enabled and matches(e.events, event.type)]
    payload, occurred = body(event.model_dump(mode="json")), datetime.fromisoformat(event.occurred_at)
    due = []
    for endpoint in wanted:
        fresh = Delivery(
            id=delivery_id(endpoint.id, event.event_id, occurred),
            webhook_id=endpoint.id,
            event_id=event.event_id,
            type=event.type,
            created_at=clock(),
            payload=payload,
        )
        logged = store.open_(tenant, fresh)
        if logged.state != "delivered" and len(logged.attempts) <= 1:  # a twin may have to mend its first run
            due.append(_message(tenant, logged, 1))
    if len(due) == 1:  # spare the queue a round
        receive(due[0], clock=clock, poster=poster)
        return
    for message in due:
        queue.send(message)


def _attempt(due: _Due, *, clock: Clock, poster: Poster) -> None:
    now = clock()
    delivery = store.claim(due.tenant, due.webhook_id, due.delivery_id, due.number, now)
    if delivery is None:
        _repeated(due, now)
        return
    if delivery.url:
        secrets = store.signing_all(due.tenant, now)
        content = delivery.payload
        _make(due.tenant, delivery, None, delivery.url, secrets, content, clock=clock, poster=poster, now=now)
        return
    signing = store.signing(due.tenant, due.webhook_id, now)
    endpoint, secrets = signing or (None, [])
    analysis = _told_of(due.tenant, delivery)
    erased = analysis is not None and analysis.state is State.DELETED
    if erased or endpoint is None or not (endpoint.enabled or delivery.type is EventType.TEST):
        reason = "endpoint_disabled" if endpoint else "endpoint_deleted"
        reason = "analysis_deleted" if erased else reason
        change = {"state": "failed", "reason": reason, "next_attempt_at": None}
        store.record(due.tenant, delivery, delivery.model_copy(update=change))
        return
    content = completed(delivery.payload, analysis.client_reference) if analysis else delivery.payload
    _make(due.tenant, delivery, endpoint, endpoint.url, secrets, content, clock=clock, poster=poster, now=now)


def _told_of(tenant: str, delivery: Delivery) -> Analysis | None:
    """Return the analysis that an event is of, a tombstone too: the log names it, and no more."""
    analysis_id = json.loads(delivery.payload)["data"].get("analysis_id")
    return analyses.get(tenant, analysis_id) if analysis_id else None


def _make(
    tenant: str,
    delivery: Delivery,
    endpoint: Endpoint | None,
    url: str,
    secrets: list[str],
    text: str,
    *,
    clock: Clock,
    poster: Poster,
    now: datetime,
) -> None:
    """Make the attempt that was claimed, log it, and see to what follows."""
    content = text.encode()
    stamp = int(now.timestamp())
    signed = bool(secrets or endpoint)  # an endpoint always has a secret: without one it is an error
    headers = (
        sign(secrets, delivery.event_id, stamp, content) if signed else unsigned(delivery.event_id, stamp)
    )
    posted = poster(url, content, delivery.headers | headers, timeout_s=TIMEOUT_S)
    after = _judged(delivery, posted, started=now, now=clock())
    _tell(tenant, after)
    if store.record(tenant, delivery, after):
        _follow_up(tenant, after, endpoint, clock())


def _repeated(due: _Due, now: datetime) -> None:
    """Deal with an attempt that could not be claimed: finish what its first run may have left undone."""
    found = store.find_delivery(due.tenant, due.webhook_id, due.delivery_id)
    if found is None or len(found.attempts) > due.number:
        return
    if len(found.attempts) == due.number:
        endpoint = store.find(due.tenant, due.webhook_id)
        if endpoint or found.url:
            _follow_up(due.tenant, found, endpoint, now)
    elif found.state == "pending":
        raise Unavailable("this attempt is under way")


def _judged(delivery: Delivery, posted: Posted, *, started: datetime, now: datetime) -> Delivery:
    """Return the delivery with one attempt more, and what it has come to (pure)."""
    number = len(delivery.attempts) + 1
    attempt = Attempt(
        number=number, at=started, status=posted.status, error=posted.error, ms=round(posted.seconds * 1000)
    )
    change: dict[str, Any] = {"attempts": (*delivery.attempts, attempt), "next_attempt_at": None}
    answer = judge(posted.status)
    if answer is Answer.DELIVERED:
        return delivery.model_copy(update=change | {"state": "delivered"})
    if answer is Answer.GONE:
        return delivery.model_copy(update=change | {"state": "failed", "reason": "gone"})
    limit = TEST_ATTEMPTS if delivery.type is EventType.TEST else len(OFFSETS_S)
    share, wait = jitter(delivery.id, number), posted.retry_after_s
    delay = next_delay(number, share, answer=answer, retry_after_s=wait, limit=limit)
    if delay is None:
        return delivery.model_copy(update=change | {"state": "exhausted", "reason": "attempts_used_up"})
    return delivery.model_copy(update=change | {"next_attempt_at": now + timedelta(seconds=delay)})


def _follow_up(tenant: str, delivery: Delivery, endpoint: Endpoint | None, now: datetime) -> None:
    """Do what a logged attempt leads to. Safe to repeat: names, conditions and sets absorb it."""
    number = len(delivery.attempts)
    trial = delivery.type is EventType.TEST  # a person's try says nothing of the endpoint's health
    if delivery.next_attempt_at:
        delay = max(0, round((delivery.next_attempt_at - now).total_seconds()))
        message = _message(tenant, delivery, number + 1)
        queue.later(message, delay_s=delay, name=f"{tenant}/{delivery.id}/{number + 1}", now=now)
    elif delivery.state == "exhausted" and not trial:
        queue.bury(_message(tenant, delivery, number) | {"reason": "exhausted"})
    if endpoint:
        _health(tenant, delivery, endpoint, trial=trial, now=now)


def _health(tenant: str, delivery: Delivery, endpoint: Endpoint, *, trial: bool, now: datetime) -> None:
    """Note what the attempt says of the endpoint; disable one that is gone or dead."""
    if delivery.state == "delivered":
        store.succeeded(tenant, endpoint, now)
        return
    if not trial:
        store.failing(tenant, endpoint.id, now)
    if delivery.reason == "gone":
        _disable(tenant, endpoint.id, GONE, now)
    elif delivery.state == "exhausted" and not trial:
        counted = store.gave_up(tenant, endpoint.id, delivery.id)
        why = dead(counted.exhausted, counted.failing_since, now) if counted else None
        if why:
            _disable(tenant, endpoint.id, why, now)


def _disable(tenant: str, webhook_id: str, reason: str, now: datetime) -> None:
    if store.disable(tenant, webhook_id, reason, now):
        metrics.add_metric(name="WebhookDisabled", unit=MetricUnit.Count, value=1)
        logger.warning(
            "webhook disabled", extra={"tenant": tenant, "webhook_id": webhook_id, "reason": reason}
        )


def _tell(tenant: str, delivery: Delivery) -> None:
    """Log and count an attempt; never its URL, which may hold a token."""
    attempt = delivery.attempts[-1]
    name = "WebhookDelivered" if delivery.state == "delivered" else "WebhookAttemptFailed"
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    names = {"tenant": tenant, "webhook_id": delivery.webhook_id, "delivery_id": delivery.id}
    logger.info("webhook attempt", extra=names | {"state": delivery.state} | attempt.model_dump(mode="json"))


def deliver_raw(
    tenant: str,
    url: str,
    body: str,
    *,
    event_id: str,
    kind: EventType,
    occurred_at: datetime,
    now: datetime,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Delivery:
    """Queue a ready ``body`` for a URL that belongs to no endpoint: same retries, same guard, same log.

    ``headers`` are the dialect's own, such as a vendor's signature; they go along with every attempt.

    The same event for the same URL is one delivery, however often it is told. It is signed with every secret
    of the tenant's endpoints, and goes without ``webhook-signature`` when there is none. Raises Unavailable.
    """
    fresh = Delivery(
        id=delivery_id(f"{CALLBACK}:{url}", event_id, occurred_at),
        webhook_id=CALLBACK,
        event_id=event_id,
        type=kind,
        created_at=now,
        payload=body,
        url=url,
        headers=dict(headers),
    )
    logged = store.open_(tenant, fresh)
    if logged.state == "pending" and not logged.attempts:
        queue.send(_message(tenant, logged, 1))
    return logged


def send_test(tenant: str, webhook_id: str, now: datetime, *, id_factory: IdFactory = new_id) -> Delivery:
    """Queue a ``webhook.test`` event to one endpoint, disabled or not. Raises NotFound, Unavailable."""
    store.get(tenant, webhook_id)
    event = trial_event(webhook_id, id_factory("evt"), now)
    return _queue(tenant, webhook_id, event["event_id"], EventType.TEST, body(event), now, None, id_factory)


def redeliver(
    tenant: str, webhook_id: str, delivery_id: str, *, now: datetime, id_factory: IdFactory = new_id
) -> Delivery:
    """Queue an old delivery again, as a new one with the same webhook-id and payload.

    Raises NotFound, Conflict ``webhook_disabled``, Unavailable.
    """
    old = store.delivery(tenant, webhook_id, delivery_id)
    if not store.get(tenant, webhook_id).enabled and old.type is not EventType.TEST:
        raise Conflict("The webhook is disabled; enable it first.", code="webhook_disabled")
    return _queue(tenant, webhook_id, old.event_id, old.type, old.payload, now, old.id, id_factory)


def _queue(
    tenant: str,
    webhook_id: str,
    event_id: str,
    kind: EventType,
    payload: str,
    now: datetime,
    redelivery_of: str | None,
    id_factory: IdFactory,
) -> Delivery:
    fresh = Delivery(
        id=delivery_id(webhook_id, id_factory("dlv"), now),
        webhook_id=webhook_id,
        event_id=event_id,
        type=kind,
        redelivery_of=redelivery_of,
        created_at=now,
        payload=payload,
    )
    store.open_(tenant, fresh)
    try:
        queue.send(_message(tenant, fresh, 1))
    except Unavailable:
        store.discard(tenant, webhook_id, fresh.id)
        raise
    return fresh


def decode(text: str) -> Mapping[str, Any]:
    """Return an SQS body as a mapping. Raises InvalidRequest."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise InvalidRequest("This is no message of the webhook queue.") from error
    if not isinstance(message, Mapping):
        raise InvalidRequest("This is no message of the webhook queue.")
    return message
