"""The VeriPlus dialect as a client has it, and its document: every answer keeps to both, strictly."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
import yaml
from bonafide import tokens
from bonafide.store import tenants
from bonafide.tenants import Plan, Quota, Tenant, Terms
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from openapi import veriplus
from tests.contract.conftest import Deployed, Watch
from tests.contract.fuzzed import LENIENT, Wire, described, documented, tries
from tests.helpers.aws import context, in_moto, load_handler
from tests.helpers.gateway import Answer, Gateway
from tests.helpers.template import expanded
from tests.unit.api_veriplus.words import (
    AUDIO,
    DOCUMENT,
    GENUINE,
    IMAGE,
    V3,
    V4,
    VIDEO,
    finish,
    form,
    own_id,
    scored,
    sent,
)  # fmt: skip

DOCUMENT_31 = veriplus.build()
CHECKER = FormatChecker()
rows = pytest.mark.rows
Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    """Return the real authorizer and this API behind it."""
    with ExitStack() as stack:
        aws = stack.enter_context(in_moto())
        aws.use("api_veriplus")
        authorizer = stack.enter_context(load_handler("authorizer")).lambda_handler
        module = stack.enter_context(load_handler("api_veriplus"))
        module.app = sys.modules["veriplus.app"].make(Watch().tools())
        tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=datetime.now(UTC))
        _, plain = tokens.create("acme", name="contract", scopes=["*"], now=datetime.now(UTC))
        gateway = Gateway(authorizer, module.lambda_handler, context("api_veriplus"), resource="/{proxy+}")
        yield Deployed(aws, gateway, plain)


def check(schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator(DOCUMENT_31 | schema, format_checker=CHECKER).validate(value)


@pytest.fixture
def ask(deployed: Deployed) -> Ask:
    """Return a client that holds every answer against the document, and against the strict model."""

    def run(method: str, target: str, **more: Any) -> Answer:
        answer = deployed(method, target, **more)
        path = re.sub(r"/(job|wh)_[^/?]+", "/{id}", target.partition("?")[0])
        said = DOCUMENT_31["paths"].get(path, {}).get(method.lower(), {}).get("responses", {})
        found = said.get(str(answer.status)) or {"$ref": f"#/components/responses/{_name(answer.status)}"}
        if "$ref" in found:
            found = DOCUMENT_31["components"]["responses"][found["$ref"].rpartition("/")[2]]
        ((kind, content),) = found["content"].items()
        assert answer.headers["content-type"] == kind == "application/json"
        check(content["schema"], answer.json)
        model = content["schema"]["$ref"].rpartition("/")[2]
        getattr(veriplus.documents, model).model_validate_json(answer.body)
        return answer

    return run


def _name(status: int) -> str:
    return {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}[status]


# ---- the document ------------------------------------------------------------------------------------


@rows("X-15")
def test_the_document_is_valid_committed_and_complete() -> None:
    validate(json.loads(json.dumps(DOCUMENT_31)))
    ((path, text),) = veriplus.outputs().items()
    assert path.read_text("utf-8") == text, "run make openapi"
    assert yaml.safe_load(text) == DOCUMENT_31
    served = {(route.method, route.path) for route in veriplus.ROUTES}
    assert served == {(m.upper(), p) for p, item in DOCUMENT_31["paths"].items() for m in item}
    assert set(DOCUMENT_31["webhooks"]) == {
        "deepfake.scan_completed", "deepfake.deepfake_detected", "deepfake.job_failed",
    }  # fmt: skip


@rows("VER-77", "VER-32", "VER-33", "VER-74")
def test_the_document_gives_the_vendors_advice() -> None:
    said = " ".join(DOCUMENT_31["info"]["description"].split())
    for words in (
        "Scan selfies and identity documents", "manual review", "always enable liveness", "false positives",
        "Use webhooks for videos", "FREE 1, BASIC 3, PROFESSIONAL 10, ENTERPRISE 50", "30 to 120 seconds",
    ):  # fmt: skip
        assert words in said, words


@rows("VER-12", "VER-14", "VER-15", "VER-27", "VER-28", "VER-29", "VER-48")
def test_the_forms_are_the_vendors() -> None:
    def members(path: str) -> dict[str, Any]:
        body = DOCUMENT_31["paths"][path]["post"]["requestBody"]["content"]
        found: dict[str, Any] = body["multipart/form-data"]["schema"]
        return found

    image, video, audio = members(IMAGE), members(VIDEO), members(AUDIO)
    assert (
        image["required"] == ["image"] and video["required"] == ["video"] and audio["required"] == ["audio"]
    )
    assert set(image["properties"]) == {"image", "analysisType", "returnDetails"}
    assert set(video["properties"]) == {"video", "analysisType", "includeLiveness", "returnSuspiciousFrames"}
    assert set(audio["properties"]) == {"audio", "referenceAudio"}
    assert set(image["properties"]["analysisType"]["enum"]) == {"FACE", "DOCUMENT", "GENERAL"}
    assert set(video["properties"]["analysisType"]["enum"]) == {"VERIFICATION", "GENERAL"}
    assert image["properties"]["analysisType"]["default"] == "GENERAL"
    assert video["properties"]["includeLiveness"]["default"] is False


@rows("VER-18", "VER-24", "VER-46", "VER-53", "VER-60", "VER-63")
def test_every_enumeration() -> None:
    schemas = DOCUMENT_31["components"]["schemas"]

    def words(name: str, member: str) -> set[str]:
        return set(re.findall(r"[A-Z]+(?:_[A-Z]+)+", json.dumps(schemas[name]["properties"][member])))

    assert words("ImageResult", "manipulationType") == {
        "FACE_SWAP", "GAN_GENERATED", "PHOTO_MANIPULATION", "DOCUMENT_FORGERY",
    }  # fmt: skip
    assert words("VideoResult", "manipulationType") == {
        "FACE_SWAP", "VIDEO_REPLAY", "LIVENESS_SPOOF", "AUDIO_VISUAL_MISMATCH",
    }  # fmt: skip
    assert words("AudioResult", "method") == {"VOICE_CLONING", "TTS_ENGINE", "AUDIO_MANIPULATION"}
    assert schemas["Recommendation"]["enum"] == [
        "REJECT", "MANUAL_REVIEW", "ENHANCED_VERIFICATION", "ACCEPT",
    ]  # fmt: skip
    confidence = schemas["ImageResult"]["properties"]["confidence"]
    assert (confidence["type"], confidence["minimum"], confidence["maximum"]) == (["integer", "null"], 0, 100)


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(node, dict) and "schema" in node and "example" in node:
        yield node["schema"], node["example"]
    for entry in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from examples(entry)


@rows("X-15")
def test_every_example_validates() -> None:
    found = list(examples(DOCUMENT_31))
    assert len(found) > 20
    for schema, example in found:
        check(schema, example)
        model = getattr(veriplus.documents, schema["$ref"].rpartition("/")[2], None)
        assert model is None or model.model_validate_json(json.dumps(example))


# ---- answers -----------------------------------------------------------------------------------------


@rows(
    "VER-2",
    "VER-11",
    "VER-16",
    "VER-26",
    "VER-30",
    "VER-34",
    "VER-35",
    "VER-47",
    "VER-48",
    "VER-49",
    "VER-54",
)
def test_answers_keep_to_the_document(ask: Ask) -> None:
    for path in (IMAGE, VIDEO, AUDIO, DOCUMENT):
        begun = ask("POST", path, **sent(path, ("returnDetails", "true"), ("includeLiveness", "true"),
                                         ("returnSuspiciousFrames", "true")))  # fmt: skip
        assert begun.status == 202, "nobody runs the analysis here: it is waited for, and becomes a job"
        job_id = begun.json["data"]["jobId"]
        assert ask("GET", f"{V4}/jobs/{job_id}").json["data"]["status"] == "PROCESSING"
        media = path.rpartition("/")[2].upper()
        finish(own_id(job_id), *GENUINE.get(media, ()))
        assert ask("GET", f"{V4}/jobs/{job_id}").json["data"]["status"] == "COMPLETED"
    listed = ask("GET", f"{V4}/jobs?status=COMPLETED&mediaType=VIDEO&limit=50").json
    assert isinstance(listed["data"], list) and listed["pagination"]["count"] == 1


@rows("VER-66")
def test_webhooks_keep_to_the_document(ask: Ask) -> None:
    made = ask("POST", V3, body={"url": "https://example.org/h"}).json["data"]
    assert ask("GET", V3).json["data"][0]["webhookId"] == made["webhookId"]
    assert ask("GET", f"{V3}/{made['webhookId']}").status == 200
    assert ask("DELETE", f"{V3}/{made['webhookId']}").status == 200


@rows("VER-3", "VER-67", "VER-69", "VER-73", "X-5", "X-11")
def test_errors_keep_to_the_document(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        ask("POST", IMAGE, **form(("image", b"GIF89a", "a.gif"))).json["error"]["code"]
        == "INVALID_FILE_FORMAT"
    )
    for method, target, status in (
        ("GET", f"{V4}/jobs/job_img_x", 404),
        ("GET", f"{V4}/nothing", 404),
        ("PATCH", IMAGE, 405),
        ("GET", f"{V4}/jobs?limit=0", 400),
    ):
        assert ask(method, target).status == status
    assert ask("GET", f"{V4}/jobs", headers={"Authorization": "Bearer nobody"}).status == 401
    _, poor = tokens.create("poor", name="x", scopes=["*"], now=datetime.now(UTC))
    headers = {"Authorization": f"Bearer {poor}"}
    codes = []
    for _ in range(11):
        answer = ask("POST", VIDEO, **(sent(VIDEO, Authorization=headers["Authorization"])))
        codes.append(answer.status)
    assert codes == [202] * 10 + [402], "100 credits of the FREE plan, never a 429 for the jobs"
    strict = {Plan.FREE: Terms(concurrent=1, credits=0, requests=Quota(1, window_s=60))}
    monkeypatch.setattr("bonafide.tenants.PLANS", strict)
    _, hasty = tokens.create("hasty", name="x", scopes=["*"], now=datetime.now(UTC))
    last = [ask("GET", f"{V4}/jobs", headers={"Authorization": f"Bearer {hasty}"}) for _ in range(2)][-1]
    assert (last.status, last.json["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")


@rows("VER-3", "VER-68", "X-3", "X-5")
def test_the_gateways_own_answers_have_the_same_shape() -> None:
    api = expanded()["Resources"]["VeriplusApi"]
    made = api["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    statuses = {}
    for name, answer in made.items():
        body = json.loads(answer["responseTemplates"]["application/json"])
        check({"$ref": "#/components/schemas/Fault"}, body)
        veriplus.documents.Fault.model_validate(body)
        statuses[name] = (answer.get("statusCode"), body["error"]["code"])
    assert statuses["REQUEST_TOO_LARGE"] == ("413", "FILE_TOO_LARGE")
    assert statuses["THROTTLED"] == ("429", "RATE_LIMIT_EXCEEDED")
    assert "/v1/uploads" in made["REQUEST_TOO_LARGE"]["responseTemplates"]["application/json"]


def test_the_end_of_its_analyses_comes_from_the_bus() -> None:
    (rule,) = [
        resource["Properties"]
        for resource in expanded()["Resources"].values()
        if resource["Type"] == "AWS::Events::Rule"
        and "ApiVeriplusFunction" in json.dumps(resource["Properties"]["Targets"])
    ]
    assert rule["EventPattern"]["detail"] == {"dialect": ["veriplus"]}
    assert rule["EventPattern"]["detail-type"] == ["analysis.completed", "analysis.failed"]


def test_the_handler_takes_events_of_the_bus(deployed: Deployed, ask: Ask) -> None:
    from bonafide import bus
    from bonafide.model import Operation

    ask("POST", V3, body={"url": "https://example.org/h"})
    job_id = ask("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    ended = finish(own_id(job_id), scored(Operation.FACE_MANIPULATION, 0.9))
    detail = bus.finished_event(ended, now=datetime.now(UTC))
    handler = sys.modules["handler"].lambda_handler
    event = {"detail-type": detail["type"], "detail": detail}
    assert handler(event, context("api_veriplus")) == {"queued": 2}


schema = described(DOCUMENT_31)


@schema.parametrize()
@tries(20)
def test_every_answer_is_documented(case: schemathesis.Case, deployed: Deployed) -> None:
    documented(case, Wire(deployed), LENIENT)
