"""Markdown that the cards of `audio_replay` and `audio_splice` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["compared", "listed"]


def compared(
    rows: Sequence[str],
    auc: str,
    words: Mapping[str, str],
    shipped: dict[str, float],
    other: dict[str, float],
) -> list[str]:  # fmt: skip
    """Lines of a table: figures of what ships beside those of a model on the other choice of rows.

    Parameters
    ----------
    rows
        What each of the two was trained on.
    auc
        What the AUC is of; its interval stands beside it.
    words
        What each further figure is called.
    """
    both = ("{auc:.3f} ({auc_low:.3f}–{auc_high:.3f})".format(**some) for some in (shipped, other))
    return [
        f"| leave-source-out; trained on | {rows[0]} (shipped) | {rows[1]} |", "|---|---|---|",
        f"| {auc} (95 %, drawing sources) | {' | '.join(both)} |",
        *(f"| {text} | {shipped[name]:.3f} | {other[name]:.3f} |" for name, text in words.items()), "",
    ]  # fmt: skip


def listed(tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]) -> list[str]:
    """Lines of tables (title of the first column, the others, rows), each with an empty line after it."""
    lines = []
    for title, columns, rows in tables:
        lines += [f"| {title} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
        lines.append("")
    return lines


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
