"""Timelines and contact sheets of the operations on video: what they rank by, and odd media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, Window, WorkItem
from bonafide.policy import POLICIES
from bonafide_inference import faces, registry
from bonafide_inference.detectors.synthetic_video.measure import STEPS, equalised, steps, unlike
from bonafide_inference.frames import Frame
from bonafide_inference.inspect import inspect
from bonafide_inference.video_report import sheet_artifact, timeline_artifact
from PIL import Image

from tests.unit.inference.video.making import face, film, quarter_turn, scene
from tests.unit.inference.video.test_face_operations import lips_and_noise, syllables, with_sound
from tests.unit.inference.video.test_operations import ask

NAMES = ["synthetic-timeline.png", "synthetic-frames.jpg"]
SYNTHETIC = Operation.SYNTHETIC_VIDEO


def noisy(count: int, worse: Sequence[int] = (), still: int = 1) -> list[np.ndarray]:
    """A still picture with a camera's noise; in the frames ``worse`` there is five times as much."""
    rng = np.random.default_rng(3)
    base = scene(still).astype(float)
    return [
        np.clip(base + rng.normal(0, 20 if n in worse else 4, base.shape), 0, 255).astype(np.uint8)
        for n in range(count)
    ]


def leaves(finding: Finding) -> list[dict[str, Any]]:
    """The frames of a finding's tree, in its order."""
    tree: Any = finding.evidence.details["tree"]
    return [leaf for part in tree["children"] for leaf in part.get("children", ())]


