"""The OpenAPI 3.1 document of the API that speaks Sensity, made of its routes and wire models."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from openapi.native import ROOT, render_yaml

FUNCTION = ROOT / "functions" / "api_sensity"
if str(FUNCTION) not in sys.path:
    sys.path.insert(0, str(FUNCTION))

from bonafide import jwts  # noqa: E402
from bonafide.http import Status  # noqa: E402
from bonafide.model import (  # noqa: E402
    Analysis,
    Evidence,
    Flag,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Options,
    Outcome,
    Region,
    Segment,
    Source,
    State,
    Verdict,
)
from bonafide.policy import judge, policy  # noqa: E402
from bonafide.routing import Route  # noqa: E402
from bonafide.store.tokens import TokenRecord  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from sensity import documents  # noqa: E402
from sensity.app import ROUTES  # noqa: E402
from sensity.reading import MAX_INFO, MAX_URL  # noqa: E402
from sensity.render import Reader, document  # noqa: E402
from sensity.words import TASKS, Event, Task  # noqa: E402

from openapi.shapes import Said, head, parameters, paths, refused, schemas  # noqa: E402

__all__ = ["ROUTES", "build", "documents", "example", "outputs"]

JSON = "application/json"
FORM = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"
_SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_REF = "#/components/schemas/"
_UUID = "^[0-9a-fA-F-]{36}$"

ERRORS = {
    Status.BAD_REQUEST: "A value is missing or not acceptable.",
    Status.UNAUTHORIZED: "No credentials, or none of ours.",
    Status.PAYMENT_REQUIRED: "The tenant's credits do not cover it.",
    Status.FORBIDDEN: "The token lacks the scope.",
    Status.NOT_FOUND: "Absent, or another tenant's.",
    Status.METHOD_NOT_ALLOWED: "The path exists, the method does not.",
    Status.CONFLICT: "It contradicts what is there already.",
    Status.REQUEST_ENTITY_TOO_LARGE: "Too large; the error names the way round, if there is one.",
    Status.UNSUPPORTED_MEDIA_TYPE: "Send a form.",
    Status.TOO_MANY_REQUESTS: "Slow down.",
    Status.INTERNAL_SERVER_ERROR: "Something broke inside.",
    Status.SERVICE_UNAVAILABLE: "A part does not answer; try again.",
    Status.GATEWAY_TIMEOUT: "The gateway lost patience.",
}
_ALWAYS = (400, 401, 403, 405, 429, 500, 503, 504)
_REPORTS = {
    "face_manipulation": "FaceManipulationReport",
    "ai_generated_image_detection": "AIGeneratedImageDetectionReport",
    "voice_analysis": "VoiceAnalysisReport",
    "forensic_analysis": "ForensicAnalysisReport",
}


SAID = {
    ("POST", "/auth/tokens"): Said(
        "createToken", "Generate a token", "Shown this once; good for a year at most.", "NewToken", (409,)
    ),
    ("GET", "/auth/tokens"): Said("listTokens", "Get all tokens", "Claims by token id.", "Tokens"),
    ("DELETE", "/auth/tokens"): Said(
        "deleteTokens", "Delete all tokens", "They are good no longer, at once.", "DeletedTokens"
    ),
    ("GET", "/auth/tokens/{id}"): Said(
        "getToken", "Get a token", "Its claims; the token is never shown again.", "Token", (404,)
    ),
    ("DELETE", "/auth/tokens/{id}"): Said(
        "deleteToken", "Delete a token", "It is good no longer, at once.", "DeletedTokens", (404,)
    ),
    ("POST", "/webhooks/{event}"): Said(
        "addWebhook",
        "Assign an event to a URL",
        "What ended within the last day and was told to nobody is delivered now. The same URL again is the"
        " same webhook. https only.",
        "NewWebhook",
        (404, 409, 415),
    ),
    ("GET", "/webhooks/{event}"): Said("listWebhooks", "Get the URLs of an event", "", "Webhooks", (404,)),
    ("DELETE", "/webhooks/{event}"): Said(
        "deleteWebhooks", "Delete all URLs of an event", "", "Done", (404,)
    ),
    ("DELETE", "/webhooks/{event}/{id}"): Said(
        "deleteWebhook", "Delete a URL of an event", "", "Done", (404,)
    ),
}


def _said(route: Route) -> Said:
    if not route.path.startswith("/tasks/"):
        return SAID[route.method, route.path]
    name = route.path.split("/")[2]
    words = "".join(word.capitalize() for word in name.split("_"))
    title = name.replace("_", " ")
    if route.method == "POST":
        kinds = ", ".join(kind.value for kind in TASKS[name].kinds)
        text = (
            f"Takes {kinds}. Give `file` or `url`; with both, the file counts. `upload_id` of POST"
            " /v1/uploads may stand in place of `file` (an extension, for what a request cannot carry)."
        )
        return Said(
            f"create{words}", f"Create a {title} task", text, "TaskCreated", (402, 404, 409, 413, 415)
        )
    text = "Without a label that a detector stands for, the task has failed, and `error` says why."
    return Said(f"get{words}", f"Get the result of a {title} task", text, _REPORTS[name], (404,))


def outputs() -> dict[Any, str]:
    """Return every file that is made from the code, with its text."""
    return {ROOT / "openapi" / "sensity.yaml": render_yaml(build())}


def build() -> dict[str, Any]:
    """Return the document."""
    return {
        **head(
            {
                "title": "Bonafide, speaking Sensity",
                "summary": "Tokens, four tasks, webhooks. "
                "Every path may be written with two slashes as well.",
            }
        ),
        "security": [{"bearer": []}, {"bare": []}],
        "tags": [
            {"name": "auth", "description": "Tokens of an account."},
            {"name": "tasks", "description": "Analyses, and their results by polling."},
            {"name": "webhooks", "description": "URLs that hear of results."},
        ],
        "paths": paths(ROUTES, _operation),
        "webhooks": {task.event.value: {"post": _event(task)} for task in TASKS.values()},
        "components": {
            "schemas": _components(),
            "responses": {status.name: _fault(text) for status, text in ERRORS.items()},
            "securitySchemes": _security(),
        },
    }


def _security() -> dict[str, Any]:
    basic = "Any user name; the password is a key (`bf_…`) with the scope `tokens`."
    return {
        "basic": {"type": "http", "scheme": "basic", "description": basic},
        "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer TOKEN`"},
        "bare": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: TOKEN`, without a scheme.",
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    said = _said(route)
    schema = {"schema": {"$ref": _REF + said.answer}, "example": example(said.answer)}
    operation = {
        "operationId": said.id,
        "tags": [route.path.split("/")[1]],
        "summary": said.summary,
        "description": f"{said.text} Scope `{route.scope}`.".strip(),
        "parameters": _parameters(route),
        "responses": {
            "200": {"description": said.summary + ".", "content": {JSON: schema}},
            **refused({*_ALWAYS, *said.faults}),
        },
    }
    if route.path.startswith("/auth/"):
        operation["security"] = [{"basic": []}]
    if route.method == "POST" and not route.path.startswith("/auth/"):
        operation["requestBody"] = _body(route)
    return {name: value for name, value in operation.items() if value != []}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = parameters(route.path, None, ())
    for parameter in found:
        if parameter["name"] == "event":
            parameter["schema"] = {"type": "string", "enum": [event.value for event in Event]}
        elif route.path.startswith("/tasks/"):
            parameter["schema"] = {"type": "string", "pattern": _UUID}
    return found


def _body(route: Route) -> dict[str, Any]:
    url = {"type": "string", "maxLength": MAX_URL, "description": "http(s) address of a media file."}
    if route.path.startswith("/webhooks/"):
        schema = {"type": "object", "properties": {"url": url}, "required": ["url"]}
        return {"required": True, "content": {URLENCODED: {"schema": schema}, FORM: {"schema": schema}}}
    file = {"type": "string", "format": "binary", "description": "The bytes, 32 MB at most."}
    upload = {"type": "string", "description": "Ours: of POST /v1/uploads."}
    members: dict[str, Any] = {"url": url, "upload_id": upload, **_wishes(route.path.split("/")[2])}
    content = {
        FORM: {"schema": {"type": "object", "properties": {"file": file, **members}}},
        URLENCODED: {"schema": {"type": "object", "properties": members}},
    }
    return {"required": True, "content": content}


def _wishes(name: str) -> dict[str, Any]:
    def flag(text: str, *, default: bool = False) -> dict[str, Any]:
        return {"type": "boolean", "default": default, "description": text}

    if name == "forensic_analysis":
        info = {"type": "string", "maxLength": MAX_INFO, "description": "Shown again in the report."}
        return {
            "is_extract_images": flag("Send the pictures of a PDF."),
            "additional_info": info,
        }
    explain = {"explain": flag("Explain the prediction; pictures: if it is `fake`.")}
    if name == "voice_analysis":
        return explain | {"transcribe": flag("Speech to text.", default=True)}
    return explain


def _event(task: Task) -> dict[str, Any]:
    name = _REPORTS[task.name]
    content = {"schema": {"$ref": _REF + name}, "example": example(name)}
    return {
        "operationId": f"on{name}",
        "tags": ["webhooks"],
        "summary": f"What the URLs of {task.event.value} receive",
        "description": "The report, as GET tells it. Ten tries in a day unless 2xx (410 ends it). Signed by"
        " Standard Webhooks 1.0.0 with every secret of the tenant's own webhooks, if there is one.",
        "security": [],
        "requestBody": {"required": True, "content": {JSON: content}},
        "responses": {"2XX": {"description": "Taken."}, "4XX": {"description": "Tried again."}},
    }


def _fault(text: str) -> dict[str, Any]:
    content = {"schema": {"$ref": _REF + "Fault"}, "example": {"success": False, "error": text}}
    return {"description": text, "content": {JSON: content}}


def _components() -> dict[str, Any]:
    models = [getattr(documents, name) for name in documents.__all__]
    made = schemas([m for m in models if issubclass(m, BaseModel)], "serialization")
    for schema in made.values():
        schema.pop("additionalProperties", None)  # answers may grow
        for member in schema.get("properties", {}).values():
            member.pop("default", None)  # what is optional is absent; nothing stands in for it
    made["Tokens"]["properties"]["claims"]["additionalProperties"] = {"$ref": _REF + "Claims"}
    return dict(sorted(made.items()))


# ---- examples: made by the code that answers ---------------------------------------------------------


def example(name: str) -> dict[str, Any]:
    """Return an example of a schema."""
    for task, report in _REPORTS.items():
        if name == report:
            return document(_analysis(TASKS[task]), _READER, room=1000)
    claims = jwts.claims(_TOKEN)
    hook = {"id": "wh_3f0c8f0a7d3b4d0e9a6c1b2d4e", "url": "https://example.com/webhook"}
    examples: dict[str, dict[str, Any]] = {
        "NewToken": {
            "claims": claims,
            "id": _TOKEN.id,
            "success": True,
            "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        },
        "Token": {"claims": claims, "success": True},
        "Tokens": {"claims": {_TOKEN.id: claims}, "success": True},
        "DeletedTokens": {"deleted_tokens": [_TOKEN.id], "success": True},
        "TaskCreated": {"report_id": "019c1370-3400-4b35-9d89-c4a2e4f50d5c", "success": True},
        "NewWebhook": {"id": hook["id"], "success": True},
        "Webhooks": {"success": True, "urls": [hook["url"]], "webhooks": [hook]},
        "Done": {"success": True},
    }
    return examples[name]


_TOKEN = TokenRecord(
    id="tok_5f0c8f0a7d3b4d0e9a6c1b2d4e8f7a60",
    tenant="acme",
    hash="",
    name="sensity",
    scopes=("analyses:read", "analyses:write", "webhooks"),
    prefix="eyJ",
    last4="",
    created_at=NOON,
    expires_at=NOON + jwts.LIFE,
)
_READER = Reader(
    findings=lambda _analysis: (),
    read=lambda _key: b"",
    link=lambda _key, name, _kind: f"https://bucket.example.com/{name}",
)


def _analysis(task: Task) -> Analysis:
    kind = task.kinds[0]
    formats = {MediaKind.IMAGE: "jpeg", MediaKind.AUDIO: "mp3"}
    return Analysis(
        id=ID,
        tenant="acme",
        state=State.COMPLETED,
        source=Source(type="inline", filename="media"),
        media=MediaFacts(
            kind=kind, format=formats[kind], mime=f"{kind.value}/{formats[kind]}", bytes=83200, sha256=_SHA
        ),
        options=Options(policy="even"),
        dialect="sensity",
        echo={"task": task.name, "explain": True},
        results=(_forensic() if task.name == "forensic_analysis" else _scored(task.operations[0]),),
        created_at=NOON,
        completed_at=NOON + timedelta(seconds=5),
    )


def _scored(operation: Operation) -> OperationResult:
    names = {Operation.SYNTHETIC_IMAGE: "midjourney", Operation.FACE_MANIPULATION: "faceswap"}
    return OperationResult(
        operation=operation,
        outcome=Outcome.SCORED,
        verdict=judge(policy("even"), 0.9, None),
        p_fake=0.9,
        attribution=names.get(operation),
        evidence=Evidence(
            segments=(Segment(start_s=0, end_s=2, llr=2.2),),
            regions=(Region(x=10, y=20, width=100, height=120, score=1.0),),
        ),
    )


def _forensic() -> OperationResult:
    flag = Flag(
        code="editor_named",
        message="The metadata name a picture editor.",
        where="XMP CreatorTool",
        value="GIMP 2.10",
        caveat="Saved by an editor is not forged.",
    )
    return OperationResult(
        operation=Operation.FILE_FORENSICS,
        outcome=Outcome.INCONCLUSIVE,
        verdict=Verdict.INCONCLUSIVE,
        reason="no_calibrated_score",
        evidence=Evidence(flags=(flag,), details={"document_details": {"programs": ["GIMP 2.10"]}}),
    )
