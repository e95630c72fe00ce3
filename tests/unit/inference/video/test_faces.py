"""Faces: found, followed, judged good enough or not, and bounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bonafide_inference import centerface, faces
from bonafide_inference.faces import Face, aligned, assess, crop, find, follow, follow_burst, overlap
from bonafide_inference.frames import Burst, Frame
from bonafide_inference.models import ModelError
from PIL import Image

from tests.unit.inference.video.making import SIZE, face, scene


def drawn(box: tuple[float, float, float, float], turn: float = 0.0, score: float = 0.9) -> Face:
    """A face at ``box`` whose landmarks lie as in a frontal one, the nose moved by ``turn`` eye distances."""
    x, y, width, height = box
    marks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5 + 0.4 * turn, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Face(box, score, (marks * (width, height) + (x, y)).astype(np.float32))


def sequence(pictures: list[np.ndarray], fps: float = 2.0) -> list[Frame]:
    return [Frame(n * 12, n / fps, picture) for n, picture in enumerate(pictures)]


def test_a_face_is_found_where_it_is() -> None:
    (found,) = find(face(x=120, y=110))
    x, _, width, height = found.box
    assert abs(x + width / 2 - 120) < 12
    assert 80 < width < 150
    assert 90 < height < 160
    left, right, nose, *mouth = found.landmarks
    assert left[0] < nose[0] < right[0]
    assert left[1] < nose[1] < mouth[0][1]
    assert abs(found.yaw) < 0.1
    assert abs(found.roll) < 8


def test_the_scale_of_the_picture_does_not_matter() -> None:
    big = face().repeat(4, 0).repeat(4, 1)
    (small,), (large,) = find(face()), find(big)
    assert np.array(large.box) == pytest.approx(np.array(small.box) * 4, abs=16)


def test_nothing_is_found_in_a_scene() -> None:
    assert find(scene(3)) == []


@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 4000), (64, 3)])
def test_strange_shapes(height: int, width: int) -> None:
    assert find(np.zeros((height, width, 3), np.uint8)) == []


def test_a_wheel_that_is_missing_or_other(monkeypatch: pytest.MonkeyPatch) -> None:
    centerface._session.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(ModelError) as missing:
            find(face())
    assert missing.value.reason == "model_missing"
    with monkeypatch.context() as patch:
        patch.setattr(centerface, "DETECTOR_SHA256", "0" * 64)
        with pytest.raises(ModelError) as other:
            find(face())
    assert other.value.reason == "model_hash_mismatch"
    with pytest.raises(ModelError, match="other ends"):
        centerface._freed(b"")


def test_large_faces_are_looked_for_in_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """But every fourth frame is searched in full, and every one while there are small faces."""
    sides: list[int] = []
    full, less = centerface.FRAME_SIDE, faces.QUICK_SIDE
    for width, expected in ((120, [full, less, less, less, full]), (30, [full] * 5)):
        one = drawn((90, 60, width, width))

        def searched(_small: object, _shape: object, side: int, one: Face = one) -> list[Face]:
            sides.append(side)
            return [one]

        monkeypatch.setattr(faces, "find_in", searched)
        follow(sequence([face()] * 5))
        assert sides == expected
        sides.clear()


def test_a_face_that_a_quick_look_misses_is_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    large = drawn((90, 60, 120, 140))
    monkeypatch.setattr(
        faces, "find_in", lambda _small, _shape, side: [large] if side == centerface.FRAME_SIDE else []
    )
    assert [len(one) for one in follow(sequence([face()] * 5)).by_frame] == [1] * 5


def test_one_person_is_one_track() -> None:
    moving = [face(x=120 + 8 * n) for n in range(8)]
    moving[3] = scene(1)
    found = follow(sequence(moving))
    assert [len(track.faces) for track in found.tracks] == [7]
    (track,) = found.tracks
    assert track.stability == pytest.approx(7 / 8)
    assert track.span_s == (0.0, 3.5)
    assert [face.frame for face in track.faces] == [0, 1, 2, 4, 5, 6, 7]
    assert [face.index for face in track.faces] == [0, 12, 24, 48, 60, 72, 84]
    assert found.left_out == 0


def test_a_long_gap_is_another_track() -> None:
    found = follow(sequence([face()] * 2 + [scene(1)] * 6 + [face()] * 3))
    assert [(track.id, len(track.faces)) for track in found.tracks] == [(0, 3), (1, 2)]


def test_two_people_do_not_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes that pass each other go on with the one they overlap and resemble."""
    left, right = face(x=90, radius=40), face(x=230, radius=40, light=0.5)
    picture = np.concatenate([left[:, :160], right[:, 160:]], axis=1)
    boxes = [(50.0, 70.0, 80.0, 100.0), (190.0, 70.0, 80.0, 100.0)]
    monkeypatch.setattr(faces, "find_in", lambda *_: [drawn(box) for box in boxes])
    found = follow(sequence([picture] * 4))
    assert [len(track.faces) for track in found.tracks] == [4, 4]
    for track in found.tracks:
        assert len({face.box for face in track.faces}) == 1


