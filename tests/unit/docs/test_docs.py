"""/docs: every API's document, and a page made of our own files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from openapi.__main__ import SERVED, outputs
from tests.helpers.aws import context, in_moto
from tests.helpers.gateway import HOST, Answer, event
from tests.helpers.template import ROOT

VENDORED = ROOT / "functions" / "docs" / "swagger-ui"
# swagger-ui-dist 5.35.0, as npm has it.
SHA256 = {
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "NOTICE": "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2",
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui-bundle.js.LICENSE.txt": "37eb6e7e59aed57b2c1acf076574b818ea07b74265717e0bd67b59e0baf9abbb",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Return a client of the function, without a token."""
    with in_moto() as aws:

        def get(target: str, method: str = "GET", **environment: str) -> Answer:
            with aws.function("docs", **environment) as module:
                asked = event(method, target, authorizer={}, resource="/docs/{proxy+}")
                return Answer.of(module.lambda_handler(asked, context("docs")))

        yield get


def test_the_vendored_files_are_the_published_ones() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED.iterdir()}
    assert found == SHA256
    assert sum(path.stat().st_size for path in VENDORED.iterdir()) < 3_000_000


def test_every_document_is_there_and_is_the_committed_one(ask: Ask) -> None:
    documents = {path.stem: text for path, text in outputs().items() if path.suffix == ".yaml"}
    assert {path.stem for path in SERVED.glob("*.json")} == documents.keys()
    page = ask("/docs").body.decode()
    for name, text in documents.items():
        answer = ask(f"/docs/{name}.json")
        assert answer.status == 200 and answer.headers["content-type"] == "application/json"
        document, committed = answer.json, yaml.safe_load(text)
        assert f'href="/api/docs?api={name}"' in page and committed["info"]["title"] in page
        apart = {"servers", "jsonSchemaDialect"}
        assert {k: v for k, v in document.items() if k not in apart} == {
            k: v for k, v in committed.items() if k not in apart
        }
        own = name == "bonafide"  # another dialect is an API of its own, unless all share one host
        assert (document["servers"][0]["url"] == f"https://{HOST}/api") is own
        shared = ask(f"/docs/{name}.json", PUBLIC_BASE_URL="https://forensics.example").json
        assert shared["servers"][0]["url"] == "https://forensics.example"


def test_the_page_asks_for_nothing_from_elsewhere(ask: Ask) -> None:
    answer = ask("/docs?api=phonexia")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    text = answer.body.decode()
    assert 'data-document="/api/docs/phonexia.json"' in text and "http" not in text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "docs.js", "docs.css", "LICENSE", "NOTICE"):
        assert f"/api/docs/{name}" in text or name.isupper()
        part = ask(f"/docs/{name}")
        assert part.status == 200 and part.headers["x-content-type-options"] == "nosniff"
        assert part.headers["content-type"].startswith("text/")


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/docs?api=nothing", "GET", 404),
        ("/docs/app.py", "GET", 404),
        ("/docs/..%2fhandler.py", "GET", 404),
        ("/docs/handler.py", "GET", 404),
        ("/docs/a/b", "GET", 404),
        ("/docs", "POST", 405),
    ],
)
def test_what_is_not_there(ask: Ask, target: str, method: str, status: int) -> None:
    assert ask(target, method).status == status


def test_it_may_do_nothing() -> None:
    from tests.helpers import template

    role: Any = template.expanded()["Resources"]["DocsFunctionRole"]["Properties"]
    assert "Policies" not in role, json.dumps(role)
