"""The real authorizer and the real API, one behind the other, on one stack in moto for the whole tier."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import tokens
from bonafide.routing import Tools
from bonafide.store import tenants
from bonafide.tenants import Plan, Tenant

from tests.helpers.aws import Aws, context, in_moto, load_handler
from tests.helpers.gateway import Answer, Gateway


@dataclass
class Deployed:
    """The API as a client has it, and a token that may do everything."""

    aws: Aws
    gateway: Gateway
    token: str

    def __call__(self, method: str, target: str, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.gateway(method, target, headers=headers, **more)


class Watch:
    """A clock that runs on by itself when somebody sleeps: a test never does."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def sleep(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def tools(self) -> Tools:
        return Tools(now=self.now, sleep=self.sleep)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with ExitStack() as stack:
        aws = stack.enter_context(in_moto())
        aws.use("api_native")
        authorizer = stack.enter_context(load_handler("authorizer")).lambda_handler
        module = stack.enter_context(load_handler("api_native"))
        module.app = sys.modules["native.app"].make(Watch().tools())
        handler = module.lambda_handler

        tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=datetime.now(UTC))  # no limit of requests
        _, plain = tokens.create("acme", name="contract", scopes=["*"], now=datetime.now(UTC))
        yield Deployed(aws, Gateway(authorizer, handler, context("api_native")), plain)
