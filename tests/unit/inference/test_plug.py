"""What a manifest says of a model without code: outputs, fits, windows, frames."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from bonafide.model import Finding, Outcome
from bonafide_inference.generic import picture_tensor, window_tensor
from bonafide_inference.plug import Output, PictureInput, SoundInput
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.test_models import ask, folder, mean_model
from tests.unit.ownmodels.making import graph, out

LOGITS = st.lists(st.floats(-20, 20), min_size=2, max_size=6)


@given(LOGITS)
def test_a_softmax_becomes_log_odds(values: list[float]) -> None:
    share = math.exp(values[0]) / sum(map(math.exp, values))
    raw = Output(meaning="softmax", index=0).raw(values)
    assert 1 / (1 + math.exp(-raw)) == pytest.approx(share, abs=1e-9)
    assert Output(meaning="softmax", index=0, fake_is="low").raw(values) == -raw


@pytest.mark.parametrize(
    ("said", "values", "raw"),
    [
        (Output(), [1.0, 3.0], 3.0),
        (Output(meaning="logit", index=0), [1.0, 3.0], 1.0),
        (Output(fake_is="low"), [3.0], -3.0),
        (Output(meaning="probability"), [0.5], 0.0),
        (Output(meaning="probability"), [1.0], math.log(1e6 - 1)),
    ],
)
def test_meanings(said: Output, values: list[float], raw: float) -> None:
    assert said.raw(values) == pytest.approx(raw)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        (Output(), []),
        (Output(index=2), [1.0, 2.0]),
        (Output(), [math.nan]),
        (Output(index=0), [1.0, math.inf]),
        (Output(meaning="probability"), [1.2]),
        (Output(meaning="softmax"), [1.0]),
    ],
)
def test_what_is_not_as_said_is_an_error(said: Output, values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"output|probability|softmax"):
        said.raw(values)


def halves() -> Image.Image:
    """80 × 40: left half red, right half blue."""
    picture = Image.new("RGB", (80, 40), (255, 0, 0))
    picture.paste((0, 0, 255), (40, 0, 80, 40))
    return picture


@pytest.mark.parametrize("fit", ["stretch", "crop", "native"])
def test_fits_keep_the_middle_in_the_middle(fit: str) -> None:
    tensor = picture_tensor(halves(), {"size": 32, "fit": fit, "resample": "nearest"}, {})
    assert tensor.shape == (1, 3, 32, 32)
    assert tensor[0, 0, :, :15].min() == 1 and tensor[0, 2, :, 17:].min() == 1


def test_bgr_and_normalisation_go_channel_by_channel() -> None:
    preparation = {"mean": [1.0, 0.0, 0.0], "std": [1.0, 1.0, 0.5]}
    tensor = picture_tensor(halves(), {"size": 32, "channels": "bgr"}, preparation)
    assert tensor[0, 0, 0, 0] == -1 and tensor[0, 2, 0, 0] == 2  # blue − 1; red / 0.5


def test_a_native_crop_of_a_smaller_picture_abstains(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(makers.picture("PNG", Image.new("RGB", (40, 40))))
    folder(tmp_path / "models", mean_model([1, 3, 64, 64]), input={"size": 64, "fit": "native"})
    found = ask(tmp_path, path, tmp_path / "models")
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "too_small")


def test_windows_are_padded_and_scaled_as_said() -> None:
    sound = np.array([0.5, -0.25], np.float32)
    five = {"rate_hz": 4000, "seconds": 5 / 4000}
    assert window_tensor(sound, SoundInput(**five), {}).tolist() == [[0.5, -0.25, 0, 0, 0]]
    again = window_tensor(sound, SoundInput(**five, pad="repeat", shape="nct"), {"peak": True})
    assert again.tolist() == [[[1, -0.5, 1, -0.5, 1]]]
    flat = window_tensor(sound, SoundInput(**five, pad="repeat"), {"standardise": True})
    assert (flat.mean(), flat.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-3))


def test_frames_of_a_video_are_scored(tmp_path: Path) -> None:
    path = makers.video(tmp_path / "x.mp4", seconds=2)
    folder(
        tmp_path / "models",
        mean_model([1, 3, 32, 32]),
        entry="onnx_frames",
        kind="video",
        media_kinds=["video"],
        operation="synthetic_video",
        input={"size": 32, "fps": 4, "most_frames": 3},
    )
    found = ask(tmp_path, path, tmp_path / "models", "video", "synthetic_video")
    assert found.outcome is Outcome.SCORED and found.evidence.values["windows"] == 3
    assert len(found.evidence.frames) == 3 and all(
        frame.p_fake is not None for frame in found.evidence.frames
    )


def detail_model() -> bytes:
    """A model whose score is the mean step from pixel to pixel."""
    kernel = onnx.numpy_helper.from_array(np.full((1, 3, 1, 2), [1 / 3, -1 / 3], np.float32), "k")
    nodes = [
        onnx.helper.make_node("Conv", ["x", "k"], ["d"]),
        onnx.helper.make_node("Abs", ["d"], ["a"]),
        onnx.helper.make_node("ReduceMean", ["a"], ["score"], keepdims=0),
    ]
    return graph(nodes, [out()], weights=[kernel])


def checks(tmp_path: Path, **wants: object) -> Finding:
    """What a model of detail says of a board of single pixels, in which half the size leaves nothing."""
    board = np.indices((96, 96)).sum(axis=0) % 2 * 255
    path = tmp_path / "board.png"
    path.write_bytes(makers.picture("PNG", Image.fromarray(board.astype(np.uint8)).convert("RGB")))
    calibration = {"kind": "platt", "slope": 4.0, "offset": -2.0}
    given = {"size": 32, "fit": "native"} | wants
    folder(tmp_path / "models", detail_model(), input=given, calibration=calibration)
    return ask(tmp_path, path, tmp_path / "models")


def test_what_a_change_of_size_turns_round_is_unstable(tmp_path: Path) -> None:
    found = checks(tmp_path)
    assert (found.outcome, found.reason, found.llr) == (Outcome.INCONCLUSIVE, "unstable", None)
    flips = found.evidence.details["stability"]["flipped_by"]
    assert "half size" in flips and "JPEG 95" not in flips and "half size" in (found.detail or "")
    assert found.evidence.values["raw_score"] == 1


def test_an_owner_may_leave_the_probe_out(tmp_path: Path) -> None:
    assert checks(tmp_path, probe=False).llr == pytest.approx(2)


def test_a_grid_of_crops_has_a_map(tmp_path: Path) -> None:
    picture = Image.new("RGB", (100, 70), "black")
    picture.paste("white", (60, 0, 100, 70))
    path = tmp_path / "x.png"
    path.write_bytes(makers.picture("PNG", picture))
    calibration = {"kind": "platt", "slope": 9.0, "offset": -4.0}
    wants = {"size": 32, "fit": "native", "grid": 8}
    folder(tmp_path / "models", mean_model([1, 3, 32, 32]), input=wants, calibration=calibration)
    found = ask(tmp_path, path, tmp_path / "models")
    assert found.evidence.values["windows"] == 6 and found.llr == pytest.approx(9 * 6 / 32 - 4)
    (drawn,) = found.artifacts
    with Image.open(tmp_path / drawn.name) as shown:
        assert shown.size == (100, 70)
        left, right = shown.convert("RGB").getpixel((10, 35)), shown.convert("RGB").getpixel((90, 35))
    assert sum(right) > sum(left) + 200


def test_a_grid_wants_native_crops(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="native"):
        PictureInput(size=32, grid=2)
