"""Schemathesis against the real handlers, in-process: no 5xx, no answer that the document does not know."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
import schemathesis
from bonafide.store import analyses, webhooks
from hypothesis import HealthCheck, Phase, settings
from requests.adapters import HTTPAdapter
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from urllib3 import HTTPResponse

from openapi import native
from tests.contract.conftest import Deployed

BASE = "http://api.test"
examples = native.examples
LEFT_OUT = (
    ignored_auth,  # opens sockets of its own; tests/unit/api_native asks every route without a token
    positive_data_acceptance,  # a schema cannot say which cursors, policies and hosts there are
)


class Wire(HTTPAdapter):
    """Carries a request of the ``requests`` library to authorizer and handler; no socket is opened."""

    def __init__(self, deployed: Deployed) -> None:
        super().__init__()
        self.deployed = deployed

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        target = str(request.url).removeprefix(BASE)
        answer = self.deployed.gateway(
            str(request.method), target, headers=request.headers, body=request.body
        )
        raw = HTTPResponse(
            io.BytesIO(answer.body), headers=answer.headers, status=answer.status, preload_content=False
        )
        return self.build_response(request, raw)


@pytest.fixture(scope="module", autouse=True)
def _seeded(deployed: Deployed) -> None:
    """Make what the document's examples name, for Schemathesis takes its ids from there."""
    analyses.create(examples.analysis())
    webhooks.create(
        "acme", "https://example.org/", (), now=examples.NOON, id_factory=lambda _: examples.WEBHOOK
    )


@pytest.fixture
def session(deployed: Deployed) -> requests.Session:
    made = requests.Session()
    made.mount(BASE, Wire(deployed))
    return made


schema = schemathesis.openapi.from_dict(native.build() | {"servers": [{"url": BASE}]})


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_documented(
    case: schemathesis.Case, deployed: Deployed, session: requests.Session
) -> None:
    headers = {"Authorization": f"Bearer {deployed.token}"}
    case.call_and_validate(
        BASE, headers=headers, session=session, allow_redirects=False, excluded_checks=[*LEFT_OUT]
    )
