"""The pair makers for pictures, and the bars that a score has to pass."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.inference import makers
from training.picture_crops import Crops
from training.picture_folds import Fold, carries, splits, table
from training.picture_pairs import compress, postprocess, reconstruct, resize, self_blended
from training.synthetic_image import LLR_MOST, Counts, camera_table

RGB = np.asarray(makers.texture(160, 128))


class Autoencoder:
    """Stands where an onnxruntime session would: halves the contrast."""

    def __init__(self, shape: tuple[int, ...] | None = None) -> None:
        self.shape = shape

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="sample")]

    def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        (value,) = given.values()
        assert value.min() >= -1
        assert value.max() <= 1
        return [value / 2 if self.shape is None else np.zeros(self.shape, np.float32)]


def test_histories_differ_and_repeat() -> None:
    made = [postprocess(RGB, np.random.default_rng(seed), 64) for seed in range(30)]
    again = [postprocess(RGB, np.random.default_rng(seed), 64) for seed in range(30)]
    assert all(np.array_equal(a, b) for a, b in zip(made, again, strict=True))
    assert len({one.tobytes() for one in made}) > 25
    assert min(min(one.shape[:2]) for one in made) >= 64


def test_saving_and_sizing() -> None:
    worse, better = (np.abs(compress(RGB, "JPEG", q).astype(int) - RGB).mean() for q in (60, 95))
    assert worse > better > 0
    assert resize(RGB, 0.5).shape == (64, 80, 3)
    assert resize(RGB, 1e-9).shape == (1, 1, 3)


def test_a_face_blended_onto_itself_changes_only_there() -> None:
    mask = np.zeros(RGB.shape[:2], bool)
    mask[50:80, 60:100] = True
    genuine, blended = self_blended(RGB, mask, np.random.default_rng(1))
    moved = np.abs(blended.astype(int) - genuine).sum(axis=2)
    assert moved[50:80, 60:100].mean() > 3
    assert moved[:10].max() == 0


def test_reconstruction_by_a_given_autoencoder() -> None:
    made = reconstruct(RGB[:120], Autoencoder())
    assert made.shape == (112, 160, 3)
    assert np.abs(made - (RGB[:112] / 2 + 63.75)).max() <= 1
    with pytest.raises(ValueError, match="smaller than 16"):
        reconstruct(RGB[:10], Autoencoder())
    with pytest.raises(ValueError, match="answers"):
        reconstruct(RGB, Autoencoder((1, 3, 8, 8)))


def test_a_camera_record_weighs_what_was_counted_and_no_more_than_the_cap() -> None:
    few = camera_table(Counts(genuine=3, of_genuine=700, generated=0, of_generated=200))
    assert few["llr"] == few["measured"] == pytest.approx(math.log((0.5 / 201) / (3.5 / 701)), abs=1e-3)
    assert few["high"] > 0, "three files prove little"
    many = camera_table(Counts(genuine=600, of_genuine=700, generated=0, of_generated=200))
    assert (many["llr"], many["measured"] < -5) == (-LLR_MOST, True)
    against = camera_table(Counts(genuine=0, of_genuine=700, generated=20, of_generated=200))
    assert against["llr"] == 0, "a record never accuses"


def fold(kind: str, low: float, rows: str = "clear") -> Fold:
    return Fold(kind, rows, "flux", 10, 10, (low + 0.1, low, low + 0.2), (low + 0.1, low, low + 0.2))


def test_a_network_has_to_carry_over_everywhere() -> None:
    assert carries([fold("mean", 0.6), fold("mean", 0.55)])
    assert not carries([fold("mean", 0.9), fold("mean", 0.49), fold("npr", 0.3), fold("npr", 0.6)])
    assert not carries([])


def test_what_carries_is_judged_on_every_group_and_is_no_control() -> None:
    assert not carries([fold("size and format", 0.9)])
    assert not carries([fold("mean", 0.9), fold("npr", 0.3), fold("npr", 0.3)]), "one of two groups"


def test_the_table_says_what_was_fitted_on_what() -> None:
    assert "| npr | all | flux | 10 | 10 | 0.40 (0.30–0.50) |" in table([fold("npr", 0.3, "all")])


def crops(groups: list[str], labels: list[int], clear: list[bool]) -> Crops:
    count, rng = len(groups), np.random.default_rng(3)
    stacks = {
        name: rng.integers(0, 256, (count, 2, 96, 96, 3), np.uint8)
        for name in ("trained", "delivered", "jpeg85")
    }
    return Crops(
        folder=np.array(groups), group=np.array(groups), label=np.array(labels), clear=np.array(clear),
        trivial=rng.normal(size=(count, 3)), **stacks,
    )  # fmt: skip


def test_a_group_is_never_judged_by_what_was_fitted_on_it() -> None:
    held = crops(["a", "a", "b", "b", "c", "c"], [0, 1] * 3, [True] * 4 + [False] * 2)
    made = [(rows, outside, set(held.group[inside])) for rows, inside, outside in splits(held, True)]
    assert made == [
        ("clear", ["a"], {"b"}), ("clear", ["b"], {"a"}), ("clear", ["c"], {"a", "b"}),
        ("all", ["a"], {"b", "c"}), ("all", ["b"], {"a", "c"}), ("all", ["c"], {"a", "b"}),
    ]  # fmt: skip
    assert [rows for rows, _, _ in splits(held, False)] == ["clear"] * 3


class TestPretrained:
    """Only where torch is (requirements/train.txt)."""

    def test_the_stage_that_carries_within_is_chosen(self) -> None:
        pytest.importorskip("torch")
        from training.picture_backbone import STAGES, best_stage, columns, judge

        rng = np.random.default_rng(2)
        labels, groups = np.arange(60) % 2, np.array(list("abc")).repeat(20)
        seen = rng.normal(size=(60, 2, 2 * sum(STAGES))).astype(np.float32)
        seen[:, :, columns(2)] += 0.8 * labels[:, None, None]
        seen[:, :, columns(6)] += labels[:, None, None] * np.where(groups == "a", 3, -3)[:, None, None]
        assert best_stage(seen, seen, labels, groups) == 2
        said = judge(seen, labels, 2)(seen[:, :, columns(2)]).mean(axis=1)
        assert said[labels == 1].min() > said[labels == 0].max()

    def test_what_it_sees_does_not_depend_on_the_batch(self) -> None:
        torch = pytest.importorskip("torch")
        from training.picture_backbone import STAGES, Backbone, describe

        torch.manual_seed(1)
        net, given = Backbone().eval(), crops(["a"] * 3, [0] * 3, [True] * 3).trained[:, 0]
        found = describe(net, given)
        assert found.shape == (3, 2 * sum(STAGES))
        assert np.allclose(describe(net, given[1:2])[0], found[1], atol=1e-4)

    def test_a_small_network_learns_what_is_to_be_seen(self) -> None:
        pytest.importorskip("torch")
        from training.picture_net import fit, scores

        held = crops(["a"] * 12, [0, 1] * 6, [True] * 12)
        flat = held.trained // 16 + 120
        given = np.where(held.label[:, None, None, None, None] == 1, held.trained, flat)
        found = scores(fit(given, held.label, held.group, steps=20), given)
        assert found[held.label == 1].min() > found[held.label == 0].max()
