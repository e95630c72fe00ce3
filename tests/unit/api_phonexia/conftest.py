"""The Phonexia dialect on the template's own stack in moto, with a clock that tests hold."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.aws import Aws, in_moto
from tests.helpers.gateway import Answer, event, multipart
from tests.helpers.template import ROOT
from tests.unit.api_native.conftest import Clock

PLACE = str(ROOT / "functions" / "api_phonexia")
PATH = "/api/technology/experimental/authenticity-verification"
Api = Callable[..., Answer]


@pytest.fixture(scope="module")
def stack() -> Iterator[Aws]:
    """Make the stack once a module; `aws` empties its table for every test."""
    with in_moto() as made:
        yield made


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """Return the stack with an empty table."""
    for row in stack.client("dynamodb").scan(TableName=stack.table)["Items"]:
        stack.client("dynamodb").delete_item(TableName=stack.table, Key={"pk": row["pk"], "sk": row["sk"]})
    yield stack
    stack.leave()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def phonexia(stack: Aws) -> Iterator[Any]:
    """Return a function that imports a module of the dialect, as the function itself has them."""
    stack.use("api_phonexia")
    sys.path.insert(0, PLACE)
    try:
        yield lambda name: importlib.import_module(f"phonexia.{name}")
    finally:
        sys.path.remove(PLACE)
        for name in [name for name in sys.modules if name.partition(".")[0] == "phonexia"]:
            del sys.modules[name]


@pytest.fixture
def api(phonexia: Any, aws: Aws, clock: Clock) -> Api:
    """Return a function that asks the dialect: ``api("GET", PATH + "/…", scopes="analyses:read")``."""
    from bonafide.routing import Tools

    router = phonexia("app").make(Tools(now=clock.now, sleep=clock.sleep))

    def ask(method: str, target: str, **more: Any) -> Answer:
        return Answer.of(router(event(method, target, resource="/{proxy+}", **more)))

    return ask


def form(*parts: Any, **headers: str) -> dict[str, Any]:
    """Return body and headers of a multipart request; a file if no parts are given."""
    body, kind = multipart(parts or (("file", b"RIFF....WAVE", "call.wav"),))
    return {"body": body, "headers": {"Content-Type": kind, **headers}}
