"""The native API on the template's own stack in moto, with a clock and a pause that tests hold."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.helpers.aws import Aws, in_moto
from tests.helpers.gateway import Answer, event
from tests.helpers.template import ROOT

PLACE = str(ROOT / "functions" / "api_native")


class Clock:
    """A clock that only moves when told to, or when somebody sleeps; ``on_sleep`` happens meanwhile."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda _seconds: None

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.slept.append(seconds)
        self.on_sleep(seconds)


@pytest.fixture(scope="module")
def stack() -> Iterator[Aws]:
    """Make the stack once a module; `aws` empties its table for every test."""
    with in_moto() as made:
        yield made


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """Return the stack with an empty table."""
    rows = stack.client("dynamodb").scan(TableName=stack.table)["Items"]
    for row in rows:
        stack.client("dynamodb").delete_item(TableName=stack.table, Key={"pk": row["pk"], "sk": row["sk"]})
    yield stack
    stack.leave()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def native(aws: Aws) -> Iterator[Any]:
    """Return the package ``native`` under the function's own environment."""
    aws.use("api_native")
    sys.path.insert(0, PLACE)
    try:
        yield importlib.import_module("native.app")
    finally:
        sys.path.remove(PLACE)
        for name in [name for name in sys.modules if name.partition(".")[0] == "native"]:
            del sys.modules[name]


@pytest.fixture
def api(native: Any, clock: Clock) -> Callable[..., Answer]:
    """Return a function that asks the API: ``api("GET", "/v1/limits", scopes="analyses:read")``."""
    from bonafide.routing import Tools

    router = native.make(Tools(now=clock.now, sleep=clock.sleep))
    return lambda method, target, **more: Answer.of(router(event(method, target, **more)))
