"""All routes of the native API."""

from __future__ import annotations

from bonafide.routing import Route, Router, Tools

from native import (
    routes_account,
    routes_analyses,
    routes_known,
    routes_service,
    routes_tokens,
    routes_uploads,
    routes_webhooks,
)

__all__ = ["ROUTES", "app", "make"]

ROUTES: tuple[Route, ...] = (
    *routes_analyses.ROUTES,
    *routes_uploads.ROUTES,
    *routes_known.ROUTES,
    *routes_tokens.ROUTES,
    *routes_webhooks.ROUTES,
    *routes_account.ROUTES,
    *routes_service.ROUTES,
)


def make(tools: Tools | None = None) -> Router:
    """Return the API with the clock, ids and pause of ``tools``."""
    return Router(ROUTES, tools=tools)


app = make()
