"""/docs and the keys of receipts behind the front: open to everybody, and of this deployment."""

from __future__ import annotations

import re

from tests.helpers.cloud import Api, Cloud


def test_docs_are_served(cloud: Cloud) -> None:
    stranger = Api(cloud.base_url)
    page = stranger("GET", "/docs")
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    links = set(re.findall(r'(?:href|src|data-document)="(/[^"]+)"', page.body.decode()))
    assert {"/docs/swagger-ui-bundle.js", "/docs/bonafide.json", "/docs?api=phonexia"} <= links
    for link in links:
        assert stranger("GET", link).status == 200, link
    for name in ("bonafide", "phonexia", "resemble"):
        document = stranger("GET", f"/docs/{name}.json").json
        assert document["servers"][0]["url"] == cloud.base_url
        assert document["openapi"].startswith("3.1")
    assert stranger("GET", "/docs/nothing").status == 404


def test_the_documents_addresses_are_answered(cloud: Cloud, api: Api) -> None:
    """What /docs would try is there: each document's first address, below its own server."""
    for name in ("bonafide", "phonexia", "resemble"):
        document = api("GET", f"/docs/{name}.json").json
        path = next(iter(document["paths"]))
        assert api("GET", document["servers"][0]["url"] + path).status in (200, 400, 405), path
