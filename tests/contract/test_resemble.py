"""The committed document is what the code makes; examples and real answers keep to it, strictly."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
import yaml
from bonafide import tokens
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from openapi.resemble import ROUTES, build, documents, example, outputs
from tests.contract.conftest import Deployed, Watch
from tests.contract.fuzzed import LENIENT, Wire, described, documented, tries
from tests.helpers.aws import context, in_moto, load_handler
from tests.helpers.gateway import Answer, Gateway, multipart
from tests.helpers.template import expanded
from tests.unit.api_resemble.words import analysis, facts, link, scored

DOCUMENT = build()
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    """Return the real authorizer and this API behind it."""
    with ExitStack() as stack:
        aws = stack.enter_context(in_moto())
        aws.use("api_resemble")
        authorizer = stack.enter_context(load_handler("authorizer")).lambda_handler
        module = stack.enter_context(load_handler("api_resemble"))
        module.app = sys.modules["resemble_detect.app"].make(Watch().tools())
        _, plain = tokens.create("acme", name="contract", scopes=["*"], now=datetime.now(UTC))
        gateway = Gateway(authorizer, module.lambda_handler, context("api_resemble"), resource="/{proxy+}")
        yield Deployed(aws, gateway, plain)


def check(schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator(DOCUMENT | schema, format_checker=FormatChecker()).validate(value)


@pytest.mark.rows("X-15")
def test_the_committed_document_is_the_generated_one() -> None:
    for path, text in outputs().items():
        assert path.read_text("utf-8") == text, "run make openapi"
    assert yaml.safe_load(next(iter(outputs().values()))) == json.loads(json.dumps(DOCUMENT))


@pytest.mark.rows("X-15")
def test_it_is_valid_and_says_what_is_served() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))
    said = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert said == {(route.method, route.path) for route in ROUTES}


def pairs(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(node, list):
        for entry in node:
            yield from pairs(entry)
    if isinstance(node, dict):
        if "schema" in node and "example" in node:
            yield node["schema"], node["example"]
        if isinstance(node.get("examples"), list):
            yield from ((node, one) for one in node["examples"])
        for entry in node.values():
            yield from pairs(entry)


@pytest.mark.rows("X-15", "RES-5")
def test_every_example_validates() -> None:
    found = list(pairs(DOCUMENT))
    assert len(found) > 15
    for schema, one in found:
        check(schema, one)


@pytest.mark.rows("RES-29", "RES-42", "RES-47", "RES-53", "RES-55")
def test_every_medium_keeps_to_the_models(deployed: Deployed) -> None:
    from bonafide.model import MediaKind, Operation, Outcome

    from tests.unit.api_resemble.words import silent

    render = sys.modules["resemble_detect.render"]
    kept = {"intelligence": True, "audio_source_tracing": True, "use_reverse_search": True}
    for kind, ending in ((MediaKind.AUDIO, "wav"), (MediaKind.IMAGE, "png"), (MediaKind.VIDEO, "mp4")):
        for p_fake in (0.1, 0.9):
            results = [scored(operation, p_fake, picture=True) for operation in list(Operation)[:9]]
            made = analysis(facts(kind, ending, duration_s=4.0), *results, kept=kept)
            documents.DetectionAnswer.model_validate(render.envelope(made, link))
        quiet = [silent(operation, "too_short", Outcome.INCONCLUSIVE) for operation in list(Operation)[:9]]
        made = analysis(facts(kind, ending, duration_s=4.0), *quiet, kept=kept)
        documents.DetectionAnswer.model_validate(render.envelope(made, link))


class Client:
    """Asks, and holds every answer against the document."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed

    def __call__(self, method: str, target: str, **more: Any) -> Answer:
        answer = self.deployed(method, target, **more)
        path = target.partition("?")[0]
        known = next(
            p
            for p, item in DOCUMENT["paths"].items()
            if method.lower() in item and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", p), path)
        )
        said = DOCUMENT["paths"][known][method.lower()]["responses"][str(answer.status)]
        name = "Fault"
        if "$ref" not in said:
            name = said["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        check({"$ref": f"#/components/schemas/{name}"}, answer.json)
        getattr(documents, name).model_validate_json(answer.body)
        return answer


@pytest.mark.rows("RES-1", "RES-3", "RES-7", "RES-8", "RES-28", "RES-58", "RES-4", "RES-9")
def test_real_answers_keep_to_the_document(deployed: Deployed) -> None:
    ask = Client(deployed)
    url = {"url": "https://93.184.216.34/voice.mp3"}
    made = ask("POST", "/api/v2/detect", body=url)
    uuid = made.json["item"]["uuid"]
    assert ask("GET", f"/api/v2/detect/{uuid}").status == 200
    assert ask("GET", "/api/v2/detect?page=1").json["total_count"] >= 1
    assert ask("GET", "/api/v2/detect").status == 400
    assert ask("GET", "/api/v2/detect/00000000-0000-4000-8000-000000000000").status == 404
    waited = ask("POST", "/api/v2/detect", body=url, headers={"Prefer": "wait=1"})
    assert waited.headers["preference-applied"] == "wait=1"
    body, kind = multipart([("file", WAV, "voice.wav")])
    token = ask("POST", "/api/v2/secure_uploads", body=body, headers={"Content-Type": kind}).json["token"]
    assert ask("POST", "/api/v2/detect", body={"media_token": token}).status == 200
    assert ask("POST", "/api/v2/detect", body={"media_token": token, "visualize": True}).status == 409
    assert ask("POST", "/api/v2/detect", body=body, headers={"Content-Type": kind}).status == 200
    body, kind = multipart([("files[]", WAV, "a.wav"), ("files[]", WAV, "b.wav"), ("visualize", "true")])
    batch = ask("POST", "/api/v2/detect/batch", body=body, headers={"Content-Type": kind})
    assert batch.status == 202
    assert ask("GET", f"/api/v2/detect/batch/{batch.json['item']['uuid']}").json == batch.json
    assert ask("GET", f"/api/v2/detect/batch/{uuid}").status == 404
    assert ask("POST", "/api/v2/detect/batch", body={}).status == 400
    assert ask("POST", "/api/v2/detect", body=b"x", headers={"Content-Type": "text/plain"}).status == 415
    assert ask("POST", "/api/v2/detect", body={"url": "x" * 70_000}).status == 413


@pytest.mark.rows("RES-60")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/audio_source_tracings"),
        ("POST", "/api/v2/intelligence"),
        ("GET", "/api/v2/detects/00000000-0000-4000-8000-000000000000/intelligence"),
        ("POST", "/api/v2/watermark/apply"),
        ("POST", "/api/v2/watermark/detect"),
        ("GET", "/api/v2/account/billing_usage"),
    ],
)
def test_what_is_not_served_says_so_in_the_vendors_shape(deployed: Deployed, method: str, path: str) -> None:
    """Decision 0021: no watermark, no questions; a client sees an address that is not there, never a 5xx."""
    answer = deployed(method, path, body={} if method == "POST" else None)
    assert answer.status == 404 and answer.json["success"] is False and answer.json["message"]


