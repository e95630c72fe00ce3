"""``python -m bonafide_inference.catalogue [FILE]``: write the catalogue of detectors that the core reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bonafide

from bonafide_inference.registry import catalogue

__all__ = ["TARGET", "render", "write"]

TARGET = Path(bonafide.__file__).parent / "catalogue.json"


def render() -> str:
    """The catalogue of the shipped detectors as the text of ``catalogue.json``."""
    return json.dumps(catalogue(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(target: Path = TARGET) -> None:
    """Write the catalogue; a test fails when the committed one differs."""
    target.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
