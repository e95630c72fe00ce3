"""What is said of each route of /v1 that the code itself does not say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bonafide.http import Status
from native import schemas
from pydantic import BaseModel

__all__ = ["ERRORS", "INFO", "OPERATIONS", "TAGS", "Said"]

INFO: dict[str, Any] = {
    "title": "Bonafide",
    "summary": "Open, self-hosted deepfake and media forensics.",
    "description": (
        "Send a picture, a recording, a video or a document; get calibrated scores, evidence and a verdict "
        "under a named policy. Errors are problem details (RFC 9457) with a stable `code`; a method that a "
        "path does not know is 405 with `Allow`. Every answer carries `X-Request-Id` and `X-Correlation-Id`; "
        "`traceparent` is echoed."
    ),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
TAGS = [
    {"name": "analyses", "description": "Files, the questions asked of them, and the answers."},
    {"name": "uploads", "description": "A way in for files too large for a request."},
    {"name": "known media", "description": "Your own index, in which `known_fake_search` looks."},
    {"name": "tokens", "description": "Who may do what."},
    {"name": "webhooks", "description": "Be told when an analysis is finished."},
    {"name": "account", "description": "What your plan allows, and what this month has used."},
    {"name": "service", "description": "What this deployment is and accepts."},
]


@dataclass(frozen=True)
class Fault:
    """One kind of error answer: its name among the components, and an example."""

    name: str
    title: str
    code: str
    text: str
    headers: tuple[str, ...] = ()


ERRORS: dict[Status, Fault] = {
    Status.BAD_REQUEST: Fault(
        "BadRequest", "Bad Request", "invalid_json", "The request cannot be understood."
    ),
    Status.UNAUTHORIZED: Fault(
        "Unauthorized",
        "Unauthorized",
        "missing_credentials",
        "No token, or none of ours.",
        ("WWW-Authenticate",),
    ),
    Status.FORBIDDEN: Fault("Forbidden", "Forbidden", "insufficient_scope", "The token lacks the scope."),
    Status.NOT_FOUND: Fault("NotFound", "Not Found", "not_found", "Absent, or another tenant's."),
    Status.CONFLICT: Fault(
        "Conflict", "Conflict", "conflict", "The present state forbids it.", ("Retry-After",)
    ),
    Status.GONE: Fault("Gone", "Gone", "gone", "It was here and has been erased (`deleted_at` says when)."),
    Status.REQUEST_ENTITY_TOO_LARGE: Fault(
        "TooLarge",
        "Content Too Large",
        "too_large",
        "Too many bytes for this way in; the detail names another.",
    ),
    Status.UNSUPPORTED_MEDIA_TYPE: Fault(
        "UnsupportedMediaType",
        "Unsupported Media Type",
        "unsupported_media",
        "Not a content type of this route.",
    ),
    Status.UNPROCESSABLE_ENTITY: Fault(
        "Unprocessable",
        "Unprocessable Content",
        "invalid_value",
        "A value is not acceptable; `errors` points to it.",
    ),
    Status.TOO_MANY_REQUESTS: Fault(
        "TooManyRequests",
        "Too Many Requests",
        "rate_limited",
        "Slow down.",
        ("Retry-After", "RateLimit-Policy", "RateLimit"),
    ),
    Status.INTERNAL_SERVER_ERROR: Fault(
        "InternalError", "Internal Server Error", "internal", "Something broke."
    ),
    Status.SERVICE_UNAVAILABLE: Fault(
        "Unavailable",
        "Service Unavailable",
        "unavailable",
        "Something that we need does not answer.",
        ("Retry-After",),
    ),
    Status.GATEWAY_TIMEOUT: Fault(
        "Timeout", "Gateway Timeout", "gateway_timeout", "The gateway waited in vain."
    ),
}
_ALWAYS = (
    Status.BAD_REQUEST,
    Status.TOO_MANY_REQUESTS,
    Status.INTERNAL_SERVER_ERROR,
    Status.SERVICE_UNAVAILABLE,
    Status.GATEWAY_TIMEOUT,
)
_BODY = (Status.REQUEST_ENTITY_TOO_LARGE, Status.UNSUPPORTED_MEDIA_TYPE, Status.UNPROCESSABLE_ENTITY)
Answer = tuple[Status, str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Said:
    """What is said of one route. ``answers``: status, schema (or ``""``), words, headers."""

    id: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    text: str = ""
    body: str = ""
    form: str = ""
    body_required: bool = True
    query: type[BaseModel] | None = None
    headers: tuple[dict[str, Any], ...] = ()
    faults: tuple[Status, ...] = ()

    def errors(self, *, public: bool, scoped: bool) -> Iterator[Status]:
        """Yield the statuses of everything that can go wrong on this route."""
        yield from _ALWAYS
        yield from () if public else (Status.UNAUTHORIZED,)
        yield from (Status.FORBIDDEN,) if scoped else ()
        yield from _BODY if self.body else ()
        yield from (Status.UNPROCESSABLE_ENTITY,) if self.query else ()
        yield from self.faults


def _header(name: str, text: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string", **schema}}


_PREFER = _header(
    "Prefer", "`wait=N`: hold the request up to N seconds (25 at most) for the result.", examples=["wait=20"]
)
_KEY = _header(
    "Idempotency-Key",
    "A name of your own, quoted or bare. Under it a request happens once; kept for a day.",
    minLength=1,
    maxLength=255,
    pattern='^(?:[!#-+.-~-]+|"[ !#-\\[\\]-~]+")$',
    examples=['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
)
_NONE, _404, _410 = ("",), Status.NOT_FOUND, Status.GONE
_OK, _CREATED, _ACCEPTED = Status.OK, Status.CREATED, Status.ACCEPTED
_WH = "/v1/webhooks"
_KM = "/v1/known-media"

OPERATIONS: dict[tuple[str, str], Said] = {
    ("POST", "/v1/analyses"): Said(
        "createAnalysis",
        "analyses",
        "Analyse a file",
        (
            (
                _OK,
                "AnalysisDocument",
                "Finished in time.",
                ("Location", "Preference-Applied", "Idempotency-Replayed"),
            ),
            (
                _ACCEPTED,
                "AnalysisDocument",
                "Under way; look again at `Location`.",
                ("Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed"),
            ),
        ),
        text="As JSON: an upload or a public URL. As multipart/form-data: the file itself, if it is small.",
        body="CreateAnalysis",
        form="FormAnalysis",
        headers=(_KEY, _PREFER),
        faults=(_404, Status.CONFLICT, _410),
    ),
    ("GET", "/v1/analyses"): Said(
        "listAnalyses",
        "analyses",
        "List analyses, newest first",
        ((_OK, "AnalysisList", "One page.", ("Link",)),),
        query=schemas.AnalysisQuery,
    ),
    ("GET", "/v1/analyses/{id}"): Said(
        "getAnalysis",
        "analyses",
        "Look at an analysis",
        ((_OK, "AnalysisDocument", "The analysis as it is now.", ("Retry-After", "Preference-Applied")),),
        headers=(_PREFER,),
        faults=(_404, _410),
    ),
    ("DELETE", "/v1/analyses/{id}"): Said(
        "deleteAnalysis",
        "analyses",
        "Erase an analysis",
        ((_OK, "DeletionReceipt", "Erased, or erased before.", ()),),
        text="Stops the run; erases media, artifacts and the record, every version. A tombstone stays.",
        faults=(_404,),
    ),
    ("GET", "/v1/analyses/{id}/deletion-receipt"): Said(
        "getDeletionReceipt",
        "analyses",
        "Fetch the receipt of an erasure",
        (
            (
                _OK,
                "DeletionReceipt",
                "Signed; the signature may differ each time, what it signs does not.",
                (),
            ),
        ),
        text="After a DELETE, or when zero retention has erased the media.",
        faults=(_404,),
    ),
    ("GET", "/v1/analyses/{id}/artifacts"): Said(
        "listArtifacts",
        "analyses",
        "List the artifacts of an analysis",
        ((_OK, "ArtifactList", "All of them.", ()),),
        faults=(_404, _410),
    ),
    ("GET", "/v1/analyses/{id}/artifacts/{name}"): Said(
        "getArtifact",
        "analyses",
        "Fetch an artifact",
        (
            (_OK, "ArtifactLink", "The link, for who accepts `application/json`.", ()),
            (Status.TEMPORARY_REDIRECT, "", "The artifact, for five minutes.", ("Location",)),
        ),
        faults=(_404, _410),
    ),
    ("POST", "/v1/uploads"): Said(
        "createUpload",
        "uploads",
        "Open a door for a large file",
        ((_CREATED, "UploadDocument", "Post `fields`, then the file, to `url` as a form.", ()),),
        text="Then `POST /v1/analyses` with the `upload_id`.",
        body="CreateUpload",
        body_required=False,
    ),
    ("POST", _KM): Said(
        "createKnownMedia",
        "known media",
        "Register a known fake, or a known original",
        ((_CREATED, "KnownMediaDocument", "Found from now on.", ("Location", "Idempotency-Replayed")),),
        text="Again with the same words it changes nothing. The entry outlives its analysis.",
        body="CreateKnownMedia",
        headers=(_KEY,),
        faults=(_404, Status.CONFLICT, _410),
    ),
    ("GET", _KM): Said(
        "listKnownMedia",
        "known media",
        "List known media, newest first",
        ((_OK, "KnownMediaList", "One page.", ("Link",)),),
        query=schemas.PageQuery,
    ),
    ("GET", _KM + "/{id}"): Said(
        "getKnownMedia",
        "known media",
        "Look at an entry",
        ((_OK, "KnownMediaDocument", "The entry.", ()),),
        faults=(_404,),
    ),
    ("DELETE", _KM + "/{id}"): Said(
        "deleteKnownMedia",
        "known media",
        "Forget an entry",
        ((Status.NO_CONTENT, "", "Forgotten, or never there.", ()),),
    ),
    ("POST", "/v1/tokens"): Said(
        "createToken",
        "tokens",
        "Make a token",
        ((_CREATED, "CreatedToken", "The token is shown only now.", ()),),
        text="It may not do more, nor live longer, than the one that makes it.",
        body="CreateToken",
    ),
    ("GET", "/v1/tokens"): Said(
        "listTokens",
        "tokens",
        "List tokens",
        ((_OK, "TokenList", "All of them; revoked and expired ones for 30 days.", ()),),
    ),
    ("DELETE", "/v1/tokens/{id}"): Said(
        "revokeToken",
        "tokens",
        "Revoke a token",
        ((Status.NO_CONTENT, "", "Revoked, or revoked before.", ()),),
        faults=(_404,),
    ),
    ("POST", _WH): Said(
        "createWebhook",
        "webhooks",
        "Make an endpoint",
        ((_CREATED, "CreatedWebhook", "The secret is shown only now.", ("Location",)),),
        body="CreateWebhook",
        faults=(Status.CONFLICT,),
    ),
    ("GET", _WH): Said(
        "listWebhooks", "webhooks", "List endpoints", ((_OK, "WebhookList", "All of them.", ()),)
    ),
    ("GET", _WH + "/{id}"): Said(
        "getWebhook",
        "webhooks",
        "Look at an endpoint",
        ((_OK, "WebhookDocument", "The endpoint.", ()),),
        faults=(_404,),
    ),
    ("DELETE", _WH + "/{id}"): Said(
        "deleteWebhook",
        "webhooks",
        "Remove an endpoint",
        ((Status.NO_CONTENT, "", "Removed, or never there.", ()),),
    ),
    ("POST", _WH + "/{id}/rotate-secret"): Said(
        "rotateWebhookSecret",
        "webhooks",
        "Give an endpoint a new secret",
        ((_OK, "CreatedWebhook", "The secret is shown only now.", ()),),
        text="The old secret signs along for 24 hours.",
        faults=(_404, Status.CONFLICT),
    ),
    ("POST", _WH + "/{id}/enable"): Said(
        "enableWebhook",
        "webhooks",
        "Turn an endpoint on again",
        ((_OK, "WebhookDocument", "The endpoint.", ()),),
        faults=(_404,),
    ),
    ("POST", _WH + "/{id}/test"): Said(
        "testWebhook",
        "webhooks",
        "Send a `webhook.test` event",
        ((_ACCEPTED, "DeliveryDocument", "On its way; see the delivery log.", ()),),
        faults=(_404,),
    ),
    ("GET", _WH + "/{id}/deliveries"): Said(
        "listDeliveries",
        "webhooks",
        "List deliveries, newest first",
        ((_OK, "DeliveryList", "One page of the log, kept for 30 days.", ("Link",)),),
        query=schemas.PageQuery,
        faults=(_404,),
    ),
    ("POST", _WH + "/{id}/deliveries/{delivery_id}/redeliver"): Said(
        "redeliver",
        "webhooks",
        "Send a delivery again",
        ((_ACCEPTED, "DeliveryDocument", "A new delivery with the same `webhook-id` and payload.", ()),),
        faults=(_404, Status.CONFLICT),
    ),
    ("GET", "/v1/account"): Said(
        "getAccount",
        "account",
        "Look at plan and usage",
        ((_OK, "Account", "Plan, limits, this month's usage and credits.", ()),),
    ),
    ("GET", "/v1/health"): Said(
        "getHealth", "service", "Whether the API answers", ((_OK, "Health", "It does.", ()),)
    ),
    ("GET", "/v1/limits"): Said(
        "getLimits", "service", "What this deployment accepts", ((_OK, "Limits", "The limits.", ()),)
    ),
    ("GET", "/v1/models"): Said(
        "listModels", "service", "Which detectors it has", ((_OK, "ModelList", "All of them.", ()),)
    ),
    ("GET", "/v1/keys"): Said(
        "getKeys",
        "service",
        "The public keys of deletion receipts",
        ((_OK, "KeySet", "A JWK Set.", ()),),
    ),
    ("GET", "/v1/openapi.json"): Said(
        "getOpenapi", "service", "This document", ((_OK, "object", "OpenAPI 3.1.", ()),), faults=(_404,)
    ),
}