@pytest.mark.rows("RES-6", "RES-8", "X-4")
@pytest.mark.parametrize("spelling", ["Bearer {}", "Token token={}", 'Token token="{}"', "Token {}", "{}"])
def test_every_spelling_of_a_key(deployed: Deployed, spelling: str) -> None:
    target = "/api/v2/detect?page=1"
    headers = {"Authorization": spelling.format(deployed.token)}
    assert deployed.gateway("GET", target, headers=headers).status == 200
    refused = deployed.gateway("GET", target, headers={"Authorization": spelling.format("nobody")})
    assert refused.status == 401 and set(refused.json) == {"success", "message"}


@pytest.mark.rows("RES-6", "X-4")
def test_no_route_is_open(deployed: Deployed) -> None:
    for route in ROUTES:
        answer = deployed.gateway(route.method, route.path.replace("{uuid}", "x"))
        assert answer.status == 401 and answer.json["success"] is False


@pytest.mark.rows("X-6")
@pytest.mark.parametrize("path", ["/api/v2/detect", "/v2/detect", "/detect", "//api//v2//detect", "//detect"])
def test_however_much_of_the_path_the_gateway_took_off(deployed: Deployed, path: str) -> None:
    assert deployed("GET", path + "?page=1").status == 200


@pytest.mark.rows("X-5", "X-3")
def test_the_gateways_own_answers_have_the_shape() -> None:
    api = expanded()["Resources"]["ResembleApi"]["Properties"]["Body"][
        "x-amazon-apigateway-gateway-responses"
    ]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "REQUEST_TOO_LARGE", "THROTTLED", "INTEGRATION_TIMEOUT"} <= set(api)
    for name, said in api.items():
        body = json.loads(said["responseTemplates"]["application/json"])
        assert set(body) == {"success", "message"} and body["success"] is False, name
    large = json.loads(api["REQUEST_TOO_LARGE"]["responseTemplates"]["application/json"])
    assert "url" in large["message"] and "media_token" in large["message"]


@pytest.mark.rows("RES-5", "X-9")
def test_only_our_own_ends_come_to_us() -> None:
    rules = [
        p["Properties"]
        for p in expanded()["Resources"].values()
        if p["Type"] == "AWS::Events::Rule"
        and "ApiResembleFunction" in json.dumps(p["Properties"]["Targets"])
    ]
    (rule,) = rules
    assert rule["EventPattern"]["detail"] == {"dialect": ["resemble"]}
    assert rule["EventPattern"]["detail-type"] == ["analysis.completed", "analysis.failed"]


schema = described(DOCUMENT)


@schema.parametrize()
@tries(20)
def test_every_answer_is_documented(case: schemathesis.Case, deployed: Deployed) -> None:
    documented(case, Wire(deployed), LENIENT)


def test_examples_are_real() -> None:
    documents.DetectionAnswer.model_validate(example("DetectionAnswer"))
    documents.DetectionList.model_validate(example("DetectionList"))
