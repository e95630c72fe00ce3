"""How an owner's models stand, and the index that says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import own, shelf
from bonafide.errors import BonafideError, Conflict, NotFound, Unavailable
from bonafide.model import Operation, Weights
from bonafide.own import Index, Standing
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def manifest(version: str = "1.0.0", name: str = "mine", **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "title": "Mine", "version": version, "type": "learned", "operation": "synthetic_image",
        "kind": "image", "media_kinds": ["image"], "sha256": version.replace(".", "") * 20, "licence": "x",
        "calibration": {"kind": "platt", "slope": 1.0, "offset": 0.0}, "figures": {"auc": 0.9},
    } | changes  # fmt: skip


def standing(index: Index, name: str = "mine") -> Standing:
    return index.models[name].standing


def test_one_life() -> None:
    index = own.add(Index(), manifest(), now=NOW)
    assert standing(index) == Standing(shadow="1.0.0")
    index = own.promote(index, "mine")
    assert standing(index) == Standing(promoted="1.0.0")
    index = own.add(index, manifest("1.1.0"), now=NOW)
    assert standing(index) == Standing(promoted="1.0.0", shadow="1.1.0")
    assert [(row["version"], row["shadow"]) for row in own.rows(index)] == [("1.0.0", False), ("1.1.0", True)]
    index = own.promote(index, "mine")
    assert standing(index) == Standing(promoted="1.1.0")
    index = own.rollback(index, "mine")
    assert standing(index) == Standing(promoted="1.0.0", shadow="1.1.0")
    index = own.demote(index, "mine")
    assert standing(index) == Standing(shadow="1.1.0")
    index = own.remove(index, "mine")
    assert standing(index) == Standing() and own.rows(index) == []
    assert set(index.models["mine"].releases) == {"1.0.0", "1.1.0"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda i: own.promote(i, "other"), NotFound),
        (lambda i: own.demote(i, "mine"), Conflict),
        (lambda i: own.promote(own.promote(i, "mine"), "mine"), Conflict),
        (lambda i: own.remove(own.remove(i, "mine"), "mine"), Conflict),
        (lambda i: own.rollback(own.rollback(i, "mine"), "mine"), Conflict),
        (lambda i: own.add(i, manifest(sha256="f" * 64), now=NOW), Conflict),
        (lambda i: own.add(own.promote(i, "mine"), manifest(), now=NOW), Conflict),
        (lambda i: own.promote(own.add(i, manifest("2.0.0", calibration=None), now=NOW), "mine"), Conflict),
    ],
    ids=[
        "unknown",
        "not promoted",
        "promoted",
        "removed",
        "nothing before",
        "other weights",
        "in use",
        "uncalibrated",
    ],
)
def test_what_makes_no_sense_is_refused(change: Callable[[Index], Index], error: type[BonafideError]) -> None:
    with pytest.raises(error):
        change(own.add(Index(), manifest(), now=NOW))


_STEPS: list[Callable[[Index], Index]] = [
    lambda i: own.add(i, manifest("1.0.0"), now=NOW),
    lambda i: own.add(i, manifest("1.1.0"), now=NOW),
    lambda i: own.promote(i, "mine"),
    lambda i: own.demote(i, "mine"),
    lambda i: own.remove(i, "mine"),
]


@given(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=12))
def test_rollback_undoes_any_step(steps: list[Callable[[Index], Index]]) -> None:
    index = own.add(Index(), manifest("0.9.0"), now=NOW)
    for step in steps:
        try:
            after = step(index)
        except Conflict:
            continue
        if standing(after) != standing(index):
            assert standing(own.rollback(after, "mine")) == standing(index)
        index = after
    assert Index.model_validate_json(index.model_dump_json(exclude_defaults=True)) == index


def test_weights_of_the_same_set_are_replaced() -> None:
    def weights(offset: float, *names: str) -> Weights:
        return Weights(
            operation=Operation.LIP_SYNC, weights=dict.fromkeys(names, 1.0), offset=offset, limit=4
        )

    index = own.weigh(
        own.weigh(own.weigh(Index(), weights(1, "a", "b")), weights(2, "a", "c")), weights(3, "b", "a")
    )
    assert [one.offset for one in index.weights] == [2, 3]


# ---- the bucket ---------------------------------------------------------------------------------------


def test_weights_of_a_former_calibration_go() -> None:
    index = own.add(Index(), manifest(), now=NOW)
    fitted = Weights(
        operation=Operation.SYNTHETIC_IMAGE, weights={"mine@1.0.0": 1.0, "b@1.0.0": 1.0}, offset=0, limit=4
    )
    other = fitted.model_copy(update={"weights": {"c@1.0.0": 1.0, "b@1.0.0": 1.0}})
    index = own.weigh(own.weigh(index, fitted), other)
    assert own.add(index, manifest(figures={"auc": 0.8}), now=NOW).weights == (fitted, other)
    again = manifest(calibration={"kind": "platt", "slope": 2.0, "offset": 0.0})
    assert own.add(index, again, now=NOW).weights == (other,)


def test_an_empty_bucket_and_no_bucket_are_no_models(aws: Aws) -> None:
    aws.use("conclude")
    assert shelf.read() == Index()
    aws.use("conclude", MODELS_BUCKET="")
    assert shelf.read() == Index()
    assert shelf.folders(Index(), "image", ["synthetic_image"]) is None


def test_two_owners_at_once_do_not_overwrite_each_other(aws: Aws) -> None:
    aws.use("conclude")

    def slow(index: Index) -> Index:
        shelf.write(lambda before: own.add(before, manifest(name="theirs"), now=NOW))
        return own.add(index, manifest(), now=NOW)

    with pytest.raises(Conflict, match="Somebody else"):
        shelf.write(slow)
    assert set(shelf.read().models) == {"theirs"}
    shelf.write(lambda before: own.add(before, manifest(), now=NOW))
    assert set(shelf.read().models) == {"theirs", "mine"}


def test_a_bucket_that_refuses_is_said(aws: Aws) -> None:
    aws.use("conclude", MODELS_BUCKET="x" * 64)
    with pytest.raises(Unavailable):
        shelf.read()
