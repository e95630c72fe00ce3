"""The table of rows and tests can be believed: it finds markers, gaps, failures and misspelt rows."""

from __future__ import annotations

from tests.coverage_spec import BINDING, Marks, report, rows


def test_there_are_290_rows_of_five_systems() -> None:
    known = rows()
    assert len(known) == 275 + 15
    assert {row.partition("-")[0] for row in known} == {"SEN", "RES", "PHX", "VER", "X"}
    assert set(known.values()) >= BINDING


def covered(*, but: str = "") -> Marks:
    marks = Marks()
    for row, kind in rows().items():
        if kind in BINDING and row != but:
            marks.tests[row].add("tests/x.py::test_it")
    return marks


def test_open_rows_need_no_test() -> None:
    text, good = report(covered(), [])
    assert good
    assert "PHX-10 (open)" in text


def test_a_binding_row_without_a_test_is_found() -> None:
    text, good = report(covered(but="PHX-1"), ["PHX"])
    assert not good and "PHX-1 (wire)" in text
    assert report(covered(but="PHX-1"), ["RES"])[1], "only the systems asked for count"


def test_a_test_that_failed_proves_nothing() -> None:
    marks = covered()
    marks.outcomes["tests/x.py::test_it"] = {"passed", "failed"}
    text, good = report(marks, [])
    assert not good and "failed" in text


def test_a_misspelt_row_is_found() -> None:
    marks = covered()
    marks.unknown.add("PHX-99")
    text, good = report(marks, [])
    assert not good and "PHX-99" in text
