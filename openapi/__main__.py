"""Write every OpenAPI document from the code: ``python -m openapi`` (``--check``: only say which differ)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import yaml

from openapi import native, phonexia, resemble, sensity, veriplus

__all__ = ["DIALECTS", "main", "outputs"]

DIALECTS: tuple[ModuleType, ...] = (native, phonexia, resemble, sensity, veriplus)
"""One module an API; each has ``outputs()``, its files with their text."""

SERVED = native.ROOT / "functions" / "docs" / "apis"


def outputs() -> dict[Path, str]:
    """Return every file that is made from the code, with its text; documents also as /docs serves them."""
    made = {path: text for dialect in DIALECTS for path, text in dialect.outputs().items()}
    documents = {path.stem: text for path, text in made.items() if path.suffix == ".yaml"}
    return made | {SERVED / f"{name}.json": _json(text) for name, text in documents.items()}


def _json(text: str) -> str:
    """Return a document for Swagger UI, which complains of any ``jsonSchemaDialect`` but OpenAPI's own."""
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    document.pop("jsonSchemaDialect", None)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write what differs; with ``--check`` write nothing and return 1 if anything does."""
    stale = [(path, text) for path, text in outputs().items() if not _same(path, text)]
    for path, text in stale:
        print(path, file=sys.stderr)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
