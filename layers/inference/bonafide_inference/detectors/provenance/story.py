"""What manifests tell of the content's making: source types, actions, ingredients. Text of the signer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

__all__ = ["CAPTURED", "GENERATED", "GENERATED_PARTS", "Story", "outline", "story_of"]

GENERATED = {"trainedAlgorithmicMedia"}
GENERATED_PARTS = {"compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"}
CAPTURED = {"digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"}
"""Last parts of IPTC's digital source type addresses."""

MAX_MANIFESTS = 20
MAX_ITEMS = 30
MAX_TEXT = 200
_MAX_HOPS = 12


class Story:
    """Source types by where they stand: of the content itself, its origin, and its parts."""

    def __init__(self, own: list[str], origin: list[str], parts: list[str], generator: str | None) -> None:
        self.own, self.origin, self.parts, self.generator = own, origin, parts, generator

    @property
    def reading(self) -> str:
        """``generated``, ``generated_then_edited``, ``with_generated_parts``, ``captured`` or ``other``."""
        if GENERATED & set(self.own):
            return "generated"
        if GENERATED & set(self.origin):
            return "generated_then_edited"
        if (GENERATED | GENERATED_PARTS) & set(self.parts) or GENERATED_PARTS & {*self.own, *self.origin}:
            return "with_generated_parts"
        return "captured" if CAPTURED & {*self.own, *self.origin} else "other"


def story_of(tree: dict[str, Any]) -> Story:
    """Read the active manifest, follow its ``parentOf`` ingredients to the origin, note the other parts."""
    manifests = tree.get("manifests") if isinstance(tree.get("manifests"), dict) else {}
    label = tree.get("active_manifest")
    own: list[str] = []
    origin: list[str] = []
    parts: list[str] = []
    generator = _generator(_table(manifests, label))
    seen: set[str] = set()
    for hop in range(_MAX_HOPS):
        if not isinstance(label, str) or label in seen:
            break
        seen.add(label)
        manifest = _table(manifests, label)
        made, changed = _sources(manifest)
        (own if hop == 0 else origin).extend(made)
        parts.extend(changed)
        if hop and GENERATED & set(made):
            generator = _generator(manifest)
        label = None
        for ingredient in _tables(manifest.get("ingredients")):
            inner = ingredient.get("active_manifest")
            if ingredient.get("relationship") == "parentOf":
                label = inner
            else:
                parts.extend(chain.from_iterable(_sources(_table(manifests, inner))))
            stated = _last(ingredient.get("digitalSourceType") or ingredient.get("digital_source_type"))
            parts.extend([stated] if stated else [])
    return Story(own[:MAX_ITEMS], origin[:MAX_ITEMS], parts[:MAX_ITEMS], generator)


def _sources(manifest: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Source types of (making or opening the whole, changing or adding a part)."""
    made: list[str] = []
    changed: list[str] = []
    for action in _actions(manifest):
        source = _last(action.get("digitalSourceType"))
        if source:
            (
                made if action.get("action") in ("c2pa.created", "c2pa.opened", "c2pa.converted") else changed
            ).append(source)
    for assertion in _tables(manifest.get("assertions")):
        data = assertion.get("data")
        source = _last(data.get("digitalSourceType")) if isinstance(data, dict) else None
        if source and "actions" not in str(assertion.get("label")):
            made.append(source)
    return made, changed


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in _tables(manifest.get("assertions")):
        data = assertion.get("data")
        if str(assertion.get("label", "")).startswith("c2pa.actions") and isinstance(data, dict):
            yield from _tables(data.get("actions"))


def _last(address: Any) -> str | None:
    """``trainedAlgorithmicMedia`` of an IPTC address; some writers put a blank before it."""
    text = str(address).strip().rstrip("/").rsplit("/", 1)[-1] if isinstance(address, str) else ""
    return text[:80] or None


def _generator(manifest: dict[str, Any]) -> str | None:
    """Name of the program that made the claim, and its version."""
    for entry in _tables(manifest.get("claim_generator_info")):
        name, version = str(entry.get("name", "")).strip(), str(entry.get("version", "")).strip()
        if name:
            return f"{name} {version}".strip()[:MAX_TEXT]
    text = str(manifest.get("claim_generator") or "").strip()
    return text[:MAX_TEXT] or None


def outline(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifest tree in brief, the active one first: who, when, what was done, of what."""
    manifests = tree.get("manifests") if isinstance(tree.get("manifests"), dict) else {}
    active = tree.get("active_manifest")
    labels = sorted((label for label in manifests or {}), key=lambda label: label != active)
    return [_brief(label, _table(manifests, label), label == active) for label in labels[:MAX_MANIFESTS]]


def _brief(label: str, manifest: dict[str, Any], active: bool) -> dict[str, Any]:
    signature = manifest.get("signature_info")
    signed = signature if isinstance(signature, dict) else {}
    return {
        "label": label[:MAX_TEXT], "active": active, "title": _text(manifest.get("title")),
        "generator": _generator(manifest), "claim_version": _text(manifest.get("claim_version")),
        "signer": _text(signed.get("common_name")), "issuer": _text(signed.get("issuer")),
        "algorithm": _text(signed.get("alg")), "signed_at": _text(signed.get("time")),
        "actions": [_action(action) for action in _actions(manifest)][:MAX_ITEMS],
        "ingredients": [_ingredient(one) for one in _tables(manifest.get("ingredients"))][:MAX_ITEMS],
        "assertions": [_text(a.get("label")) for a in _tables(manifest.get("assertions"))][:MAX_ITEMS],
    }  # fmt: skip


def _action(action: dict[str, Any]) -> dict[str, Any]:
    agent = action.get("softwareAgent")
    name = agent.get("name") if isinstance(agent, dict) else agent
    told = {
        "action": _text(action.get("action")), "when": _text(action.get("when")), "software": _text(name),
        "source_type": _last(action.get("digitalSourceType")),
        "description": _text(action.get("description")),
    }  # fmt: skip
    return {key: value for key, value in told.items() if value is not None}


def _ingredient(one: dict[str, Any]) -> dict[str, Any]:
    told = {
        "title": _text(one.get("title")), "format": _text(one.get("format")),
        "relationship": _text(one.get("relationship")), "manifest": _text(one.get("active_manifest")),
        "problems": [_text(e.get("code")) for e in _tables(one.get("validation_status"))][:10] or None,
    }  # fmt: skip
    return {key: value for key, value in told.items() if value is not None}


def _text(value: Any) -> str | None:
    return str(value)[:MAX_TEXT] if isinstance(value, (str, int, float)) and value != "" else None


def _table(tables: Any, label: Any) -> dict[str, Any]:
    found = tables.get(label) if isinstance(tables, dict) and isinstance(label, str) else None
    return found if isinstance(found, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)][:500] if isinstance(value, list) else []
