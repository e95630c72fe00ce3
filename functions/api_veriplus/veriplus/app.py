"""All routes of the dialect."""

from __future__ import annotations

from bonafide.routing import Router, Tools

from veriplus import hooks, jobs, routes
from veriplus.shapes import shape

__all__ = ["BASES", "ROUTES", "app", "make"]

BASES = ("/api/v4/deepfake", "/api/v3/webhooks")
"""How every path begins (VER-1, VER-66)."""

ROUTES = (*routes.ROUTES, *jobs.ROUTES, *hooks.ROUTES)


def make(tools: Tools | None = None) -> Router:
    """Return the API with the clock, ids and pause of ``tools``."""
    return Router(ROUTES, shape=shape, tools=tools, base=BASES)


app = make()
