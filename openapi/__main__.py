"""Write every OpenAPI document from the code: ``python -m openapi`` (``--check``: only say which differ)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from openapi import native, phonexia, resemble, sensity, veriplus

__all__ = ["DIALECTS", "main", "outputs"]

DIALECTS: tuple[ModuleType, ...] = (native, phonexia, resemble, sensity, veriplus)
"""One module an API; each has ``outputs()``, its files with their text."""


def outputs() -> dict[Path, str]:
    """Return every file that is made from the code, with its text."""
    return {path: text for dialect in DIALECTS for path, text in dialect.outputs().items()}


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
