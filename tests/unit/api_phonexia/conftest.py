"""The Phonexia dialect on the template's own stack in moto, with a clock that tests hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import rooms
from tests.helpers.aws import Aws
from tests.helpers.gateway import multipart
from tests.helpers.rooms import Api, Clock, Room

PATH = "/api/technology/experimental/authenticity-verification"
stack, clock = rooms.stack, rooms.clock


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """Return the stack with an empty table."""
    with rooms.emptied(stack):
        yield stack


@pytest.fixture
def phonexia(stack: Aws) -> Iterator[Room]:
    """Return a function that imports a module of the dialect, as the function itself has them."""
    stack.use("api_phonexia")
    with rooms.importing("api_phonexia", "phonexia") as found:
        yield found


@pytest.fixture
def api(phonexia: Room, aws: Aws, clock: Clock) -> Api:
    """Return a function that asks the dialect: ``api("GET", PATH + "/…", scopes="analyses:read")``."""
    return rooms.asking(phonexia("app"), clock, resource="/{proxy+}")


def form(*parts: Any, **headers: str) -> dict[str, Any]:
    """Return body and headers of a multipart request; a file if no parts are given."""
    body, kind = multipart(parts or (("file", b"RIFF....WAVE", "call.wav"),))
    return {"body": body, "headers": {"Content-Type": kind, **headers}}
