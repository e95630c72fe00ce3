"""Manifests, hashes, sessions, calibration: tiny ONNX models are made here."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from bonafide.model import MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference.calibration import LikelihoodRatioTable, Platt, probability
from bonafide_inference.inspect import inspect
from bonafide_inference.models import Manifest, ModelError, ModelFolder, load
from bonafide_inference.registry import discover, run_item
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.unit.inference import makers

FINITE = st.floats(-1e6, 1e6)


def mean_model(shape: list[int | str]) -> bytes:
    """A model whose score is the mean of its input."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["score"], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return onnx.ModelProto.SerializeToString(model)


def folder(root: Path, weights: bytes, **changes: object) -> Path:
    place = root / "tiny"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(weights)
    manifest = {
        "name": "tiny", "title": "Tiny", "version": "0.1.0", "operation": "synthetic_image",
        "type": "learned",
        "kind": "image", "media_kinds": ["image"], "entry": "onnx_image",
        "input": {"size": 32, "layout": "nchw"}, "preprocessing": {"scale": 1 / 255},
        "calibration": {"kind": "platt", "slope": 2.0, "offset": -1.0, "covariance": [0.01, 0.0, 0.01]},
        "sha256": hashlib.sha256(weights).hexdigest(), "licence": "Apache-2.0", "data": "none",
    } | changes  # fmt: skip
    (place / "model.json").write_text(json.dumps(manifest))
    return place


def ask(tmp_path: Path, path: Path, models: Path, kind: str = "image", operation: str = "synthetic_image"):
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    item = WorkItem(id="i", detector=kind, operations=(Operation(operation),))
    discover.cache_clear()
    every = run_item(str(path), media, item, Options(), str(tmp_path), models_dir=str(models))
    shipped = {folder.manifest.name for folder in discover(None)}
    (finding,) = [one for one in every if one.model is None or one.model.name not in shipped]
    return finding


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "grey.png"
    path.write_bytes(makers.picture("PNG", Image.new("RGB", (64, 64), (153, 153, 153))))
    return path


def test_owner_model_runs_in_shadow_without_code(tmp_path: Path, grey: Path) -> None:
    folder(tmp_path / "models", mean_model([1, 3, 32, 32]))
    found = ask(tmp_path, grey, tmp_path / "models")
    assert found.outcome is Outcome.SCORED
    assert found.llr == pytest.approx(2 * 0.6 - 1, abs=0.01)
    assert found.p_fake == pytest.approx(probability(0.2), abs=0.01)
    assert found.interval.low < found.p_fake < found.interval.high
    assert found.model.shadow
    assert (found.model.name, found.model.type) == ("tiny", "learned")


def test_promoted_model_leaves_the_shadow(tmp_path: Path, grey: Path) -> None:
    folder(tmp_path / "models", mean_model([1, 3, 32, 32]), promoted=True)
    assert not ask(tmp_path, grey, tmp_path / "models").model.shadow


@pytest.mark.parametrize("fit", ["stretch", "crop"])
def test_channels_last(tmp_path: Path, grey: Path, fit: str) -> None:
    folder(tmp_path / "models", mean_model([1, 32, 32, 3]), input={"size": 32, "layout": "nhwc", "fit": fit})
    assert ask(tmp_path, grey, tmp_path / "models").llr == pytest.approx(0.2, abs=0.01)


def test_wrong_hash_is_a_finding(tmp_path: Path, grey: Path) -> None:
    folder(tmp_path / "models", mean_model([1, 3, 32, 32]), sha256="0" * 64)
    found = ask(tmp_path, grey, tmp_path / "models")
    assert (found.outcome, found.reason) == (Outcome.FAILED, "model_hash_mismatch")


def test_absent_weights_are_a_finding(tmp_path: Path, grey: Path) -> None:
    (folder(tmp_path / "models", mean_model([1, 3, 32, 32])) / "model.onnx").unlink()
    assert ask(tmp_path, grey, tmp_path / "models").reason == "model_missing"


@pytest.mark.parametrize(
    "weights", [b"not a model", mean_model([1, 3, 64, 64])], ids=["garbage", "other shape"]
)
def test_unusable_weights_are_a_finding(tmp_path: Path, grey: Path, weights: bytes) -> None:
    folder(tmp_path / "models", weights)
    assert ask(tmp_path, grey, tmp_path / "models").reason == "model_invalid"


