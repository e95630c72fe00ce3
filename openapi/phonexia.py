"""The OpenAPI 3.1 document of the Phonexia dialect (PHX-46), made of its routes, models and error table."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

from bonafide.model import (
    Analysis,
    Evidence,
    Finding,
    Interval,
    MediaFacts,
    MediaKind,
    ModelRef,
    Operation,
    Options,
    Outcome,
    Segment,
    Source,
    State,
    Track,
)
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from openapi.native import ROOT, render_yaml

_PLACE = str(ROOT / "functions" / "api_phonexia")
if _PLACE not in sys.path:
    sys.path.insert(0, _PLACE)

from bonafide import errors  # noqa: E402
from bonafide.errors import BonafideError  # noqa: E402
from bonafide.routing import Route  # noqa: E402
from phonexia import documents, routes, shapes, translate, words  # noqa: E402
from phonexia.schemas import MAX_CHANNELS, SPELLINGS  # noqa: E402

from openapi.shapes import LOCAL, head, paths  # noqa: E402

__all__ = ["ROUTES", "analysis", "build", "documents", "outputs"]

ROUTES = routes.ROUTES
JSON = "application/json"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
_IDS = {
    "X-Correlation-Id": "Identifies a series of requests; made if you send none, and always given back.",
    "X-Request-Id": "Identifies this request; made if you send none, and always given back.",
}
_HEADERS = _IDS | {
    "Allow": "The methods that this path knows.",
    "Location": "Where to poll for the state of the task, and its result.",
    "Retry-After": "Seconds until it is worth asking again.",
    "Warning": "Unknown parameters and keys of `config`, which were ignored.",
    "WWW-Authenticate": "Bearer. (API Gateway on AWS renames it `x-amzn-Remapped-WWW-Authenticate`.)",
    "X-Bonafide-Null-Reason": "Why scores are null: `operation/channel=reason`, separated by commas.",
    "X-Location": "Deprecated; as `Location`.",
    "x-ratelimit-limit": "Requests a window. The three are on every answer to a tenant that has a limit.",
    "x-ratelimit-remaining": "Requests left in this window.",
    "x-ratelimit-reset": "When the window ends, in seconds since 1970.",
}
_CHANNELS = f"^([0-9]{{1,3}}(,[0-9]{{1,3}}){{0,{MAX_CHANNELS - 1}}})?$"
_RATE = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
_FAULTS: tuple[tuple[str, type[BonafideError], str, tuple[str, ...]], ...] = (
    ("Invalid", errors.InvalidRequest, "The request could not be parsed.", ()),
    ("Unauthenticated", errors.Unauthenticated, "No token, or none of ours.", ("WWW-Authenticate",)),
    ("Forbidden", errors.InsufficientCredits, "Capacity is used up, or the token lacks the scope.", ()),
    ("NotFound", errors.NotFound, "Absent, expired, or another tenant's.", ()),
    ("Method", errors.MethodNotAllowed, "The path does not know this method.", ("Allow",)),
    ("Conflict", errors.Conflict, "The present state forbids it.", ()),
    ("TooLarge", errors.TooLarge, "The file is too large for this way in.", ()),
    ("Validation", errors.Unprocessable, "A value is not acceptable.", ()),
    ("RateLimit", errors.RateLimited, "Too many requests.", ("Retry-After", *_RATE)),
    ("Internal", BonafideError, "Something broke.", ("Retry-After",)),
    ("Storage", errors.StorageFull, "The storage takes no more data.", ("Retry-After",)),
)


def outputs() -> dict[Any, str]:
    """Return the file that is made from the code, with its text."""
    return {ROOT / "openapi" / "phonexia.yaml": render_yaml(build())}


def build() -> dict[str, Any]:
    """Return the document."""
    return {
        **head(_INFO, (_AWS, LOCAL)),
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": [{"name": "authenticity-verification", "description": "Is this recording authentic?"}],
        "paths": paths(ROUTES, lambda route: _start() if route.method == "POST" else _look(route)),
        "components": {
            "schemas": _schemas(),
            "responses": {name: _fault(kind, text, more) for name, kind, text, more in _FAULTS},
            "headers": _headers(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of Bonafide's."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }  # fmt: skip


_INFO = {
    "title": "Bonafide, Phonexia dialect",
    "summary": "Authenticity Verification as clients of Phonexia's REST API know it.",
    "description": "Experimental: it follows an API that its vendor calls experimental, and may change "
    "with it. Scores are natural-logarithm likelihood ratios of this deployment's own detectors.",
}
_AWS = {
    "url": "https://{api}.execute-api.{region}.amazonaws.com",
    "description": "Your own account; `PhonexiaApiUrl` among the stack's outputs.",
    "variables": {"api": {"default": "abc123"}, "region": {"default": "eu-central-1"}},
}


def _start() -> dict[str, Any]:
    example = {"task": translate.task(analysis(), words.State.PENDING)}
    names = ("Location", "X-Location", "Retry-After", "Warning")
    return {
        "operationId": "startAuthenticityVerification",
        "tags": ["authenticity-verification"],
        "summary": "Start a task",
        "description": "Three independent operations on every channel, all of them unless `operations` says "
        "otherwise, together one task. Manipulation is looked for in overlapping stretches of "
        f"{words.SEGMENT_S:g} s. Outside this schema, a part `upload_id` (of `POST /v1/uploads`) or `url` "
        "may stand in for `file`. "
        "Scope `analyses:write`.",
        "parameters": [*_query(), *_id_parameters()],
        "requestBody": {"required": True, "content": {"multipart/form-data": _form()}},
        "responses": {"202": _answer("Started", "Accepted; poll `Location`.", example, *names)}
        | _refs(*(name for name, *_ in _FAULTS)),
    }


def _look(route: Route) -> dict[str, Any]:
    done = translate.tell(analysis(), _findings()).document
    where = {
        "name": "task_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    names = ("Retry-After", "X-Bonafide-Null-Reason")
    left_out = ("TooLarge", "Storage", "Validation", "Conflict")
    return {
        "operationId": "getAuthenticityVerification",
        "tags": ["authenticity-verification"],
        "summary": "Look at a task",
        "description": "`pending`, `running`, then `done` with a result; `rejected` if the media does not "
        "meet the requirements, `failed` if the task could not be executed. "
        f"Scope `{route.scope}`.",
        "parameters": [where, *_id_parameters()],
        "responses": {"200": _answer("TaskStatus", "The task as it is now.", done, *names)}
        | _refs(*(name for name, *_ in _FAULTS if name not in left_out)),
    }


def _query() -> list[dict[str, Any]]:
    more = {name: [s for s in also if s != name] for name, also in SPELLINGS.items()}
    said: dict[str, tuple[str, dict[str, Any]]] = {
        "channel_mode": ("Channels one by one, or mixed into one that is reported as channel 0.",
                         {"type": "string", "enum": ["split", "mix"], "default": "split"}),
        "channels": ("0-based channels to process, separated by commas; all of them when empty.",
                     {"type": "string", "pattern": _CHANNELS,
                      "examples": ["0,1"]}),
        "from_time": ("Where processing starts, in seconds.", {"type": "number", "minimum": 0, "default": 0}),
        "to_time": ("Where processing ends, in seconds; at the end of the file when absent.",
                    {"type": "number", "minimum": 0}),
        "operations": ("Operations to perform; repeated, or with commas. All of them when absent.",
                       {"type": "array", "minItems": 1, "uniqueItems": True,
                        "items": {"type": "string", "enum": [name.value for name in words.Asked]}}),
        "raw_segmentation": ("Every stretch that was looked at, in place of the suspicious ones joined.",
                             {"type": "boolean", "default": False}),
    }  # fmt: skip
    return [
        {
            "name": name,
            "in": "query",
            "description": text
            + (f" Also written {', '.join(f'`{s}`' for s in more[name])}." if more[name] else ""),
            "schema": schema,
        }
        for name, (text, schema) in said.items()
    ]


def _id_parameters() -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
    return [
        {"name": name, "in": "header", "description": text, "schema": schema} for name, text in _IDS.items()
    ]


def _form() -> dict[str, Any]:
    file = {"type": "string", "format": "binary",
            "description": f"Input media file, {words.MAX_FILE_BYTES} bytes at most."}  # fmt: skip
    config = {"type": "object", "description": "No key is known yet; unknown ones are ignored."}
    return {
        "schema": {"type": "object", "required": ["file"], "properties": {"file": file, "config": config}},
        "encoding": {"file": {"contentType": "application/octet-stream"}, "config": {"contentType": JSON}},
    }


def _answer(schema: str, text: str, example: Any, *names: str) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}}
    return {"description": text, "headers": _named(*names), "content": content}


def _fault(kind: type[BonafideError], text: str, names: tuple[str, ...]) -> dict[str, Any]:
    return _answer("ErrorBody", text, json.loads(shapes.shape(_sample(kind)).body), *names)


def _sample(kind: type[BonafideError]) -> BonafideError:
    if kind is errors.RateLimited:
        return errors.RateLimited("", limit=1, window_s=5)
    if kind is errors.TooLarge:
        return routes.too_large(1048576000)
    detail = (
        "Send a token: Authorization: Bearer bf_…" if kind is errors.Unauthenticated else "Field required."
    )
    located = kind is errors.Unprocessable
    entry = shapes.detail(["body", "file"], "Field required.", "missing")
    return kind(detail, errors=[entry]) if located else kind(detail)


def _refs(*names: str) -> dict[str, Any]:
    status = {name: shapes.SAID[kind].status for name, kind, *_ in _FAULTS}
    return {str(int(status[name])): {"$ref": f"#/components/responses/{name}"} for name in names}


def _named(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_IDS, *names)}


def _headers() -> dict[str, Any]:
    numbers = {"Retry-After", *_RATE}
    return {
        name: {"description": text, "schema": {"type": "integer" if name in numbers else "string"}}
        for name, text in _HEADERS.items()
    }


def _schemas() -> dict[str, Any]:
    models = [getattr(documents, name) for name in documents.__all__]
    wanted: list[tuple[type[BaseModel], Any]] = [(model, "serialization") for model in models]
    _, found = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    made: dict[str, Any] = _tidy(found["$defs"])
    for schema in made.values():
        schema.pop("additionalProperties", None)  # answers may grow
        if text := schema.get("description"):
            schema["description"] = re.sub(r" \((?:PHX-\d+(?:, )?)+\)", "", text)  # row ids are for us
    return dict(sorted(made.items()))


def _tidy(node: Any, *, named: bool = True) -> Any:
    """Drop titles and the defaults of members that are absent; ``named``: members by name, no schema."""
    if isinstance(node, list):
        return [_tidy(entry, named=False) for entry in node]
    if not isinstance(node, dict):
        return node
    kept = node if named else {k: v for k, v in node.items() if k not in ("title", "default")}
    return {k: _tidy(v, named=k == "properties" and not named) for k, v in kept.items()}


# ---- an example, translated by the code that answers --------------------------------------------------


def analysis() -> Analysis:
    """Return a finished analysis of a telephone call with two channels."""
    track = Track(index=0, type="audio", codec="pcm_s16le", channels=2, rate_hz=8000)
    media = MediaFacts(
        kind=MediaKind.AUDIO, format="wav", mime="audio/wav", bytes=1_920_044, sha256="0" * 64,
        duration_s=60.0, tracks=(track,),
    )  # fmt: skip
    asked = [words.Asked.DEEPFAKE.value, words.Asked.MANIPULATION.value]
    return Analysis(
        id="an_01kg9q2d00xv4t8w6j5y3m1n7q", tenant="acme", state=State.COMPLETED, media=media,
        source=Source(type="inline", filename="call.wav"), options=Options(), dialect=words.DIALECT,
        operations=(Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE), created_at=NOON,
        echo={"operations": asked, "raw_segmentation": False},
    )  # fmt: skip


def _findings() -> list[Finding]:
    model = ModelRef(name="example", version="1.0.0", sha256="0" * 64, type="learned")
    cut = Segment(start_s=12.2, end_s=13.0, llr=3.75)
    found: list[Finding] = []
    for channel, llr in enumerate((2.5, -4.25)):
        for operation in (Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE):
            evidence = Evidence(segments=(cut,) if llr > 0 else ())
            found.append(
                Finding(
                    operation=operation, outcome=Outcome.SCORED, p_fake=0.5, llr=llr, model=model,
                    interval=Interval(low=0.0, high=1.0), channel=channel, evidence=evidence,
                )
            )  # fmt: skip
    return found
