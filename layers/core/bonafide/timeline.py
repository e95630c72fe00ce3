"""Joining what the windows of one video say, in time order. Pure.

Detectors of video put these into ``Evidence.details``; each has its own way of being joined:

- ``tree``: nodes ``{type, score, certainty, conclusion, timestamp, …, children}``; video → track → face.
- ``issues``, ``cuts``: lists of ``{timestamp, …}``.
- ``face_detection``: ``{frames, with_face, mean_score, stable}`` over the sampled frames.
- ``coherence``: ``{compared, unsteady}``, counts of compared neighbouring frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from pydantic import JsonValue

__all__ = ["JOINED", "join"]

MOST_TRACKS = 24
MOST_MOMENTS = 60
STABLE = 0.9
"""A face is stable when this share of the sampled frames shows it."""


def join(name: str, parts: Sequence[JsonValue]) -> JsonValue:
    """Join what several windows said under a name of `JOINED`; parts of another shape are left out."""
    return JOINED[name](list(parts))


def _tree(parts: list[Any]) -> JsonValue:
    roots = sorted((p for p in parts if isinstance(p, dict) and "type" in p), key=_when)
    if len(roots) < 2:
        return roots[0] if roots else None
    children = [child for root in roots for child in root.get("children", ())]
    kept = sorted(children, key=lambda child: -(child.get("score") or 0.0))[:MOST_TRACKS]
    scores = [root["score"] for root in roots if root.get("score") is not None]
    score = round(median(scores), 4) if scores else None
    nearest = min(roots, key=lambda root: abs((root.get("score") or 0.0) - (score or 0.0)))
    certainty = None if score is None else round(abs(2 * score - 1), 4)
    joined = {"score": score, "certainty": certainty, "conclusion": nearest.get("conclusion")}
    return {**roots[0], **joined, "children": sorted(kept, key=_when)}


def _moments(parts: list[Any]) -> JsonValue:
    lists = [part for part in parts if isinstance(part, list)]
    moments: list[JsonValue] = [moment for part in lists for moment in part if isinstance(moment, dict)]
    return sorted(moments, key=_when)[:MOST_MOMENTS]


def _faces(parts: list[Any]) -> JsonValue:
    tables = [part for part in parts if isinstance(part, dict) and part.get("frames")]
    frames = sum(table["frames"] for table in tables)
    seen = sum(table["with_face"] for table in tables)
    mean = sum(table["with_face"] * (table["mean_score"] or 0.0) for table in tables) / seen if seen else None
    return {
        "frames": frames,
        "with_face": seen,
        "mean_score": None if mean is None else round(mean, 4),
        "stable": bool(frames) and seen >= STABLE * frames,
    }


def _counts(parts: list[Any]) -> JsonValue:
    total: dict[str, JsonValue] = {}
    for part in (part for part in parts if isinstance(part, dict)):
        for key, value in part.items():
            total[key] = int(total.get(key, 0) or 0) + int(value or 0)  # type: ignore[arg-type]
    return total


def _when(moment: Any) -> float:
    return float(moment.get("timestamp") or 0.0)


JOINED = {
    "tree": _tree, "issues": _moments, "cuts": _moments, "face_detection": _faces, "coherence": _counts
}  # fmt: skip
