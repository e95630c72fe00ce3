"""The pair makers for pictures, and the bars that a score has to pass."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.inference import makers
from training.picture_folds import Fold, carries, table
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


def test_a_network_has_to_carry_over_everywhere() -> None:
    def fold(kind: str, low: float) -> Fold:
        return Fold(kind, "flux", 10, 10, (low + 0.1, low, low + 0.2), (low + 0.1, low, low + 0.2))

    assert carries([fold("mean", 0.6), fold("mean", 0.55)])
    assert not carries([fold("mean", 0.9), fold("mean", 0.49), fold("npr", 0.3)])
    assert not carries([])
    assert "| npr | flux | 10 | 10 | 0.40 (0.30–0.50) |" in table([fold("npr", 0.3)])
