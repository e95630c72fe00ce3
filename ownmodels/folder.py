"""The owner's folder: ``model.onnx`` and a ``model.json`` that says what only the owner knows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from bonafide_inference.generic import STATISTICS
from bonafide_inference.models import GENERIC_ENTRIES, Manifest
from bonafide_inference.registry import discover
from pydantic import ValidationError

__all__ = ["Refused", "complete", "write"]

_KINDS = {
    "onnx_image": ("image", ["image"]),
    "onnx_map": ("image", ["image"]),
    "onnx_frames": ("video", ["video"]),
    "onnx_audio": ("audio", ["audio", "video"]),
}
"""Which function runs an entry, and on what kinds of media at most (the manifest may name fewer)."""

_OURS = ("sha256", "type", "kind", "promoted", "figures", "wants_cameras")
"""Members that `make model-add` writes; an owner's are ignored, for they cannot be taken on trust."""

_MOST_JSON = 1 << 18
"""Of model.json in bytes: every analysis reads it, in the index."""


class Refused(Exception):
    """The folder is not taken; ``reason`` is a machine word, the text is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def complete(place: Path) -> Manifest:
    """Read the owner's ``model.json`` and add what can be found out.

    Raises
    ------
    Refused
        ``no_manifest``, ``no_weights``, ``bad_manifest`` (each wrong member named), ``name_taken``.
    """
    for name, reason in (("model.json", "no_manifest"), ("model.onnx", "no_weights")):
        if not (place / name).is_file():
            raise Refused(reason, f"{place} has no {name}")
    said = _read(place / "model.json")
    entry = str(said.get("entry"))
    if entry not in GENERIC_ENTRIES:
        raise Refused("bad_manifest", f"entry: one of {', '.join(GENERIC_ENTRIES)}, not {entry!r}")
    kind, kinds = _KINDS[entry]
    with open(place / "model.onnx", "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    own = {name: value for name, value in said.items() if name not in _OURS}
    whole = {"media_kinds": kinds, "calibration": None} | own
    whole |= {"type": "learned", "kind": kind, "sha256": digest}
    try:
        manifest = Manifest.model_validate(whole)
    except ValidationError as error:
        raise Refused("bad_manifest", "; ".join(_words(one) for one in error.errors())) from error
    if not set(manifest.media_kinds) <= set(kinds):
        raise Refused("bad_manifest", f"media_kinds: {entry} takes {', '.join(kinds)}")
    if manifest.ood and (entry != "onnx_image" or not set(manifest.ood.features) <= set(STATISTICS)):
        raise Refused("bad_manifest", f"ood: for onnx_image, and of {', '.join(STATISTICS)}")
    if not said.get("source"):
        raise Refused("bad_manifest", "source: say where the weights come from")
    if any(manifest.name == folder.manifest.name for folder in discover(None)):
        raise Refused("name_taken", f"a shipped detector is called {manifest.name}")
    return manifest


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_JSON:
        raise Refused("bad_manifest", f"{path.name} has more than {_MOST_JSON} bytes")
    try:
        said = json.loads(path.read_text("utf-8"), parse_constant=_no_number)
    except (ValueError, OSError, RecursionError) as error:
        raise Refused("bad_manifest", f"{path.name}: {error}") from error
    if not isinstance(said, dict):
        raise Refused("bad_manifest", f"{path.name} is no JSON object")
    return said


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number that JSON knows")


def _words(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def write(place: Path, manifest: Manifest) -> None:
    """Write the completed ``model.json``."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (place / "model.json").write_text(text + "\n", "utf-8")
