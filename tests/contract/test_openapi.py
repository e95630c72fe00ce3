"""The committed document is what the code makes, says what is served, and real answers keep to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from pydantic import TypeAdapter

from openapi.__main__ import main
from openapi.native import ROUTES, build, documents, outputs, render_yaml
from tests.contract.conftest import Deployed
from tests.helpers.gateway import Answer, multipart

DOCUMENT = build()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def check(schema: dict[str, Any], value: Any) -> None:
    """Validate ``value`` against a schema of the document."""
    Draft202012Validator(DOCUMENT | schema, format_checker=FormatChecker()).validate(value)


def follow(node: dict[str, Any]) -> dict[str, Any]:
    """Return what a local reference points to."""
    target: Any = DOCUMENT
    if "$ref" not in node:
        return node
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return dict(target)


@pytest.mark.parametrize("path", [*outputs()], ids=lambda path: path.name)
def test_committed_bytes_are_the_generated_ones(path: Any) -> None:
    assert path.read_bytes() == outputs()[path].encode(), "run make openapi"


def test_generating_twice_gives_the_same_bytes_and_check_says_so() -> None:
    assert render_yaml(build()) == render_yaml(build())
    assert yaml.safe_load(render_yaml(DOCUMENT)) == json.loads(json.dumps(DOCUMENT))
    assert main(["--check"]) == 0


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(json.loads(json.dumps(DOCUMENT)))


def test_it_says_what_is_served_no_more_and_no_less() -> None:
    assert {(method, path) for method, path, _ in operations()} == {(r.method, r.path) for r in ROUTES}


def test_operation_ids_are_unique_words() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][A-Za-z]+", one) for one in ids)


@pytest.mark.parametrize(("method", "path", "operation"), [*operations()], ids=lambda value: str(value)[:50])
def test_every_operation_documents_its_errors(method: str, path: str, operation: dict[str, Any]) -> None:
    answers = set(operation["responses"])
    assert {"400", "429", "500", "503", "504"} <= answers
    assert ("401" in answers) == (operation.get("security") != [])
    assert ("404" in answers) or "{" not in path
    if "requestBody" in operation:
        assert {"413", "415", "422"} <= answers
    for status, answer in operation["responses"].items():
        content = follow(answer).get("content", {})
        assert set(content) == {"application/problem+json"} if status >= "400" else True


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(node, list):
        for entry in node:
            yield from examples(entry)
    if isinstance(node, dict):
        if "schema" in node and "example" in node:
            yield node["schema"], node["example"]
        if isinstance(node.get("examples"), list):
            yield from ((node, example) for example in node["examples"])
        for entry in node.values():
            yield from examples(entry)


def test_every_example_validates() -> None:
    found = list(examples(DOCUMENT))
    assert len(found) > 30
    for schema, example in found:
        check(schema, example)


def test_webhooks_stand_at_the_top_level() -> None:
    assert set(DOCUMENT["webhooks"]) == {"analysis.completed", "analysis.failed", "webhook.test"}


# ---- real answers ------------------------------------------------------------------------------------


class Client:
    """Asks, and holds every answer against the document: strictly, so that a member too many is noticed."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        self.seen: set[tuple[str, str, int]] = set()

    def __call__(self, method: str, target: str, **more: Any) -> Answer:
        answer = self.deployed(method, target, **more)
        path, operation = self.find(method, target.partition("?")[0])
        said = follow(operation["responses"][str(answer.status)])
        content = said.get("content")
        self.seen.add((method, path, answer.status))
        for name in said.get("headers", {}):
            if name in ("Location", "WWW-Authenticate") and answer.status != 200:
                assert name.lower() in answer.headers, name
        if content is None:
            assert answer.body == b""
            return answer
        ((kind, media),) = content.items()
        assert answer.headers["content-type"] == kind
        check(media["schema"], answer.json)
        name = media["schema"].get("$ref", "").rpartition("/")[2]
        if name:
            TypeAdapter(getattr(documents, name)).validate_json(
                answer.body
            )  # these forbid what they do not know
        return answer

    @staticmethod
    def find(method: str, target: str) -> tuple[str, dict[str, Any]]:
        patterns = {path: re.sub(r"\{\w+\}", "[^/]+", path) for _, path, _ in operations()}
        path = next(path for path, pattern in patterns.items() if re.fullmatch(pattern, target))
        return path, DOCUMENT["paths"][path][method.lower()]


def test_real_answers_keep_to_the_document(deployed: Deployed) -> None:
    ask = Client(deployed)
    body, kind = multipart([("file", b"\xff\xd8\xff", "a.jpg"), ("options", "{}")])
    made = ask("POST", "/v1/analyses", body=body, headers={"Content-Type": kind, "Idempotency-Key": '"a"'})
    where = f"/v1/analyses/{made.json['id']}"
    for method, target in (
        ("GET", where), ("GET", "/v1/analyses?limit=1"), ("GET", where + "/artifacts"),
        ("GET", where + "/artifacts/none.png"), ("GET", where + "/deletion-receipt"),
        ("DELETE", where), ("GET", where), ("GET", where + "/deletion-receipt"), ("GET", "/v1/keys"),
        ("DELETE", "/v1/analyses/an_0"),
        ("GET", "/v1/limits"), ("GET", "/v1/models"), ("GET", "/v1/health"), ("GET", "/v1/openapi.json"),
        ("GET", "/v1/account"),
        ("GET", "/v1/tokens"), ("DELETE", "/v1/tokens/tok_0"), ("GET", "/v1/webhooks"),
    ):  # fmt: skip
        ask(method, target)
    ask("POST", "/v1/uploads", body={"bytes": 10, "filename": "a.jpg"})
    ask("POST", "/v1/analyses", body={"url": "http://127.0.0.1/"})
    ask("POST", "/v1/analyses", body={})
    ask("POST", "/v1/analyses", body=b"x", headers={"Content-Type": "text/plain"})
    token = ask("POST", "/v1/tokens", body={"name": "x", "expires_at": "2099-01-01T00:00:00Z"}).json["id"]
    ask("DELETE", f"/v1/tokens/{token}")
    hook = f"/v1/webhooks/{ask('POST', '/v1/webhooks', body={'url': 'https://example.org/h'}).json['id']}"
    sent = ask("POST", hook + "/test").json["id"]
    for method, target in (
        ("GET", hook), ("POST", hook + "/rotate-secret"), ("POST", hook + "/enable"),
        ("GET", hook + "/deliveries"),
        ("POST", f"{hook}/deliveries/{sent}/redeliver"), ("DELETE", hook), ("GET", hook),
    ):  # fmt: skip
        ask(method, target)
    entry = {"pdq": "f0" * 32, "verdict": "known_fake", "title": "t"}
    known = f"/v1/known-media/{ask('POST', '/v1/known-media', body=entry).json['id']}"
    for method, target in (
        ("GET", known),
        ("GET", "/v1/known-media?limit=1"),
        ("DELETE", known),
        ("GET", known),
    ):
        ask(method, target)
    good = {(method, path) for method, path, status in ask.seen if status < 400}
    asked = {(method, path) for method, path, _ in operations()}
    assert asked - good == {("GET", "/v1/analyses/{id}/artifacts/{name}")}, (
        "tested with a result in tests/unit"
    )


def test_an_answer_without_a_token_is_documented_too(deployed: Deployed) -> None:
    ask = Client(deployed)
    for method, path, operation in operations():
        if operation.get("security") != []:
            target = re.sub(r"\{\w+\}", "a0", path)
            assert ask(method, target, headers={"Authorization": "Bearer nobody"}).status == 401
