"""Which test proves which row of the specification: ``python -m tests.coverage_spec`` (make coverage-spec).

A test names its rows with ``@pytest.mark.rows("PHX-1", "PHX-25")``; ``tests/spec_rows.json`` says which rows
there are and of what kind. Every wire, limit and meaning row must have a test: exit status 1 if one has none,
or if a test failed.

    python -m tests.coverage_spec PHX X      only these systems
    python -m tests.coverage_spec --run      run the tests too, and print how they ended
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

__all__ = ["BINDING", "Marks", "main", "report", "rows"]

ROOT = Path(__file__).resolve().parents[1]
BINDING = frozenset(("wire", "limit", "meaning"))
"""Kinds of rows that must be covered; the others are choices of ours, which decisions explain."""


def rows() -> dict[str, str]:
    """Return the id of every row, with its kind."""
    known: dict[str, str] = json.loads((ROOT / "tests" / "spec_rows.json").read_text("utf-8"))
    return known


class Marks:
    """A pytest plugin that keeps only tests with rows, and remembers which, and how they ended."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)
        self.outcomes: dict[str, set[str]] = defaultdict(set)
        self.unknown: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the markers. Parameters of a test count as one test."""
        known = rows()
        for item in items:
            for mark in item.iter_markers("rows"):
                for row in mark.args:
                    self.tests[row].add(_name(item.nodeid))
                    if row not in known:
                        self.unknown.add(row)
        items[:] = [item for item in items if item.get_closest_marker("rows")]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a test ended; the worst of its parameters counts."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[_name(report.nodeid)].add(report.outcome)

    def outcome(self, test: str) -> str:
        """Return ``failed``, ``skipped``, ``passed``, or nothing if it was not run."""
        found = self.outcomes.get(test, set())
        return next((word for word in ("failed", "skipped", "passed") if word in found), "")


def _name(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def report(marks: Marks, systems: list[str]) -> tuple[str, bool]:
    """Return the table, and whether every binding row of these systems has a test that did not fail."""
    lines: list[str] = []
    good = not marks.unknown
    total: dict[str, Counter[str]] = defaultdict(Counter)
    bare: dict[str, list[str]] = defaultdict(list)
    for row, kind in rows().items():
        system = row.partition("-")[0]
        if systems and system not in systems:
            continue
        tests = sorted(marks.tests.get(row, ()))
        total[system]["rows"] += 1
        total[system]["covered"] += bool(tests)
        if not tests:
            bare[system].append(f"{row} ({kind})")
            good = good and kind not in BINDING
        for number, test in enumerate(tests):
            ended = marks.outcome(test)
            good = good and ended in ("", "passed")
            lines.append(f"{row if not number else '':8} {kind if not number else '':14} {ended:8} {test}")
    for system, count in total.items():
        lines += ["", f"{system}: {count['covered']} of {count['rows']} rows have a test"]
        if bare[system]:
            lines.append(f"{system} without: {', '.join(bare[system])}")
    if marks.unknown:
        lines += ["", f"unknown rows: {', '.join(sorted(marks.unknown))}"]
    return "\n".join(lines), good


def main(arguments: list[str]) -> int:
    """Print the table; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m tests.coverage_spec")
    parser.add_argument("systems", nargs="*", help="SEN RES PHX VER X; all of them without")
    parser.add_argument("--run", action="store_true", help="run the tests, not only find them")
    parser.add_argument("--tests", action="append", help="where to look (default: tests)")
    chosen = parser.parse_args(arguments)
    marks: Any = Marks()
    words = ["-q", "-p", "no:cacheprovider", *(chosen.tests or [str(ROOT / "tests")])]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main([*words, *([] if chosen.run else ["--collect-only"])], plugins=[marks])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        print(said.getvalue(), file=sys.stderr)
    text, good = report(marks, chosen.systems)
    print(text)
    broken = status in (
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
    )
    return 0 if good and not broken else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
