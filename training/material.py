"""The rows of the material's SOURCES.csv, with what may be trained on told apart."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Row", "pictures"]


@dataclass(frozen=True)
class Row:
    """One file: where it lies, its corpus (folder), and whether its licence permits training."""

    path: Path
    corpus: str
    clear: bool


def pictures(data: Path, suffixes: tuple[str, ...] = (".jpg", ".jpeg")) -> list[Row]:
    """Genuine pictures of the material, sorted by path.

    Raises
    ------
    FileNotFoundError
        If ``data`` has no SOURCES.csv.
    """
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [
            Row(data / line["path"], line["path"].split("/")[2], line["release"] == "clear")
            for line in csv.DictReader(file)
            if line["path"].startswith("image/genuine/") and line["path"].lower().endswith(suffixes)
        ]
    return sorted((row for row in rows if row.path.exists()), key=lambda row: row.path)
