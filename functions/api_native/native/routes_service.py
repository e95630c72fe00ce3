"""What the service says of itself: limits, models, health, its own OpenAPI document."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import bonafide
from bonafide import media, own, receipts, shelf
from bonafide.errors import NotFound
from bonafide.http import Response, Status, json_response
from bonafide.model import Operation
from bonafide.policy import POLICIES
from bonafide.routing import PUBLIC, Call, Route
from bonafide.settings import settings
from bonafide.store import claims
from bonafide.waiting import MAX_WAIT_S

from native import render
from native.routes_uploads import LINK_S

__all__ = ["FORMATS", "ROUTES"]

FORMATS = {
    "image": ["jpg", "jpeg", "jfif", "png", "tiff", "gif", "webp", "bmp", "avif", "heic"],
    "audio": [
        "wav", "mp3", "m4a", "ogg", "aac", "flac", "amr", "aiff", "caf", "au", "w64", "wma", "ac3", "eac3",
        "mp2", "mkv", "webm", "3gp", "wv", "tta", "ape", "mpc", "tak", "dsf", "voc",
    ],
    "video": ["mkv", "flv", "mov", "mp4", "avi", "wmv", "webm", "3gp", "ts", "mpg"],
    "document": ["pdf"],
}  # fmt: skip
"""The usual ones (decisions 0071, 0102); a file is judged by its bytes, not by its name."""

_CATALOGUE = Path(bonafide.__file__).parent / "catalogue.json"
_OPENAPI = Path(__file__).parent / "openapi.json"


def health(_call: Call) -> Response:
    """GET /v1/health."""
    return json_response({"status": "ok", "version": bonafide.__version__})


def limits(_call: Call) -> Response:
    """GET /v1/limits."""
    own = settings()
    document = {
        "object": "limits",
        "inline_bytes": own.inline_limit_bytes,
        "upload_bytes": own.upload_limit_bytes,
        "upload_seconds": media.UPLOAD_LIFE_S,
        "link_seconds": LINK_S,
        "wait_seconds": MAX_WAIT_S,
        "fetch_seconds": own.fetch_timeout_s,
        "idempotency_key_seconds": claims.LIFETIME_S,
        "retention_days": own.retention_days,
        "page_entries": 100,
        "operations": [operation.value for operation in Operation],
        "policies": list(POLICIES),
        "formats": FORMATS,
    }
    return json_response(document)


def models(_call: Call) -> Response:
    """GET /v1/models: those of this version, then the owner's, in shadow or promoted."""
    owned = [{"object": "model", **row} for row in own.rows(shelf.read())]
    return json_response(render.page([*_catalogue(), *owned]))


def keys(_call: Call) -> Response:
    """GET /v1/keys: what verifies deletion receipts, as a JWK Set."""
    return json_response(receipts.jwks())


def openapi(_call: Call) -> Response:
    """GET /v1/openapi.json."""
    if not _OPENAPI.is_file():
        raise NotFound("This deployment carries no OpenAPI document.")
    return Response(Status.OK, _OPENAPI.read_bytes(), {"Content-Type": "application/json"})


@lru_cache(maxsize=1)
def _catalogue() -> list[dict[str, Any]]:
    """Return the detectors and models that this version ships; none if the catalogue was not written."""
    if not _CATALOGUE.is_file():
        return []
    return [{"object": "model", **entry} for entry in json.loads(_CATALOGUE.read_text("utf-8"))]


ROUTES = (
    Route("GET", "/v1/health", health, PUBLIC),
    Route("GET", "/v1/limits", limits),
    Route("GET", "/v1/models", models),
    Route("GET", "/v1/keys", keys, PUBLIC),
    Route("GET", "/v1/openapi.json", openapi, PUBLIC),
)
