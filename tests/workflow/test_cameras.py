"""A camera of the owner's through the real state machine: enrolled, matched, seen by whom, gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcloud import place
from ownmodels.__main__ import main
from tests.helpers import cameras
from tests.helpers.aws import Aws
from tests.workflow.test_analysis import begin, end


@pytest.fixture
def owner(aws_running: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The owner's commands speak to this stack."""

    def use(_environment: Any) -> str:
        aws_running.use("detect_image")
        return "moto"

    monkeypatch.setattr(place, "use", use)
    return aws_running


def analyse(aws: Aws, data: bytes, **wish: Any) -> Any:
    _, done = end(aws, begin(aws, inline=data, operations=("synthetic_image",), **wish))
    assert done.state == "completed"
    (result,) = done.results
    return result


def test_enrolled_matched_and_gone(owner: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, other = cameras.shot(70, 5), cameras.shot(70, 6)
    before = analyse(owner, mine)
    assert [voice.model for voice in before.voices] == ["synthetic_image"]

    said = {"NAME": "mine", "DATA": str(cameras.folder(tmp_path / "p", 5))}
    assert main("camera-add", said) == 0 == main("camera-add", said)
    assert main("camera-list", {}) == 0
    assert "all tenants" in capsys.readouterr().out

    found = analyse(owner, mine)
    assert (found.outcome, found.verdict) == ("scored", "genuine")
    assert found.evidence.values["camera_matched"] == "mine"
    assert [flag.code for flag in found.evidence.flags] == ["sensor_pattern"]
    silent = analyse(owner, other)
    assert (silent.outcome, silent.reason) == (before.outcome, before.reason)
    assert silent.evidence.values["camera_matched"] is None

    assert main("camera-add", said | {"TENANT": "zeta"}) == 0  # for another tenant's eyes only
    hidden = analyse(owner, mine)
    assert (hidden.reason, [voice.model for voice in hidden.voices]) == (before.reason, ["synthetic_image"])
    assert "mine" not in hidden.model_dump_json()

    assert main("camera-remove", {"NAME": "mine"}) == 0
    assert analyse(owner, mine).reason == before.reason
    left = owner.client("s3").list_object_versions(Bucket=owner["ModelsBucket"], Prefix="cameras/")
    assert not left.get("Versions") and not left.get("DeleteMarkers")
    assert main("camera-remove", {"NAME": "mine"}) == 1
