"""What unit tests of every API share: a stack a module, a clock that tests hold, the function's package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.helpers.aws import Aws, in_moto
from tests.helpers.gateway import Answer, event
from tests.helpers.template import ROOT

Api = Callable[..., Answer]
Room = Callable[[str], Any]


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
    """Make the stack once a module; `emptied` clears its table for every test."""
    with in_moto() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def emptied(stack: Aws) -> Iterator[Aws]:
    """Give the stack with an empty table, and leave it."""
    for row in stack.client("dynamodb").scan(TableName=stack.table)["Items"]:
        stack.client("dynamodb").delete_item(TableName=stack.table, Key={"pk": row["pk"], "sk": row["sk"]})
    yield stack
    stack.leave()


@contextmanager
def importing(function: str, package: str) -> Iterator[Room]:
    """Give a function that imports a module of the package, as the Lambda function does."""
    place = str(ROOT / "functions" / function)
    sys.path.insert(0, place)
    try:
        yield lambda name: importlib.import_module(f"{package}.{name}")
    finally:
        sys.path.remove(place)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]


def asking(app: Any, clock: Clock, **fixed: Any) -> Api:
    """Return a function that asks the API: ``api("GET", "/v1/limits", scopes="analyses:read")``."""
    from bonafide.routing import Tools

    router = app.make(Tools(now=clock.now, sleep=clock.sleep))
    return lambda method, target, **more: Answer.of(router(event(method, target, **fixed, **more)))