def test_ten_thousand_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd ends: the largest are kept, and how many were left out is said."""
    crowd = [drawn((float(n % 300), float(n // 300), 4.0 + n / 1000, 4.0 + n / 1000)) for n in range(10_000)]
    monkeypatch.setattr(faces, "find_in", lambda *_: sorted(crowd, key=lambda one: -one.side))
    found = follow(sequence([scene(n) for n in range(3)]))
    assert [len(one) for one in found.by_frame] == [faces.MAX_FACES] * 3
    assert len(found.tracks) <= faces.MAX_TRACKS
    assert found.left_out >= 3 * (10_000 - faces.MAX_FACES)


def test_a_heat_map_all_hot_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hot:
        def run(self, _names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            rows, columns = (side // 4 for side in inputs["input.1"].shape[2:])
            plane = np.ones((1, 1, rows, columns), np.float32)
            return [
                plane,
                np.ones((1, 2, rows, columns)),
                np.zeros((1, 2, rows, columns)),
                plane.repeat(10, 1),
            ]

    monkeypatch.setattr(centerface, "_session", Hot)
    assert 0 < len(find(scene(1))) <= centerface.CANDIDATES


def test_a_burst_is_followed_frame_by_frame() -> None:
    """From where the sampled frames (twice as large here) have a face; without one nothing is searched."""
    pictures = [face(x=140 + 2 * n, seed=n) for n in range(10)]
    frames = tuple(Frame(n, n / 25, picture) for n, picture in enumerate(pictures))
    burst = Burst(frames, tuple(picture[:, :, 0] for picture in pictures))
    sampled = [Frame(0, 0.0, np.asarray(Image.fromarray(pictures[0]).resize((640, 480))))]
    tracks = follow(sampled).tracks
    track = follow_burst(burst, sampled, tracks)
    assert track is not None
    assert [one.frame for one in track.faces] == list(range(10))
    assert len(track.meshes) == 10
    middles = [one.box[0] + one.box[2] / 2 for one in track.faces]
    assert np.polyfit(range(10), middles, 1)[0] == pytest.approx(2, abs=0.3)
    assert overlap(track.faces[0], find(pictures[0])[0]) > 0.7
    assert follow_burst(burst, sampled, ()) is None
    late = [replace(frame, time_s=frame.time_s + 9) for frame in frames]
    assert follow_burst(Burst(tuple(late), ()), sampled, tracks) is None


def test_a_face_that_leaves_a_burst_is_lost() -> None:
    pictures = [face(), face(), scene(3), scene(4), face()]
    frames = tuple(Frame(n, n / 25, picture) for n, picture in enumerate(pictures))
    track = follow_burst(Burst(frames, ()), frames[:1], follow(frames[:1]).tracks)
    assert track is not None
    assert [one.frame for one in track.faces] == [0, 1, 4]
    assert track.stability == pytest.approx(3 / 5)


@pytest.mark.parametrize(("picture", "where", "reason"), [
    (face(), None, None),
    (face(radius=30), (140.0, 95.0, 40.0, 50.0), "face_too_small"),
    (face(light=0.15), (100.0, 60.0, 110.0, 130.0), "face_too_dark"),
    (np.full((240, 320, 3), 250, np.uint8), (100.0, 60.0, 110.0, 130.0), "face_too_bright"),
    (np.linspace(60, 200, 320).astype(np.uint8)[None, :, None].repeat(240, 0).repeat(3, 2),
     (100.0, 60.0, 110.0, 130.0), "face_too_blurred"),
])  # fmt: skip
def test_quality(picture: np.ndarray, where: tuple[float, ...] | None, reason: str | None) -> None:
    one = find(picture)[0] if where is None else drawn(where)  # type: ignore[arg-type]
    assert assess(picture, one).reason == reason


def test_a_turned_head_is_no_face_to_judge() -> None:
    assert assess(face(), drawn((100.0, 60.0, 110.0, 130.0), turn=0.45)).reason == "pose_too_extreme"
    eyeless = Face((100.0, 60.0, 110.0, 130.0), 0.9, np.full((5, 2), 120, np.float32))
    assert assess(face(), eyeless).reason == "pose_too_extreme"


def test_alignment_puts_the_landmarks_on_the_template() -> None:
    picture = face()
    (one,) = find(picture)
    turned = np.ascontiguousarray(np.rot90(picture))
    marks = np.stack([one.landmarks[:, 1], SIZE[0] - 1 - one.landmarks[:, 0]], -1)
    quarter = Face((one.box[1], SIZE[0] - one.box[0] - one.box[2], one.box[3], one.box[2]), 0.9, marks)
    straight, back = aligned(picture, one), aligned(turned, quarter)
    assert np.abs(straight.astype(int) - back).mean() < 6


def test_crops_are_square_even_at_the_edge() -> None:
    outside = drawn((-20.0, -10.0, 80.0, 90.0))
    assert crop(face(), outside, 64).shape == (64, 64, 3)
    assert crop(face(), outside).shape[0] == crop(face(), outside).shape[1]


def test_overlap() -> None:
    one = drawn((0.0, 0.0, 10.0, 10.0))
    assert overlap(one, one) == 1.0
    assert overlap(one, drawn((5.0, 0.0, 10.0, 10.0))) == pytest.approx(1 / 3)
    assert overlap(one, drawn((20.0, 0.0, 10.0, 10.0))) == 0.0
