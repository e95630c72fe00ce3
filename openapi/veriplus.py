"""The OpenAPI 3.1 document of the VeriPlus dialect, made of its routes, models and error table."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from openapi.native import ROOT, render_yaml

FUNCTION = ROOT / "functions" / "api_veriplus"
if str(FUNCTION) not in sys.path:
    sys.path.insert(0, str(FUNCTION))

from bonafide.fuse import verdict_of  # noqa: E402
from bonafide.http import Status  # noqa: E402
from bonafide.model import (  # noqa: E402
    Analysis,
    Evidence,
    Flag,
    FrameScore,
    Interval,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Options,
    Outcome,
    Region,
    Source,
    State,
    Track,
)
from bonafide.policy import judge, policy  # noqa: E402
from bonafide.routing import Route  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from veriplus import documents, jobs, translate, words  # noqa: E402
from veriplus.app import ROUTES  # noqa: E402
from veriplus.hooks import CreateWebhook  # noqa: E402
from veriplus.shapes import STATUS  # noqa: E402
from veriplus.words import MEDIA, AnalysisType, Event, Media  # noqa: E402

from openapi.shapes import head, parameters, paths, refused, schemas  # noqa: E402

__all__ = ["ROUTES", "analysis", "build", "documents", "example", "outputs"]

JSON, FORM = "application/json", "multipart/form-data"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"
_REF = "#/components/schemas/"
_V4, _V3 = "/api/v4/deepfake", "/api/v3/webhooks"
_ALWAYS = (400, 401, 403, 405, 429, 500, 503)
_WORDS = {
    400: "A value is missing or not acceptable, the format is not taken, or no face was found.",
    401: "No key, or none of ours.",
    402: "This month's credits do not cover it.",
    403: "The key lacks the scope.",
    404: "Absent, or another tenant's.",
    405: "The path exists, the method does not.",
    409: "The present state forbids it.",
    413: "The file is too large; the message names the way round, if there is one.",
    429: "Too many requests. Never of jobs: those are queued.",
    500: "A technical failure.",
    503: "A part does not answer; try again.",
}


@dataclass(frozen=True)
class Said:
    """What is said of a route that its code does not say."""

    id: str
    summary: str
    text: str
    answers: dict[int, str]
    faults: tuple[int, ...] = ()


_SYNCHRONOUS = (
    " The result, if it is there within 25 s; else 202 with the job. It counts against the plan's concurrent"
    " jobs, and may be queued. `Prefer: wait=5` waits less, `Prefer: respond-async` not at all."
)
_UPLOAD = " Outside this schema, `upload_id` (of `POST /v1/uploads`) may stand in for the file."
_BEGUN = (402, 404, 409, 413)
_POSTS = {
    "image": Said("analyseImage", "Detect deepfake in image", "2 credits." + _SYNCHRONOUS + _UPLOAD,
                  {200: "ImageAnswer", 202: "CreatedAnswer"}, _BEGUN),
    "video": Said("analyseVideo", "Detect deepfake in video",
                  "5 credits up to 60 s, 10 above; 10 are held until the duration is known. Poll `Location`,"
                  " or better: register a webhook. Always enable liveness for verification videos." + _UPLOAD,
                  {202: "CreatedAnswer"}, _BEGUN),
    "audio": Said("analyseAudio", "Detect voice cloning and synthetic speech", "3 credits." + _SYNCHRONOUS
                  + _UPLOAD + " `referenceAudio` is checked and not kept: no detector compares voices yet, so"
                  " `voicePrintMatch` is null.", {200: "AudioAnswer", 202: "CreatedAnswer"}, _BEGUN),
    "document": Said("analyseDocument", "Detect forged documents", "2 credits. An addition of ours: the"
                     " vendor sells it without an endpoint." + _SYNCHRONOUS + _UPLOAD,
                     {200: "ImageAnswer", 202: "CreatedAnswer"}, _BEGUN),
}  # fmt: skip
SAID = {("POST", f"{_V4}/analyse/{name}"): said for name, said in _POSTS.items()} | {
    ("GET", f"{_V4}/jobs"): Said(
        "listJobs", "List all deepfake analysis jobs",
        "Newest first, 0 credits. A page may have fewer jobs than `limit` and still not be the last.",
        {200: "JobList"},
    ),
    ("GET", f"{_V4}/jobs/{{id}}"): Said(
        "getJob", "Check analysis job status",
        "0 credits. `FAILED` jobs have an `error`: a poller must stop on it as on `COMPLETED`.",
        {200: "JobAnswer"}, (404,),
    ),
    ("POST", _V3): Said(
        "createWebhook", "Register a webhook", "The only answer that shows the secret.",
        {201: "WebhookCreatedAnswer"}, (409, 413),
    ),
    ("GET", _V3): Said("listWebhooks", "List webhooks", "Without their secrets.", {200: "WebhookList"}),
    ("GET", f"{_V3}/{{id}}"): Said("getWebhook", "Look at a webhook", "Without its secret.",
                                    {200: "WebhookAnswer"}, (404,)),
    ("DELETE", f"{_V3}/{{id}}"): Said("deleteWebhook", "Remove a webhook", "What is under way is delivered.",
                                       {200: "DeletedAnswer"}, (404,)),
}  # fmt: skip

_OPTIONS = {
    "returnDetails": "Include detailed analysis.",
    "includeLiveness": "Include liveness detection.",
    "returnSuspiciousFrames": "Return the suspicious frames.",
}
_OF = {
    Media.IMAGE: ("returnDetails",),
    Media.DOCUMENT: ("returnDetails",),
    Media.VIDEO: ("includeLiveness", "returnSuspiciousFrames"),
    Media.AUDIO: (),
}


def outputs() -> dict[Any, str]:
    """Return every file that is made from the code, with its text."""
    return {ROOT / "openapi" / "veriplus.yaml": render_yaml(build())}


def build() -> dict[str, Any]:
    """Return the document."""
    document = {
        **head({
            "title": "Bonafide, VeriPlus dialect",
            "summary": "The Deepfake Detection API v4 as clients of VeriPlus know it; host and key differ.",
            "description": _GUIDE,
        }),
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": [{"name": "deepfake", "description": "Deepfake detection."},
                 {"name": "webhooks", "description": "Where events go."}],
        "paths": paths(ROUTES, _operation),
        "webhooks": {event.value: {"post": _webhook(event)} for event in Event},
        "components": {
            "schemas": _components(),
            "responses": {Status(code).name: _fault(code) for code in _WORDS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of Bonafide's."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }  # fmt: skip
    plain: dict[str, Any] = json.loads(json.dumps(document))  # members of enumerations become text
    return plain


_GUIDE = """\
Scan selfies and identity documents during identity verification. `confidence` is P(deepfake) in percent;
the tenant's policy makes the recommendation of it: `table` rejects from 90, wants a manual review from 70 and
enhanced verification from 40; `reject70` rejects from 70. Both accept below 40, and only if every decisive
question was answered. Have people review what lies between, monitor false positives, and always enable
liveness detection for verification videos (it is off by default, as the vendor has it). Use webhooks for
videos: an analysis takes 30 to 120 seconds. Jobs over the plan's limit (FREE 1, BASIC 3, PROFESSIONAL 10,
ENTERPRISE 50) are queued, never refused.
"""


def _operation(route: Route) -> dict[str, Any]:
    said = SAID[route.method, route.path]
    good = {str(code): _answer(code, name) for code, name in said.answers.items()}
    operation = {
        "operationId": said.id,
        "tags": ["webhooks" if route.path.startswith(_V3) else "deepfake"],
        "summary": said.summary,
        "description": f"{said.text} Scope `{route.scope}`.",
        "parameters": _parameters(route),
        "responses": good | refused({*_ALWAYS, *said.faults}),
    }
    if route.method == "POST":
        operation["requestBody"] = _body(route)
    return {name: value for name, value in operation.items() if value != []}


def _answer(code: int, name: str) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": _REF + name}, "example": example(name)}}
    told: dict[str, Any] = {"description": getattr(documents, name).__doc__, "content": content}
    if code in (201, 202):
        told["headers"] = {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}
    if name == "JobList":
        text = 'The next page, `rel="next"`, if there is one.'
        told["headers"] = {"Link": {"description": text, "schema": {"type": "string"}}}
    return told


def _parameters(route: Route) -> list[dict[str, Any]]:
    if 200 in SAID[route.method, route.path].answers and "/analyse/" in route.path:
        text = "`wait=5`, or `respond-async`."
        return [{"name": "Prefer", "in": "header", "description": text, "schema": {"type": "string"}}]
    found = parameters(route.path, jobs.ListQuery if route.path.endswith("/jobs") else None, ())
    for parameter in found:
        if "$ref" in parameter["schema"]:
            kind = words.Status if parameter["name"] == "status" else words.Media
            parameter["schema"] = {"type": "string", "enum": [one.value for one in kind]}
    return found


def _body(route: Route) -> dict[str, Any]:
    if route.path == _V3:
        wish = {"url": "https://example.com/hooks/veriplus", "events": [Event.DETECTED.value]}
        return {
            "required": True,
            "content": {JSON: {"schema": {"$ref": _REF + "CreateWebhook"}, "example": wish}},
        }
    medium = MEDIA[Media(route.path.rpartition("/")[2].upper())]
    file = {"type": "string", "format": "binary"}
    text = f"{medium.formats}; at most {medium.max_bytes} bytes."
    members: dict[str, Any] = {medium.part: file | {"description": text}}
    if medium.types:
        kinds = [kind.value for kind in medium.types]
        members["analysisType"] = {"type": "string", "enum": kinds, "default": AnalysisType.GENERAL.value}
    if medium.media is Media.AUDIO:
        members["referenceAudio"] = file | {"description": "Known authentic sample for comparison."}
    for name in _OF[medium.media]:
        members[name] = {"type": "boolean", "default": False, "description": _OPTIONS[name]}
    schema = {"type": "object", "properties": members, "required": [medium.part]}
    return {"required": True, "content": {FORM: {"schema": schema}}}


def _webhook(event: Event) -> dict[str, Any]:
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": "on" + event.value.partition(".")[2].title().replace("_", ""),
        "tags": ["webhooks"],
        "summary": event.value,
        "description": "Tried again for about a day unless 2xx (410 ends it). Standard Webhooks headers too.",
        "security": [],
        "parameters": [
            header | {"name": "X-Veriplus-Signature",
                      "description": "`sha256=` and the hexadecimal HMAC-SHA256 of the body by the secret."},
            header | {"name": "X-Veriplus-Event", "description": "The event."},
            header | {"name": "X-Veriplus-Delivery", "description": "The same over all tries."},
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"$ref": _REF + "EventBody"}, "example": _event(event)}},
        },
        "responses": {"2XX": {"description": "Taken."}, "4XX": {"description": "Tried again."}},
    }  # fmt: skip


def _event(event: Event) -> dict[str, Any]:
    return translate.told(_failed() if event is Event.FAILED else analysis(Media.VIDEO), event)


def _fault(code: int) -> dict[str, Any]:
    name = next(name for name, status in STATUS.items() if int(status) == code)
    meta = {"timestamp": "2026-01-31T12:00:05Z", "requestId": "4a7f6f2e-1d0a-4c0b-9a0e-0d8f7f2b6c11"}
    said = {"success": False, "error": {"code": name.value, "message": _WORDS[code]}, "meta": meta}
    return {
        "description": _WORDS[code],
        "content": {JSON: {"schema": {"$ref": _REF + "Fault"}, "example": said}},
    }


def _components() -> dict[str, Any]:
    models = [getattr(documents, name) for name in documents.__all__]
    made = schemas([model for model in models if issubclass(model, BaseModel)], "serialization")
    for schema in made.values():
        schema.pop("additionalProperties", None)  # answers may grow
    return dict(sorted((made | schemas([CreateWebhook], "validation")).items()))


# ---- examples: made by the code that answers ---------------------------------------------------------


def example(name: str) -> dict[str, Any]:
    """Return an example of an answer."""
    hook: dict[str, Any] = {
        "webhookId": "wh_01kg9q2d00xv4t8w6j5y3m1n7p", "url": "https://example.com/hooks/veriplus",
        "events": [Event.DETECTED.value], "description": "", "status": "ACTIVE",
        "createdAt": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    pages = {"limit": 20, "count": 1, "hasMore": False, "nextCursor": None}
    found: dict[str, dict[str, Any]] = {
        "ImageAnswer": {"data": translate.data(analysis(Media.IMAGE))},
        "AudioAnswer": {"data": translate.data(analysis(Media.AUDIO))},
        "CreatedAnswer": {"data": translate.created(analysis(Media.VIDEO), words.Status.PROCESSING)},
        "JobAnswer": {"data": translate.job(analysis(Media.VIDEO))},
        "JobList": {"data": [translate.listed(analysis(Media.VIDEO))], "pagination": pages},
        "WebhookAnswer": {"data": hook},
        "WebhookCreatedAnswer": {"data": hook | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
        "WebhookList": {"data": [hook]},
        "DeletedAnswer": {"data": {"webhookId": hook["webhookId"], "deleted": True}},
    }
    return {"success": True, **found[name]}


def analysis(media: Media) -> Analysis:
    """Return a finished analysis of this medium."""
    results = _RESULTS[media]
    kind = MediaKind(media.lower())
    kept = {"media": media.value, "type": "GENERAL", "details": True, "liveness": True, "frames": True}
    return Analysis(
        id=ID, tenant="acme", state=State.COMPLETED, media=_FACTS[media],
        source=Source(type="inline", filename="verification_video.mp4"), options=Options(policy="table"),
        dialect=words.DIALECT, echo={"kept": kept | {"bytes": 8_388_608}}, results=results,
        verdict=verdict_of(results, kind, policy("table")), created_at=NOON,
        completed_at=NOON + timedelta(seconds=5),
    )  # fmt: skip


def _failed() -> Analysis:
    failure = {"code": "unreadable_media", "detail": "The file cannot be read."}
    base = analysis(Media.VIDEO).model_dump()
    return Analysis.model_validate(base | {"state": "failed", "failure": failure})


def _result(operation: Operation, p_fake: float, low: float, **evidence: Any) -> OperationResult:
    return OperationResult(
        operation=operation, outcome=Outcome.SCORED, verdict=judge(policy("table"), p_fake, None),
        p_fake=p_fake, interval=Interval(low=low, high=0.99), evidence=Evidence(**evidence),
    )  # fmt: skip


def _facts(kind: MediaKind, form: str, **more: Any) -> MediaFacts:
    return MediaFacts(kind=kind, format=form, mime=f"{kind}/{form}", bytes=8_388_608, sha256="0" * 64, **more)


_FACTS = {
    Media.IMAGE: _facts(MediaKind.IMAGE, "jpeg", width=1920, height=1080),
    Media.AUDIO: _facts(MediaKind.AUDIO, "mp3", duration_s=5.2),
    Media.VIDEO: _facts(
        MediaKind.VIDEO, "mp4", duration_s=12.5, width=1280, height=720,
        tracks=(Track(index=0, type="video", codec="h264", width=1280, height=720, fps=30.0),),
    ),
}  # fmt: skip
_LIGHT = Flag(code="inconsistent_lighting", message="The light on the face comes from elsewhere.")
_BLINK = Flag(code="irregular_blinking", message="Blinking is irregular.")
_RESULTS: dict[Media, tuple[OperationResult, ...]] = {
    Media.IMAGE: (
        _result(
            Operation.FACE_MANIPULATION, 0.93, 0.82, flags=(_LIGHT,),
            regions=(Region(x=120, y=80, width=280, height=320, score=0.89),),
        ),
    ),
    Media.AUDIO: (_result(Operation.SYNTHETIC_SPEECH, 0.94, 0.91),),
    Media.VIDEO: (
        _result(
            Operation.FACE_MANIPULATION, 0.89, 0.85,
            frames=(FrameScore(index=45, time_s=1.5, p_fake=0.91, note="face_lost"),),
            values={"face_confidence": 0.76, "face_stable": False},
        ),
        _result(Operation.TEMPORAL_COHERENCE, 0.58, 0.4, flags=(_BLINK,)),
    ),
}  # fmt: skip
