"""API Gateway's REST proxy events, built as the gateway builds them, and a reader of the answers.

``event("POST", "/v1/analyses?x=1", body={...}, scopes="*")`` is what a handler gets;
``Answer.of(handler(event))`` is what a client would see. ``Gateway`` puts authorizer and handler one
behind the other, in-process.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Answer", "Gateway", "event", "multipart"]

HOST = "abc123.execute-api.us-east-1.amazonaws.com"
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/api"
BINARY = ("multipart/form-data",)  # BinaryMediaTypes of template.yaml
ALL = "*"
TOKEN_ID = "tok_" + "0" * 32
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


def multipart(
    parts: Iterable[tuple[str, str | bytes] | tuple[str, str | bytes, str]], boundary: str = "b0undary"
) -> tuple[bytes, str]:
    """Return (body, content type) of ``(name, value)`` and ``(name, value, filename)`` parts."""
    body = b""
    for name, value, *filename in parts:
        named = f'; filename="{filename[0]}"' if filename else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        body += head.encode() + (value.encode() if isinstance(value, str) else value) + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def event(
    method: str,
    target: str,
    *,
    headers: Headers = (),
    body: Any = None,
    tenant: str = "acme",
    scopes: str = ALL,
    token_id: str = TOKEN_ID,
    authorizer: Mapping[str, str] | None = None,
    stage: str = "api",
    resource: str = "",
) -> dict[str, Any]:
    """Return the proxy event of one request; ``body`` is bytes, text, or a value that is sent as JSON.

    ``resource`` is the API's greedy route if it is not that of /v1: a dialect's is ``/{proxy+}``.

    The caller is ``tenant`` with ``scopes``, unless ``authorizer`` says what the authorizer said.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if body is not None and not isinstance(body, str | bytes):
        body = json.dumps(body)
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "application/json"))
    context = {"tenant": tenant, "token_id": token_id, "scopes": scopes, "reason": ""}
    request = _request(method, target, [("Host", HOST), ("X-Forwarded-Proto", "https"), *pairs], body, stage)
    if resource:
        request["resource"] = request["requestContext"]["resourcePath"] = resource
    request["requestContext"]["authorizer"] = dict(context if authorizer is None else authorizer)
    return request


def _request(
    method: str, target: str, pairs: list[tuple[str, str]], body: str | bytes | None, stage: str
) -> dict[str, Any]:
    path, query = (
        (urlsplit(target).path if "://" in target else target.partition("?")[0]),
        target.partition("?")[2],
    )
    text, is_binary = _body(pairs, body)
    asked = parse_qsl(query, keep_blank_values=True)
    _, _, proxy = path.partition("/v1/")
    return {
        "resource": "/v1/{proxy+}" if proxy else "/v1",
        "path": path,
        "httpMethod": method,
        "headers": dict(pairs),
        "multiValueHeaders": _many(pairs),
        "queryStringParameters": dict(asked) or None,
        "multiValueQueryStringParameters": _many(asked) or None,
        "pathParameters": {"proxy": unquote(proxy)} if proxy else None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": HOST,
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.7", "userAgent": "test"},
            "path": f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid5(uuid.NAMESPACE_URL, method + target)),
            "resourcePath": "/v1/{proxy+}",
            "stage": stage,
        },
        "body": text,
        "isBase64Encoded": is_binary,
    }


def _many(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many


def _body(pairs: list[tuple[str, str]], body: str | bytes | None) -> tuple[str | None, bool]:
    raw = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    if not raw:
        return None, False
    kind = next((v for n, v in pairs if n.lower() == "content-type"), "").partition(";")[0].strip().lower()
    if kind in BINARY:
        return base64.b64encode(raw).decode(), True
    return raw.decode(errors="replace"), False


@dataclass(frozen=True)
class Answer:
    """What a client sees; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Answer:
        """Read a Lambda proxy answer."""
        text = answer["body"] or ""
        body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        return cls(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, body)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Gateway:
    """Authorizer and handler, one behind the other, as the stage has them."""

    def __init__(
        self,
        authorizer: Callable[[Any, Any], Any],
        handler: Callable[[Any, Any], Any],
        context: Any,
        *,
        resource: str = "",
    ) -> None:
        self._resource = resource
        self._authorizer = authorizer
        self._handler = handler
        self._context = context

    def __call__(self, method: str, target: str, *, headers: Headers = (), body: Any = None) -> Answer:
        """Send a request; the token, if any, stands in its headers."""
        request = event(method, target, headers=headers, body=body, authorizer={}, resource=self._resource)
        asked = {k: v for k, v in request.items() if k not in ("body", "isBase64Encoded")}
        path = request["path"]
        asked |= {"type": "REQUEST", "methodArn": f"{METHOD_ARN}/{method}{path}"}
        said = self._authorizer(asked, self._context)
        (statement,) = said["policyDocument"]["Statement"]
        if statement["Effect"] != "Allow" or statement["Resource"] != f"{METHOD_ARN}/*":
            raise AssertionError("the authorizer lets everything through, and the handlers refuse")
        request["requestContext"]["authorizer"] = {**said["context"], "principalId": said["principalId"]}
        return Answer.of(self._handler(json.loads(json.dumps(request)), self._context))
