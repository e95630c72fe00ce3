"""Windows of one video, joined in time order."""

from __future__ import annotations

from typing import Any

from bonafide.fuse import fuse_operation
from bonafide.model import Evidence, Finding, Operation, Outcome
from bonafide.policy import policy
from bonafide.timeline import MOST_MOMENTS, MOST_TRACKS, join


def node(timestamp: float, score: float | None, **more: Any) -> dict[str, Any]:
    return {
        "type": "video",
        "score": score,
        "certainty": 0.5,
        "conclusion": f"c{score}",
        "timestamp": timestamp,
    } | more


def test_trees_are_joined_in_time_order_under_the_middle_score() -> None:
    late = node(60.0, 0.9, children=[node(70.0, 0.9), node(61.0, 0.2)])
    early = node(0.0, 0.3, children=[node(5.0, 0.3)])
    last = node(120.0, 0.5)
    joined: Any = join("tree", [late, last, early])
    assert joined["timestamp"] == 0.0
    assert (joined["score"], joined["certainty"], joined["conclusion"]) == (0.5, 0.0, "c0.5")
    assert [child["timestamp"] for child in joined["children"]] == [5.0, 61.0, 70.0]


def test_a_single_tree_stays_and_rubbish_is_left_out() -> None:
    assert join("tree", [node(1.0, None), "x", None]) == node(1.0, None)
    assert join("tree", []) is None
    assert join("issues", [3, [1, {"timestamp": 2}]]) == [{"timestamp": 2}]


def test_what_grows_is_bounded() -> None:
    many = [node(float(n), None, children=[node(n + k / 10, k / 10) for k in range(5)]) for n in range(40)]
    joined: Any = join("tree", many)
    assert len(joined["children"]) == MOST_TRACKS
    assert joined["score"] is None
    assert len(join("cuts", [[{"timestamp": n}] for n in range(200)])) == MOST_MOMENTS  # type: ignore[arg-type]


def test_faces_are_counted_over_all_windows() -> None:
    parts: list[Any] = [
        {"frames": 10, "with_face": 10, "mean_score": 0.9, "stable": True},
        {"frames": 10, "with_face": 0, "mean_score": None, "stable": False},
    ]
    assert join("face_detection", parts) == {
        "frames": 20,
        "with_face": 10,
        "mean_score": 0.9,
        "stable": False,
    }
    assert join("face_detection", []) == {"frames": 0, "with_face": 0, "mean_score": None, "stable": False}
    assert join("coherence", [{"compared": 3, "unsteady": 1}, {"compared": 4, "unsteady": 0}]) == {
        "compared": 7,
        "unsteady": 1,
    }


def test_fusion_joins_windows() -> None:
    findings = [
        Finding(
            operation=Operation.TEMPORAL_COHERENCE,
            outcome=Outcome.INCONCLUSIVE,
            reason="no_calibrated_score",
            evidence=Evidence(details={"issues": [{"timestamp": t}], "other": t, "tree": node(t, None)}),
        )
        for t in (90.0, 30.0)
    ]
    result = fuse_operation(Operation.TEMPORAL_COHERENCE, findings, policy("default"))
    details: Any = result.evidence.details
    assert details["issues"] == [{"timestamp": 30.0}, {"timestamp": 90.0}]
    assert details["tree"]["timestamp"] == 30.0
    assert details["other"] == 90.0, "everything else: the first speaker's"
