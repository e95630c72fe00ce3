"""The Phonexia dialect as a client has it, and its document: rows PHX-1 … PHX-47."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
import yaml
from bonafide import credits as ledger
from bonafide import ids, media, tokens
from bonafide import tenants as plans
from bonafide.conclude import fuse
from bonafide.errors import StorageFull
from bonafide.findings import NAME
from bonafide.ids import new_id
from bonafide.model import (
    Analysis,
    Artifact,
    Evidence,
    Finding,
    Interval,
    MediaFacts,
    MediaKind,
    Operation,
    Outcome,
    Segment,
    Track,
)
from bonafide.policy import POLICIES
from bonafide.store import analyses, tenants
from bonafide.tenants import Plan, Quota, Tenant, Terms
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from openapi import phonexia
from tests.contract.conftest import Deployed, Watch
from tests.contract.fuzzed import LENIENT, Wire, described, documented, tries
from tests.helpers import template
from tests.helpers.aws import context, in_moto, load_handler
from tests.helpers.gateway import Answer, Gateway, multipart

PATH = "/api/technology/experimental/authenticity-verification"
DOCUMENT = phonexia.build()
rows = pytest.mark.rows
SPEECH, REPLAY, SPLICE = Operation.SYNTHETIC_SPEECH, Operation.AUDIO_REPLAY, Operation.AUDIO_SPLICE


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with ExitStack() as stack:
        aws = stack.enter_context(in_moto())
        aws.use("api_phonexia")
        authorizer = stack.enter_context(load_handler("authorizer")).lambda_handler
        module = stack.enter_context(load_handler("api_phonexia"))
        module.app = sys.modules["phonexia.app"].make(Watch().tools())
        tenants.put(Tenant(id="acme", plan=Plan.ENTERPRISE), now=datetime.now(UTC))
        _, plain = tokens.create("acme", name="contract", scopes=["*"], now=datetime.now(UTC))
        gateway = Gateway(authorizer, module.lambda_handler, context("api_phonexia"), resource="/{proxy+}")
        yield Deployed(aws, gateway, plain)


@pytest.fixture
def ask(deployed: Deployed) -> Callable[..., Answer]:
    """Return a client that holds every answer against the document."""

    def run(method: str, target: str, **more: Any) -> Answer:
        answer = deployed(method, target, **more)
        known = re.fullmatch(re.escape(PATH) + "(/[^/?]+)?", target.partition("?")[0])
        operation = {} if known is None else DOCUMENT["paths"][PATH + ("/{task_id}" if known[1] else "")]
        said = operation.get(method.lower(), {}).get("responses", {}).get(str(answer.status))
        if said is None or "$ref" in said:  # of a path or method that is not there nothing can be said
            name = (
                said["$ref"].rpartition("/")[2] if said else {404: "NotFound", 405: "Method"}[answer.status]
            )
            said = DOCUMENT["components"]["responses"][name]
        ((kind, content),) = said["content"].items()
        assert answer.headers["content-type"] == kind == "application/json"
        whole = DOCUMENT | content["schema"]
        Draft202012Validator(whole, format_checker=FormatChecker()).validate(answer.json)
        assert answer.headers["x-request-id"] and answer.headers["x-correlation-id"]
        return answer

    return run


def form(*parts: Any, **headers: str) -> dict[str, Any]:
    body, kind = multipart(parts or (("file", b"RIFF....WAVE", "call.wav"),))
    return {"body": body, "headers": {"Content-Type": kind, **headers}}


def begin(ask: Callable[..., Answer], query: str = "") -> Analysis:
    answer = ask("POST", f"{PATH}?{query}" if query else PATH, **form())
    assert answer.status == 202
    found = analyses.get("acme", ids.from_uuid(answer.json["task"]["task_id"], "an"))
    assert found
    return found


def said(operation: Operation, llr: float, channel: int | None = None, **values: Any) -> Finding:
    cut = Segment(start_s=1.0, end_s=1.4, llr=llr), Segment(start_s=1.2, end_s=1.6, llr=llr + 1)
    evidence = Evidence(segments=cut, values=values)
    interval = Interval(low=0.0, high=1.0)
    return Finding(
        operation=operation, outcome=Outcome.SCORED, p_fake=0.5, llr=llr, interval=interval, channel=channel,
        evidence=evidence,
    )  # fmt: skip


def finish(made: Analysis, *findings: Finding, channels: int = 1, seconds: float = 10.0) -> None:
    """End an analysis as the workflow does, with these findings kept in full."""
    track = Track(index=0, type="audio", codec="pcm", channels=channels)
    facts = MediaFacts(
        kind=MediaKind.AUDIO, format="wav", mime="audio/wav", bytes=9, sha256="0" * 64, duration_s=seconds,
        tracks=(track,),
    )  # fmt: skip
    now = datetime.now(UTC)
    analyses.begin_detection("acme", made.id, media=facts, items_total=1, now=now)
    key = media.artifact_key("acme", made.id, NAME)
    media.put_json(key, [finding.model_dump(mode="json", exclude_none=True) for finding in findings])
    results, verdict = fuse(made.operations, findings, MediaKind.AUDIO, POLICIES["default"])
    kept = Artifact(name=NAME, media_type="application/json", key=key)
    results = (results[0].model_copy(update={"artifacts": (kept,)}), *results[1:])
    analyses.finish("acme", made.id, verdict=verdict, results=results, versions={}, cost_usd=0.0, now=now)


def look(ask: Callable[..., Answer], made: Analysis) -> Any:
    answer = ask("GET", f"{PATH}/{ids.to_uuid(made.id)}")
    assert answer.status == 200
    return answer.json


# ---- beginning ---------------------------------------------------------------------------------------


@rows("PHX-1", "PHX-3", "PHX-25", "PHX-26", "PHX-27", "PHX-28", "X-6")
def test_a_task_is_accepted(ask: Callable[..., Answer]) -> None:
    answer = ask("POST", PATH, **form(("file", b"RIFF", "a.wav"), ("config", "{}")))
    assert answer.status == 202
    task_id = answer.json["task"]["task_id"]
    assert answer.json == {"task": {"task_id": task_id, "state": "pending"}}
    assert str(uuid.UUID(task_id)) == task_id
    assert answer.headers["location"].endswith(f"{PATH}/{task_id}")
    assert answer.headers["x-location"] == answer.headers["location"]
    assert int(answer.headers["retry-after"]) > 0
    made = analyses.get("acme", ids.from_uuid(task_id, "an"))
    assert made and made.operations == (SPEECH, REPLAY, SPLICE), "all three, as one task"


@rows("PHX-5", "PHX-11", "PHX-12", "PHX-13", "PHX-14", "PHX-15", "PHX-18", "X-13")
def test_the_window_and_the_channels(ask: Callable[..., Answer]) -> None:
    plain = begin(ask).options
    assert (plain.mix_channels, plain.channels, plain.start_s, plain.end_s) == (False, None, None, None)
    full = begin(ask, "channel_mode=mix&channels=0,2&from_time=1.5&to_time=9").options
    assert (full.mix_channels, full.channels, full.start_s, full.end_s) == (True, (0, 2), 1.5, 9.0)
    assert begin(ask, "start=1.5&end=9").options == begin(ask, "from_time=1.5&to_time=9").options
    for query in ("channel_mode=x", "channels=0,a", "channels=-1", "from_time=-1", "to_time=-1"):
        assert ask("POST", f"{PATH}?{query}", **form()).status == 422
    answer = ask("POST", f"{PATH}?from_time=5&to_time=5", **form())
    assert answer.json["detail"][0]["location"] == ["query", "to_time"]


@rows("PHX-3", "PHX-16", "PHX-17")
def test_requested_operations(ask: Callable[..., Answer]) -> None:
    both = (SPEECH, SPLICE)
    for query in (
        "operations=deepfake_detection&operations=audio_manipulation_detection",
        "operations=audio_manipulation_detection,deepfake_detection",
    ):
        assert begin(ask, query).operations == both
    assert begin(ask, "operations=replay_attack_detection").operations == (REPLAY,)
    for query in ("operations=", "operations=other"):
        assert ask("POST", f"{PATH}?{query}", **form()).json["detail"][0]["location"] == [
            "query",
            "operations",
        ]


@rows("PHX-19", "PHX-20")
def test_config_ignores_what_it_does_not_know(ask: Callable[..., Answer]) -> None:
    answer = ask("POST", PATH, **form(("file", b"RIFF", "a.wav"), ("config", '{"Unknown": 1}')))
    assert answer.status == 202
    assert "config.Unknown" in answer.headers["warning"]


@rows("PHX-21", "PHX-22", "PHX-23")
def test_ids_are_echoed_or_made(ask: Callable[..., Answer]) -> None:
    sent = {"X-Correlation-Id": "transaction-7", "X-Request-Id": "request-8"}
    for answer in (ask("POST", PATH, **form(**sent)), ask("GET", PATH + "/none", headers=sent)):
        assert answer.headers["x-correlation-id"] == "transaction-7"
        assert answer.headers["x-request-id"] == "request-8"
    assert ask("GET", PATH + "/none").headers["x-correlation-id"]


@rows("PHX-24", "X-4")
def test_a_key_is_needed_in_any_spelling(ask: Callable[..., Answer], deployed: Deployed) -> None:
    for value in (f"Bearer {deployed.token}", deployed.token, f"Token token={deployed.token}"):
        assert ask("POST", PATH, **form(Authorization=value)).status == 202
    for value in ("", "Bearer nobody"):
        answer = ask("POST", PATH, **form(Authorization=value))
        assert (answer.status, answer.json["type"]) == (401, "request.forbidden")
        assert answer.headers["www-authenticate"].startswith("Bearer")


# ---- results -----------------------------------------------------------------------------------------


@rows("PHX-29", "X-2")
def test_states_and_the_result_without_detectors(ask: Callable[..., Answer]) -> None:
    made = begin(ask, "operations=deepfake_detection,audio_manipulation_detection")
    assert look(ask, made)["task"] == {"task_id": ids.to_uuid(made.id), "state": "pending"}
    finish(made)
    answer = ask("GET", f"{PATH}/{ids.to_uuid(made.id)}")
    assert answer.json == {
        "task": {"task_id": ids.to_uuid(made.id), "state": "done"},
        "result": {
            "deepfake_detection": {"channels": [{"channel_number": 0, "score": None}]},
            "replay_attack_detection": None,
            "audio_manipulation_detection": {"channels": [{"channel_number": 0, "segments": None}]},
        },
    }
    assert "deepfake_detection/0=no_detector" in answer.headers["x-bonafide-null-reason"]


@rows("PHX-4", "PHX-30", "PHX-31", "X-1", "X-12")
def test_scores_are_llrs_of_each_channel(ask: Callable[..., Answer]) -> None:
    made = begin(ask)
    finish(made, said(SPEECH, 6.5, 0), said(SPEECH, -12.25, 1), said(REPLAY, 0.0, 0), channels=2)
    result = look(ask, made)["result"]
    assert result["deepfake_detection"] == {
        "channels": [{"channel_number": 0, "score": 6.5}, {"channel_number": 1, "score": -12.25}]
    }
    assert [one["score"] for one in result["replay_attack_detection"]["channels"]] == [0.0, None]


@rows("PHX-6", "PHX-10")
def test_less_than_three_seconds_are_null(ask: Callable[..., Answer]) -> None:
    for seconds, values, score in ((2.9, {}, None), (3.0, {}, 1.5), (9.0, {"speech_s": 2.9}, None)):
        made = begin(ask, "operations=deepfake_detection")
        finish(made, said(SPEECH, 1.5, 0, **values), seconds=seconds)
        assert look(ask, made)["result"]["deepfake_detection"]["channels"][0]["score"] == score


@rows("PHX-7", "PHX-8", "PHX-9", "PHX-32")
def test_segments_joined_or_raw(ask: Callable[..., Answer]) -> None:
    assert sys.modules["phonexia.words"].SEGMENT_S == 0.4
    for query, expected in (
        ("", [(1.0, 1.6, 2.0)]),
        ("raw_segmentation=True", [(1.0, 1.4, 1.0), (1.2, 1.6, 2.0)]),
        ("raw_segmentation=true", [(1.0, 1.4, 1.0), (1.2, 1.6, 2.0)]),
        ("raw_segmentation=1", [(1.0, 1.4, 1.0), (1.2, 1.6, 2.0)]),
    ):
        made = begin(ask, query)
        finish(made, said(SPLICE, 1.0, 0))
        (channel,) = look(ask, made)["result"]["audio_manipulation_detection"]["channels"]
        assert [(s["start_time"], s["end_time"], s["score"]) for s in channel["segments"]] == expected


@rows("PHX-30", "PHX-45")
def test_bad_media_is_rejected_and_our_own_fault_failed(ask: Callable[..., Answer]) -> None:
    now = datetime.now(UTC)
    for code, state, kind in (
        ("unsupported_format", "rejected", "task.validation-error"),
        ("infrastructure_failure", "failed", "internal"),
    ):
        made = begin(ask)
        analyses.fail("acme", made.id, code=code, detail="Words.", now=now)
        document = look(ask, made)
        assert (document["task"]["state"], document["error"]["type"]) == (state, kind)
        assert "result" not in document
    made = begin(ask, "channels=3")
    finish(made, channels=2)
    assert look(ask, made)["task"]["state"] == "rejected"


# ---- errors ------------------------------------------------------------------------------------------


@rows("PHX-33", "PHX-34", "X-5")
def test_every_error_has_one_of_ten_types() -> None:
    known = DOCUMENT["components"]["schemas"]["ErrorType"]["enum"]
    assert known == [
        "internal", "resource.not-found", "method.invalid", "request.conflict", "request.forbidden",
        "request.invalid", "request.validation-error", "request.rate-limit-exceeded",
        "request.size-limit-exceeded", "storage.capacity-exceeded",
    ]  # fmt: skip
    shown = {
        one["content"]["application/json"]["example"]["type"]
        for one in DOCUMENT["components"]["responses"].values()
    }
    assert shown == set(known)


@rows("PHX-35", "PHX-43")
def test_what_cannot_be_parsed_is_400(ask: Callable[..., Answer]) -> None:
    bad = {"type": "request.invalid", "message": "Invalid request.", "detail": []}
    broken = {"body": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    for more in (broken, form(("file", b"RIFF", "a"), ("config", "{")), {"body": b"{}"}, {}):
        answer = ask("POST", PATH, **more)
        assert (answer.status, answer.json) == (400, bad)


@rows("PHX-39", "PHX-43")
def test_what_is_not_acceptable_is_422(ask: Callable[..., Answer]) -> None:
    for more in (form(("config", "{}")), form(("file", b"RIFF", "a"), ("config", "[]"))):
        answer = ask("POST", PATH, **more)
        assert answer.status == 422
        assert answer.json["type"] == "request.validation-error"
        assert answer.json["message"] == "Request validation error."


@rows("PHX-36", "X-10", "X-11")
def test_used_up_capacity_is_403(ask: Callable[..., Answer]) -> None:
    now = datetime.now(UTC)
    _, plain = tokens.create("poor", name="x", scopes=["*"], now=now)  # on the FREE plan: 100 credits
    ledger.reserve("poor", new_id("an"), 95, now=now)
    begun = ask("POST", PATH, **form(Authorization=f"Bearer {plain}"))
    assert begun.status == 202 and ledger.balance("poor", now=now).remaining == 2
    answer = ask("POST", PATH, **form(Authorization=f"Bearer {plain}"))
    assert answer.status == 403
    assert ledger.balance("poor", now=now).remaining == 2  # what is refused costs nothing
    assert answer.json == {
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


@rows("PHX-37", "PHX-38", "PHX-47", "X-3")
def test_too_large_is_413(ask: Callable[..., Answer], deployed: Deployed) -> None:
    example = DOCUMENT["components"]["responses"]["TooLarge"]["content"]["application/json"]["example"]
    first = {
        "location": ["body", "file"],
        "message": "Input media file too large.",
        "type": "media.too-large",
        "context": {"file_size": 1048576000, "max_file_size": 524288000, "size_unit": "bytes"},
    }
    assert example == {
        "type": "request.size-limit-exceeded",
        "message": "Request size limit exceeded.",
        "detail": [first],
    }
    try:
        deployed.aws.use("api_phonexia", INLINE_LIMIT_BYTES="1000")
        answer = ask("POST", PATH, **form(("file", bytes(1001), "a.wav")))
    finally:
        deployed.aws.use("api_phonexia")
    assert answer.status == 413
    context = {"file_size": 1001, "max_file_size": 1000, "size_unit": "bytes"}
    assert answer.json["detail"][0] == first | {"context": context}
    assert "/v1/uploads" in answer.json["detail"][1]["message"]


@rows("PHX-40", "PHX-44", "X-11")
def test_too_many_are_429(ask: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plans.PLANS, Plan.FREE, Terms(concurrent=1, credits=100, requests=Quota(1, 5)))
    _, plain = tokens.create("hasty", name="x", scopes=["*"], now=datetime.now(UTC))
    bearer = {"Authorization": f"Bearer {plain}"}
    answers = [ask("POST", PATH, **form(**bearer)) for _ in range(3)]  # a window may end between two
    answer = next(one for one in answers if one.status == 429)
    assert answer.json == {
        "type": "request.rate-limit-exceeded",
        "message": "Rate limit exceeded: 1 per 5 second.",
        "detail": [],
    }
    assert 0 < int(answer.headers["retry-after"]) <= 5
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("1", "0")
    reset = datetime.fromtimestamp(int(answer.headers["x-ratelimit-reset"]), UTC)
    assert timedelta(0) <= reset - datetime.now(UTC) <= timedelta(seconds=6)
    assert answers[0].headers["x-ratelimit-limit"] == "1", "said on good answers too"


@rows("PHX-41", "PHX-42")
def test_types_without_a_documented_status(
    ask: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    for method, target, status, kind, message in (
        ("GET", f"{PATH}/{uuid.uuid4()}", 404, "resource.not-found", "Resource not found."),
        ("GET", "/api/technology/other", 404, "resource.not-found", "Resource not found."),
        ("DELETE", PATH, 405, "method.invalid", "Method not allowed."),
    ):
        answer = ask(method, target)
        assert (answer.status, answer.json) == (status, {"type": kind, "message": message, "detail": []})
    upload = form(("upload_id", unfinished()))
    assert (answer := ask("POST", PATH, **upload)).status == 409 and answer.json["type"] == "request.conflict"
    for error, status, kind, message in (
        (StorageFull("x"), 507, "storage.capacity-exceeded", "Storage capacity exceeded."),
        (RuntimeError("x"), 500, "internal", "Internal error."),
    ):

        def broken(*_arguments: Any, error: Exception = error, **_more: Any) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("bonafide.media.put", broken)
            answer = ask("POST", PATH, **form())
        assert (answer.status, answer.json) == (status, {"type": kind, "message": message, "detail": []})


def unfinished() -> str:
    from bonafide import ingest

    now = datetime.now(UTC)
    return ingest.new_upload("acme", size=3, sha256=None, filename=None, now=now, new_id=new_id).upload_id


@rows("PHX-33", "PHX-37", "PHX-40", "X-3", "X-5")
def test_the_gateways_own_answers_have_the_same_shape() -> None:
    (api,) = (r for name, r in template.expanded()["Resources"].items() if name == "PhonexiaApi")
    made = api["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    schema = DOCUMENT | {"$ref": "#/components/schemas/ErrorBody"}
    bodies = {}
    for name, answer in made.items():
        text = answer["responseTemplates"]["application/json"]
        text = text["Fn::Sub"].replace("${InlineLimitBytes}", "4500000") if isinstance(text, dict) else text
        bodies[name] = json.loads(text)
        Draft202012Validator(schema).validate(bodies[name])
        assert answer["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/json'"
    assert bodies["REQUEST_TOO_LARGE"]["detail"][0]["type"] == "media.too-large"
    assert "/v1/uploads" in bodies["REQUEST_TOO_LARGE"]["detail"][1]["message"]
    assert made["THROTTLED"]["statusCode"] == "429"
    assert "gatewayresponse.header.Retry-After" in made["THROTTLED"]["responseParameters"]


# ---- the document ------------------------------------------------------------------------------------


@rows("PHX-2", "PHX-46", "X-15")
def test_the_document_is_valid_committed_and_complete() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))
    assert "xperimental" in DOCUMENT["info"]["description"]
    ((path, text),) = phonexia.outputs().items()
    assert path.read_text("utf-8") == text, "run make openapi"
    assert yaml.safe_load(text) == json.loads(json.dumps(DOCUMENT))
    served = {(route.method, route.path) for route in phonexia.ROUTES}
    assert served == {(m.upper(), p) for p, item in DOCUMENT["paths"].items() for m in item}
    start = DOCUMENT["paths"][PATH]["post"]["responses"]
    assert {"202", "400", "403", "413", "422", "429", "507"} <= set(start), "those that the vendor lists"


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(node, dict) and "schema" in node and "example" in node:
        yield node["schema"], node["example"]
    for entry in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from examples(entry)


def test_every_example_validates() -> None:
    found = list(examples(DOCUMENT))
    assert len(found) > 10
    for schema, example in found:
        Draft202012Validator(DOCUMENT | schema, format_checker=FormatChecker()).validate(example)


schema = described(DOCUMENT)


@rows("PHX-46")
@schema.parametrize()
@tries(40)
def test_every_answer_is_documented(case: schemathesis.Case, deployed: Deployed) -> None:
    documented(case, Wire(deployed), LENIENT)
