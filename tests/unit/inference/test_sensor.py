"""A sensor's pattern: taken out, estimated, found again; and the detector that looks for it."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bonafide.cameras import Camera
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, Verdict, WorkItem
from bonafide.policy import policy
from bonafide_inference import registry, sensor
from bonafide_inference.inspect import inspect
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.cameras import taken
from localcloud.score import score_file
from ownmodels import enrol
from tests.helpers import cameras

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MINE, OTHER = 5, 6


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with one enrolled camera in it."""
    root = tmp_path_factory.mktemp("models")
    made = enrol.enrol(cameras.folder(root / "pictures", MINE), now=NOW)
    enrol.write(root / "own" / "cameras", "mine", made)
    return root / "own"


def ask(models: Path | None, data: bytes, place: Path, name: str = "q.jpg") -> list[Finding]:
    path = place / name
    path.write_bytes(data)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="image", operations=(Operation.SYNTHETIC_IMAGE,))
    own = str(models) if models else None
    return registry.run_item(str(path), media, item, Options(visualize=False), str(place), models_dir=own)


def pattern_of(models: Path | None, data: bytes, place: Path, name: str = "q.jpg") -> Finding:
    found = {f.model.name: f for f in ask(models, data, place, name) if f.model}
    assert found["synthetic_image"].outcome is not Outcome.FAILED
    return found["sensor_pattern"]


# ---- the numbers ------------------------------------------------------------------------------------
def test_the_filter_leaves_scenes_and_takes_noise() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(0, 3, (128, 160)).astype(np.float32)
    down, right = np.mgrid[:128, :160]
    smooth = (120 + 60 * np.sin(2 * np.pi * down / 128) * np.cos(2 * np.pi * right / 160)).astype(np.float32)
    found = sensor.residual(smooth + noise)
    assert np.corrcoef(found.ravel(), noise.ravel())[0, 1] > 0.9
    assert sensor.residual(smooth).std() < 0.5
    edge = np.where(right < 80, 40, 200).astype(np.float32)
    assert sensor.residual(edge + noise).std() < 1.2 * noise.std()


def test_one_level_of_the_transform_is_turned_back() -> None:
    plane = np.random.default_rng(4).normal(120, 30, (48, 80)).astype(np.float32)
    parts = sensor._split(plane)
    assert np.allclose(sensor._merge(*parts), plane, atol=1e-3)
    assert sum(float(np.sum(part**2)) for part in parts) == pytest.approx(float(np.sum(plane**2)), rel=1e-4)


def test_lines_and_grids_are_no_pattern() -> None:
    random = np.random.default_rng(5)
    noise = random.normal(0, 1, (128, 128)).astype(np.float32)
    grid = np.where((np.arange(128) % 8 == 0)[:, None] ^ (np.arange(128) % 8 == 0)[None, :], 3, 0)
    lines = random.normal(0, 3, (1, 128))
    found = sensor._cleaned((noise + grid + lines).astype(np.float32))
    assert np.corrcoef(found.ravel(), noise.ravel())[0, 1] > 0.9


def test_the_energy_knows_no_scale_and_is_signed() -> None:
    random = np.random.default_rng(6)
    packed = sensor.pack(random.normal(0, 0.01, (128, 160)).astype(np.float32))
    given = packed + random.normal(0, 300, packed.shape).astype(np.float32)
    waves = sensor.waves(packed)
    one = sensor.correlate(given, waves, packed.shape, whole=True)
    assert one.pce > 60 and one.shift == (0, 0)
    assert sensor.correlate(7 * given, waves, packed.shape, whole=True).pce == pytest.approx(
        one.pce, rel=1e-3
    )
    assert sensor.correlate(-given, waves, packed.shape, whole=True).pce < 60
    moved = sensor.correlate(np.roll(given, (9, 20), (0, 1)), waves, packed.shape, whole=False)
    assert moved.shift == (9, 20) and moved.pce == pytest.approx(one.pce, rel=1e-3)
    assert sensor.correlate(np.roll(given, 9, 0), waves, packed.shape, whole=True).pce < 60


def test_what_is_taken_away_again_leaves_nothing() -> None:
    total, without = sensor.Sum((64, 64)), sensor.Sum((64, 64))
    for seed in range(4):
        plane = np.random.default_rng(seed).uniform(40, 200, (64, 64)).astype(np.float32)
        total.add(sensor.residual(plane), plane)
        if seed:
            without.add(sensor.residual(plane), plane)
        else:
            first = plane
    total.add(sensor.residual(first), first, -1.0)
    assert np.allclose(total.pattern(), without.pattern(), atol=1e-4)


