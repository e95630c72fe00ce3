"""Analyses with findings, as the core would hold them: what the translation is tested with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bonafide.model import (
    Analysis,
    Artifact,
    Evidence,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Options,
    Outcome,
    Source,
    State,
)
from bonafide.policy import judge, policy

__all__ = ["ID", "NOON", "analysis", "facts", "scored", "silent"]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"


def facts(kind: MediaKind, format_: str, **more: Any) -> MediaFacts:
    """Return the facts of a file."""
    plain = {"bytes": 1000, "sha256": "0" * 64, "mime": f"{kind.value}/{format_}"}
    return MediaFacts.model_validate(plain | {"kind": kind, "format": format_} | more)


def scored(operation: Operation, p_fake: float, **more: Any) -> OperationResult:
    """Return a result with a score; ``evidence`` and ``artifacts`` may be given."""
    return OperationResult(
        operation=operation,
        outcome=Outcome.SCORED,
        verdict=judge(policy("even"), p_fake, None),
        p_fake=p_fake,
        **more,
    )


def silent(
    operation: Operation,
    reason: str = "no_calibrated_score",
    outcome: Outcome = Outcome.INCONCLUSIVE,
    **more: Any,
) -> OperationResult:
    """Return a result without a score."""
    verdict = "not_applicable" if outcome is Outcome.NOT_APPLICABLE else "inconclusive"
    return OperationResult.model_validate(
        {"operation": operation, "outcome": outcome, "verdict": verdict, "reason": reason} | more
    )


def picture(name: str, **more: Any) -> Artifact:
    """Return a picture that is kept."""
    return Artifact(name=name, media_type="image/png", key=f"artifacts/acme/x/{name}", bytes=30, **more)


def analysis(
    task: str,
    media: MediaFacts | None,
    *results: OperationResult,
    state: State = State.COMPLETED,
    **more: Any,
) -> Analysis:
    """Return an analysis of a task that has ended with these results; ``wish`` is what was asked beside."""
    wish = more.pop("wish", {})
    plain: dict[str, Any] = {
        "id": ID,
        "tenant": "acme",
        "state": state,
        "source": Source(type="inline", filename="a.bin"),
        "media": media,
        "options": Options(policy="even"),
        "dialect": "sensity",
        "echo": {"task": task, **wish},
        "results": results,
        "created_at": NOON,
        "completed_at": NOON + timedelta(seconds=5),
    }
    return Analysis.model_validate(plain | more)


NONE = Evidence()
