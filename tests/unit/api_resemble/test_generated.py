"""A generated picture, judged by the real detector, as this vendor's clients see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bonafide.model import MediaKind

from tests.helpers.generated import declared
from tests.unit.api_resemble.words import analysis, facts, link


@pytest.mark.rows("RES-47", "RES-49", "RES-50")
def test_a_generated_picture(room: Callable[[str], Any], tmp_path: Path) -> None:
    made = analysis(facts(MediaKind.IMAGE, "png", width=512, height=512), declared(tmp_path, "even"))
    found = room("render").item(made, link)["image_metrics"]
    assert (found["label"], found["image"]) == (
        "Fake",
        "https://bucket.example/artifacts/residual-spectrum.png",
    )
    assert found["score"] > 0.95
    (child,) = found["children"]
    assert (child["type"], child["label"]) == ("general", "Fake")
    assert "The file itself says that a generator made it" in child["description"]
