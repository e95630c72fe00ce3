"""All routes of the dialect."""

from __future__ import annotations

from bonafide.routing import Router, Tools

from sensity import routes_tasks, routes_tokens, routes_webhooks
from sensity.faults import fault

__all__ = ["ROUTES", "app", "make"]

ROUTES = (*routes_tokens.ROUTES, *routes_tasks.ROUTES, *routes_webhooks.ROUTES)


def make(tools: Tools | None = None) -> Router:
    """Return the API with the clock, ids and pause of ``tools``."""
    return Router(ROUTES, shape=fault, tools=tools)


app = make()
