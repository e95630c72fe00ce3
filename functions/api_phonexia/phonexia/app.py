"""All routes of the dialect."""

from __future__ import annotations

from bonafide.routing import Router, Tools

from phonexia import routes, shapes

__all__ = ["BASE", "app", "make"]

BASE = "/api/technology"
"""How every path begins (X-6)."""


def make(tools: Tools | None = None) -> Router:
    """Return the API with the clock, ids and pause of ``tools``."""
    tools = tools or Tools()
    meter = shapes.meter(tools.now)
    return Router(routes.ROUTES, shape=shapes.shape, tools=tools, base=BASE, meter=meter)


app = make()
