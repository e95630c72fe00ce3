"""The VeriPlus dialect on the template's own stack in moto, with a clock and a pause that tests hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bonafide.store import tenants
from bonafide.tenants import Plan, Tenant

from tests.helpers import rooms
from tests.helpers.aws import Aws
from tests.helpers.rooms import Api, Clock, Room

stack, clock = rooms.stack, rooms.clock


@pytest.fixture
def aws(stack: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Return the stack with an empty table, in the function's environment; runs are begun by nobody."""
    with rooms.emptied(stack):
        stack.use("api_veriplus")
        monkeypatch.setattr("bonafide.workflow.start", lambda *_: None)
        monkeypatch.setattr("bonafide.bus.publish", lambda _event: None)
        yield stack


@pytest.fixture
def room() -> Iterator[Room]:
    """Return a function that imports a module of the package."""
    with rooms.importing("api_veriplus", "veriplus") as found:
        yield found


@pytest.fixture
def fresh(aws: Aws, room: Room, clock: Clock) -> Api:
    """Return the API to tenants that nobody described: they are on the FREE plan."""
    return rooms.asking(room("app"), clock, resource="/{proxy+}")


@pytest.fixture
def api(fresh: Api, clock: Clock) -> Api:
    """Return the API to a tenant ``acme`` without limits: ``api("POST", IMAGE, **form(…))``."""
    tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=clock.now())
    return fresh
