"""Pydantic's JSON schemas, tidied for people and generators."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import bonafide
from bonafide.http import Status
from bonafide.routing import Route
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

__all__ = ["LOCAL", "Said", "components", "head", "parameters", "paths", "refused", "schemas"]

_REF = "#/components/schemas/{model}"
LOCAL: dict[str, Any] = {
    "url": "http://127.0.0.1:{port}",
    "description": "The local cloud.",
    "variables": {"port": {"default": "4567"}},
}
"""The server that every document names."""


@dataclass(frozen=True)
class Said:
    """What is said of a route that its code does not say."""

    id: str
    summary: str
    text: str
    answer: str
    faults: tuple[int, ...] = ()


def head(info: dict[str, Any], servers: Sequence[dict[str, Any]] = (LOCAL,)) -> dict[str, Any]:
    """Return what every document begins with; ``info`` lacks version and licence."""
    licence = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {"title": info["title"], "version": bonafide.__version__, **info, "license": licence},
        "servers": [copy.deepcopy(server) for server in servers],
    }


def paths(routes: Iterable[Route], operation: Callable[[Route], dict[str, Any]]) -> dict[str, Any]:
    """Return the operations by path and method, in the routes' order."""
    found: dict[str, dict[str, Any]] = {}
    for route in routes:
        found.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return found


def refused(codes: Iterable[int]) -> dict[str, Any]:
    """Return references to the answers of these statuses, lowest first."""
    return {str(code): {"$ref": f"#/components/responses/{Status(code).name}"} for code in sorted(set(codes))}


def components(answers: ModuleType, requests: ModuleType) -> dict[str, Any]:
    """Return the schemas of all wire models. Answers may grow: unknown members must not upset a client."""
    made = _schemas(answers, "serialization")
    for schema in made.values():
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
    sent = _schemas(requests, "validation")
    renamed = {name: f"{name}Input" for name in sent if name in made and sent[name] != made[name]}
    for name, schema in sent.items():
        made[renamed.get(name, name)] = _repoint(schema, renamed)
    _form(made)
    return dict(sorted(made.items()))


def _schemas(module: ModuleType, mode: Any) -> dict[str, Any]:
    models = [getattr(module, name) for name in module.__all__]
    wanted = [
        m
        for m in models
        if isinstance(m, type) and issubclass(m, BaseModel) and not m.__name__.endswith("Query")
    ]
    return schemas(wanted, mode)


def schemas(models: Iterable[type[BaseModel]], mode: Any) -> dict[str, Any]:
    """Return the schemas of some models and of all that they hold, tidied."""
    _, found = models_json_schema([(model, mode) for model in models], ref_template=_REF)
    return {name: _tidy(schema) for name, schema in found["$defs"].items()}


def _form(made: dict[str, Any]) -> None:
    """Say in the form's schema what pydantic does not see: the file, and how operations may be written."""
    form = made["FormAnalysis"]
    form["properties"] = {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "The bytes, up to `inline_bytes` of GET /v1/limits.",
        },
        **form["properties"],
    }
    form["properties"]["operations"]["description"] = "Repeated, or one part with commas."
    form["properties"]["client_reference"] = {"type": "string", "maxLength": 200}
    form["required"] = ["file"]


def _tidy(node: Any, *, named: bool = False) -> Any:
    """Drop titles and empty defaults; write ``anyOf [x, null]`` as a list of types.

    ``named``: the node holds members by name, and is no schema itself.
    """
    if isinstance(node, list):
        return [_tidy(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    if named:
        return {name: _tidy(schema) for name, schema in node.items()}
    node = {k: v for k, v in node.items() if k != "title" and not (k == "default" and v in (None, "", []))}
    options = node.get("anyOf")
    if (
        options
        and len(options) == 2
        and options[1] == {"type": "null"}
        and isinstance(options[0].get("type"), str)
        and not {"enum", "const"} & options[0].keys()  # null would have to be among their values
    ):
        rest = {k: v for k, v in node.items() if k != "anyOf"}
        node = options[0] | {"type": [options[0]["type"], "null"]} | rest
    keep = ("default", "example", "examples", "enum", "const")
    return {k: v if k in keep else _tidy(v, named=k in ("properties", "$defs")) for k, v in node.items()}


def _repoint(node: Any, renamed: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_repoint(entry, renamed) for entry in node]
    if not isinstance(node, dict):
        return node
    found = {name: _repoint(value, renamed) for name, value in node.items()}
    if isinstance(target := found.get("$ref"), str):
        head, _, name = target.rpartition("/")
        found["$ref"] = f"{head}/{renamed.get(name, name)}"
    return found


def parameters(
    path: str, query: type[BaseModel] | None, headers: tuple[dict[str, Any], ...]
) -> list[dict[str, Any]]:
    """Return the parameters of a route: those of its path, its query model, its headers."""
    found: list[dict[str, Any]] = []
    for name in re.findall(r"\{(\w+)\}", path):
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$" if name == "name" else "^[A-Za-z0-9_-]{1,64}$"
        found.append(
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
        )
    if query:
        schema = query.model_json_schema(ref_template=_REF)
        for name, member in schema["properties"].items():
            found.append(_query_parameter(name, member))
    return [*found, *headers]


def _query_parameter(name: str, member: dict[str, Any]) -> dict[str, Any]:
    text = member.get("description", "")
    options = [option for option in member.get("anyOf", ()) if option != {"type": "null"}]
    schema = _tidy(options[0] if options else {k: v for k, v in member.items() if k != "description"})
    found = {"name": name, "in": "query", "description": text, "schema": schema}
    return {key: value for key, value in found.items() if value != ""}
