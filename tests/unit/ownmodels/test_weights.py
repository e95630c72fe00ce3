"""How several models are weighed: dependence, uselessness, and when the plain rule stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bonafide.model import Operation, Weights

from ownmodels.folder import Refused
from ownmodels.material import Sample
from ownmodels.weights import Heard, fit, fit_set

SPEECH = Operation.SYNTHETIC_SPEECH


def heard(columns: dict[str, np.ndarray], labels: np.ndarray, sources: int = 4) -> list[Heard]:
    return [
        Heard(
            Sample(Path(str(row)), bool(labels[row]), f"{bool(labels[row])}{row // 2 % sources}"),
            {name: float(column[row]) for name, column in columns.items()},
        )
        for row in range(len(labels))
    ]


def material(seed: int = 5, n: int = 400) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2 == 1
    return rng, labels, 2 * (rng.normal(0, 1, n) + 1.5 * labels) - 2


def test_two_that_say_the_same_share_one_weight() -> None:
    _, labels, llr = material()
    both = fit_set(SPEECH, ["a@1", "b@1"], heard({"a@1": llr / 4, "b@1": llr / 4}, labels))
    assert isinstance(both, Weights)
    assert both.weights["a@1"] == pytest.approx(both.weights["b@1"], rel=0.05)
    alone = np.polyfit(llr / 4, llr, 1)[0]
    assert sum(both.weights.values()) < 1.3 * alone
    assert both.figures["correlation"] == pytest.approx(1, abs=0.01)


def test_independent_evidence_adds_up() -> None:
    rng, labels, first = material()
    second = 2 * (rng.normal(0, 1, len(labels)) + 1.5 * labels) - 2
    fitted = fit_set(SPEECH, ["a@1", "b@1"], heard({"a@1": first, "b@1": second}, labels))
    assert isinstance(fitted, Weights)
    assert min(fitted.weights.values()) > 0.5  # the plain rule's mean would give each one half
    assert fitted.figures["log_loss"] < fitted.figures["log_loss_plain"]


def test_what_knows_nothing_or_is_upside_down_gets_no_weight() -> None:
    rng, labels, llr = material()
    wrong = -llr + rng.normal(0, 4, len(labels))
    fitted = fit_set(SPEECH, ["a@1", "b@1"], heard({"a@1": llr, "b@1": wrong}, labels))
    assert isinstance(fitted, Weights)
    assert fitted.weights["b@1"] < 0.1 and min(fitted.weights.values()) >= 0


@pytest.mark.parametrize(
    ("rows", "sources", "said"),
    [(12, 4, "fewer than"), (400, 1, "two sources")],
    ids=["few files", "one source"],
)
def test_the_plain_rule_stays(rows: int, sources: int, said: str) -> None:
    _, labels, llr = material(n=rows)
    found = fit_set(SPEECH, ["a@1", "b@1"], heard({"a@1": llr, "b@1": llr}, labels, sources))
    assert isinstance(found, str) and said in found


def test_weights_that_do_not_carry_over_are_not_kept() -> None:
    """Each source has an offset of its own, larger than what the models know."""
    rng, labels, llr = material()
    rows = heard({"a@1": llr * 0.01, "b@1": llr * 0.01}, labels)
    shift = {source: rng.normal(0, 20) for source in sorted({one.sample.source for one in rows})}
    moved = [Heard(r.sample, {"a@1": r.said["a@1"] + shift[r.sample.source], "b@1": 0.0}) for r in rows]
    found = fit_set(SPEECH, ["a@1", "b@1"], moved)
    assert isinstance(found, str) or found.figures["log_loss"] < found.figures["log_loss_plain"]


def test_every_set_is_fitted_and_one_model_is_refused() -> None:
    rng, labels, llr = material()
    columns = {f"{name}@1": llr + rng.normal(0, 1, len(labels)) for name in "abc"}
    assert [len(names) for names, _ in fit(SPEECH, heard(columns, labels))] == [2, 2, 2, 3]
    with pytest.raises(Refused) as caught:
        list(fit(SPEECH, heard({"a@1": llr}, labels)))
    assert caught.value.reason == "one_model"
