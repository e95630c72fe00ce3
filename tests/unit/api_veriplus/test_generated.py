"""A generated picture, judged by the real detector, as this vendor's clients see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.generated import declared
from tests.unit.api_veriplus.words import analysis


@pytest.mark.rows("VER-16", "VER-17", "VER-21")
def test_a_generated_picture(room: Callable[[str], Any], tmp_path: Path) -> None:
    made = analysis("IMAGE", declared(tmp_path, "table"), kept={"details": True})
    told = room("translate").data(made)
    assert (told["isDeepfake"], told["manipulationType"]) == (True, "GAN_GENERATED")
    assert (told["confidence"], told["recommendation"]) == (97, "REJECT")
    assert told["analysis"]["artifacts"] == ["The metadata holds the parameters of a generation."]
