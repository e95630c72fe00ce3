"""Every error of the core has the vendor's type, status and body; a tenant's rate its headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import errors
from bonafide.errors import BonafideError
from bonafide.http import Status
from bonafide.quota import Rate


def shape(phonexia: Any, error: BonafideError) -> Any:
    import json

    answer = phonexia("shapes").shape(error)
    return answer, json.loads(answer.body)


@pytest.mark.parametrize("name", sorted(errors.__all__))
def test_every_error_keeps_to_the_model(phonexia: Any, name: str) -> None:
    answer, document = shape(phonexia, getattr(errors, name)("Words."))
    phonexia("documents").ErrorBody.model_validate(document)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.status in {400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 507}


def test_every_type_is_used(phonexia: Any) -> None:
    assert {said.type for said in phonexia("shapes").SAID.values()} == set(phonexia("words").ErrorType)


def test_licensed_capacity(phonexia: Any) -> None:
    answer, document = shape(phonexia, errors.InsufficientCredits("None left."))
    assert answer.status == Status.FORBIDDEN
    assert document == {
        "type": "request.forbidden",
        "message": "Request is forbidden.",
        "detail": [
            {
                "location": ["license"],
                "message": "Licensed processing capacity exceeded.",
                "type": "licensing.capacity-exceeded",
                "context": {},
            }
        ],
    }


def test_rate_limit(phonexia: Any) -> None:
    rate = Rate(limit=1, window_s=5, remaining=0, reset_s=3, refused=True)
    answer, document = shape(phonexia, rate.error())
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert document == {
        "type": "request.rate-limit-exceeded",
        "message": "Rate limit exceeded: 1 per 5 second.",
        "detail": [],
    }
    meter = phonexia("shapes").meter(lambda: datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert meter(rate) == {
        "x-ratelimit-limit": "1",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(1769860800 + 3),
    }


def test_what_the_core_points_to_is_a_location(phonexia: Any) -> None:
    entries = [
        {"pointer": "#/options/end_s", "detail": "d", "code": "c"},
        {"parameter": "limit", "detail": "d"},
        {"header": "Content-Type", "detail": "d"},
    ]
    _, document = shape(phonexia, errors.Unprocessable("Words.", errors=entries))
    assert [entry["location"] for entry in document["detail"]] == [
        ["body", "options", "end_s"],
        ["query", "limit"],
        ["header", "Content-Type"],
    ]
