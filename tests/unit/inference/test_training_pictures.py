"""The pair makers for pictures, and the bars that a score has to pass."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.inference import makers
from training.picture_crops import MOST, VERSIONS, Seen
from training.picture_folds import Fold, folds, splits, table
from training.picture_head import Head, fit, mean_of
from training.picture_pairs import compress, postprocess, reconstruct, resize, self_blended
from training.picture_weight import earned, slope
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


def test_the_table_says_what_was_fitted_on_what() -> None:
    figure = (0.4, 0.3, 0.5)
    made = table([Fold("network", "all", "flux", 10, 10, figure, figure, figure)])
    assert "| network | all | flux | 10 | 10 | 0.40 (0.30–0.50) |" in made


class TestWeight:
    """Scores of four groups of 60 pictures, each with one source of photographs."""

    LABELS, GROUPS = np.arange(240) % 2, np.array(list("abcd")).repeat(60)
    FOLDERS = np.char.add(GROUPS, np.where(LABELS == 1, "made", "taken"))
    NOISE = np.random.default_rng(4).normal(size=240)

    def test_what_tells_them_apart_everywhere_earns_one(self) -> None:
        found = earned(self.NOISE + 6 * self.LABELS, self.LABELS, self.GROUPS, self.FOLDERS)
        assert found.low > 0
        assert found.weight > 0
        assert found.begins is not None

    def test_what_turns_round_in_some_groups_earns_none(self) -> None:
        sides = np.where(self.GROUPS < "c", 3, -3)
        found = earned(self.NOISE + sides * self.LABELS, self.LABELS, self.GROUPS, self.FOLDERS)
        assert found.low < 0 < found.high
        assert found.weight == 0

    def test_what_is_weak_everywhere_earns_none(self) -> None:
        found = earned(self.NOISE + 0.4 * self.LABELS, self.LABELS, self.GROUPS, self.FOLDERS)
        assert found.slope > 0
        assert (found.begins, found.weight) == (None, 0)

    def test_a_source_that_would_be_accused_forbids_it(self) -> None:
        accused = (self.FOLDERS == "ataken") & (np.arange(240) < 30)
        scores = self.NOISE + 6 * (self.LABELS | accused)
        found = earned(scores, self.LABELS, self.GROUPS, self.FOLDERS)
        assert max(worst for _, _, worst, _ in found.tried) > 0.05
        assert found.weight == 0

    def test_an_offset_of_a_group_is_no_evidence(self) -> None:
        offsets = 5.0 * (self.GROUPS == "a")
        plain = slope(self.NOISE + self.LABELS, self.LABELS, self.GROUPS)
        assert slope(self.NOISE + self.LABELS + offsets, self.LABELS, self.GROUPS) == pytest.approx(
            plain, rel=1e-2
        )


def seen(groups: list[str], labels: list[int], clear: list[bool]) -> Seen:
    count, rng = len(groups), np.random.default_rng(3)
    stacks = {
        name: rng.normal(size=(count, depth, 8)).astype(np.float32)
        for name, depth in (("trained", VERSIONS), ("delivered", MOST), ("jpeg85", MOST))
    }
    for stack in stacks.values():
        stack[..., 2] += 4 * np.array(labels)[:, None]
    stacks["delivered"][:, 1:] = np.nan
    return Seen(
        folder=np.array(groups), group=np.array(groups), label=np.array(labels), clear=np.array(clear),
        trivial=rng.normal(size=(count, 3)), **stacks,
    )  # fmt: skip


def test_a_group_is_never_judged_by_what_was_fitted_on_it() -> None:
    held = seen(["a", "a", "b", "b", "c", "c"], [0, 1] * 3, [True] * 4 + [False] * 2)
    made = [(rows, outside, set(held.group[inside])) for rows, inside, outside in splits(held, False)]
    assert made == [
        ("clear", ["a"], {"b"}), ("clear", ["b"], {"a"}), ("clear", ["c"], {"a", "b"}),
        ("all", ["a"], {"b", "c"}), ("all", ["b"], {"a", "c"}), ("all", ["c"], {"a", "b"}),
    ]  # fmt: skip
    assert [rows for rows, _, _ in splits(held, True)] == ["clear"] * 3


@pytest.mark.parametrize("clear", [False, True])
def test_every_picture_is_judged_unseen_and_the_mean_ships(clear: bool) -> None:
    held = seen(list("abc") * 20, [0, 0, 0, 1, 1, 1] * 10, [True, True, False] * 20)
    trial = folds(held, clear=clear)
    assert np.isfinite(trial.scores).all()
    assert trial.scores[held.label == 1].min() > trial.scores[held.label == 0].max()
    assert len(trial.crops) == 30, "one crop of each photograph was there"
    assert int(np.abs(trial.head.weights).argmax()) == 2
    assert {one.rows for one in trial.folds} == ({"clear"} if clear else {"clear", "all"})


def test_judges_are_brought_to_one_scale() -> None:
    held = seen(["a", "b"] * 30, [0, 0, 1, 1] * 15, [True] * 60)
    wide = held.trained * 100 + 50
    ones, others = (fit(rows, held.label, held.group) for rows in (held.trained, wide))
    assert np.allclose(ones(held.trained), others(wide), atol=0.05)
    middle = [np.median(ones(held.trained[held.label == y])) for y in (0, 1)]
    assert middle[0] < 0 < middle[1]
    both = mean_of([Head(np.array([1.0, 3.0]), 2.0), Head(np.array([3.0, 1.0]), 0.0)])
    assert both(np.array([1.0, 1.0])) == pytest.approx(5)


def test_the_network_ships_as_torch_computes_it() -> None:
    """Only where torch is (requirements/train.txt)."""
    torch = pytest.importorskip("torch")
    import onnxruntime

    from training.picture_backbone import Backbone, Headed, export

    torch.manual_seed(1)
    net = Backbone()
    session = onnxruntime.InferenceSession(export(Headed(net, np.full(160, 0.1), 0.5)))
    given = np.random.default_rng(1).uniform(0, 255, (2, 3, 192, 192)).astype(np.float32)
    (found,) = session.run(None, {"crops": given})
    with torch.no_grad():
        wanted = 0.1 * net.eval()(torch.from_numpy(given)).numpy().sum(axis=1) + 0.5
    assert np.allclose(found[:, 0], wanted, rtol=1e-3)
