"""`template.yaml` as CloudFormation sees it: expanded by the real SAM translator, offline.

    expanded()                   the whole expansion (a fresh copy; the work is done once a process)
    resources("AWS::SQS::Queue") logical id -> resource, of one type
    functions()                  folder of functions/ -> its AWS::Lambda::Function
    definition()                 the state machine's JSON
    substitutions()              the ``${name}`` of it -> what the template puts there

`expand(text)` takes any template text: a rule's test hands it a broken one and sees the rule fail.
Nothing here touches the network, boto3 or credentials.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

__all__ = [
    "ROOT",
    "definition",
    "expand",
    "expanded",
    "folder",
    "functions",
    "resources",
    "source",
    "substitutions",
    "tasks",
    "walk",
]

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
_CODE = {"Bucket": "packages", "Key": "code.zip"}
_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/bonafide:latest"

Template = dict[str, Any]


class _NoManagedPolicies:
    """The template names no AWS managed policy, so that there is nothing to look up."""

    def load(self) -> dict[str, str]:
        return {}


def source() -> Template:
    """Return `template.yaml` as written (intrinsics in their long form)."""
    return copy.deepcopy(_parsed())


@lru_cache(maxsize=1)
def _parsed() -> Template:
    parsed: Template = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    return parsed


def expand(template: str | Template) -> Template:
    """Return what CloudFormation would get after `sam package`: code in S3, the ASL as a string."""
    plain: Template = yaml_parse(template) if isinstance(template, str) else copy.deepcopy(template)
    machines = _package(plain)
    # The translator asks boto3 for the region only; it must not find the machine's own.
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = REGION
    level = logging.getLogger("samtranslator").level
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    try:
        done: Template = transform(plain, _defaults(plain), _NoManagedPolicies())
    finally:
        logging.getLogger("samtranslator").setLevel(level)
        if before is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = before
    for name, text in machines.items():
        properties = done["Resources"][name]["Properties"]
        properties.pop("DefinitionS3Location", None)
        properties["DefinitionString"] = text
    return json.loads(json.dumps(done))  # type: ignore[no-any-return]  # plain dicts, no translator types


def _package(template: Template) -> dict[str, str]:
    """Do what `sam package` does: local paths become addresses. Returns the state machines' texts."""
    machines = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function" if properties.get("PackageType") == "Image":
                properties["ImageUri"] = _IMAGE
            case "AWS::Serverless::Function":
                properties["CodeUri"] = dict(_CODE)
            case "AWS::Serverless::LayerVersion":
                properties["ContentUri"] = dict(_CODE)
            case "AWS::Serverless::StateMachine":
                machines[name] = (ROOT / properties["DefinitionUri"]).read_text("utf-8")
                properties["DefinitionUri"] = "s3://packages/definition.json"
    return machines


def _defaults(template: Template) -> dict[str, Any]:
    return {
        name: parameter["Default"]
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }


def expanded() -> Template:
    """Return the expansion of `template.yaml`; the caller may change it."""
    return copy.deepcopy(_expanded())


@lru_cache(maxsize=1)
def _expanded() -> Template:
    return expand(_parsed())


def resources(kind: str, template: Template | None = None) -> dict[str, dict[str, Any]]:
    """Return the resources of one CloudFormation type by logical id."""
    found = (template or expanded())["Resources"]
    return {name: resource for name, resource in found.items() if resource["Type"] == kind}


def folder(resource: dict[str, Any]) -> str:
    """Return the folder of functions/ that a SAM function is built from."""
    arguments = resource.get("Metadata", {}).get("DockerBuildArgs")
    return arguments["FUNCTION"] if arguments else Path(resource["Properties"]["CodeUri"]).name


def functions(template: Template | None = None) -> dict[str, dict[str, Any]]:
    """Return folder of functions/ -> the expanded AWS::Lambda::Function, with its ``LogicalId``."""
    lambdas = resources("AWS::Lambda::Function", template)
    return {
        folder(resource): lambdas[name] | {"LogicalId": name}
        for name, resource in _parsed()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and name in lambdas
    }


def definition() -> dict[str, Any]:
    """Return the state machine as written."""
    parsed: dict[str, Any] = json.loads((ROOT / "statemachine/analysis.asl.json").read_text("utf-8"))
    return parsed


def substitutions() -> dict[str, Any]:
    """Return what the template puts in place of each ``${name}`` of the state machine."""
    (machine,) = (r for r in _parsed()["Resources"].values() if r["Type"] == "AWS::Serverless::StateMachine")
    found: dict[str, Any] = copy.deepcopy(machine["Properties"]["DefinitionSubstitutions"])
    return found


def tasks(states: dict[str, Any] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state of the machine by name, those inside a Map or Parallel too."""
    for name, state in (states if states is not None else definition()["States"]).items():
        yield name, state
        inner = state.get("ItemProcessor") or state.get("Iterator")
        for branch in [*([inner] if inner else []), *state.get("Branches", [])]:
            yield from tasks(branch["States"])


def walk(value: Any) -> Iterator[Any]:
    """Yield ``value`` and everything inside it."""
    yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from walk(inner)


def placeholders(text: str) -> set[str]:
    """Return the names of all ``${name}`` in ``text``."""
    return set(re.findall(r"\$\{([A-Za-z0-9:.]+)\}", text))
