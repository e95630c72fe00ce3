"""``/webhooks/{event}``: lists of URLs an event (SEN-77 … SEN-82)."""

from __future__ import annotations

from bonafide import address
from bonafide.errors import InvalidRequest, NotFound
from bonafide.http import Response, json_response
from bonafide.routing import Call, Route
from bonafide.settings import settings
from bonafide.store import topics
from bonafide.tokens import Scope

from sensity import events
from sensity.reading import MAX_URL
from sensity.words import Event

__all__ = ["PATH", "ROUTES"]

PATH = "/webhooks/{event}"
_DONE = {"success": True}


def create(call: Call) -> Response:
    """POST /webhooks/{event} (SEN-78); what has ended unheard is delivered now (SEN-84)."""
    event = _event(call)
    url = (call.request.form().text("url") or "").strip()
    if not url or len(url) > MAX_URL:
        raise InvalidRequest(f"Provide 'url', of {MAX_URL} characters at most.")
    local = settings().allow_loopback
    # Results go there: https only, but for a local cloud.
    address.check(url, allow_loopback=local, schemes=("http", "https") if local else ("https",))
    made = topics.add(call.tenant, event, url)
    events.catch_up(call.tenant, event, made.url, now=call.tools.now())
    return json_response({"id": made.id, "success": True})


def list_(call: Call) -> Response:
    """GET /webhooks/{event}: the URLs, and beside them their ids (SEN-79, SEN-82)."""
    found = topics.list_(call.tenant, _event(call))
    entries = [one.model_dump() for one in found]
    return json_response({"success": True, "urls": [one.url for one in found], "webhooks": entries})


def delete_all(call: Call) -> Response:
    """DELETE /webhooks/{event} (SEN-80)."""
    event = _event(call)
    for one in topics.list_(call.tenant, event):
        topics.remove(call.tenant, event, one.id)
    return json_response(_DONE)


def delete(call: Call) -> Response:
    """DELETE /webhooks/{event}/{id} (SEN-81)."""
    event, wanted = _event(call), call.params["id"]
    if all(one.id != wanted for one in topics.list_(call.tenant, event)):
        raise NotFound("There is no such webhook.")
    topics.remove(call.tenant, event, wanted)
    return json_response(_DONE)


def _event(call: Call) -> Event:
    try:
        return Event(call.params["event"])
    except ValueError as error:
        raise InvalidRequest(f"Events are {', '.join(Event)}.") from error


ROUTES = (
    Route("POST", PATH, create, Scope.WEBHOOKS),
    Route("GET", PATH, list_, Scope.WEBHOOKS),
    Route("DELETE", PATH, delete_all, Scope.WEBHOOKS),
    Route("DELETE", PATH + "/{id}", delete, Scope.WEBHOOKS),
)
