"""Lists of URLs a named event, for the APIs whose webhooks are such, and what waits for a first URL.

``T#<tenant>`` / ``TOPIC#<topic>#<id>`` is a URL. ``T#<tenant>#KEPT#<topic>`` / ``<analysis id>`` is the end
of an analysis that nobody was registered for; it goes by itself. Whoever tells an end keeps it first and
reads the URLs then, whoever registers writes the URL first and reads what is kept then: one of the two sees
the other.
"""

from __future__ import annotations

from datetime import datetime

from bonafide.errors import Conflict
from bonafide.ids import digest
from bonafide.model import Word
from bonafide.store import table
from bonafide.store.table import tenant_key

__all__ = ["MAX_URLS", "Kept", "Registered", "add", "keep", "kept", "list_", "release", "remove"]

MAX_URLS = 20
"""URLs of one topic."""


class Registered(Word):
    """A URL that wants to hear of a topic."""

    id: str
    url: str


class Kept(Word):
    """The end of an analysis, as the bus told it."""

    analysis_id: str
    event_id: str
    type: str
    occurred_at: str
    expires: int


def add(tenant: str, topic: str, url: str) -> Registered:
    """Register a URL; the same one again is the same entry. Raises `Conflict` (``too_many_webhooks``)."""
    made = Registered(id=f"wh_{digest(topic, url)[:26]}", url=url)
    known = list_(tenant, topic)
    if made not in known and len(known) >= MAX_URLS:
        raise Conflict(f"An event has at most {MAX_URLS} URLs.", code="too_many_webhooks")
    table.put({"pk": tenant_key(tenant), "sk": f"TOPIC#{topic}#{made.id}", "id": made.id, "url": url})
    return made


def list_(tenant: str, topic: str) -> list[Registered]:
    """Return the URLs of a topic."""
    rows = table.query(tenant_key(tenant), f"TOPIC#{topic}#")
    return [Registered(id=row["id"], url=row["url"]) for row in rows]


def remove(tenant: str, topic: str, entry_id: str) -> None:
    """Remove a URL; absent is fine."""
    table.delete(tenant_key(tenant), f"TOPIC#{topic}#{entry_id}")


def keep(tenant: str, topic: str, end: Kept) -> None:
    """Keep an end until it expires, or is released."""
    row = {"pk": tenant_key(tenant, "KEPT", topic), "sk": end.analysis_id, "ttl": end.expires}
    table.put(row | end.model_dump())


def kept(tenant: str, topic: str, *, now: datetime, limit: int) -> list[Kept]:
    """Return the oldest ends that are kept and have not expired."""
    rows = table.page(tenant_key(tenant, "KEPT", topic), limit=limit)
    found = [Kept.model_validate({name: row[name] for name in Kept.model_fields}) for row in rows]
    return [end for end in found if end.expires > now.timestamp()]


def release(tenant: str, topic: str, analysis_id: str) -> None:
    """Keep an end no longer; absent is fine."""
    table.delete(tenant_key(tenant, "KEPT", topic), analysis_id)