def test_the_simulated_camera_of_the_benchmark_leaves_its_pattern() -> None:
    random = np.random.default_rng(8)
    pattern = random.normal(0, 1, (128, 160)).astype(np.float32)
    scene = Image.fromarray(cameras.scene(9, (160, 128)).clip(0, 255).astype(np.uint8))
    planes = [sensor.luma(taken(scene, pattern, strength, 90, 1)) for strength in (0.02, 0.0)]
    bears, does_not = (np.corrcoef(sensor.residual(p).ravel(), pattern.ravel())[0, 1] for p in planes)
    assert bears > 0.2 > abs(does_not)


# ---- the detector -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "taken", "turned"),
    [
        ({}, "whole", 0), ({"quality": 75}, "whole", 0), ({"turn": 1}, "whole", 270),
        ({"turn": 2}, "whole", 180), ({"exif": {0x0112: 6}}, "whole", 90),
        ({"exif": {0x0112: 3}}, "whole", 180), ({"crop": 12}, "cut_out", 0),
        ({"crop": 13, "turn": 3}, "cut_out", 90),
    ],
)  # fmt: skip
def test_a_match_leans_to_genuine(
    models: Path, tmp_path: Path, changes: dict[str, Any], taken: str, turned: int
) -> None:
    found = pattern_of(models, cameras.shot(70, MINE, **changes), tmp_path)
    assert (found.outcome, found.llr) == (Outcome.SCORED, pytest.approx(-2.2))
    assert found.interval.low <= found.p_fake <= found.interval.high < 0.5
    (flag,) = found.evidence.flags
    assert (flag.code, flag.value) == ("sensor_pattern", "mine") and flag.caveat and flag.base_rate
    said = found.evidence.details["cameras"]["mine"]
    assert (said["compared_as"], said["turned_degrees"]) == (taken, turned)
    assert found.evidence.values["camera_matched"] == "mine"
    assert found.evidence.values["camera_pce"] == said["pce"] > 150


@pytest.mark.parametrize(
    ("shot", "reason"),
    [
        ((70, OTHER, {}), "no_camera_matches"), ((70, None, {}), "no_camera_matches"),
        ((70, None, {"crop": 12}), "no_camera_matches"), ((70, MINE, {"size": (416, 288)}), "not_comparable"),
        ((70, MINE, {"scale": 1.2}), "not_comparable"), ((70, MINE, {"scale": 0.8}), "not_comparable"),
        ((70, MINE, {"scale": 0.9}), "no_camera_matches"),
    ],
)  # fmt: skip
def test_no_match_is_silence(models: Path, tmp_path: Path, shot: Any, reason: str) -> None:
    seed, camera, changes = shot
    found = pattern_of(models, cameras.shot(seed, camera, **changes), tmp_path)
    assert (found.outcome, found.reason, found.llr) == (Outcome.NOT_APPLICABLE, reason, None)
    assert found.evidence.flags == () and found.detail