def test_the_sheet_shows_the_frames_whose_noise_is_another(tmp_path: Path) -> None:
    """One second with more noise than the five others."""
    path = film(tmp_path / "x.mp4", noisy(60, range(30, 40)), fps=10)
    found = ask(path, tmp_path, SYNTHETIC)["synthetic_video"]
    assert [artifact.name for artifact in found.artifacts] == NAMES
    timeline, sheet = found.artifacts
    assert "no score" in timeline.title
    assert "no accusation" in sheet.title
    assert "noise differs most from this stretch's own" in sheet.title
    shown = leaves(found)
    assert 0 < len(shown) <= 8
    assert [leaf["timestamp"] for leaf in shown] == sorted(leaf["timestamp"] for leaf in shown)
    most = sorted(shown, key=lambda leaf: -leaf["noise_apart"])[:4]
    assert {leaf["frame"] // 10 for leaf in most} == {3}
    for artifact in found.artifacts:
        with Image.open(cast("str", artifact.path)) as picture:
            picture.load()
            assert picture.width > 900


def test_pictures_only_where_wished(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", noisy(30), fps=10)
    found = ask(path, tmp_path, SYNTHETIC, visualize=False)["synthetic_video"]
    assert found.artifacts == ()
    assert leaves(found), "the tree is there all the same"


def test_a_cut_is_no_noise() -> None:
    """Two scenes with the same noise: neither side of the cut stands out."""
    pictures = [*noisy(12, still=1), *noisy(12, still=2)]
    found = steps(equalised([Frame(n, n / 6, picture) for n, picture in enumerate(pictures)]))
    assert found.shape == (24, len(STEPS))
    assert np.isfinite(found).all()
    column = found[:, STEPS.index("noise")]
    assert abs(column[11:13] - np.median(column)).max() < 0.2


def test_frames_that_are_all_alike_are_not_far_apart() -> None:
    assert abs(unlike(np.zeros((9, 3)))).max() == 0
    still = [Frame(n, n / 6, scene(1)) for n in range(9)]
    assert abs(unlike(steps(equalised(still)))).max() == 0


def test_windows_are_joined_in_time_order(tmp_path: Path) -> None:
    """Three windows of one file, each with its pictures; the tree is in time order, whoever ends first."""
    path = film(tmp_path / "x.mp4", noisy(90), fps=10)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    found = []
    for number in range(3):
        item = WorkItem(id=f"video-{number}", detector="video", operations=(SYNTHETIC,),
                        window=Window(start_s=3.0 * number, end_s=3.0 * number + 3))  # fmt: skip
        place = tmp_path / item.id
        place.mkdir()
        found += registry.run_item(str(path), media, item, Options(), str(place))
    result = fuse_operation(SYNTHETIC, found[::-1], POLICIES["default"])
    assert [artifact.name for artifact in result.artifacts] == 3 * NAMES
    tree: Any = result.evidence.details["tree"]
    begun = [part["timestamp"] for part in tree["children"]]
    assert begun == pytest.approx([0.0, 3.0, 6.0], abs=0.15)
    times = [leaf["timestamp"] for part in tree["children"] for leaf in part["children"]]
    assert times == sorted(times)
    assert len(times) == 24


# ---- odd media --------------------------------------------------------------------------------------


def test_one_frame_has_nothing_to_show(tmp_path: Path) -> None:
    found = ask(film(tmp_path / "x.mp4", [face()], fps=10), tmp_path, SYNTHETIC)["synthetic_video"]
    assert (found.reason, found.artifacts) == ("too_few_frames", ())


def test_frames_that_all_have_one_time(tmp_path: Path) -> None:
    """0 frames a second: nothing can be drawn over time, and nothing breaks."""
    path = film(tmp_path / "x.mkv", noisy(12), fps=10, times=lambda _: 0)
    for finding in ask(path, tmp_path, SYNTHETIC, Operation.TEMPORAL_COHERENCE).values():
        assert finding.reason in ("too_few_frames", "no_face", "no_calibrated_score")


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = quarter_turn(film(tmp_path / "x.mp4", noisy(30), fps=10))
    found = ask(path, tmp_path, SYNTHETIC)["synthetic_video"]
    with Image.open(cast("str", found.artifacts[1].path)) as sheet:
        rows = -(-len(leaves(found)) // 4)
        assert sheet.height == rows * (240 + 24) + 6, "its tiles are as high as a tile may be"


def test_ten_thousand_faces_and_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces are no matter of this operation: a crowd beside it changes nothing."""
    path = film(tmp_path / "x.mp4", noisy(30), fps=10)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    (one,) = faces.find(face())
    crowd = [replace(one, box=(*one.box[:2], one.box[2] + n / 1e4, one.box[3])) for n in range(10_000)]
    said = []
    for faces_found in ([], crowd):
        monkeypatch.setattr(faces, "find_in", lambda *_, found=faces_found: found)
        both = (Operation.TEMPORAL_COHERENCE, SYNTHETIC)
        item = WorkItem(id="v", detector="video", operations=both)
        folders = registry.wanted(media, item)
        said.append(run_here(path, media, item, folders, tmp_path)["synthetic_video"])
    assert said[0].evidence == said[1].evidence
    assert [artifact.name for artifact in said[1].artifacts] == NAMES


def run_here(path: Path, media: MediaFacts, item: WorkItem, folders: Any, place: Path) -> dict[str, Finding]:
    """The runner's own task, in this process."""
    from bonafide_inference.runner import run_item_task

    plain = run_item_task({
        "path": str(path), "workdir": str(place), "media": media.model_dump(mode="json"),
        "item": item.model_dump(mode="json"), "options": Options().model_dump(mode="json"),
        "folders": [{"path": folder.path, "shipped": folder.shipped} for folder in folders],
    })  # fmt: skip
    found = [Finding.model_validate(one) for one in plain]
    return {str(one.operation): one for one in found}


@pytest.mark.parametrize(("pictures", "reason"), [
    ([face()], "no_frames"),
    ([scene(1)] * 60, "no_face"),
])  # fmt: skip
def test_lips_of_one_frame_and_of_no_face(pictures: list[np.ndarray], reason: str, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", pictures, fps=20)
    sound = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    found = ask(with_sound(tmp_path / "b.mp4", path, sound), tmp_path, Operation.LIP_SYNC)["lip_sync"]
    assert (found.outcome, found.reason, found.artifacts) == (Outcome.NOT_APPLICABLE, reason, ())


def test_lips_of_a_turned_video_and_of_a_crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The faces on the sheet stand upright; ten thousand others beside them change nothing."""
    both = syllables(5, 20), syllables(5, 16_000)
    turned = lips_and_noise(tmp_path, monkeypatch, *both, turned=True)
    assert turned.evidence.values["relation"] == "in_step"
    with Image.open(cast("str", turned.artifacts[1].path)) as sheet:
        tile = np.asarray(sheet.convert("L"), float)[6:186, 6:246]
    assert tile[:60].mean() < tile[90:150].mean(), "hair above skin"
    real = faces.find_in

    def crowd(*given: Any) -> list[Any]:
        return [
            replace(one, box=(*one.box[:2], one.box[2] + n / 1e4, one.box[3]))
            for one in real(*given) for n in range(10_000)
        ]  # fmt: skip

    monkeypatch.setattr(faces, "find_in", crowd)
    crowded = lips_and_noise(tmp_path, monkeypatch, *both)
    assert crowded.evidence.values["relation"] == "in_step"
    assert [artifact.name for artifact in crowded.artifacts] == ["lips-timeline.png", "lips-frames.jpg"]


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    job = cast("registry.Job", SimpleNamespace(options=Options(), workdir=str(tmp_path)))
    assert timeline_artifact(job, "a.png", "", [("x", [])], (0.0, 0.0)) == ()
    assert sheet_artifact(job, "a.jpg", "", []) == ()
    (only,) = timeline_artifact(job, "a.png", "", [("x", [(0.0, 0.5)])], (0.0, 0.0))
    assert Path(cast("str", only.path)).stat().st_size > 0
