"""Webhooks, as the vendor's other page registers them (VER-66): /api/v3/webhooks."""

from __future__ import annotations

from typing import Any

from bonafide.http import MAX_JSON_BYTES, Response, Status, invalid, json_response
from bonafide.routing import Call, Route
from bonafide.store import subscriptions as store
from bonafide.store.subscriptions import Subscription
from bonafide.tokens import Scope
from bonafide.webhooks import new_secret
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from veriplus.translate import moment
from veriplus.words import DIALECT, Event

__all__ = ["PATH", "ROUTES", "CreateWebhook"]

PATH = "/api/v3/webhooks"


class CreateWebhook(BaseModel):
    """A new webhook."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str = Field(max_length=2048, description="A public https address.")
    events: tuple[Event, ...] = Field(
        tuple(Event), min_length=1, max_length=10, description="Which events; all of them when absent."
    )
    secret: str | None = Field(
        None, min_length=16, max_length=256, description="Signs the bodies; one is made if you send none."
    )
    description: str = Field("", max_length=200, description="For people.")


def create(call: Call) -> Response:
    """POST /api/v3/webhooks: the only answer that shows the secret."""
    try:
        wish = CreateWebhook.model_validate(call.request.json(limit=MAX_JSON_BYTES))
    except ValidationError as error:
        raise invalid(error) from error
    secret = wish.secret or new_secret()
    made = store.create(
        call.tenant,
        DIALECT,
        wish.url,
        [event.value for event in wish.events],
        secret,
        wish.description,
        now=call.tools.now(),
        id_factory=call.tools.new_id,
    )
    where = {"Location": call.request.url(f"{PATH}/{made.id}")}
    return json_response({"success": True, "data": _shown(made) | {"secret": secret}}, Status.CREATED, where)


def list_(call: Call) -> Response:
    """GET /api/v3/webhooks."""
    found = [_shown(one) for one in store.list_(call.tenant, DIALECT)]
    return json_response({"success": True, "data": found})


def show(call: Call) -> Response:
    """GET /api/v3/webhooks/{id}."""
    return json_response(
        {"success": True, "data": _shown(store.get(call.tenant, DIALECT, call.params["id"]))}
    )


def delete(call: Call) -> Response:
    """DELETE /api/v3/webhooks/{id}."""
    found = store.get(call.tenant, DIALECT, call.params["id"])
    store.delete(call.tenant, DIALECT, found.id)
    return json_response({"success": True, "data": {"webhookId": found.id, "deleted": True}})


def _shown(one: Subscription) -> dict[str, Any]:
    return {
        "webhookId": one.id,
        "url": one.url,
        "events": list(one.events),
        "description": one.description,
        "status": "ACTIVE",
        "createdAt": moment(one.created_at),
    }


ROUTES = (
    Route("POST", PATH, create, Scope.WEBHOOKS),
    Route("GET", PATH, list_, Scope.WEBHOOKS),
    Route("GET", f"{PATH}/{{id}}", show, Scope.WEBHOOKS),
    Route("DELETE", f"{PATH}/{{id}}", delete, Scope.WEBHOOKS),
)
