"""The OpenAPI 3.1 document of /v1, made of the route table, the wire models and `described`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FUNCTION = ROOT / "functions" / "api_native"
for _place in (ROOT / "layers" / "core", FUNCTION):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

import bonafide  # noqa: E402  # the layers must be on the path
from bonafide.http import PROBLEM, Status  # noqa: E402
from bonafide.routing import PUBLIC, Route  # noqa: E402
from bonafide.tokens import Scope  # noqa: E402
from bonafide.webhooks import EventType  # noqa: E402
from native import documents, schemas  # noqa: E402
from native.app import ROUTES  # noqa: E402

from openapi import examples  # noqa: E402
from openapi.described import ERRORS, INFO, OPERATIONS, TAGS, Said  # noqa: E402
from openapi.shapes import LOCAL, components, parameters, paths  # noqa: E402

__all__ = ["ROUTES", "build", "documents", "examples", "outputs", "render_yaml"]

JSON = "application/json"
_ECHOED = {
    "X-Request-Id": "The id of this request; yours, if you sent one.",
    "X-Correlation-Id": "Yours, or the request's id.",
}
_METERED = {
    "RateLimit-Policy": "How many requests (`q`) in how many seconds (`w`); absent without a limit.",
    "RateLimit": "How many are left (`r`), and in how many seconds all are back (`t`).",
}
_SCOPES = ", ".join(f"`{scope}`" for scope in Scope)


def outputs() -> dict[Path, str]:
    """Return every file that is made from the code, with its text."""
    document = build()
    served = json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"
    return {
        ROOT / "openapi" / "bonafide.yaml": render_yaml(document),
        FUNCTION / "native" / "openapi.json": served,
    }


def build() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": INFO | {"version": bonafide.__version__},
        "servers": _servers(),
        "security": [{"bearer": []}, {"apiKey": []}, {"basic": []}],
        "tags": TAGS,
        "paths": paths(ROUTES, lambda route: _operation(route, OPERATIONS[route.method, route.path])),
        "webhooks": {kind.value: _webhook(kind) for kind in EventType},
        "components": {
            "schemas": components(documents, schemas),
            "responses": _responses(),
            "headers": _headers(),
            "securitySchemes": _security(),
        },
    }


def _servers() -> list[dict[str, Any]]:
    return [
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/api",
            "description": "Your own account; `ApiUrl` among the stack's outputs.",
            "variables": {"api": {"default": "abc123"}, "region": {"default": "eu-central-1"}},
        },
        LOCAL,
    ]


def _operation(route: Route, said: Said) -> dict[str, Any]:
    scope = f"Scope `{route.scope.value}`." if isinstance(route.scope, Scope) else ""
    operation: dict[str, Any] = {
        "operationId": said.id,
        "tags": [said.tag],
        "summary": said.summary,
        "description": " ".join(text for text in (said.text, scope) if text) or said.summary + ".",
        "parameters": parameters(route.path, said.query, said.headers),
        "responses": _answers(route, said),
    }
    if said.body:
        operation["requestBody"] = _request_body(said)
    if route.scope == PUBLIC:
        operation["security"] = []
    return {name: value for name, value in operation.items() if value != [] or name == "security"}


def _request_body(said: Said) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": {"$ref": f"#/components/schemas/{said.body}"}}}
    if said.form:
        content["multipart/form-data"] = {
            "schema": {"$ref": f"#/components/schemas/{said.form}"},
            "encoding": {
                "file": {"contentType": "application/octet-stream"},
                "operations": {"contentType": "text/plain"},
                "options": {"contentType": JSON},
            },
        }
    return {"required": said.body_required, "content": content}


def _answers(route: Route, said: Said) -> dict[str, Any]:
    found: dict[int, dict[str, Any]] = {}
    known = examples.documents()
    for status, schema, text, names in said.answers:
        rate = () if route.scope == PUBLIC else tuple(_METERED)
        answer: dict[str, Any] = {"description": text, "headers": _named(*rate, *names)}
        if schema:
            media: dict[str, Any] = {
                "schema": {"$ref": f"#/components/schemas/{schema}"}
                if schema != "object"
                else {"type": "object"}
            }
            example = known.get(
                "Queued" if status is Status.ACCEPTED and schema == "AnalysisDocument" else schema
            )
            if example is not None:
                media["example"] = example
            answer["content"] = {JSON: media}
        found[status] = answer
    absent = (Status.NOT_FOUND,) if "{" in route.path else ()
    failures = said.errors(public=route.scope == PUBLIC, scoped=isinstance(route.scope, Scope))
    for status in (*failures, *absent):
        found[status] = {"$ref": f"#/components/responses/{ERRORS[status].name}"}
    return {str(int(status)): found[status] for status in sorted(found)}


def _named(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ECHOED, *names)}


def _responses() -> dict[str, Any]:
    made = {}
    for status, error in ERRORS.items():
        example = {
            "type": "about:blank",
            "title": error.title,
            "status": int(status),
            "detail": error.text,
            "code": error.code,
            "request_id": "6f1c2a0e-0d5b-4a53-8a0c-3d5a0f3b9c11",
        }
        content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
        made[error.name] = {"description": error.text, "headers": _named(*error.headers), "content": content}
    return made


def _headers() -> dict[str, Any]:
    texts = (
        _ECHOED
        | _METERED
        | {
            "Idempotency-Replayed": "`true` if this is the answer to an earlier request with the same key.",
            "Link": 'The next page, `rel="next"` (RFC 8288).',
            "Location": "Where to find it.",
            "Preference-Applied": "How long was waited at most.",
            "Retry-After": "Seconds until it is worth asking again.",
            "WWW-Authenticate": "Bearer. (API Gateway on AWS renames it `x-amzn-Remapped-WWW-Authenticate`.)",
        }
    )
    return {
        name: {"description": text, "schema": {"type": "integer" if name == "Retry-After" else "string"}}
        for name, text in texts.items()
    }


def _security() -> dict[str, Any]:
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer bf_…`; also the bare token, and `Token token=…`. "
            f"Scopes: {_SCOPES}.",
        },
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "The token is the password; any user name.",
        },
    }


def _webhook(kind: EventType) -> dict[str, Any]:
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    body = {"schema": {"$ref": "#/components/schemas/WebhookEvent"}, "example": examples.event(kind)}
    return {
        "post": {
            "operationId": "on" + "".join(word.capitalize() for word in kind.value.split(".")),
            "tags": ["webhooks"],
            "summary": f"`{kind.value}`",
            "description": "Signed by Standard Webhooks 1.0.0. Answer 2xx within 20 s; 410 ends it for good.",
            "security": [],
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                for name in headers
            ],
            "requestBody": {"required": True, "content": {JSON: body}},
            "responses": {
                "2XX": {"description": "Taken."},
                "410": {"description": "The endpoint is gone; it is disabled."},
                "4XX": {"description": "Tried again for about a day."},
                "5XX": {"description": "Tried again for about a day."},
            },
        }
    }


class _Plain(yaml.SafeDumper):
    """Writes every value out, without anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Return ``True`` always."""
        return True


def render_yaml(document: dict[str, Any]) -> str:
    """Return the document as YAML, always the same bytes for the same document."""
    text = yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `make openapi` from the code; do not edit.\n{text}"
