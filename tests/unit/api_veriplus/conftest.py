"""The VeriPlus dialect on the template's own stack in moto, with a clock and a pause that tests hold."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bonafide.store import tenants
from bonafide.tenants import Plan, Tenant

from tests.helpers.aws import Aws, in_moto
from tests.helpers.gateway import Answer, event
from tests.helpers.template import ROOT
from tests.unit.api_native.conftest import Clock

PLACE = str(ROOT / "functions" / "api_veriplus")
Api = Callable[..., Answer]


@pytest.fixture(scope="module")
def stack() -> Iterator[Aws]:
    """Make the stack once a module; `aws` empties its table for every test."""
    with in_moto() as made:
        yield made


@pytest.fixture
def aws(stack: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Return the stack with an empty table, in the function's environment; runs are begun by nobody."""
    for row in stack.client("dynamodb").scan(TableName=stack.table)["Items"]:
        stack.client("dynamodb").delete_item(TableName=stack.table, Key={"pk": row["pk"], "sk": row["sk"]})
    stack.use("api_veriplus")
    monkeypatch.setattr("bonafide.workflow.start", lambda *_: None)
    monkeypatch.setattr("bonafide.bus.publish", lambda _event: None)
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
        yield lambda name: importlib.import_module(f"veriplus.{name}")
    finally:
        sys.path.remove(PLACE)
        for name in [name for name in sys.modules if name.partition(".")[0] == "veriplus"]:
            del sys.modules[name]


@pytest.fixture
def fresh(aws: Aws, room: Callable[[str], Any], clock: Clock) -> Api:
    """Return the API to tenants that nobody described: they are on the FREE plan."""
    from bonafide.routing import Tools

    router = room("app").make(Tools(now=clock.now, sleep=clock.sleep))
    return lambda method, target, **more: Answer.of(
        router(event(method, target, resource="/{proxy+}", **more))
    )


@pytest.fixture
def api(fresh: Api, clock: Clock) -> Api:
    """Return the API to a tenant ``acme`` without limits: ``api("POST", IMAGE, **form(…))``."""
    tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=clock.now())
    return fresh
