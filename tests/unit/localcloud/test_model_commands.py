"""The Makefile's side of the models: a folder in PATH, and what policy-replay reads and says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcloud import replay
from localcloud.cloud import ROOT


def made(tmp_path: Path, *words: str) -> dict[str, str]:
    """What a recipe of our Makefile sees."""
    own = "\nprobe:\n\t@env -0 > seen\n"
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text() + own)
    subprocess.run(["make", "probe", *words], cwd=tmp_path, check=True, capture_output=True)
    pairs = (part.partition("=") for part in (tmp_path / "seen").read_text().split("\0") if part)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("folder", ["models/mine", "/a b/c", "it's $HOME & co"])
def test_a_folder_in_path_does_not_take_the_search_path(tmp_path: Path, folder: str) -> None:
    seen = made(tmp_path, f"PATH={folder}", "DATA=labelled files")
    assert seen["MODEL_PATH"] == folder and seen["DATA"] == "labelled files"
    assert seen["PATH"] == os.environ["PATH"]


def test_without_a_folder_the_search_path_is_left_alone(tmp_path: Path) -> None:
    seen = made(tmp_path)
    assert seen["PATH"] == os.environ["PATH"] and "MODEL_PATH" not in seen


def document(number: int, p_fake: float | None, label: str) -> dict[str, Any]:
    scored = p_fake is not None
    result = {
        "operation": "image_forgery",
        "outcome": "scored" if scored else "inconclusive",
        "verdict": label,
        "p_fake": p_fake,
        "interval": {"low": p_fake - 0.05, "high": p_fake + 0.05} if p_fake else None,
        "reason": None if scored else "why",
        "llr": None,
        "evidence": {},
        "models": [],
        "artifacts": ["x.png"],
    }
    verdict = {"label": label, "policy": "default", "p_fake": p_fake}
    return {
        "object": "analysis",
        "id": f"an_{number}",
        "media": {"kind": "image"},
        "verdict": verdict,
        "results": [result],
    }


DONE = [document(1, 0.9, "manipulated"), document(2, 0.8, "inconclusive"), document(3, None, "inconclusive")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(DONE),
        "\n".join(json.dumps(one) for one in DONE),
        json.dumps({"object": "list", "data": DONE}),
    ],
    ids=["list", "lines", "page"],
)
def test_replay_of_an_export(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "export.json"
    path.write_text(text)
    assert replay.main({"FILE": str(path), "POLICY": "reject70"}) == 0
    said = capsys.readouterr().out
    assert "an_2  inconclusive (default) → manipulated  p_fake 0.800  image_forgery" in said
    assert "1 of 3 verdicts would be others." in said
    assert replay.main({"FILE": str(path), "POLICY": "mild:0.95:0.01"}) == 0
    assert "an_1  manipulated (default) → inconclusive" in capsys.readouterr().out


@pytest.mark.parametrize(
    "rule", ["nope", "", "a:b:c", "default:0.9:0.1", "x:0.1:0.9", "x:0.9", "x:0.9:0.1:maybe"]
)
def test_a_policy_that_is_none_is_refused(
    tmp_path: Path, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "export.json"
    path.write_text("[]")
    assert replay.main({"FILE": str(path), "POLICY": rule}) == 1
    assert "error:" in capsys.readouterr().err


def test_entries_of_a_list_are_not_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief = document(1, 0.9, "manipulated")
    brief["results"] = [
        {k: brief["results"][0][k] for k in ("operation", "outcome", "verdict", "p_fake", "reason")}
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([brief]))
    assert replay.main({"FILE": str(path), "POLICY": "even"}) == 1
    assert "export the whole document" in capsys.readouterr().err
