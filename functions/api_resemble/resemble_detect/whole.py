"""The row of a long recording carries its strongest evidence only; scores a frame need all of it."""

from __future__ import annotations

from bonafide import findings
from bonafide.fuse import MAX_FRAMES, MAX_SEGMENTS
from bonafide.model import Analysis, Evidence, Finding, OperationResult

__all__ = ["whole"]


def whole(analysis: Analysis) -> Analysis:
    """Return the analysis with every segment and frame where the row had to leave some out (RES-42)."""
    if not any(_cut(result) for result in analysis.results):
        return analysis
    every = [f for f in findings.of(analysis) if not (f.model and f.model.shadow)]
    results = tuple(_filled(result, every) if _cut(result) else result for result in analysis.results)
    return analysis.model_copy(update={"results": results})


def _cut(result: OperationResult) -> bool:
    evidence = result.evidence
    return len(evidence.segments) >= MAX_SEGMENTS or len(evidence.frames) >= MAX_FRAMES


def _filled(result: OperationResult, every: list[Finding]) -> OperationResult:
    own = [finding.evidence for finding in every if finding.operation is result.operation]
    if not own:  # erased meanwhile
        return result
    evidence: Evidence = result.evidence.model_copy(
        update={
            "segments": tuple(segment for one in own for segment in one.segments),
            "frames": tuple(frame for one in own for frame in one.frames),
        }
    )
    return result.model_copy(update={"evidence": evidence})
