"""/docs: Swagger UI, from our own files, over the OpenAPI document of each API.

``apis/<name>.json`` is written by ``python -m openapi``: a new dialect shows here by being there.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bonafide.errors import NotFound
from bonafide.http import Response, Status, json_response
from bonafide.routing import PUBLIC, Call, Route, Router
from bonafide.settings import settings

__all__ = ["APIS", "ROUTES", "app"]

_HERE = Path(__file__).parent
_VENDORED = _HERE.parent / "swagger-ui"
_APIS = _HERE.parent / "apis"
FIRST = "bonafide"

APIS = (FIRST, *sorted({path.stem for path in _APIS.glob("*.json")} - {FIRST}))
"""The documents that there are, ours first."""

_KINDS = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", "": "text/plain"}
_FILES = {
    path.name: path
    for path in (*_VENDORED.iterdir(), _HERE / "docs.js", _HERE / "docs.css")
    if path.suffix in _KINDS
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Everything from here, nothing inline, nothing from elsewhere."""

_DAY = {"Cache-Control": "public, max-age=86400"}


def page(call: Call) -> Response:
    """GET /docs?api=<name>."""
    (wanted,) = call.request.query.get("api", (FIRST,))[:1]
    if wanted not in APIS:
        raise NotFound(f"There is no document of this API; there are {', '.join(APIS)}.")
    where = escape(urlsplit(call.request.url("/docs")).path, quote=True)
    entries = "".join(
        f'<a href="{where}?api={name}"{" aria-current=page" if name == wanted else ""}>'
        f"{escape(_document(name)['info']['title'])}</a>"
        for name in APIS
    )
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(_document(wanted)["info"]["title"])}: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{where}/swagger-ui.css">
<link rel="stylesheet" href="{where}/docs.css">
</head>
<body>
<nav aria-label="APIs">{entries}<a href="{where}/{wanted}.json">OpenAPI</a></nav>
<main id="api" data-document="{where}/{wanted}.json"></main>
<noscript>The document itself: <a href="{where}/{wanted}.json">{wanted}.json</a></noscript>
<script src="{where}/swagger-ui-bundle.js"></script>
<script src="{where}/docs.js"></script>
</body>
</html>
"""
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _POLICY}
    return Response(Status.OK, html.encode(), headers)


def file(call: Call) -> Response:
    """GET /docs/{name}: a document, or a part of the page."""
    name = call.params["name"]
    if name.removesuffix(".json") in APIS and name.endswith(".json"):
        return json_response(_served(name.removesuffix(".json"), call))
    path = _FILES.get(name)
    if path is None:
        raise NotFound("There is nothing at this address.")
    kind = f"{_KINDS[path.suffix]}; charset=utf-8"
    return Response(Status.OK, path.read_bytes(), {"Content-Type": kind} | _DAY)


def _served(name: str, call: Call) -> dict[str, Any]:
    """Return the document, naming this very deployment first.

    A dialect has this address too where all share one host: behind a custom domain, and locally.
    """
    document = _document(name)
    if name != FIRST and not settings().public_base_url:
        return document
    here = {"url": call.request.base_url, "description": "This deployment."}
    return document | {"servers": [here, *document.get("servers", ())]}


@cache
def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_APIS / f"{name}.json").read_text("utf-8"))
    return found


ROUTES = (
    Route("GET", "/docs", page, PUBLIC),
    Route("GET", "/docs/{name}", file, PUBLIC),
)

app = Router(ROUTES)
