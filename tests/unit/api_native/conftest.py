"""The native API on the template's own stack in moto, with a clock and a pause that tests hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import rooms
from tests.helpers.aws import Aws
from tests.helpers.rooms import Api, Clock

stack, clock = rooms.stack, rooms.clock


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """Return the stack with an empty table."""
    with rooms.emptied(stack):
        yield stack


@pytest.fixture
def native(aws: Aws) -> Iterator[Any]:
    """Return the package ``native`` under the function's own environment."""
    aws.use("api_native")
    with rooms.importing("api_native", "native") as found:
        yield found("app")


@pytest.fixture
def api(native: Any, clock: Clock) -> Api:
    """Return a function that asks the API: ``api("GET", "/v1/limits", scopes="analyses:read")``."""
    return rooms.asking(native, clock)
