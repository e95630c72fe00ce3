"""Analyses with findings, as the core would hold them: what the translation is tested with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bonafide.fuse import verdict_of
from bonafide.model import (
    Analysis,
    Artifact,
    Evidence,
    Flag,
    FrameScore,
    Interval,
    MediaFacts,
    MediaKind,
    MediaRef,
    Operation,
    OperationResult,
    Options,
    Outcome,
    Region,
    Segment,
    Source,
    Stage,
    State,
)
from bonafide.policy import judge, policy

__all__ = ["NOON", "analysis", "facts", "link", "scored", "silent"]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"
EVEN = policy("even")


def link(key: str, filename: str, media_type: str) -> str:
    """Stand for the maker of links."""
    return f"https://bucket.example/{key}"


def facts(kind: MediaKind, format_: str, **more: Any) -> MediaFacts:
    """Return the facts of a file."""
    return MediaFacts(
        kind=kind, format=format_, mime=f"{kind.value}/{format_}", bytes=1000, sha256="0" * 64, **more
    )


def scored(
    operation: Operation,
    p_fake: float,
    *,
    frames: tuple[FrameScore, ...] = (),
    segments: tuple[Segment, ...] = (),
    regions: tuple[Region, ...] = (),
    flags: tuple[Flag, ...] = (),
    picture: bool = False,
    **more: Any,
) -> OperationResult:
    """Return a result with a score."""
    artifacts = (Artifact(name="plot.png", media_type="image/png", key=f"artifacts/{operation.value}.png"),)
    return OperationResult(
        operation=operation,
        outcome=Outcome.SCORED,
        verdict=judge(EVEN, p_fake, None),
        p_fake=p_fake,
        interval=Interval(low=p_fake, high=p_fake),
        evidence=Evidence(flags=flags, regions=regions, segments=segments, frames=frames),
        artifacts=artifacts if picture else (),
        **more,
    )


def silent(
    operation: Operation, reason: str = "no_detector", outcome: Outcome = Outcome.NOT_APPLICABLE, **more: Any
) -> OperationResult:
    """Return a result without a score."""
    verdict = "not_applicable" if outcome is Outcome.NOT_APPLICABLE else "inconclusive"
    return OperationResult.model_validate(
        {"operation": operation, "outcome": outcome, "verdict": verdict, "reason": reason, **more}
    )


def analysis(
    media: MediaFacts | None, *results: OperationResult, state: State = State.COMPLETED, **more: Any
) -> Analysis:
    """Return an analysis that has ended with these results."""
    done = state in (State.COMPLETED, State.FAILED)
    verdict = verdict_of(results, media.kind, EVEN) if media and state is State.COMPLETED else None
    kept = more.pop("kept", {})
    plain: dict[str, Any] = {
        "id": ID,
        "tenant": "acme",
        "state": state,
        "stage": Stage.DONE if done else Stage.DETECTING,
        "source": Source(type="url", url="https://example.com/a/clip.mp4?sig=1"),
        "media_ref": MediaRef(key="media/acme/x/original"),
        "media": media,
        "options": Options(policy="even", visualize=True),
        "dialect": "resemble",
        "echo": {"kept": kept},
        "verdict": verdict,
        "results": results,
        "created_at": NOON,
        "started_at": NOON + timedelta(seconds=1),
        "completed_at": NOON + timedelta(seconds=5) if done else None,
    }
    return Analysis.model_validate(plain | more)
