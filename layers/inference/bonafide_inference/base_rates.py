"""How often a flag rises on innocent files: counts that ``benchmarks.forensics_traces --write`` makes."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from bonafide.model import Flag

__all__ = ["PICTURES", "RECORDINGS", "counted", "rate"]

_HERE = Path(__file__).parent
PICTURES = _HERE / "detectors" / "picture_traces" / "rates.json"
RECORDINGS = _HERE / "recording_rates.json"


@lru_cache(maxsize=4)
def _counts(file: Path) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return counts


def rate(code: str, file: Path = RECORDINGS) -> str:
    """The words for a flag's base rate: "n of m" for each group of innocent files."""
    counts = _counts(file)
    seen = counts["flags"].get(code, {})
    return ", ".join(f"{seen.get(name, 0)} of {size} {name}" for name, size in counts["groups"].items())


def counted(code: str, message: str, *, caveat: str, value: Any = None, where: str = "") -> Flag:
    """A flag of a recording, with the base rate of its code."""
    return Flag(code=code, message=message, caveat=caveat, value=value, where=where, base_rate=rate(code))
