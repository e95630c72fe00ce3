"""Sensity on the template's own stack in moto, with a clock and a pause that tests hold."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.aws import Aws, in_moto
from tests.helpers.gateway import Answer, event
from tests.helpers.template import ROOT
from tests.unit.api_native.conftest import Clock

PLACE = str(ROOT / "functions" / "api_sensity")
Api = Callable[..., Answer]


@pytest.fixture(scope="module")
def stack() -> Iterator[Aws]:
    """Make the stack once a module; `aws` empties its table for every test."""
    with in_moto() as made:
        yield made


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """Return the stack with an empty table, in the function's environment."""
    for row in stack.client("dynamodb").scan(TableName=stack.table)["Items"]:
        stack.client("dynamodb").delete_item(TableName=stack.table, Key={"pk": row["pk"], "sk": row["sk"]})
    stack.use("api_sensity")
    yield stack
    stack.leave()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room() -> Iterator[Callable[[str], Any]]:
    """Return a function that imports a module of the package, as the function does."""
    sys.path.insert(0, PLACE)
    try:
        yield lambda name: importlib.import_module(f"sensity.{name}")
    finally:
        sys.path.remove(PLACE)
        for name in [name for name in sys.modules if name.partition(".")[0] == "sensity"]:
            del sys.modules[name]


@pytest.fixture
def api(aws: Aws, room: Callable[[str], Any], clock: Clock) -> Api:
    """Return a function that asks the API: ``api("GET", "//auth/tokens")``."""
    from bonafide.routing import Tools

    router = room("app").make(Tools(now=clock.now, sleep=clock.sleep))
    return lambda method, target, **more: Answer.of(
        router(event(method, target, resource="/{proxy+}", **more))
    )
