"""Tables, percentiles, and progress that stays out of them (standard error)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "Table", "note", "percentile"]


@dataclass
class Table:
    """A title, columns, rows; what is over its budget carries a mark that the footer explains."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    footer: str = ""

    def text(self) -> str:
        """Return the table for people: the first column to the left, numbers to the right."""
        cells = [[_cell(value) for value in row] for row in self.rows]
        widths = [
            max(len(line[n]) for line in [list(self.columns), *cells]) for n in range(len(self.columns))
        ]
        lines = [self.title, ""]
        for line in [list(self.columns), ["-" * width for width in widths], *cells]:
            first, *rest = (
                cell.rjust(width) if n else cell.ljust(width)
                for n, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            lines.append("  ".join([first, *rest]).rstrip())
        return "\n".join(lines + ([self.footer] if self.footer else []))

    def plain(self) -> list[dict[str, Any]]:
        """Return the rows for machines."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Asked:
    """A figure that an issue asks for, as measured, and how large or small it may be."""

    what: str
    found: float
    bound: float
    most: bool = True
    """Whether the bound is the largest that holds, else the least."""

    @property
    def held(self) -> bool:
        """Whether it is kept; no number keeps none."""
        return self.found <= self.bound if self.most else self.found >= self.bound

    def row(self) -> tuple[str, str, str, str]:
        """For a table: what, measured, asked, how it ended."""
        sign = "at most" if self.most else "at least"
        return self.what, f"{self.found:.3g}", f"{sign} {self.bound:g}", "held" if self.held else "MISSED"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:,.2f}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` (0..1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def note(text: str) -> None:
    """Say what is being measured."""
    print(f"  … {text}", file=sys.stderr, flush=True)
