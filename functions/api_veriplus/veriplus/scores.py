"""What the core found, as this vendor counts: whole percent, a recommendation, a kind of manipulation.

Thresholds are the core's named policies. What is not known is null, never a number: nothing was scored, or
nothing speaks against the file but a decisive question went unanswered (docs/decisions/0028).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bonafide.model import Analysis, Operation, OperationResult, Outcome, Verdict
from bonafide.policy import Advice, advise, percent, rule_of

from veriplus.words import RECOMMENDATIONS, AnalysisType, Manipulation, Media, Recommendation

__all__ = ["Judgement", "judged", "kept", "leaning", "media_of", "no_face", "result_of", "suspicious"]

_SUSPECT = (Advice.REJECT, Advice.REVIEW)
_NO_FACE = frozenset(("no_face", "no_faces"))
_SWAP, _FORGED = Manipulation.FACE_SWAP, Manipulation.DOCUMENT_FORGERY

_KINDS: dict[Media, dict[Operation, Manipulation]] = {
    Media.IMAGE: {
        Operation.FACE_MANIPULATION: _SWAP,
        Operation.SYNTHETIC_IMAGE: Manipulation.GAN_GENERATED,
        Operation.IMAGE_FORGERY: Manipulation.PHOTO_MANIPULATION,
        Operation.FILE_FORENSICS: Manipulation.GAN_GENERATED,  # scored only where a generator names itself
    },
    Media.VIDEO: {
        Operation.FACE_MANIPULATION: _SWAP,
        Operation.TEMPORAL_COHERENCE: _SWAP,
        Operation.SYNTHETIC_VIDEO: Manipulation.LIVENESS_SPOOF,
        Operation.PRESENTATION_ATTACK: Manipulation.VIDEO_REPLAY,
        Operation.LIP_SYNC: Manipulation.AUDIO_VISUAL_MISMATCH,
        Operation.SYNTHETIC_SPEECH: Manipulation.AUDIO_VISUAL_MISMATCH,
    },
    Media.AUDIO: {
        Operation.SYNTHETIC_SPEECH: Manipulation.TTS_ENGINE,
        Operation.AUDIO_SPLICE: Manipulation.AUDIO_MANIPULATION,
    },
    Media.DOCUMENT: dict.fromkeys(Operation, _FORGED),
}


@dataclass(frozen=True)
class Judgement:
    """What is said of a file; ``reason`` stands in for the numbers where there are none."""

    fake: bool | None
    confidence: int | None
    risk: int | None
    manipulation: Manipulation | None
    recommendation: Recommendation
    reason: str | None = None


def kept(analysis: Analysis) -> dict[str, Any]:
    """Return what the request asked for, as it was kept."""
    found = analysis.echo.get("kept")
    return found if isinstance(found, dict) else {}


def media_of(analysis: Analysis) -> Media:
    """Return what the analysis was asked as."""
    return Media(kept(analysis)["media"])


def result_of(analysis: Analysis, operation: Operation) -> OperationResult | None:
    """Return the result of one operation, if there is one."""
    return next((result for result in analysis.results if result.operation is operation), None)


def no_face(analysis: Analysis) -> bool:
    """Whether a face was required (FACE, VERIFICATION) and none was found (VER-71, VER-72)."""
    result = result_of(analysis, Operation.FACE_MANIPULATION)
    required = kept(analysis).get("type") in (AnalysisType.FACE, AnalysisType.VERIFICATION)
    silent = result is not None and result.outcome is Outcome.NOT_APPLICABLE
    return bool(required and result and silent and result.reason in _NO_FACE)


def suspicious(analysis: Analysis, p_fake: float | None) -> bool:
    """Whether the policy would have somebody look at this score."""
    return p_fake is not None and advise(rule_of(analysis), p_fake) in _SUSPECT


def leaning(analysis: Analysis, result: OperationResult | None) -> bool | None:
    """Return what the policy makes of one result: fake, not fake, or ``None`` for neither."""
    if result is None or result.p_fake is None:
        return None
    advice = advise(rule_of(analysis), result.p_fake)
    return True if advice in _SUSPECT else False if advice is Advice.ACCEPT else None


def judged(analysis: Analysis) -> Judgement:
    """Return what a completed analysis says under its policy (VER-56 … VER-62)."""
    verdict = analysis.verdict
    if verdict is None or verdict.p_fake is None:
        return _unknown(verdict.reason if verdict else None)
    advice = advise(rule_of(analysis), verdict.p_fake)
    if advice is Advice.ACCEPT and verdict.label is not Verdict.GENUINE:
        return _unknown(verdict.reason)
    fake = advice in _SUSPECT
    low = verdict.interval.low if verdict.interval else verdict.p_fake
    kind = _manipulation(analysis, verdict.decided_by) if fake else None
    return Judgement(fake, percent(verdict.p_fake), percent(low), kind, RECOMMENDATIONS[advice])


def _unknown(reason: str | None) -> Judgement:
    advice = Recommendation.ENHANCED_VERIFICATION  # the table's word for uncertain: silence is never "accept"
    return Judgement(None, None, None, None, advice, reason or "no_calibrated_score")


def _manipulation(analysis: Analysis, decided_by: Operation | None) -> Manipulation | None:
    if decided_by is None:
        return None
    media = media_of(analysis)
    found = _KINDS[media].get(decided_by)
    if kept(analysis).get("type") == AnalysisType.DOCUMENT and found is Manipulation.PHOTO_MANIPULATION:
        return _FORGED
    if found is Manipulation.TTS_ENGINE and _cloned(analysis):
        return Manipulation.VOICE_CLONING
    return found


def _cloned(analysis: Analysis) -> bool:
    """Whether the synthetic voice is somebody's: a detector compared it with the sample sent along."""
    result = result_of(analysis, Operation.SYNTHETIC_SPEECH)
    return bool(result and result.evidence.values.get("voice_match") is True)