def test_without_calibration_there_is_no_score(tmp_path: Path, grey: Path) -> None:
    folder(tmp_path / "models", mean_model([1, 3, 32, 32]), calibration=None)
    found = ask(tmp_path, grey, tmp_path / "models")
    assert (found.outcome, found.reason, found.p_fake) == (Outcome.INCONCLUSIVE, "no_calibrated_score", None)


def test_out_of_distribution_abstains(tmp_path: Path, grey: Path) -> None:
    ood = {"features": ["std"], "mean": [50.0], "std": [2.0], "limit": 6.0}
    folder(tmp_path / "models", mean_model([1, 3, 32, 32]), ood=ood)
    assert ask(tmp_path, grey, tmp_path / "models").reason == "out_of_distribution"


def test_audio_model_scores_windows(tmp_path: Path) -> None:
    wants = {"rate_hz": 8000, "seconds": 1.0, "hop_s": 1.0}
    folder(
        tmp_path / "models", mean_model([1, 8000]), entry="onnx_audio", kind="audio", media_kinds=["audio"],
        operation="synthetic_speech", input=wants, preprocessing={},
    )  # fmt: skip
    samples = np.full(3 * makers.RATE, 0.5, np.float32)
    path = makers.sound(tmp_path / "x.wav", "pcm_s16le", samples)
    found = ask(tmp_path, path, tmp_path / "models", "audio", "synthetic_speech")
    assert found.llr == pytest.approx(0.0, abs=0.05)
    assert [segment.start_s for segment in found.evidence.segments] == [0.0, 1.0, 2.0]


def test_broken_owner_folders_do_not_silence_the_shipped(tmp_path: Path) -> None:
    for name, text in {"a": "{", "b": "[]", "c": "{}"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text(text)
    assert discover(str(tmp_path)) == discover(None)


def test_owner_folder_may_not_name_code(tmp_path: Path) -> None:
    place = folder(tmp_path, b"x", entry="detector:Evil")
    with pytest.raises(ModelError) as caught:
        ModelFolder.read(str(place), shipped=False)
    assert caught.value.reason == "model_invalid"


def test_load_checks_the_hash_and_caches_the_session(tmp_path: Path) -> None:
    place = folder(tmp_path, mean_model([1, 4]))
    first, second = load(str(place), threads=1), load(str(place), threads=1)
    assert first.session is second.session
    assert first.run({"x": np.ones((1, 4), np.float32)})[0] == pytest.approx(1)
    (place / "model.onnx").write_bytes(b"tampered")
    with pytest.raises(ModelError, match="the manifest says"):
        load(str(place))


def test_manifest_wants_a_hash_only_of_the_learned() -> None:
    base = next(one.manifest for one in discover(None) if one.manifest.type == "rule").model_dump()
    with pytest.raises(ValueError, match="sha256"):
        Manifest.model_validate(base | {"type": "learned"})


@given(FINITE)
def test_probability_is_monotone_and_bounded(llr: float) -> None:
    assert 0 <= probability(llr) <= 1
    assert probability(llr) <= probability(llr + 1)
    assert probability(llr) + probability(-llr) == pytest.approx(1)


@given(FINITE, st.floats(-5, 5), st.floats(-5, 5))
def test_platt_interval_holds_the_estimate(score: float, slope: float, offset: float) -> None:
    found = Platt(kind="platt", slope=slope, offset=offset, covariance=(0.1, 0.0, 0.1)).apply(score)
    assert found.interval.low <= found.p_fake <= found.interval.high
    assert -4.6 <= found.llr <= 4.6


TABLE = LikelihoodRatioTable(
    kind="isotonic-table", score=(-1, 0, 2), llr=(-1, 0, 3), low=(-2, -1, 2), high=(0, 1, 4)
)


@given(FINITE, FINITE)
def test_table_is_monotone_and_flat_beyond_its_ends(a: float, b: float) -> None:
    low, high = TABLE.apply(min(a, b)), TABLE.apply(max(a, b))
    assert -1 <= low.llr <= high.llr <= 3
    assert low.interval.low <= low.p_fake <= low.interval.high


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_no_calibration_of_what_is_no_number(score: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        TABLE.apply(score)
    with pytest.raises(ValueError, match="finite"):
        Platt(kind="platt", slope=1, offset=0).apply(score)


@pytest.mark.parametrize("change", [{"llr": (0, -1, 1)}, {"score": (0, 0, 1)}, {"low": (0,)}])
def test_bad_tables_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"table|rise"):
        LikelihoodRatioTable.model_validate(TABLE.model_dump() | change)
