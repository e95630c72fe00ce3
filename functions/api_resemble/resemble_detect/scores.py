"""The core's findings as this vendor's three ``metrics`` (RES-42 … RES-56).

Scores are P(fake). Labels come from the core's verdict under its policy; what was not scored has no score
here either: ``metrics`` is then empty, the other two say ``Inconclusive`` and null (docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bonafide.fuse import probability, verdict_of
from bonafide.model import (
    Analysis,
    FileVerdict,
    FrameScore,
    MediaKind,
    Operation,
    OperationResult,
    Outcome,
    Segment,
    Verdict,
)
from bonafide.policy import Policy, judge, rule_of

__all__ = ["audio_metrics", "image_metrics", "label", "of_sound", "source_tracing", "video_metrics"]

Json = dict[str, Any]
Link = Callable[[OperationResult], str]
SOUND = (Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE, Operation.AUDIO_REPLAY)
MAX_CHUNKS = 5000
_LABELS = {Verdict.MANIPULATED: "fake", Verdict.GENUINE: "real"}
_TYPES = {
    Operation.SYNTHETIC_IMAGE: "general",
    Operation.FACE_MANIPULATION: "facial",
    Operation.IMAGE_FORGERY: "ifl",
}


def label(verdict: Verdict) -> str:
    """Return ``fake`` or ``real``; ``inconclusive`` when the core says neither (RES-45)."""
    return _LABELS.get(verdict, "inconclusive")


def of_sound(analysis: Analysis) -> tuple[FileVerdict, OperationResult | None]:
    """Return the verdict on the sound alone, and the result that decided it."""
    heard = [result for result in analysis.results if result.operation in SOUND]
    verdict = verdict_of(heard, MediaKind.AUDIO, rule_of(analysis))
    return verdict, next((r for r in heard if r.operation is verdict.decided_by), None)


def audio_metrics(analysis: Analysis, link: Link) -> Json:
    """Return ``metrics`` of a recording or of a video's track, in strings (RES-42, RES-44, RES-46)."""
    verdict, result = of_sound(analysis)
    if verdict.p_fake is None or result is None:
        return {}
    kept: Any = analysis.echo.get("kept") or {}
    scores = chunks(result.evidence.segments, float(kept.get("frame_length", 2))) or [verdict.p_fake]
    spread = sum(abs(score - verdict.p_fake) for score in scores) / len(scores)
    consistency = _text(1 - spread)
    return {
        "image": link(result),
        "label": label(verdict.label),
        "score": [_text(score) for score in scores],
        "consistency": consistency,
        "certainty": consistency,  # RES-43: the older name, the same value
        "aggregated_score": _text(verdict.p_fake),
    }


