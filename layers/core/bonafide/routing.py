"""A small route table for the APIs: which call answers which method and path, and what it takes to get there.

It is shared by all dialects; each brings its routes and the shape of its errors. (Powertools' resolver
does more, takes half as long again to import, and answers 422 in a shape that its own OpenAPI denies.)
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bonafide import clock, quota
from bonafide.errors import BonafideError, MethodNotAllowed, NotFound
from bonafide.http import Caller, Request, Response, caller, problem, status_of
from bonafide.ids import IdFactory, from_uuid, new_id
from bonafide.model import Analysis, State
from bonafide.quota import Rate
from bonafide.store import analyses
from bonafide.telemetry import logger

__all__ = ["PUBLIC", "Call", "Route", "Router", "Tools"]

PUBLIC = "public"
"""The scope of a route that needs no token."""

ANYONE = ""
"""The scope of a route that any good token may use."""

_SEGMENTS = {"name": r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"}
_SEGMENT = r"[A-Za-z0-9_-]{1,64}"
_NOBODY = Caller("", "", frozenset())
Shape = Callable[..., Response]
Meter = Callable[[Rate], Mapping[str, str]]


@dataclass(frozen=True)
class Tools:
    """What a test wants to hold in its hand: the clock, the id factory, the pause between two looks."""

    now: Callable[[], datetime] = clock.now
    new_id: IdFactory = new_id
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Call:
    """One request on its way through a route: what was asked, by whom, with which parts of the path."""

    request: Request
    caller: Caller = _NOBODY
    params: Mapping[str, str] = field(default_factory=dict)
    tools: Tools = Tools()

    @property
    def tenant(self) -> str:
        """The caller's tenant."""
        return self.caller.tenant

    def analysis(self, parameter: str, absent: str, *, dialect: str | None = None) -> Analysis:
        """The analysis whose UUID the path holds, of this dialect if one is named.

        Raises `NotFound` with the words ``absent`` for one that is deleted, too.
        """
        try:
            analysis_id = from_uuid(self.params[parameter], "an")
        except ValueError as error:
            raise NotFound(absent) from error
        logger.append_keys(analysis_id=analysis_id)
        found = analyses.get(self.tenant, analysis_id)
        if found is None or found.state is State.DELETED or dialect not in (None, found.dialect):
            raise NotFound(absent)
        return found


@dataclass(frozen=True)
class Route:
    """``path`` may hold ``{names}``; one segment each. ``scope``: `PUBLIC`, ``""`` (any token) or a scope."""

    method: str
    path: str
    run: Callable[[Call], Response]
    scope: str = ANYONE


class Router:
    """Finds the route, checks the caller, and turns every error into the dialect's shape.

    ``shape(error, request, headers)`` makes the answer of an error. Unknown paths are 404 and unknown
    methods 405 before anybody is asked for a token. ``base`` is how every path of the dialect begins; there
    may be several. Requests with a token count against the tenant's rate; ``meter`` makes the headers that
    say so on every answer to a tenant that has one, 429 included.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        shape: Shape = problem,
        tools: Tools | None = None,
        base: str | tuple[str, ...] = "",
        meter: Meter = quota.fields,
    ) -> None:
        self.routes = tuple(routes)
        self._base = base
        self._shape = shape
        self._meter = meter
        self._tools = tools or Tools()
        self._table = [(_pattern(route.path), route) for route in self.routes]

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer an API Gateway REST proxy event. Never raises for what a client sent."""
        request: Request | None = None
        metered: dict[str, str] = {}
        try:
            request = Request.from_event(event, base=self._base)
            response = self._run(request, event, metered)
        except BonafideError as error:
            _log(error)
            response = self._shape(error, request)
        except Exception:  # noqa: BLE001 - logged with its trace; a client gets a problem, not a stack
            logger.exception("unexpected")
            response = self._shape(BonafideError("Something broke inside."), request)
        return replace(response, headers=metered | dict(response.headers)).proxy(request)

    def _run(self, request: Request, event: Mapping[str, Any], metered: dict[str, str]) -> Response:
        path = request.path.rstrip("/") or "/"
        found = [(route, match) for pattern, route in self._table if (match := pattern.fullmatch(path))]
        if not found:
            raise NotFound("There is nothing at this address.")
        found = [one for one in found if "{" not in one[0].path] or found  # a word wins over a name
        method = "GET" if request.method == "HEAD" else request.method
        here = next(((route, match) for route, match in found if route.method == method), None)
        if here is None:
            allowed = {route.method for route, _ in found}
            allow = ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))
            detail = f"Use {allow}."
            return self._shape(MethodNotAllowed(detail), request, {"Allow": allow})
        route, match = here
        who = _NOBODY if route.scope == PUBLIC else caller(event)
        logger.append_keys(tenant=who.tenant, token_id=who.token_id, correlation_id=request.correlation_id)
        if route.scope != PUBLIC:
            self._count(who, metered)
        if route.scope not in (PUBLIC, ANYONE):
            who.require(route.scope)
        return route.run(Call(request, who, match.groupdict(), self._tools))

    def _count(self, who: Caller, metered: dict[str, str]) -> None:
        """Count the request; what the answer's headers say of it goes into ``metered``."""
        rate = quota.take(who.tenant, now=self._tools.now())
        if rate is not None:
            metered.update(self._meter(rate))
            if rate.refused:
                raise rate.error()


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", path)
    named = (f"(?P<{piece}>{_SEGMENTS.get(piece, _SEGMENT)})" for piece in pieces[1::2])
    fixed = [re.escape(piece) for piece in pieces[::2]]
    return re.compile(fixed[0] + "".join(name + text for name, text in zip(named, fixed[1:], strict=True)))


def _log(error: BonafideError) -> None:
    broken = status_of(error) >= status_of(BonafideError(""))
    said = {
        "code": error.code,
        "detail": error.detail if broken else "",
    }  # a client's words stay out of the log
    (logger.error if broken else logger.info)("refused", extra=said)
