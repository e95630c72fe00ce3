"""Resemble Detect on the template's own stack in moto, with a clock and a pause that tests hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers import rooms
from tests.helpers.aws import Aws
from tests.helpers.rooms import Api, Clock, Room

stack, clock = rooms.stack, rooms.clock


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """Return the stack with an empty table, in the function's environment."""
    with rooms.emptied(stack):
        stack.use("api_resemble")
        yield stack


@pytest.fixture
def room() -> Iterator[Room]:
    """Return a function that imports a module of the package."""
    with rooms.importing("api_resemble", "resemble_detect") as found:
        yield found


@pytest.fixture
def api(aws: Aws, room: Room, clock: Clock) -> Api:
    """Return a function that asks the API: ``api("GET", "/api/v2/detect?page=1")``."""
    return rooms.asking(room("app"), clock, resource="/{proxy+}")
