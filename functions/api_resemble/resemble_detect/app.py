"""All routes of /api/v2 that we serve (RES-1, RES-2, RES-7, RES-58)."""

from __future__ import annotations

from bonafide.routing import Router, Tools

from resemble_detect import routes
from resemble_detect.faults import fault

__all__ = ["BASE", "app", "make"]

BASE = "/api/v2"


def make(tools: Tools | None = None) -> Router:
    """Return the API with the clock, ids and pause of ``tools``."""
    return Router(routes.ROUTES, shape=fault, tools=tools, base=BASE)


app = make()
