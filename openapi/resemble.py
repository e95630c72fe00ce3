"""The OpenAPI 3.1 document of the API that speaks Resemble Detect, made of its routes and wire models."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from openapi.native import ROOT, render_yaml

FUNCTION = ROOT / "functions" / "api_resemble"
if str(FUNCTION) not in sys.path:
    sys.path.insert(0, str(FUNCTION))

from bonafide.fuse import verdict_of  # noqa: E402
from bonafide.http import Status  # noqa: E402
from bonafide.model import (  # noqa: E402
    Analysis,
    Artifact,
    Evidence,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Options,
    Outcome,
    Segment,
    Source,
    State,
)
from bonafide.policy import judge, policy  # noqa: E402
from bonafide.routing import Route  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from resemble_detect import documents  # noqa: E402
from resemble_detect.render import envelope, item  # noqa: E402
from resemble_detect.routes import ROUTES  # noqa: E402
from resemble_detect.wire import DetectionRequest, ListQuery  # noqa: E402

from openapi.shapes import Said, head, parameters, paths, refused, schemas  # noqa: E402

__all__ = ["ROUTES", "build", "documents", "example", "outputs"]

JSON = "application/json"
FORM = "multipart/form-data"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"
_SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_REF = "#/components/schemas/"
_UUID = "^[0-9a-fA-F-]{36}$"

ERRORS = {
    Status.BAD_REQUEST: "A value is missing or not acceptable.",
    Status.UNAUTHORIZED: "No key, or none of ours.",
    Status.PAYMENT_REQUIRED: "The tenant's credits do not cover it.",
    Status.FORBIDDEN: "The key lacks the scope.",
    Status.NOT_FOUND: "Absent, or another tenant's.",
    Status.METHOD_NOT_ALLOWED: "The path exists, the method does not.",
    Status.CONFLICT: "The media_token was used for another detection.",
    Status.REQUEST_ENTITY_TOO_LARGE: "Too large for a request; the message names the way round.",
    Status.UNSUPPORTED_MEDIA_TYPE: "Send JSON or a form.",
    Status.TOO_MANY_REQUESTS: "Slow down.",
    Status.INTERNAL_SERVER_ERROR: "Something broke inside.",
    Status.SERVICE_UNAVAILABLE: "A part does not answer; try again.",
    Status.GATEWAY_TIMEOUT: "The gateway lost patience.",
}
_ALWAYS = (400, 401, 403, 405, 429, 500, 503, 504)


SAID = {
    ("POST", "/api/v2/detect"): Said(
        "createDetection",
        "Submit media",
        "Exactly one of `url`, `media_token` and (as a form) `file`. Answers at once; with `Prefer: wait` it"
        " waits for the end, 25 s at most, and `Preference-Applied` says so.",
        "DetectionAnswer",
        (402, 404, 409, 413, 415),
    ),
    ("GET", "/api/v2/detect"): Said("listDetections", "List detections", "Newest first.", "DetectionList"),
    ("GET", "/api/v2/detect/{uuid}"): Said(
        "getDetection",
        "Look at a detection",
        "Links in it are good for an hour; ask again for new ones.",
        "DetectionAnswer",
        (404,),
    ),
    ("POST", "/api/v2/detect/batch"): Said(
        "createBatch",
        "Submit many files",
        "Up to 50 files as `files[]`, or one zip as `file`; the options beside them count for every file."
        " `Prefer: wait` is refused.",
        "BatchAnswer",
        (402, 413, 415),
    ),
    ("GET", "/api/v2/detect/batch/{uuid}"): Said(
        "getBatch", "Look at a batch", "How far its files are.", "BatchAnswer", (404,)
    ),
    ("POST", "/api/v2/secure_uploads"): Said(
        "secureUpload",
        "Upload a file for one detection",
        "The token is bound to the tenant, and good for one detection within the hour.",
        "SecureUpload",
        (413, 415),
    ),
}


def outputs() -> dict[Any, str]:
    """Return every file that is made from the code, with its text."""
    return {ROOT / "openapi" / "resemble.yaml": render_yaml(build())}


def build() -> dict[str, Any]:
    """Return the document."""
    return {
        **head(
            {
                "title": "Bonafide, speaking Resemble Detect",
                "summary": "The union of both of the vendor's documents; only host and key differ.",
            }
        ),
        "security": [{"bearer": []}, {"token": []}],
        "tags": [{"name": "detect", "description": "Deepfake detection."}],
        "paths": paths(ROUTES, _operation),
        "webhooks": {"callback": {"post": _callback()}},
        "components": {
            "schemas": _components(),
            "responses": {status.name: _fault(text) for status, text in ERRORS.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token token=KEY` or `Token KEY`, as the SDKs write it.",
                },
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    said = SAID[route.method, route.path]
    good: dict[str, Any] = {
        "description": said.summary + ".",
        "content": {JSON: {"schema": {"$ref": _REF + said.answer}, "example": example(said.answer)}},
    }
    headers: tuple[dict[str, Any], ...] = ()
    if said.id == "createDetection":
        text = "Seconds waited for at most; only if waited."
        good["headers"] = {"Preference-Applied": {"description": text, "schema": {"type": "string"}}}
        text = "`wait`, or `wait=10`."
        headers = ({"name": "Prefer", "in": "header", "description": text, "schema": {"type": "string"}},)
    operation = {
        "operationId": said.id,
        "tags": ["detect"],
        "summary": said.summary,
        "description": f"{said.text} Scope `{route.scope}`.",
        "parameters": _parameters(route, headers),
        "responses": {
            "202" if said.id == "createBatch" else "200": good,
            **refused({*_ALWAYS, *said.faults}),
        },
    }
    if route.method == "POST":
        operation["requestBody"] = _body(said)
    return {name: value for name, value in operation.items() if value != []}


def _parameters(route: Route, headers: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    query = ListQuery if (route.method, route.path) == ("GET", "/api/v2/detect") else None
    found = parameters(route.path, query, headers)
    for parameter in found:
        if parameter["name"] == "page":
            parameter["required"] = True
        if parameter["name"] == "uuid":
            parameter["schema"] = {"type": "string", "pattern": _UUID}
    return found


def _body(said: Said) -> dict[str, Any]:
    file = {"type": "string", "format": "binary", "description": "The bytes."}
    if said.id == "secureUpload":
        schema: dict[str, Any] = {"type": "object", "properties": {"file": file}, "required": ["file"]}
        return {"required": True, "content": {FORM: {"schema": schema}}}
    wish = {"$ref": _REF + "DetectionRequest"}
    if said.id == "createBatch":
        several = {"type": "array", "items": file, "maxItems": 50}
        both = {"type": "object", "properties": {"files[]": several, "file": file}}
        return {"required": True, "content": {FORM: {"schema": {"allOf": [wish, both]}}}}
    form = {"allOf": [wish, {"type": "object", "properties": {"file": file}}]}
    return {"required": True, "content": {JSON: {"schema": wish}, FORM: {"schema": form}}}


def _callback() -> dict[str, Any]:
    body = {"schema": {"$ref": _REF + "DetectionAnswer"}, "example": example("DetectionAnswer")}
    return {
        "operationId": "onDetection",
        "tags": ["detect"],
        "summary": "What `callback_url` receives",
        "description": "The answer of GET, once the detection has ended. Tried again for about a day unless"
        " 2xx (410 ends it). Signed by Standard Webhooks 1.0.0 with every secret of the tenant's own"
        " webhooks, if there is one.",
        "security": [],
        "requestBody": {"required": True, "content": {JSON: body}},
        "responses": {"2XX": {"description": "Taken."}, "4XX": {"description": "Tried again."}},
    }


def _fault(text: str) -> dict[str, Any]:
    content = {"schema": {"$ref": _REF + "Fault"}, "example": {"success": False, "message": text}}
    return {"description": text, "content": {JSON: content}}


def _components() -> dict[str, Any]:
    models = [getattr(documents, name) for name in documents.__all__]
    made = schemas([m for m in models if issubclass(m, BaseModel)], "serialization")
    for name, schema in made.items():
        if name != "NoMetrics":  # answers may grow; but what is empty is empty
            schema.pop("additionalProperties", None)
    wish = schemas([DetectionRequest], "validation")
    wish["DetectionRequest"]["properties"]["model_types"] = {
        "type": "string",
        "enum": ["image", "talking_head"],
        "description": "Tolerated; it changes nothing.",
    }
    return dict(sorted((made | wish).items()))


# ---- examples: made by the code that answers ---------------------------------------------------------


def example(name: str) -> dict[str, Any]:
    """Return an example of a schema."""
    done = _analysis()
    if name == "SecureUpload":
        return {"success": True, "token": "up_01kg9q2d00xv4t8w6j5y3m1n7p"}
    if name == "BatchAnswer":
        counts = {"total_files": 1, "completed_count": 1, "failed_count": 0}
        one = item(done, _link)
        batch = {"uuid": one["uuid"], "status": "completed", **counts, "created_at": one["created_at"]}
        return {"success": True, "item": batch | {"detect_uuids": [one["uuid"]]}}
    if name == "DetectionList":
        page = {"success": True, "page": 1, "num_pages": 1, "page_size": 10, "total_count": 1}
        return page | {"items": [item(done, _link)]}
    return envelope(done, _link)


def _link(_key: str, filename: str, _media_type: str) -> str:
    return f"https://bucket.example.com/{filename}"


def _analysis() -> Analysis:
    rule = policy("even")
    plot = Artifact(name="plot.png", media_type="image/png", title="Scores over time", key="-", bytes=48213)
    speech = OperationResult(
        operation=Operation.SYNTHETIC_SPEECH,
        outcome=Outcome.SCORED,
        verdict=judge(rule, 0.8, None),
        p_fake=0.8,
        attribution="elevenlabs",
        evidence=Evidence(
            segments=(Segment(start_s=0, end_s=2, llr=2.2), Segment(start_s=2, end_s=4, llr=1.39))
        ),
        artifacts=(plot,),
    )
    kept = {"frame_length": 2, "intelligence": True, "audio_source_tracing": True, "ext": "mp3"}
    return Analysis(
        id=ID,
        tenant="acme",
        state=State.COMPLETED,
        source=Source(type="url", url="https://example.com/media.mp3"),
        media=MediaFacts(
            kind=MediaKind.AUDIO, format="mp3", mime="audio/mpeg", bytes=83200, sha256=_SHA, duration_s=5.2
        ),
        options=Options(policy="even", visualize=True),
        dialect="resemble",
        echo={"kept": kept},
        verdict=verdict_of((speech,), MediaKind.AUDIO, rule),
        results=(speech,),
        created_at=NOON,
        started_at=NOON + timedelta(seconds=1),
        completed_at=NOON + timedelta(seconds=5),
    )
