"""The committed document is what the code makes; examples and real answers keep to it, strictly."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from bonafide import jwts, tokens
from bonafide.model import MediaKind, Operation
from bonafide.store import tenants
from bonafide.tenants import Plan, Tenant
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from openapi.sensity import ROUTES, build, documents, example, outputs
from tests.contract.conftest import Deployed, Watch
from tests.contract.fuzzed import LENIENT, Wire, described, documented, tries
from tests.helpers.aws import context, in_moto, load_handler
from tests.helpers.gateway import Answer, Gateway, multipart
from tests.helpers.template import expanded
from tests.unit.api_sensity.words import analysis, facts, scored, silent

DOCUMENT = build()
JPEG = b"\xff\xd8\xff\xe0 not much of a picture"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TASKS = ("face_manipulation", "ai_generated_image_detection", "voice_analysis", "forensic_analysis")
rows = pytest.mark.rows


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    """Return the real authorizer and this API behind it; ``token`` is an account's key."""
    with ExitStack() as stack:
        aws = stack.enter_context(in_moto())
        aws.use("api_sensity")
        authorizer = stack.enter_context(load_handler("authorizer")).lambda_handler
        module = stack.enter_context(load_handler("api_sensity"))
        module.app = sys.modules["sensity.app"].make(Watch().tools())
        tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=datetime.now(UTC))
        _, plain = tokens.create("acme", name="contract", scopes=["*"], now=datetime.now(UTC))
        gateway = Gateway(authorizer, module.lambda_handler, context("api_sensity"), resource="/{proxy+}")
        yield Deployed(aws, gateway, plain)


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"jane:{key}".encode()).decode()}


def check(schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator(DOCUMENT | schema, format_checker=FormatChecker()).validate(value)


@rows("SEN-89", "X-15")
def test_the_committed_document_is_the_generated_one() -> None:
    for path, text in outputs().items():
        assert path.read_text("utf-8") == text, "run make openapi"
    assert yaml.safe_load(next(iter(outputs().values()))) == json.loads(json.dumps(DOCUMENT))


@rows("SEN-89", "SEN-76", "X-15", "X-6")
def test_it_is_valid_and_says_what_is_served() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))
    said = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert said == {(route.method, route.path) for route in ROUTES}
    assert len(said) == 17
    assert set(DOCUMENT["webhooks"]) == {
        "ai_generated_image_detection_analysis_complete", "face_manipulation_analysis_complete",
        "forensic_analysis_complete", "voice_analysis_complete",
    }  # fmt: skip


