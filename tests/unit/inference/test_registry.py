"""Registry and run_item: what is wanted, what is guarded, what is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bonafide.model import MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference import catalogue as catalogue_module
from bonafide_inference import registry
from bonafide_inference.inspect import inspect

from tests.unit.inference import makers

SHIPPED = {
    "codec_history",
    "double_quantisation",
    "picture_traces",
    "pdf_structure",
    "provenance",
    "video_container",
}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """One detector an operation: what is tested here does not depend on how many there are."""
    kept = {"double_quantisation", "picture_traces"}
    folders = tuple(folder for folder in registry.discover() if folder.manifest.name in kept)
    monkeypatch.setattr(registry, "discover", lambda _models_dir=None: folders)


@pytest.fixture
def photo(tmp_path: Path, two: None) -> tuple[str, MediaFacts]:
    path = tmp_path / "x.jpg"
    path.write_bytes(makers.jpeg(makers.texture()))
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    return str(path), media


def item(*operations: str, kind: str = "image") -> WorkItem:
    return WorkItem(id="i-1", detector=kind, operations=tuple(Operation(one) for one in operations))


def run(photo, wants: WorkItem, workdir: Path, **limits):
    return registry.run_item(photo[0], photo[1], wants, Options(), str(workdir), **limits)


def test_shipped_detectors_are_found_with_cards() -> None:
    folders = registry.discover(None)
    assert {folder.manifest.name for folder in folders} >= SHIPPED
    for folder in folders:
        assert (Path(folder.path) / "card.md").read_text().startswith(f"# {folder.manifest.name} ")
        assert folder.manifest.name == Path(folder.path).name


def test_committed_catalogue_is_the_generated_one() -> None:
    assert catalogue_module.TARGET.read_text(encoding="utf-8") == catalogue_module.render()


def test_catalogue_can_be_written_elsewhere(tmp_path: Path) -> None:
    catalogue_module.write(tmp_path / "c.json")
    rows = json.loads((tmp_path / "c.json").read_text())
    assert {row["name"] for row in rows} >= SHIPPED
    assert all(len(row["sha256"]) == 64 and not row["shadow"] for row in rows)


def test_every_operation_is_answered_in_order(photo, tmp_path: Path) -> None:
    found = run(photo, item("synthetic_image", "file_forensics", "image_forgery"), tmp_path)
    assert [str(one.operation) for one in found] == ["synthetic_image", "file_forensics", "image_forgery"]
    assert (found[0].outcome, found[0].reason) == (Outcome.NOT_APPLICABLE, "no_detector")
    assert {one.item for one in found} == {"i-1"}
    assert found[1].model.name == "picture_traces"
    assert found[2].seconds > 0


def test_one_cell_call_for_all_detectors(photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = registry.cell.run
    monkeypatch.setattr(registry.cell, "run", lambda *a, **k: calls.append(a[0]) or real(*a, **k))
    run(photo, item("file_forensics", "image_forgery"), tmp_path)
    assert calls == ["run_item"]


def test_nothing_wanted_starts_no_cell(photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.cell, "run", lambda *a, **k: pytest.fail("a cell was started"))
    assert run(photo, item("transcription"), tmp_path)[0].reason == "no_detector"


@pytest.mark.parametrize(
    ("limits", "reason"), [({"seconds": 0.0}, "timed_out"), ({"memory_mb": 1}, "out_of_memory")]
)
def test_dead_cell_fails_each_operation(tmp_path: Path, two: None, limits: dict, reason: str) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(makers.jpeg(makers.texture(800, 600).resize((4800, 3600))))  # far beyond what a heap has
    media = inspect(str(path))
    found = run((str(path), media), item("image_forgery", "file_forensics"), tmp_path, **limits)
    assert (found[0].outcome, found[0].reason) == (Outcome.FAILED, reason)
    # Alone, it may need little memory.
    assert found[1].reason in (reason, "no_calibrated_score"), found[1].detail
    assert all(one.model is not None for one in found)


@pytest.mark.parametrize("reason", ["crashed", "unreadable"])
def test_crash_is_unreadable(photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    answer = {"ok": False, "reason": reason, "detail": "SIGSEGV"}
    monkeypatch.setattr(registry.cell, "run", lambda *a, **k: answer)
    (found,) = run(photo, item("image_forgery"), tmp_path)
    assert (found.outcome, found.reason, found.detail) == (Outcome.FAILED, "unreadable", "SIGSEGV")


@pytest.mark.parametrize("reason", ["crashed", "out_of_memory"])
def test_who_takes_the_cell_down_goes_alone(
    photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    real, left = registry.cell.run, []

    def dies_with_traces(task: str, args: dict, **limits: float) -> dict:
        left.append(limits["seconds"])
        if any(folder["path"].endswith("picture_traces") for folder in args["folders"]):
            return {"ok": False, "reason": reason, "detail": "SIGSEGV"}
        return real(task, args, **limits)

    monkeypatch.setattr(registry.cell, "run", dies_with_traces)
    found = run(photo, item("file_forensics", "image_forgery"), tmp_path, seconds=30)
    assert [one.model.name for one in found] == ["picture_traces", "double_quantisation"]
    assert [one.reason for one in found] == [
        "unreadable" if reason == "crashed" else reason, "no_double_quantisation",
    ]  # fmt: skip
    assert left == sorted(left, reverse=True) and left[0] == 30  # no more time than the item has


def test_detector_that_raises_is_an_outcome(photo, tmp_path: Path) -> None:
    Path(photo[0]).write_bytes(b"\xff\xd8\xff gone bad after inspection")
    found = run(photo, item("image_forgery", "file_forensics"), tmp_path)
    assert (found[0].outcome, found[0].reason) == (Outcome.FAILED, "detector_error")
    assert str(tmp_path) not in (found[0].detail or "")
    assert found[1].outcome is Outcome.INCONCLUSIVE  # the other one is not taken down


def lie(monkeypatch: pytest.MonkeyPatch, **raw: object) -> None:
    said = {"operation": "image_forgery", "outcome": "inconclusive", "reason": "x"} | raw
    monkeypatch.setattr(registry.cell, "run", lambda *a, **k: {"ok": True, "result": [said]})


def test_cell_cannot_name_a_model_or_an_item(photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"name": "evil", "version": "1", "sha256": "0", "type": "learned"}
    lie(monkeypatch, model=model, item="other")
    (found,) = run(photo, item("image_forgery"), tmp_path)
    assert (found.model.name, found.item) == ("double_quantisation", "i-1")


@pytest.mark.parametrize(
    "raw", [{"outcome": "scored"}, {"operation": "lip_sync"}, {"extra": 1}, {"p_fake": 2}]
)
def test_malformed_findings_are_detector_errors(photo, tmp_path, monkeypatch, raw: dict) -> None:
    lie(monkeypatch, **raw)
    (found,) = run(photo, item("image_forgery"), tmp_path)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "detector_error")


def test_artifacts_are_only_files_of_the_workdir(
    photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "good.png").write_bytes(b"png")
    (work / "link.png").symlink_to("/etc/hostname")
    (work / "empty.png").write_bytes(b"")
    paths = ["good.png", "link.png", "empty.png", "absent.png", "../x.jpg", "/etc/hostname"]
    artifacts = [{"name": "a.png", "media_type": "image/png", "path": str(work / path)} for path in paths]
    lie(monkeypatch, artifacts=[*artifacts, {"name": "a.png", "media_type": "image/png"}])
    (found,) = run(photo, item("image_forgery"), work)
    assert [(Path(one.path).name, one.bytes) for one in found.artifacts] == [("good.png", 3)]