def chunks(segments: Sequence[Segment], length: float) -> list[float]:
    """Return P(fake) of every stretch of ``length`` seconds that some segment covers, in order (RES-45)."""
    total: dict[int, list[float]] = {}
    for segment in segments:
        if segment.llr is None:
            continue
        first, last = int(segment.start_s // length), int(max(segment.end_s, segment.start_s) // length)
        for n in range(first, min(last, first + MAX_CHUNKS) + 1):
            shared = min(segment.end_s, (n + 1) * length) - max(segment.start_s, n * length)
            if shared > 0:
                weighed = total.setdefault(n, [0.0, 0.0])
                weighed[0] += shared * segment.llr
                weighed[1] += shared
    return [probability(total[n][0] / total[n][1]) for n in sorted(total)[:MAX_CHUNKS]]


def image_metrics(analysis: Analysis, link: Link, *, sources: bool) -> Json:
    """Return ``image_metrics`` (RES-47 … RES-51); ``sources``: reverse search was asked for."""
    verdict = analysis.verdict
    decided = _find(analysis.results, verdict.decided_by if verdict else None)
    forgery = _find(analysis.results, Operation.IMAGE_FORGERY)
    document: Json = {
        "type": "FinalResult",
        "image": link(decided) if decided else "",
        "label": _title(verdict.label if verdict else Verdict.INCONCLUSIVE),
        "score": _number(verdict.p_fake) if verdict else None,
        "children": [_child(result) for result in analysis.results if _of_pictures(result)],
    }
    if forgery and forgery.p_fake is not None:
        document["ifl"] = {"score": _number(forgery.p_fake), "heatmap": link(forgery)}
    if sources:
        document["reverse_image_search_sources"] = _sources(
            _find(analysis.results, Operation.KNOWN_FAKE_SEARCH)
        )
    return document


def _of_pictures(result: OperationResult) -> bool:
    return (
        result.reason not in ("no_detector", "only_in_shadow")
        and result.operation is not Operation.KNOWN_FAKE_SEARCH
    )


def _child(result: OperationResult) -> Json:
    said = result.detail or (f"P(fake) {result.p_fake:.2f}." if result.p_fake is not None else "")
    flags = "; ".join(flag.message for flag in result.evidence.flags[:3])
    return {
        "type": _TYPES.get(result.operation, result.operation.value),
        "label": _title(result.verdict),
        "description": " ".join(text for text in (said or result.reason or "", flags) if text),
    }


def _sources(result: OperationResult | None) -> list[Json]:
    """Return what the search for known fakes found: one entry a flag (RES-48)."""
    flags = result.evidence.flags if result else ()
    return [
        {
            "url": flag.where,
            "title": flag.where.partition("://")[2].partition("/")[0] or flag.where,
            "reason": flag.message,
            "verdict": flag.code,
            "similarity": float(flag.value) if isinstance(flag.value, int | float) else 0.0,
        }
        for flag in flags
    ]


# ---- video -------------------------------------------------------------------------------------------


def video_metrics(analysis: Analysis, link: Link) -> Json:
    """Return ``video_metrics``: both documents' members, numbers, three levels (RES-53 … RES-56)."""
    rule = rule_of(analysis)
    seen = [result for result in analysis.results if result.operation not in SOUND]
    verdict = verdict_of(seen, MediaKind.VIDEO, rule)
    decided = _find(seen, verdict.decided_by)
    children = [_video_result(result, rule) for result in seen if result.outcome is Outcome.SCORED]
    return {
        "image": link(decided) if decided else "",
        "label": _title(verdict.label),
        "score": _number(verdict.p_fake),
        "certainty": _certainty(verdict.p_fake),
        "posterior": _number(verdict.p_fake),
        "treeview": "\n".join(_tree(children, 0)) if analysis.options.visualize else "",
        "children": children,
    }


def _video_result(result: OperationResult, rule: Policy) -> Json:
    frames = sorted(result.evidence.frames, key=lambda frame: frame.time_s)
    return _node("VideoResult", result.verdict, result.p_fake) | {
        "description": result.detail or result.operation.value.replace("_", " "),
        "violations": [f"{flag.code}: {flag.message}" for flag in result.evidence.flags],
        "children": [_frame(frame, result, rule) for frame in frames if frame.p_fake is not None],
    }


def _frame(frame: FrameScore, result: OperationResult, rule: Policy) -> Json:
    verdict = judge(rule, frame.p_fake or 0.0, None)
    patch = "face" if result.operation is Operation.FACE_MANIPULATION else "region"
    regions = [region for region in result.evidence.regions if region.frame == frame.index]
    return _node("ImageResult", verdict, frame.p_fake) | {
        "timestamp": round(frame.time_s, 3),
        "children": [
            _node("Segment", verdict, frame.p_fake) | {"score": _number(region.score), "patch_type": patch}
            for region in regions
        ],
    }


def _node(kind: str, verdict: Verdict, p_fake: float | None) -> Json:
    certainty = _certainty(p_fake)
    return {
        "type": kind,
        "conclusion": _title(verdict),
        "score": _number(p_fake),
        "certainty": certainty,
        "certainty (%)": f"{100 * (certainty or 0.0):.1f}",
        "posterior": _number(p_fake),
    }


def _tree(nodes: Iterable[Json], depth: int) -> list[str]:
    lines: list[str] = []
    for node in nodes:
        where = f" at {node['timestamp']:g} s" if "timestamp" in node else ""
        said = f"{node['type']}{where}: {node['conclusion']} ({node['certainty (%)']} %)"
        lines += ["  " * depth + said, *_tree(node.get("children", ()), depth + 1)]
    return lines


# ---- source tracing, and small things ----------------------------------------------------------------


def source_tracing(analysis: Analysis) -> Json | None:
    """Return who made the voice; null unless it is fake or nothing could be said (RES-39, RES-40)."""
    verdict, _ = of_sound(analysis)
    if verdict.label is Verdict.GENUINE or (not analysis.results):
        return None
    speech = _find(analysis.results, Operation.SYNTHETIC_SPEECH)
    if verdict.label is Verdict.MANIPULATED and speech and speech.attribution:
        return {"label": speech.attribution, "error_message": None}
    why = "No source tracer could name the system that made this voice."
    if verdict.label is not Verdict.MANIPULATED:
        why = f"The voice was not found to be fake ({verdict.reason or 'not scored'}); nothing was traced."
    return {"label": "unknown", "error_message": why}


def _find(results: Iterable[OperationResult], operation: Operation | None) -> OperationResult | None:
    return next((result for result in results if result.operation is operation), None)


def _title(verdict: Verdict) -> str:
    return label(verdict).capitalize()


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _certainty(p_fake: float | None) -> float | None:
    """How probable the likelier of the two conclusions is."""
    return None if p_fake is None else round(max(p_fake, 1 - p_fake), 4)


def _text(value: float) -> str:
    return str(round(min(max(value, 0.0), 1.0), 4))
