"""Each API route: through the local cloud (front, gateway, authorizer, function), and the handler alone.

The handler alone runs in this process over moto, so that what MiniStack adds can be seen; moto's own
time (a few milliseconds a call) is in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks import media
from benchmarks.report import Table, note, percentile
from tests.helpers.aws import context, in_moto, own_environment
from tests.helpers.cloud import Api, Cloud
from tests.helpers.gateway import event, multipart

__all__ = ["measure"]

_FORM, _KIND = multipart([("file", media.jpeg(8_000, width=160, height=120), "photo.jpg")])
_JSON = {"Content-Type": "application/json"}
_HOOK = b'{"url": "https://example.com/hook"}'


def _routes(
    made: str, deleted: str, webhook: str
) -> list[tuple[str, str, str, bytes | None, dict[str, str]]]:
    """Return (label, method, path, body, headers); the ids are of what was made before."""
    one = f"/v1/analyses/{made}"
    return [
        ("GET /v1/health (no token)", "GET", "/v1/health", None, {}),
        ("GET /v1/limits", "GET", "/v1/limits", None, {}),
        ("GET /v1/models", "GET", "/v1/models", None, {}),
        ("POST /v1/uploads", "POST", "/v1/uploads", b'{"bytes": 1000}', _JSON),
        ("POST /v1/analyses (8 kB inline)", "POST", "/v1/analyses", _FORM, {"Content-Type": _KIND}),
        ("GET /v1/analyses/{id}", "GET", one, None, {}),
        ("GET /v1/analyses", "GET", "/v1/analyses", None, {}),
        ("GET /v1/analyses/{id}/artifacts", "GET", f"{one}/artifacts", None, {}),
        ("GET /v1/tokens", "GET", "/v1/tokens", None, {}),
        ("GET /v1/webhooks", "GET", "/v1/webhooks", None, {}),
        ("GET /v1/webhooks/{id}/deliveries", "GET", f"/v1/webhooks/{webhook}/deliveries", None, {}),
        ("GET /v1/nothing (404)", "GET", "/v1/nothing", None, {}),
        ("DELETE /v1/analyses/{id} (again)", "DELETE", f"/v1/analyses/{deleted}", None, {}),
    ]


def measure(cloud: Cloud, runs: int) -> Table:
    """Return p50 and p95 in milliseconds of each route, both ways."""
    api = cloud.tenant()
    whole = _times(_asking_cloud(api), runs, "the local cloud", settle=api.finished)
    with _asking_handler() as ask:
        alone = _times(ask, runs, "the handler alone", settle=lambda _id: None)
    rows = [
        (label, percentile(whole[label], 0.5), percentile(whole[label], 0.95),
         percentile(alone[label], 0.5), percentile(alone[label], 0.95))
        for label in whole
    ]  # fmt: skip
    columns = ("route", "cloud p50", "cloud p95", "handler p50", "handler p95")
    return Table(f"API routes, milliseconds, warm ({runs} runs)", columns, rows)


Ask = Callable[[str, str, bytes | None, dict[str, str]], dict[str, Any]]


def _times(ask: Ask, runs: int, what: str, *, settle: Callable[[str], object]) -> dict[str, list[float]]:
    """Return the milliseconds of every run, by route. No analysis runs beside what is measured."""
    made, deleted = (str(ask("POST", "/v1/analyses", _FORM, {"Content-Type": _KIND})["id"]) for _ in range(2))
    settle(made)
    settle(deleted)
    ask("DELETE", f"/v1/analyses/{deleted}", None, {})
    webhook = str(ask("POST", "/v1/webhooks", _HOOK, _JSON)["id"])
    found: dict[str, list[float]] = {}
    for label, method, path, body, headers in _routes(made, deleted, webhook):
        note(f"{label}, {what}")
        for number in range(runs + 1):
            begun = time.perf_counter()
            document = ask(method, path, body, headers)
            if number:  # the first one warms up
                found.setdefault(label, []).append((time.perf_counter() - begun) * 1000)
            if document.get("object") == "analysis" and method == "POST":
                settle(str(document["id"]))
    return found


def _asking_cloud(api: Api) -> Ask:
    def ask(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        answer = api(method, path, body=body, headers=headers)
        return dict(answer.json) if answer.body else {}

    return ask


@contextmanager
def _asking_handler() -> Iterator[Ask]:
    with pytest.MonkeyPatch.context() as patch:
        own_environment(patch)
        with in_moto() as aws, aws.function("api_native", POWERTOOLS_LOG_LEVEL="CRITICAL") as handler:
            call = context("api_native", seconds=3600)

            def ask(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
                answer = handler.lambda_handler(event(method, path, headers=headers, body=body), call)
                return dict(json.loads(answer["body"])) if answer["body"] else {}

            yield ask
