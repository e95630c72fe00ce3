"""Figures: against known answers, and what a fit may and may not claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ownmodels import figures
from ownmodels.material import folds

RNG = np.random.default_rng(3)


def two(n: int, apart: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(2 * n) % 2 == 1
    return rng.normal(0, 1, 2 * n) + apart * labels, labels


def test_eer_of_known_overlaps() -> None:
    labels = np.array([False] * 10 + [True] * 10)
    assert figures.eer(np.r_[np.arange(10), np.arange(10) + 100], labels) == 0
    assert figures.eer(np.r_[np.arange(10), np.arange(10)], labels) == pytest.approx(0.5, abs=0.06)
    scores, labels = two(20_000, 2.0)
    assert figures.eer(scores, labels) == pytest.approx(0.1587, abs=0.01)  # Φ(-1)


def test_ece_of_the_truth_is_small_and_of_overconfidence_large() -> None:
    scores, labels = two(20_000, 2.0)
    truth = 1 / (1 + np.exp(-(2 * scores - 2)))
    assert figures.ece(truth, labels) < 0.01
    assert figures.ece(1 / (1 + np.exp(-6 * (2 * scores - 2))), labels) > 0.05


def test_platt_finds_the_likelihood_ratio_of_two_gaussians() -> None:
    """LLR of N(2,1) against N(0,1) is 2x − 2 (unequal classes must not move it)."""
    scores, labels = two(8_000, 2.0)
    keep = labels | (RNG.random(len(labels)) < 0.2)
    found = figures.fit_platt(scores[keep], labels[keep], list(range(int(keep.sum()))), rounds=20)
    assert found is not None and found.covariance is not None
    assert (found.slope, found.offset) == (pytest.approx(2, abs=0.15), pytest.approx(-2, abs=0.2))
    assert found.llr_high <= 4.6


def test_the_interval_widens_with_fewer_sources() -> None:
    scores, labels = two(200, 1.5)
    by_file = figures.fit_platt(scores, labels, list(range(400)))
    shift = np.repeat(RNG.normal(0, 1.5, 8), 50)
    by_source = figures.fit_platt(scores + shift, labels, list(np.repeat(np.arange(8), 50)))
    assert by_file is not None and by_source is not None
    assert by_file.covariance is not None and by_source.covariance is not None
    assert by_source.covariance[2] > by_file.covariance[2]


@pytest.mark.parametrize(("n", "apart"), [(9, 3.0), (200, -1.0)], ids=["too few", "falls"])
def test_no_calibration_that_the_data_do_not_support(n: int, apart: float) -> None:
    scores, labels = two(n, apart)
    assert figures.fit_platt(scores, labels, list(range(2 * n))) is None


def test_separable_data_claim_no_more_than_their_number() -> None:
    labels = np.array([False] * 12 + [True] * 12)
    scores = np.where(labels, 10.0, -10.0) + RNG.normal(0, 0.1, 24)
    found = figures.fit_platt(scores, labels, list(range(24)))
    assert found is not None
    assert abs(found.apply(1e6).llr) <= np.log(13) + 1e-3


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef")), min_size=4, max_size=60))
def test_a_source_is_never_in_two_folds(rows: list[tuple[bool, str]]) -> None:
    labels, sources = [label for label, _ in rows], [source for _, source in rows]
    if len(set(labels)) < 2:
        return
    dealt, by = folds(labels, sources)
    assert len(dealt) == len(rows)
    if by == "source":
        assert all(
            len({f for f, s in zip(dealt, sources, strict=True) if s == name}) == 1 for name in set(sources)
        )


def test_a_probe_sees_a_format_that_betrays_the_label() -> None:
    labels = np.arange(60) % 2 == 1
    trivial = np.column_stack([RNG.normal(0, 1, 60), labels.astype(float)])
    held = figures.probe_scores(trivial, labels, [n % 5 for n in range(60)])
    assert held[labels].min() > held[~labels].max()
