"""The training code: splices with a known history, figures that are right, and a whole small run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from bonafide_inference.calibration import LikelihoodRatioTable
from bonafide_inference.models import ModelFolder
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.inference import makers
from training import double_quantisation, metrics, splices, train
from training.material import pictures

LABELS = st.lists(st.booleans(), min_size=4, max_size=40).filter(lambda labels: 0 < sum(labels) < len(labels))


@given(LABELS, st.randoms())
def test_auc_is_the_share_of_pairs_in_order(labels: list[bool], random) -> None:
    scores = [random.choice([0, 1, 2, 3]) for _ in labels]
    pairs = [
        (a, b)
        for a, x in zip(scores, labels, strict=True)
        if x
        for b, y in zip(scores, labels, strict=True)
        if not y
    ]
    expected = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
    assert metrics.auc(np.array(scores), np.array(labels)) == pytest.approx(expected)


def test_auc_of_one_class_is_undefined() -> None:
    assert np.isnan(metrics.auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_f1() -> None:
    truth = np.array([1, 1, 0, 0], bool)
    assert metrics.f1(truth, truth) == 1
    assert metrics.f1(~truth, truth) == 0
    assert metrics.f1(np.zeros(4, bool), np.zeros(4, bool)) == 0
    assert metrics.f1(np.array([1, 0, 0, 0], bool), truth) == pytest.approx(2 / 3)


def test_bootstrap_draws_whole_groups() -> None:
    values = np.array([0.0] * 50 + [1.0] * 50)
    low, high = metrics.bootstrap(lambda rows: float(values[rows].mean()), [0] * 50 + [1] * 50)
    assert (low, high) == (0.0, 1.0)  # two groups: the interval is honest about it


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_isotonic_table_is_a_valid_calibration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random(200) < 0.5
    scores = rng.normal(0, 1, 200) + 2 * labels
    table = metrics.isotonic_table(scores, labels, list(range(200)), rounds=20)
    calibration = LikelihoodRatioTable.model_validate(table)
    assert calibration.apply(3.0).llr > 0 > calibration.apply(-2.0).llr
    assert abs(calibration.llr[-1]) <= np.log(202)


def test_pair_differs_only_inside_the_mask() -> None:
    rng = np.random.default_rng(1)
    twin, splice = splices.make_pair(makers.texture(256, 256), makers.texture(300, 300, 9), 60, 95, rng)
    a, b = (np.asarray(Image.open(io.BytesIO(one.data)).convert("L"), int) for one in (twin, splice))
    assert (twin.label, splice.label, twin.mask) == (0, 1, None)
    assert splice.mask is not None
    assert 0.005 < splice.mask.mean() < 0.4
    far = ~np.asarray(Image.fromarray(splice.mask).convert("L").resize((256, 256)).filter(_grow()), bool)
    assert np.abs(a - b)[far].mean() < 0.2
    assert np.abs(a - b)[splice.mask].mean() > 2


def _grow():
    from PIL import ImageFilter

    return ImageFilter.MaxFilter(21)


@pytest.fixture
def material(tmp_path: Path) -> Path:
    rows = []
    for corpus, release in (("one", "clear"), ("two", "unstated")):
        folder = tmp_path / "image" / "genuine" / corpus
        folder.mkdir(parents=True)
        for i in range(2):
            (folder / f"{i}.jpg").write_bytes(makers.jpeg(makers.texture(360, 300, len(rows) + 11), 95))
            rows.append({"path": f"image/genuine/{corpus}/{i}.jpg", "release": release})
    rows.append({"path": "image/genuine/two/absent.jpg", "release": "clear"})
    rows.append({"path": "speech/genuine/x/y.flac", "release": "clear"})
    with open(tmp_path / "SOURCES.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "release"])
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_material_lists_what_is_there(material: Path) -> None:
    rows = pictures(material)
    assert [(row.corpus, row.clear) for row in rows] == [("one", True)] * 2 + [("two", False)] * 2


def test_a_whole_small_run(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch
) -> None:
    monkeypatch.setattr(double_quantisation, "SAVES", (95, 90))
    out = tmp_path / "model"
    assert train.main(["double_quantisation", "--data", str(material), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert (out / "card.md").read_text() in printed
    folder = ModelFolder.read(str(out), shipped=True)
    assert folder.manifest.calibration is not None
    assert folder.manifest.figures["image_auc_q95"] >= 0.9
    assert "| Q95 |" in printed
    assert json.loads((out / "model.json").read_text())["version"] == folder.manifest.version


@pytest.mark.parametrize("arguments", [["double_quantisation", "--data", "/absent"], ["no_such_model"]])
def test_bad_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        train.main(arguments)
    assert caught.value.code == 2
