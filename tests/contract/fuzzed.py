"""Schemathesis against the real handlers, in-process: what the native API's test and the dialects' share."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from requests.adapters import HTTPAdapter
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)
from urllib3 import HTTPResponse

from tests.contract.conftest import Deployed

__all__ = ["BASE", "LENIENT", "STRICT", "Wire", "described", "documented", "tries"]

BASE = "http://api.test"
STRICT = (
    ignored_auth,  # opens sockets of its own; the APIs' unit tests ask every route without a token
    positive_data_acceptance,  # a schema cannot say which cursors, policies and hosts there are
)
"""Checks left out of every document's test."""
LENIENT = (*STRICT, negative_data_rejection)
"""Left out where real clients need tolerance (unknown words are ignored; parts of a form are text)."""


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


def described(document: dict[str, Any]) -> Any:
    """Return the document's schema, served at `BASE`."""
    return schemathesis.openapi.from_dict(document | {"servers": [{"url": BASE}]})


def tries(most: int) -> settings:
    """Return the same ``most`` examples of an operation in every run."""
    return settings(
        max_examples=most,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def documented(case: schemathesis.Case, wire: Wire, left_out: Iterable[Any] = STRICT) -> None:
    """Send the case and see: no 5xx, no answer that the document does not know."""
    with requests.Session() as session:
        session.mount(BASE, wire)
        case.call_and_validate(
            BASE,
            headers={"Authorization": f"Bearer {wire.deployed.token}"},
            session=session,
            allow_redirects=False,
            excluded_checks=[*left_out],
        )
