"""A generated picture, judged by the real detector, as this vendor's clients see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bonafide.model import MediaKind

from tests.helpers.generated import PROMPT, declared
from tests.unit.api_sensity.words import analysis, facts

TASK = "ai_generated_image_detection"


@pytest.mark.rows("SEN-54", "SEN-55", "SEN-56", "SEN-59")
def test_a_generated_picture(room: Callable[[str], Any], tmp_path: Path) -> None:
    made = analysis(TASK, facts(MediaKind.IMAGE, "png"), declared(tmp_path, "even"), wish={"explain": True})
    render = room("render")
    reader = render.Reader(
        findings=lambda _: (), read=lambda _: b"", link=lambda key, name, _: f"https://bucket.example/{name}"
    )
    result = render.document(made, reader, room=10**6)["result"]
    assert (result["class_name"], result["model_attribution"]) == ("fake", "stable-diffusion")
    assert result["class_probability"] > 0.95
    assert result["explanation"]["details"] == {
        "image_url": "https://bucket.example/residual-spectrum.png",
        "source": "Stable Diffusion (A1111)",
        "text_prompt": PROMPT,
    }
