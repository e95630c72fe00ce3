"""The project's own scans can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lint import scan

KEY = "AKIA" + "QWERTYUIOPASDFGH"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see /wor" + "k/main/x.py", "a path of one machine"),
        ("cd /hom" + "e/jane/bonafide", "a path of one machine"),
        (f"key = '{KEY}'", "an AWS access key"),
        ("-----BEGIN RSA PRIVATE" + " KEY-----", "a private key"),
        ("ghp" + "_" + "a1" * 18, "a token of a forge or registry"),
        ("https://jane:secret" + "@example.org/", "a password in an address"),
        ("https://wheels.corp" + ".example/simple", "a package index of one machine"),
    ],
)
def test_what_must_not_be_committed_is_found(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "a.md").write_text(f"fine\n{text}\n")
    assert scan.breaches([tmp_path / "a.md"], tmp_path, {"wheels.corp.example"}) == [f"a.md:2: {what}"]


@pytest.mark.parametrize(
    "text",
    ["s3://bucket/work/an_1/x.json", "!Sub ${Bucket.Arn}/work/*", "http://user:pw@127.0.0.1:1/", "a/work/b"],
)
def test_what_may_be_committed_is_let_through(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_text(text)
    assert scan.breaches([tmp_path / "a.md"], tmp_path) == []


def test_a_lockfile_names_no_registry(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text('{"resolved": "https://registry.example/x.tgz"}')
    (line,) = scan.breaches([tmp_path / "package-lock.json"], tmp_path)
    assert "names a registry" in line


def finding(path: Path) -> dict[str, Any]:
    return {
        "filename": path.name,
        "test_id": "B311",
        "issue_text": "random",
        "line_number": 1,
        "line_range": [1, 2],
    }


@pytest.mark.parametrize(
    ("mark", "excused"),
    [
        ("# noqa: S311 (a picture, not a secret)", True),
        ("# noqa: B008, S311  # a picture", True),
        ("# noqa: S311", False),
        ("# noqa: S310 (something else)", False),
        ("", False),
    ],
)
def test_a_suppression_needs_its_reason(tmp_path: Path, mark: str, excused: bool) -> None:
    source = tmp_path / "a.py"
    source.write_text(f"x = random.Random(\n    1)  {mark}\n")
    assert (scan.unexplained([finding(source)], tmp_path) == []) is excused
