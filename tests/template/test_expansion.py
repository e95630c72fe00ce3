"""cfn-lint on the expansion sees what neither sam nor cfn-lint see in template.yaml: a mistyped action."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import template


def lint(text: str, place: Path) -> str:
    """Return cfn-lint's findings."""
    place.write_text(text, "utf-8")
    command = [Path(sys.executable).parent / "cfn-lint", "--regions", "us-east-1", "--template", place]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("mistyped", [False, True])
def test_a_mistyped_action_is_found(tmp_path: Path, mistyped: bool) -> None:
    text = json.dumps(template.expanded(), indent=1)
    if mistyped:
        text = text.replace('"dynamodb:GetItem"', '"dynamodb:GetItems"', 1)
    found = lint(text, tmp_path / "expanded.json")
    assert ("W3037" in found) is mistyped, found
    assert mistyped or not found
