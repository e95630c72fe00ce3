"""The core's words as /v1 documents. Every member is always there; what is unknown is null."""

from __future__ import annotations

from typing import Any

from bonafide.model import Analysis, Artifact
from bonafide.store.known import Entry
from bonafide.store.webhooks import Delivery, Endpoint
from bonafide.tokens import TokenRecord

__all__ = [
    "analysis",
    "artifacts",
    "delivery",
    "find_artifact",
    "known_media",
    "page",
    "summary",
    "token",
    "webhook",
]

_HIDDEN = {"tenant", "media_ref", "cost_usd", "dialect", "echo", "accepts", "media_deleted_at", "rule"}


def analysis(value: Analysis, base_url: str) -> dict[str, Any]:
    """Return the wire document of an analysis: its members, without where its bytes lie."""
    plain = value.model_dump(mode="json", exclude=_HIDDEN)
    for result in plain["results"]:
        result["artifacts"] = [artifact["name"] for artifact in result["artifacts"]]
    where = f"{base_url}/v1/analyses/{value.id}"
    return {
        "object": "analysis",
        **plain,
        "cost": None if value.cost_usd is None else {"usd": value.cost_usd},
        "artifacts": artifacts(value, base_url),
        "links": {"self": where, "artifacts": f"{where}/artifacts"},
    }


def summary(value: Analysis, base_url: str) -> dict[str, Any]:
    """Return what a list shows of an analysis: all but evidence, which would not fit a hundred times."""
    plain = value.model_dump(mode="json", exclude=_HIDDEN | {"results", "versions"})
    kept = {"operation", "outcome", "verdict", "p_fake", "reason"}
    where = f"{base_url}/v1/analyses/{value.id}"
    return {
        "object": "analysis",
        **plain,
        "results": [result.model_dump(mode="json", include=kept) for result in value.results],
        "cost": None if value.cost_usd is None else {"usd": value.cost_usd},
        "links": {"self": where, "artifacts": f"{where}/artifacts"},
    }


def artifacts(value: Analysis, base_url: str) -> list[dict[str, Any]]:
    """Return every artifact of every operation, each with the address that leads to it."""
    where = f"{base_url}/v1/analyses/{value.id}/artifacts"
    return [
        {
            "name": artifact.name,
            "operation": result.operation.value,
            "media_type": artifact.media_type,
            "title": artifact.title,
            "bytes": artifact.bytes,
            "href": f"{where}/{artifact.name}",
        }
        for result in value.results
        for artifact in result.artifacts
    ]


def find_artifact(value: Analysis, name: str) -> Artifact | None:
    """Return the artifact with this name, if its bytes are kept."""
    every = (artifact for result in value.results for artifact in result.artifacts)
    return next((artifact for artifact in every if artifact.name == name and artifact.key), None)


def token(record: TokenRecord) -> dict[str, Any]:
    """Return what may be shown of a token: never the token, never a hash."""
    return {"object": "token", **record.model_dump(mode="json", exclude={"tenant", "hash", "account"})}


def known_media(entry: Entry) -> dict[str, Any]:
    """Return an entry of the index of known media."""
    return {"object": "known_media", **entry.model_dump(mode="json", exclude={"tenant"})}


def webhook(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint, without its secret."""
    return {"object": "webhook", **endpoint.model_dump(mode="json")}


def delivery(value: Delivery) -> dict[str, Any]:
    """Return one entry of the delivery log."""
    return {"object": "delivery", **value.model_dump(mode="json", exclude={"url", "headers"})}


def page(entries: list[dict[str, Any]], next_cursor: str | None = None) -> dict[str, Any]:
    """Return one page of a list."""
    return {"object": "list", "data": entries, "next_cursor": next_cursor}
