"""A folder becomes a measured, calibrated release; what it says of itself is not taken on trust."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ownmodels import material, measure
from ownmodels.__main__ import prepare
from ownmodels.folder import Refused, complete
from ownmodels.variants import PICTURES, SOUND, VIDEO
from tests.unit.ownmodels import making


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One measured release; the tests below read it."""
    root = tmp_path_factory.mktemp("release")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "MOST_CHANGED", 3)
        return made(root)


def made(root: Path) -> Path:
    place = making.model(root / "own", promoted=True, figures={"auc": 1.0}, sha256="0" * 64)
    prepare(place, root / "made", material.read(making.pictures(root / "data", 5)))
    return root


def test_the_manifest_is_completed_and_calibrated(release: Path) -> None:
    made = json.loads((release / "made" / "model.json").read_text())
    assert (made["type"], made["kind"], made["media_kinds"]) == ("learned", "image", ["image"])
    assert (
        made["promoted"] is False and made["sha256"] != "0" * 64
    )  # the owner's words about itself do not count
    assert made["calibration"]["kind"] == "platt" and made["calibration"]["slope"] > 0
    figures = made["figures"]
    assert 0.8 < figures["auc"] < 1 and figures["auc_low"] < figures["auc"] <= figures["auc_high"]
    assert figures["held_out_by"] == "source" and figures["run_s"] > 0 and figures["memory_mb"] > 0


def test_the_owners_folder_is_left_alone(release: Path) -> None:
    assert json.loads((release / "own" / "model.json").read_text())["figures"] == {"auc": 1.0}
    assert sorted(path.name for path in (release / "own").iterdir()) == ["model.json", "model.onnx"]


@pytest.mark.parametrize(
    "said",
    [
        "| AUC | 0.", "| EER | 0.", "file size, extent and format alone", "ECE after calibration | 0.",
        "| genuine_one | genuine | 5 |", "| fake_two | manipulated | 5 |", "| default |", "| reject70 |",
        "| jpeg_70 | 6 |", "| crop_80 | 6 |", "the output is no probability", "licence Apache-2.0",
    ],
)  # fmt: skip
def test_the_card_says_what_was_measured(release: Path, said: str) -> None:
    assert said in (release / "made" / "card.md").read_text()


def test_a_falling_score_is_not_calibrated(tmp_path: Path) -> None:
    place = making.model(tmp_path / "own", output={"meaning": "score", "fake_is": "low"})
    data = making.pictures(tmp_path / "data", 2)
    made, measured = prepare(place, tmp_path / "made", material.read(data))
    assert made.calibration is None and measured is not None
    assert "see `output.fake_is`" in (tmp_path / "made" / "card.md").read_text()


def test_without_data_nothing_is_measured(tmp_path: Path) -> None:
    made, measured = prepare(making.model(tmp_path / "own"), tmp_path / "made", None)
    assert measured is None and made.calibration is None
    assert "**Not measured**" in (tmp_path / "made" / "card.md").read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"entry": "detector:Evil"}, "entry"), ({"operation": "astrology"}, "operation"),
        ({"licence": None}, "licence"), ({"source": ""}, "source"), ({"version": "1"}, "version"),
        ({"input": {"size": 32, "fit": "squash"}}, "fit"), ({"input": {}}, "size"),
        ({"input": {"size": 32, "resize": 40}}, "resize"), ({"preprocessing": {"std": [0, 1, 1]}}, "std"),
        ({"output": {"meaning": "vibes"}}, "meaning"), ({"output": {"index": -5}}, "index"),
        ({"entry": "onnx_map", "input": {"size": 32, "fit": "crop"}}, "stretch"),
        ({"entry": "onnx_audio", "input": {"size": 32}}, "rate_hz"), ({"weather": "fine"}, "weather"),
        ({"media_kinds": ["video"]}, "onnx_image takes image"), ({"title": "a\n# b"}, "title"),
        ({"entry": "onnx_frames", "input": {"size": 32, "fit": "native", "grid": 2}}, "grid"),
        ({"licence": ""}, "licence"), ({"thresholds": {"region": float("nan")}}, "NaN"),
        ({"ood": {"features": ["mean"], "mean": [1], "std": [0]}}, "ood"),
        ({"ood": {"features": ["age"], "mean": [1], "std": [1]}}, "megapixels"),
        ({"data": "x" * (1 << 18)}, "bytes"),
    ],
)  # fmt: skip
def test_a_bad_manifest_is_refused_by_member(tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(Refused) as caught:
        complete(making.model(tmp_path, **changes))
    assert caught.value.reason == "bad_manifest" and said in str(caught.value)


@pytest.mark.parametrize(
    "said", [b"[" * 100_000, b"[]", b"\xff{}", b"{"], ids=["deep", "list", "no text", "cut"]
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, said: bytes) -> None:
    (making.model(tmp_path) / "model.json").write_bytes(said)
    with pytest.raises(Refused) as caught:
        complete(tmp_path)
    assert caught.value.reason == "bad_manifest"


@pytest.mark.parametrize(
    ("model", "data", "kind", "changes"),
    [
        (making.heard, making.recordings, "audio", SOUND), (making.watched, making.clips, "video", VIDEO),
        (making.mapped, making.pictures, "image", PICTURES),
    ],
)  # fmt: skip
def test_every_kind_of_model_is_measured(
    model: Callable[[Path], Path], data: Callable[[Path], Path], kind: str, changes: tuple[str, ...],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Each entry of the generic ones, for another operation, over media of its kind."""
    monkeypatch.setattr(measure, "MOST_CHANGED", 2)
    samples = material.read(data(tmp_path / "data"))
    made, measured = prepare(model(tmp_path / "own"), tmp_path / "made", samples)
    assert made.kind == kind and measured is not None and len(measured.scored) == len(samples)
    assert made.figures["auc"] > 0.8 and made.figures["held_out_by"] == "source"
    assert [row["change"] for row in measured.rows["changes"]] == list(changes)
    assert all(row["files"] == 4 and row["auc"] > 0.8 for row in measured.rows["changes"])
    assert "with its decoding" in (tmp_path / "made" / "card.md").read_text()


@pytest.mark.parametrize(("gone", "reason"), [("model.json", "no_manifest"), ("model.onnx", "no_weights")])
def test_both_files_are_needed(tmp_path: Path, gone: str, reason: str) -> None:
    (making.model(tmp_path) / gone).unlink()
    with pytest.raises(Refused) as caught:
        complete(tmp_path)
    assert caught.value.reason == reason


def test_a_shipped_name_is_taken(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="shipped"):
        complete(making.model(tmp_path, name="jpeg_grid"))


def test_both_classes_are_needed(tmp_path: Path) -> None:
    (tmp_path / "genuine").mkdir()
    (tmp_path / "genuine" / "a.jpg").write_bytes(b"x")
    with pytest.raises(Refused, match="manipulated"):
        material.read(tmp_path)