def pairs(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(node, list):
        for entry in node:
            yield from pairs(entry)
    if isinstance(node, dict):
        if "schema" in node and "example" in node:
            yield node["schema"], node["example"]
        for entry in node.values():
            yield from pairs(entry)


@rows("SEN-89", "X-15")
def test_every_example_validates() -> None:
    found = list(pairs(DOCUMENT))
    assert len(found) > 25
    for schema, one in found:
        check(schema, one)
    for name in documents.__all__:
        if name.endswith("Report"):
            getattr(documents, name).model_validate(example(name))


@rows("SEN-42", "SEN-44", "SEN-46", "SEN-53", "SEN-54", "SEN-55", "SEN-57", "SEN-63", "SEN-64", "SEN-68")
def test_every_report_keeps_to_the_models(deployed: Deployed) -> None:
    render = sys.modules["sensity.render"]
    reader = render.Reader(findings=lambda _: (), read=lambda _: b"", link=lambda *_: "https://b.example/x")
    reports = {name: model for name, model in vars(documents).items() if name.endswith("Report")}
    for task in TASKS:
        compact = task.replace("_", "").replace("detection", "")
        (model,) = [m for name, m in reports.items() if name.lower().startswith(compact)]
        for kind, ending in ((MediaKind.AUDIO, "wav"), (MediaKind.IMAGE, "png"), (MediaKind.VIDEO, "mp4"),
                             (MediaKind.DOCUMENT, "pdf")):  # fmt: skip
            for results in (
                [scored(operation, 0.9) for operation in Operation],
                [scored(operation, 0.1) for operation in Operation],
                [silent(operation) for operation in Operation],
                [],
            ):
                for wish in ({"explain": True, "is_extract_images": True, "additional_info": "x"}, {}):
                    if task != "forensic_analysis":
                        wish.pop("additional_info", None)
                    made = analysis(task, facts(kind, ending), *results, wish=wish)
                    document = render.document(made, reader, room=1000)
                    model.model_validate(document)
                    check({"$ref": f"#/components/schemas/{model.__name__}"}, document)


class Client:
    """Asks, and holds every answer against the document."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, method: str, target: str, **more: Any) -> Answer:
        answer = self.deployed(method, target, **more)
        known = next(
            p
            for p, item in DOCUMENT["paths"].items()
            if method.lower() in item and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", p), target)
        )
        self.seen.add((method, known))
        said = DOCUMENT["paths"][known][method.lower()]["responses"][str(answer.status)]
        name = "Fault"
        if "$ref" not in said:
            name = said["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        check({"$ref": f"#/components/schemas/{name}"}, answer.json)
        getattr(documents, name).model_validate_json(answer.body)
        assert answer.headers["content-type"] == "application/json"
        return answer

    def account(self, method: str, target: str = "/auth/tokens") -> Any:
        return self(method, target, headers=basic(self.deployed.token)).json


@rows(
    "SEN-8", "SEN-9", "SEN-11", "SEN-12", "SEN-14", "SEN-29", "SEN-30", "SEN-78", "SEN-79", "SEN-80", "SEN-81"
)
def test_real_answers_keep_to_the_document(deployed: Deployed) -> None:
    ask = Client(deployed)
    made = ask.account("POST")
    assert ask.account("GET")["claims"][made["id"]] == made["claims"]
    own = f"/auth/tokens/{made['id']}"
    assert ask.account("GET", own)["claims"] == made["claims"]
    for task in TASKS:
        body, kind = multipart([("file", JPEG, "a.jpg"), ("explain", "True")])
        path = f"/tasks/{task}"
        bearer = {"Authorization": made["token"], "Content-Type": kind}
        report = ask("POST", path, body=body, headers=bearer).json["report_id"]
        assert ask("GET", f"{path}/{report}", headers={"Authorization": made["token"]}).status == 200
        assert ask("GET", f"{path}/00000000-0000-4000-8000-000000000000").status == 404
        assert ask("POST", path, body="explain=true", headers=FORM).status == 400
        assert ask("POST", path, body={}).status == 415
        big, kind = multipart([("file", bytes(4_600_000), "a.jpg")])
        assert ask("POST", path, body=big, headers={"Content-Type": kind}).status == 413
    hooks = "/webhooks/forensic_analysis_complete"
    hook = ask("POST", hooks, body="url=https://example.org/x", headers=FORM).json["id"]
    assert ask("GET", hooks).json["urls"] == ["https://example.org/x"]
    assert ask("DELETE", f"{hooks}/{hook}").status == 200
    assert ask("DELETE", f"{hooks}/{hook}").status == 404
    assert ask("DELETE", hooks).status == 200
    assert ask.account("DELETE", own) == {"deleted_tokens": [made["id"]], "success": True}
    ask.account("DELETE")
    assert ask.seen == {(route.method, route.path) for route in ROUTES}


@rows("SEN-3", "SEN-4", "X-4")
def test_no_route_is_open(deployed: Deployed) -> None:
    for route in ROUTES:
        answer = deployed.gateway(route.method, re.sub(r"\{\w+\}", "x", route.path))
        assert answer.status == 401 and set(answer.json) == {"success", "error"}
        scheme = "Basic" if route.path.startswith("/auth") else "Bearer"
        assert answer.headers["www-authenticate"].startswith(scheme)


@rows("SEN-34", "X-5", "X-3")
def test_the_gateways_own_answers_have_the_shape() -> None:
    api = expanded()["Resources"]["SensityApi"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "REQUEST_TOO_LARGE", "THROTTLED", "INTEGRATION_TIMEOUT"} <= set(api)
    for name, said in api.items():
        body = json.loads(said["responseTemplates"]["application/json"])
        assert set(body) == {"success", "error"} and body["success"] is False, name
    assert "upload_id" in api["REQUEST_TOO_LARGE"]["responseTemplates"]["application/json"]


@rows("SEN-83", "SEN-76", "X-9")
def test_only_our_own_ends_come_to_us() -> None:
    (rule,) = [
        p["Properties"]
        for p in expanded()["Resources"].values()
        if p["Type"] == "AWS::Events::Rule" and "ApiSensityFunction" in json.dumps(p["Properties"]["Targets"])
    ]
    assert rule["EventPattern"]["detail"] == {"dialect": ["sensity"]}
    assert rule["EventPattern"]["detail-type"] == ["analysis.completed", "analysis.failed"]


class Both(Wire):
    """Sends Basic where the document says so, else the bearer's token."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if "/auth/" in str(request.url) and "Authorization" in request.headers:
            request.headers.update(basic(self.deployed.token))
        return super().send(request, **options)


schema = described(DOCUMENT)


@rows("SEN-33", "SEN-34", "SEN-89")
@schema.parametrize()
@tries(20)
def test_every_answer_is_documented(case: schemathesis.Case, deployed: Deployed) -> None:
    documented(case, Both(deployed), LENIENT)


def test_claims_are_documented() -> None:
    assert set(documents.Claims.model_fields) == set(jwts.claims(sys.modules["openapi.sensity"]._TOKEN))
