"""Webhooks: endpoints, their secrets, what was delivered to them."""

from __future__ import annotations

from bonafide import delivery as deliverer
from bonafide.http import MAX_JSON_BYTES, Response, Status, json_response
from bonafide.routing import Call, Route
from bonafide.store import webhooks as store
from bonafide.tokens import Scope

from native import cursor, render
from native.schemas import CreateWebhook, PageQuery, read, read_query

__all__ = ["ROUTES"]


def create(call: Call) -> Response:
    """POST /v1/webhooks."""
    wish = read(CreateWebhook, call.request.json(limit=MAX_JSON_BYTES))
    events = [event.value for event in wish.events]
    endpoint, secret = store.create(
        call.tenant, wish.url, events, wish.description, now=call.tools.now(), id_factory=call.tools.new_id
    )
    where = call.request.url(f"/v1/webhooks/{endpoint.id}")
    return json_response(render.webhook(endpoint) | {"secret": secret}, Status.CREATED, {"Location": where})


def list_(call: Call) -> Response:
    """GET /v1/webhooks."""
    return json_response(render.page([render.webhook(endpoint) for endpoint in store.list_(call.tenant)]))


def show(call: Call) -> Response:
    """GET /v1/webhooks/{id}."""
    return json_response(render.webhook(store.get(call.tenant, call.params["id"])))


def delete(call: Call) -> Response:
    """DELETE /v1/webhooks/{id}."""
    store.delete(call.tenant, call.params["id"])
    return Response(Status.NO_CONTENT)


def rotate(call: Call) -> Response:
    """POST /v1/webhooks/{id}/rotate-secret."""
    endpoint, secret = store.rotate(call.tenant, call.params["id"], call.tools.now())
    return json_response(render.webhook(endpoint) | {"secret": secret})


def enable(call: Call) -> Response:
    """POST /v1/webhooks/{id}/enable."""
    return json_response(render.webhook(store.enable(call.tenant, call.params["id"])))


def trial(call: Call) -> Response:
    """POST /v1/webhooks/{id}/test."""
    sent = deliverer.send_test(call.tenant, call.params["id"], call.tools.now(), id_factory=call.tools.new_id)
    return json_response(render.delivery(sent), Status.ACCEPTED)


def deliveries(call: Call) -> Response:
    """GET /v1/webhooks/{id}/deliveries."""
    query = read_query(PageQuery, call.request.query)
    before = cursor.unpack(call, query.cursor)
    found = store.deliveries(call.tenant, call.params["id"], query.limit, before)
    following = cursor.pack(call, found[-1].id if len(found) == query.limit else None)
    document = render.page([render.delivery(entry) for entry in found], following)
    return json_response(document, headers=cursor.link(call.request, following))


def redeliver(call: Call) -> Response:
    """POST /v1/webhooks/{id}/deliveries/{delivery_id}/redeliver."""
    again = deliverer.redeliver(
        call.tenant,
        call.params["id"],
        call.params["delivery_id"],
        now=call.tools.now(),
        id_factory=call.tools.new_id,
    )
    return json_response(render.delivery(again), Status.ACCEPTED)


_ALL = (
    ("POST", "", create),
    ("GET", "", list_),
    ("GET", "/{id}", show),
    ("DELETE", "/{id}", delete),
    ("POST", "/{id}/rotate-secret", rotate),
    ("POST", "/{id}/enable", enable),
    ("POST", "/{id}/test", trial),
    ("GET", "/{id}/deliveries", deliveries),
    ("POST", "/{id}/deliveries/{delivery_id}/redeliver", redeliver),
)
ROUTES = tuple(Route(method, "/v1/webhooks" + path, run, Scope.WEBHOOKS) for method, path, run in _ALL)
