"""HTTP in one place: what a request says, what an answer looks like, which error has which status.

Every dialect reads its requests through `Request` and answers with `Response`; status numbers appear in
this file only (elsewhere as names of `Status`). Errors are RFC 9457 problem details of type
``about:blank``: the machine name is ``code``, and the title is the status' own phrase.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus as Status
from typing import TYPE_CHECKING, Any

from bonafide import errors
from bonafide.errors import (
    BonafideError,
    Forbidden,
    InvalidRequest,
    Unauthenticated,
    Unprocessable,
    UnsupportedMedia,
)
from bonafide.forms import Form, Part, Prefer, loads, read_form, truth, words
from bonafide.settings import settings

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "Caller",
    "Form",
    "Part",
    "Prefer",
    "Request",
    "Response",
    "Status",
    "caller",
    "invalid",
    "json_response",
    "loads",
    "problem",
    "status_of",
    "truth",
    "words",
]

PROBLEM = "application/problem+json"
MAX_JSON_BYTES = 64 * 1024
"""More than any request without a file in it needs, and less than a row of the table holds."""

_STATUS: dict[type[BonafideError], Status] = {
    BonafideError: Status.INTERNAL_SERVER_ERROR,
    InvalidRequest: Status.BAD_REQUEST,
    errors.Refused: Status.BAD_REQUEST,
    Unauthenticated: Status.UNAUTHORIZED,
    errors.InsufficientCredits: Status.PAYMENT_REQUIRED,
    Forbidden: Status.FORBIDDEN,
    errors.NotFound: Status.NOT_FOUND,
    errors.MethodNotAllowed: Status.METHOD_NOT_ALLOWED,
    errors.Conflict: Status.CONFLICT,
    errors.Gone: Status.GONE,
    errors.TooLarge: Status.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMedia: Status.UNSUPPORTED_MEDIA_TYPE,
    Unprocessable: Status.UNPROCESSABLE_ENTITY,
    errors.RateLimited: Status.TOO_MANY_REQUESTS,
    errors.Unavailable: Status.SERVICE_UNAVAILABLE,
}
_PHRASE = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python 3.11's are older
_RETRY_S = 5
_SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,128}")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


# ---- reading ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request as the gateway's REST proxy event told it, made regular.

    ``path`` begins with the API's own first segment (no stage, no base path) and has no repeated slashes;
    header names are lower case; ``body`` is bytes whatever the event carried; ``base_url`` is what a client
    must put before ``path``.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    request_id: str = ""
    correlation_id: str = ""
    traceparent: str = ""
    source_ip: str = ""
    base_url: str = ""

    @classmethod
    def from_event(cls, event: Mapping[str, Any], *, base: str | tuple[str, ...] = "") -> Request:
        """Read an API Gateway REST proxy event. ``base``: how the paths of a dialect begin, see `_path`."""
        context = event.get("requestContext") or {}
        headers = _headers(event)
        path, before = _path(event, base)
        own_id = str(context.get("requestId") or "")
        request_id = _echo(headers.get("x-request-id"), _PRINTABLE) or own_id
        return cls(
            method=str(event["httpMethod"]).upper(),
            path=path,
            headers=headers,
            query=_query(event),
            body=_body(event),
            request_id=request_id,
            correlation_id=_echo(headers.get("x-correlation-id"), _PRINTABLE) or request_id,
            traceparent=_echo(headers.get("traceparent"), _TRACE),
            source_ip=str((context.get("identity") or {}).get("sourceIp") or ""),
            base_url=settings().public_base_url.rstrip("/") or _origin(context, headers) + before,
        )

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def prefer(self) -> Prefer:
        """What the client prefers."""
        return Prefer.parse(self.headers.get("prefer", ""))

    def url(self, path: str) -> str:
        """Return the absolute URL of one of our own paths."""
        return self.base_url + path

    def json(self, *, limit: int | None = None) -> Any:
        """Return the JSON body. Raises `UnsupportedMedia`, `TooLarge` (over ``limit``), `InvalidRequest`."""
        kind = self.content_type
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMedia(
                "Send application/json.", errors=({"header": "Content-Type", "detail": kind[:100]},)
            )
        if limit is not None and len(self.body) > limit:
            raise errors.TooLarge(
                f"A JSON body may have {limit} bytes at most; files go by POST /v1/uploads."
            )
        try:
            return loads(self.body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidRequest("The body is not UTF-8.", code="invalid_json") from error

    def form(self) -> Form:
        """Return the parts of a multipart or urlencoded body. Raises `UnsupportedMedia`, `InvalidRequest`."""
        return read_form(self.headers.get("content-type", ""), self.body)


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    single = {str(k).lower(): str(v) for k, v in (event.get("headers") or {}).items() if v is not None}
    many = {str(k).lower(): ", ".join(v) for k, v in (event.get("multiValueHeaders") or {}).items() if v}
    return single | many


def _query(event: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    single = {k: (v,) for k, v in (event.get("queryStringParameters") or {}).items() if v is not None}
    return single | {
        k: tuple(v) for k, v in (event.get("multiValueQueryStringParameters") or {}).items() if v
    }


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The body's base64 is broken.") from error


def _path(event: Mapping[str, Any], base: str | tuple[str, ...]) -> tuple[str, str]:
    """Return our own path, and what stands before it (the stage, or a custom domain's base path).

    A dialect's path begins with ``base`` however much of it the gateway took off: ``/api/v2`` is whole below
    a custom domain, lacks ``/api`` where that is the stage's name, and is gone behind the local front. Of
    several, the first that the path still shows a part of counts, else the first.
    """
    static = str(event.get("resource") or "/").partition("{")[0]
    path = re.sub(r"/{2,}", "/", str(event.get("path") or "/"))
    start = max(path.find(static.rstrip("/")), 0) if static.strip("/") else 0
    own = _whole(path[start:], base) if base else path[start:]
    whole = re.sub(r"/{2,}", "/", str((event.get("requestContext") or {}).get("path") or path))
    return own, whole.removesuffix(own) if whole.endswith(own) else ""


def _whole(path: str, base: str | tuple[str, ...]) -> str:
    bases = (base,) if isinstance(base, str) else base
    for one in bases:
        steps = one.split("/")[1:]
        for tail in ("/" + "/".join(steps[n:]) for n in range(len(steps))):
            if path == tail or path.startswith(tail + "/"):
                return one + path.removeprefix(tail)
    return bases[0] + path


def _origin(context: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    plain = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() == "http"
    host = context.get("domainName") or headers.get("host") or "localhost"
    return f"{'http' if plain else 'https'}://{host}"


def _echo(value: str | None, pattern: re.Pattern[str]) -> str:
    return value if value and pattern.fullmatch(value) else ""


# ---- who calls --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """Who calls, as the authorizer found out."""

    tenant: str
    token_id: str
    scopes: frozenset[str]

    def has(self, scope: str) -> bool:
        """Whether the token may do this; ``*`` may do everything."""
        return scope in self.scopes or "*" in self.scopes

    def require(self, scope: str) -> None:
        """Raise `Forbidden` unless the token has ``scope``."""
        if not self.has(scope):
            raise Forbidden(f"This token lacks the scope {scope}.", code="insufficient_scope")


_REASONS = {
    "missing_credentials": "Send a token: Authorization: Bearer bf_…",
    "invalid_token": "This token is not one of ours.",
    "expired_token": "This token has expired.",
    "revoked_token": "This token was revoked.",
}


def caller(event: Mapping[str, Any]) -> Caller:
    """Return who calls. Raises `Unauthenticated`, its code being the authorizer's reason."""
    context = (event.get("requestContext") or {}).get("authorizer") or {}
    tenant = str(context.get("tenant") or "")
    if not tenant:
        reason = str(context.get("reason") or "missing_credentials")
        reason = reason if reason in _REASONS else "invalid_token"
        raise Unauthenticated(_REASONS[reason], code=reason)
    return Caller(
        tenant, str(context.get("token_id") or ""), frozenset(str(context.get("scopes") or "").split())
    )


# ---- answering --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Response:
    """An answer, before the gateway's own form."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def proxy(self, request: Request | None = None) -> dict[str, Any]:
        """Return the Lambda proxy answer: request ids echoed, security headers set, base64 if no text."""
        headers = _SECURITY | ids(request) | dict(self.headers)
        body = b"" if request and request.method == "HEAD" else self.body
        try:
            text, binary = body.decode(), False
        except UnicodeDecodeError:
            text, binary = base64.b64encode(body).decode(), True
        return {"statusCode": int(self.status), "headers": headers, "body": text, "isBase64Encoded": binary}


def ids(request: Request | None) -> dict[str, str]:
    """Return the headers that let a client find its request again."""
    if request is None:
        return {}
    named = {
        "X-Request-Id": request.request_id,
        "X-Correlation-Id": request.correlation_id,
        "traceparent": request.traceparent,
    }
    return {name: value for name, value in named.items() if value}


def json_response(
    document: Any,
    status: int = Status.OK,
    headers: Mapping[str, str] | None = None,
    *,
    kind: str = "application/json",
) -> Response:
    """Return ``document`` as JSON (ASCII only: no gateway can spoil it)."""
    body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return Response(int(status), body, {"Content-Type": kind} | dict(headers or {}))


def status_of(error: BonafideError) -> Status:
    """Return the status of an error: its class decides, or the nearest ancestor that has one."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def problem(
    error: BonafideError,
    request: Request | None = None,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """Return RFC 9457 problem details, with the headers that the status asks for."""
    status = status_of(error)
    extra: dict[str, str] = {}
    if status is Status.UNAUTHORIZED:
        fault = "" if error.code == "missing_credentials" else ', error="invalid_token"'
        extra["WWW-Authenticate"] = f'Bearer realm="bonafide"{fault}'
    wait = error.retry_after_s
    if wait is None and status in (Status.SERVICE_UNAVAILABLE, Status.TOO_MANY_REQUESTS):
        wait = _RETRY_S
    if wait is not None:
        extra["Retry-After"] = str(wait)
    hidden = status >= Status.INTERNAL_SERVER_ERROR  # what broke inside is for the log
    document = {
        "type": "about:blank",
        "title": _PHRASE.get(status, status.phrase),
        "status": int(status),
        "detail": "The service cannot answer now; try again." if hidden else error.detail,
        "instance": request.path if request else None,
        "code": error.code,
        "errors": [_pointing(entry) for entry in error.errors] or None,
        "request_id": (request.request_id if request else None) or None,
        **extensions,
    }
    plain = {name: value for name, value in document.items() if value is not None}
    return json_response(plain, status, extra | dict(headers or {}), kind=PROBLEM)


def _pointing(entry: Mapping[str, object]) -> dict[str, object]:
    """Pointers are plain JSON pointers, however the raiser wrote them (``#/a`` or ``/a``)."""
    return {
        name: str(value).removeprefix("#") if name == "pointer" else value for name, value in entry.items()
    }


def invalid(
    error: ValidationError, *, base: str = "", place: Callable[[str], str] | None = None
) -> Unprocessable:
    """Turn pydantic's findings into ours: JSON pointers below ``base``, or query parameters with ``place``.

    Values are never echoed: they may be secrets or somebody's names.
    """
    found = []
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        if place:
            where = {"parameter": place(str(entry["loc"][0] if entry["loc"] else ""))}
        else:
            where = {"pointer": base + pointer(entry["loc"])}
        found.append(
            where | {"code": str(entry["type"]), "detail": entry["msg"].removeprefix("Value error, ")}
        )
    return Unprocessable("A value is not acceptable.", code="invalid_value", errors=found[:50])


def pointer(location: Iterable[object]) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1")[:100] for step in location)