def test_a_folder_is_scored_offline(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "q.jpg"
    path.write_bytes(cameras.shot(70, MINE))
    line = score_file(str(path), Operation.SYNTHETIC_IMAGE, models_dir=str(models))
    assert (line["verdict"], line["model"]) == ("genuine", "sensor_pattern@1.0.0")
    assert score_file(str(path), Operation.SYNTHETIC_IMAGE)["verdict"] == "inconclusive"


def test_without_cameras_nothing_runs(models: Path, tmp_path: Path) -> None:
    data = cameras.shot(70, MINE)
    for place in (None, tmp_path / "empty"):
        assert [f.model.name for f in ask(place, data, tmp_path)] == ["synthetic_image"]


def test_every_camera_is_told_apart(models: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for name, camera in (("first", MINE), ("second", OTHER)):
        made = enrol.enrol(cameras.folder(tmp_path / name, camera), now=NOW)
        enrol.write(own / "cameras", name, made)
    for name, camera in (("first", MINE), ("second", OTHER)):
        found = pattern_of(own, cameras.shot(71, camera), tmp_path)
        assert found.evidence.values["camera_matched"] == name
        energies = {other: said["pce"] for other, said in found.evidence.details["cameras"].items()}
        assert max(energies, key=energies.__getitem__) == name and min(energies.values()) < 60


def test_a_declaration_stands_and_the_match_is_shown(models: Path, tmp_path: Path) -> None:
    out = io.BytesIO()
    declared = "a castle\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 384x288, Model: x"
    text = PngInfo()
    text.add_text("parameters", declared)
    with Image.open(io.BytesIO(cameras.shot(70, MINE))) as image:
        image.save(out, "PNG", pnginfo=text)
    found = {f.model.name: f for f in ask(models, out.getvalue(), tmp_path, "q.png") if f.model}
    assert found["synthetic_image"].p_fake > 0.9
    mine = found["sensor_pattern"]
    assert (mine.outcome, mine.reason) == (Outcome.INCONCLUSIVE, "declared_generated")
    assert [flag.code for flag in mine.evidence.flags] == ["sensor_pattern"]
    fused = fuse_operation(Operation.SYNTHETIC_IMAGE, list(found.values()), policy("default"))
    assert fused.verdict is Verdict.MANIPULATED
    assert {voice.model for voice in fused.voices} == {"sensor_pattern", "synthetic_image"}
    assert "sensor_pattern" in {flag.code for flag in fused.evidence.flags}


# ---- what lies in the folder is not taken on trust ---------------------------------------------------
def broken(models: Path, target: Path, pattern: bytes | None, **changes: Any) -> Path:
    """The enrolled camera with other bytes for its pattern; the index vouches for them."""
    index = json.loads((models / "cameras" / "cameras.json").read_text())
    index["mine"] |= changes
    (target / "cameras").mkdir(parents=True)
    if pattern is not None:
        index["mine"]["sha256"] = hashlib.sha256(pattern).hexdigest()
        (target / "cameras" / f"{index['mine']['sha256']}.pattern").write_bytes(pattern)
    (target / "cameras" / "cameras.json").write_text(json.dumps(index))
    return target


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (9,)}", "pattern_invalid"),
        (b"\x01" * (384 * 288 - 1), "pattern_invalid"), (b"\0" * (384 * 288), "pattern_invalid"),
        (b"\x01" * (2 << 20), "pattern_hash_mismatch"), (b"", "pattern_invalid"), (None, "pattern_missing"),
    ],
    ids=["an array of objects", "short", "empty pixels", "endless", "nothing", "missing"],
)  # fmt: skip
def test_a_hostile_pattern_is_refused(
    models: Path, tmp_path: Path, pattern: bytes | None, reason: str
) -> None:
    own = broken(models, tmp_path / "own", pattern)
    found = pattern_of(own, cameras.shot(70, MINE), tmp_path)
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason)


def test_a_tampered_pattern_is_refused(models: Path, tmp_path: Path) -> None:
    own = broken(models, tmp_path / "own", None)
    for path in (models / "cameras").glob("*.pattern"):
        (own / "cameras" / path.name).write_bytes(bytes(reversed(path.read_bytes())))
    assert pattern_of(own, cameras.shot(70, MINE), tmp_path).reason == "pattern_hash_mismatch"


@pytest.mark.parametrize("text", ["", "[]", '{"mine": {"width": 0}}'])
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "own" / "cameras").mkdir(parents=True)
    (tmp_path / "own" / "cameras" / "cameras.json").write_text(text)
    found = pattern_of(tmp_path / "own", cameras.shot(70, MINE), tmp_path)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "cameras_invalid")


def test_a_broken_camera_does_not_silence_the_others(models: Path, tmp_path: Path) -> None:
    own = broken(models, tmp_path / "own", None)
    index = own / "cameras" / "cameras.json"
    said = json.loads(index.read_text())
    gone = Camera.model_validate(said["mine"] | {"sha256": "0" * 64}).model_dump(mode="json")
    index.write_text(json.dumps(said | {"gone": gone}))
    for path in (models / "cameras").glob("*.pattern"):
        (own / "cameras" / path.name).write_bytes(path.read_bytes())
    found = pattern_of(own, cameras.shot(70, MINE), tmp_path)
    assert found.outcome is Outcome.SCORED
    assert found.evidence.details["cameras"]["gone"] == {"not_compared": "pattern_missing"}


@pytest.mark.parametrize("light", [0.05, 5.0])
def test_where_no_pattern_can_be_seen_nothing_is_said(models: Path, tmp_path: Path, light: float) -> None:
    dim = io.BytesIO()
    with Image.open(io.BytesIO(cameras.shot(70, MINE))) as image:
        image.point(lambda value: min(255, round(value * light))).save(dim, "JPEG")
    found = pattern_of(models, dim.getvalue(), tmp_path)
    assert (found.outcome, found.reason) == (Outcome.NOT_APPLICABLE, "too_dark_or_bright")
