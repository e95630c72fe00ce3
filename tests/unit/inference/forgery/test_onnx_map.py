"""The slot for a learned localiser: a tiny model without code gives a map, regions and a score."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import discover, run_item
from onnx import TensorProto, helper
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.forgery.making import overlap, put
from tests.unit.inference.test_models import folder


def red_model(*, score: bool = False, flat: bool = False) -> bytes:
    """A model whose map is the red channel, and whose score, if any, is its mean."""
    nodes = [helper.make_node("Split", ["x"], ["red", "green", "blue"], axis=1)]
    nodes.append(helper.make_node("Identity", ["red"], ["map"]))
    shape: list[int] = [1, 1, 32, 32]
    if flat:
        nodes[-1] = helper.make_node("ReduceMean", ["red"], ["map"], keepdims=0)
        shape = []
    outputs = [helper.make_tensor_value_info("map", TensorProto.FLOAT, shape)]
    if score:
        nodes.append(helper.make_node("ReduceMean", ["red"], ["score"], keepdims=0))
        outputs.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, []))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    model = helper.make_model(
        helper.make_graph(nodes, "red", [x], outputs), opset_imports=[helper.make_opsetid("", 11)]
    )
    model.ir_version = 8
    return onnx.ModelProto.SerializeToString(model)


def ask(tmp_path: Path, weights: bytes, **changes: object) -> Finding:
    """A grey picture with a red box in it, asked of that model; it runs in shadow, as an owner's does."""
    picture = Image.new("RGB", (320, 320), (40, 40, 40))
    picture.paste((250, 40, 40), (80, 160, 200, 240))
    path = put(tmp_path / "x.png", makers.picture("PNG", picture))
    folder(tmp_path / "models", weights, operation="image_forgery", entry="onnx_map", **changes)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    item = WorkItem(id="i", detector="image", operations=(Operation.IMAGE_FORGERY,))
    discover.cache_clear()
    found = run_item(str(path), media, item, Options(), str(tmp_path), models_dir=str(tmp_path / "models"))
    (mine,) = [one for one in found if one.model and one.model.name == "tiny"]
    assert mine.model is not None and mine.model.shadow
    return mine


def test_map_regions_and_picture(tmp_path: Path) -> None:
    found = ask(tmp_path, red_model())
    assert found.outcome is Outcome.SCORED and found.p_fake is not None and found.p_fake > 0.6
    (region,) = found.evidence.regions
    assert overlap((80, 160, 200, 240), region.x, region.y, region.width, region.height) > 0.7
    assert [one.name for one in found.artifacts] == ["tiny.png"]


def test_a_score_of_its_own_is_taken(tmp_path: Path) -> None:
    found = ask(tmp_path, red_model(score=True))
    assert found.evidence.values["raw_score"] == pytest.approx(0.157 + 0.8235 * 0.09375, abs=0.02)


def test_without_calibration_it_stays_silent(tmp_path: Path) -> None:
    found = ask(tmp_path, red_model(), calibration=None)
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")


def test_logits_become_shares(tmp_path: Path) -> None:
    found = ask(tmp_path, red_model(), preprocessing={"scale": 1 / 255, "map": "logit"})
    assert 0.5 < found.evidence.values["raw_score"] < 0.75


@pytest.mark.parametrize("changes", [{}, {"input": {"size": 16, "layout": "nchw"}}])
def test_what_is_no_map_is_said(tmp_path: Path, changes: dict) -> None:
    found = ask(tmp_path, red_model(flat=not changes), **changes)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "model_invalid")
