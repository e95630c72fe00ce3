"""Scores as this vendor tells them: a label, and how probable that label is (SEN-44 … SEN-66).

``class_probability`` is P of the label that was chosen, not P(fake) (SEN-45). Where no detector answered,
there is no label: the task has failed, and its error says why (docs/decisions/0025-sensity.md).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from bonafide.fuse import probability
from bonafide.model import (
    Analysis,
    Evidence,
    Finding,
    FrameScore,
    MediaFacts,
    Operation,
    OperationResult,
    Outcome,
    Region,
    Verdict,
)

from sensity.words import ATTRIBUTIONS, MANIPULATIONS, NO_FACES

__all__ = ["Silent", "face", "gather", "image", "voice"]

MAX_TRACKS = 500
MAX_SEGMENTS = 1000
MAX_FACE_BYTES = 60_000
_EXPLAINER = "GANDetectorExplanation"

Json = dict[str, Any]
Link = Callable[[str, str, str], str]


class Silent(Exception):
    """There is no label to give; the text says why."""


# ---- faces -------------------------------------------------------------------------------------------


def face(analysis: Analysis, every: Sequence[Finding], read: Callable[[str], bytes], link: Link) -> Json:
    """Return ``result`` of a face manipulation task, ``no_faces``, and ``preview`` if there is a picture."""
    main, lips = _of(analysis, Operation.FACE_MANIPULATION), _of(analysis, Operation.LIP_SYNC)
    if main and main.outcome is Outcome.NOT_APPLICABLE and main.reason in NO_FACES:
        return {"no_faces": True, "result": {"class_name": "no_faces"}}
    decided = _deciding(main, lips)
    result = _label(decided)
    evidence = gather(decided, every)
    if result["class_name"] == "fake":
        kind = "lipsync" if decided is lips else MANIPULATIONS.get(_name(decided, "_"))
        result |= {"manipulation_type": kind} if kind else {}
        if analysis.echo.get("explain") and analysis.media:
            told = _explained(decided, evidence, analysis.media, _portrait(decided, read))
            result |= {"explanation": [told]} if told else {}
    preview = _picture(decided, link)
    return {"no_faces": False, "result": result} | ({"preview": preview} if preview else {})


def _deciding(main: OperationResult | None, lips: OperationResult | None) -> OperationResult:
    """Return who speaks: the strongest voice for "fake"; "real" is for the detector of faces alone to say."""
    fake = [one for one in (main, lips) if one and one.verdict is Verdict.MANIPULATED]
    if fake:
        return max(fake, key=lambda one: one.p_fake or 0.0)
    return _scored(main)


def _explained(
    result: OperationResult, evidence: Evidence, media: MediaFacts, portrait: str | None
) -> Json | None:
    """Return the one explanation: the core tells where and when, not whose face it is (SEN-49)."""
    frames = {frame.index: frame for frame in evidence.frames}
    worst = max(evidence.frames, key=lambda frame: frame.p_fake or 0.0, default=None)
    boxes = list(evidence.regions)
    if worst is None and not boxes:
        return None
    index = worst.index if worst else boxes[0].frame or 0
    score = worst.p_fake if worst and worst.p_fake is not None else result.p_fake
    told: Json = {
        "id": 0,
        "fake_probability": _number(score),
        "fake_frame_idx": index,
        "fake_frame_ms": _ms(frames.get(index)),
    }
    here = next((box for box in boxes if (box.frame or 0) == index), boxes[0] if boxes else None)
    if here:
        sizes = [
            round(sum(side) / len(boxes)) for side in zip(*((b.width, b.height) for b in boxes), strict=True)
        ]
        told |= {"fake_bbox": [here.x, here.y], "fake_bbox_average_size": sizes}
    told["tracks"] = [_track(box, frames, media) for box in sorted(boxes, key=_order)[:MAX_TRACKS]]
    return told | ({"fake_face": portrait} if portrait else {})


def _order(box: Region) -> int:
    return box.frame or 0


def _track(box: Region, frames: dict[int, FrameScore], media: MediaFacts) -> Json:
    rate = next((track.fps for track in media.tracks if track.type == "video" and track.fps), 0.0)
    return {
        "bbox": [box.x, box.y, box.x + box.width, box.y + box.height],
        "frame_idx": box.frame or 0,
        "frame_ms": _ms(frames.get(box.frame or 0)),
        "frame_rate": rate,
    }


def _ms(frame: FrameScore | None) -> int:
    return round(frame.time_s * 1000) if frame else 0


def _portrait(result: OperationResult, read: Callable[[str], bytes]) -> str | None:
    """Return the picture of the face, if the detector kept one and it is still there."""
    found = next(
        (a for a in result.artifacts if a.key and "face" in a.name and _is_picture(a.media_type)), None
    )
    if found is None or found.key is None or (found.bytes or 0) > MAX_FACE_BYTES:
        return None
    try:
        return base64.b64encode(read(found.key)).decode()
    except FileNotFoundError:
        return None


# ---- generated pictures ------------------------------------------------------------------------------


def image(analysis: Analysis, every: Sequence[Finding], link: Link) -> Json:
    """Return ``result`` of an AI-generated image task: of pictures and of videos (SEN-54 … SEN-58)."""
    both = [_of(analysis, Operation.SYNTHETIC_IMAGE), _of(analysis, Operation.SYNTHETIC_VIDEO)]
    found = [one for one in both if one and one.outcome is Outcome.SCORED]
    decided = max(found, key=lambda one: one.p_fake or 0.0, default=None) or next(filter(None, both), None)
    result = _label(_scored(decided))
    if decided is None or result["class_name"] != "fake":
        return result
    evidence = gather(decided, every)
    known = ATTRIBUTIONS.get(_name(decided, "-"))
    if known:
        result["model_attribution"] = known
        share = evidence.values.get("attribution_probability")
        if isinstance(share, int | float) and 0 <= share <= 1:
            result["model_attribution_probability"] = _number(float(share))
    if analysis.echo.get("explain"):
        details = _origin(decided, evidence, link)
        result |= {"explanation": {"type": _EXPLAINER, "details": details}} if details else {}
    return result


def _origin(result: OperationResult, evidence: Evidence, link: Link) -> Json:
    """Return the details that are known, under the names that clients read (SEN-59)."""
    worst = max(evidence.frames, key=lambda frame: frame.p_fake or 0.0, default=None)
    known = {
        "image_url": _picture(result, link),
        "source": result.attribution,
        "text_prompt": evidence.details.get("text_prompt"),
        "timestamp": f"{worst.time_s:.3f}" if worst else None,
    }
    return {name: value for name, value in known.items() if isinstance(value, str) and value}


# ---- voices ------------------------------------------------------------------------------------------


def voice(analysis: Analysis, every: Sequence[Finding]) -> Json:
    """Return ``result`` of a voice analysis (SEN-64 … SEN-66), with a transcript if there is one."""
    decided = _of(analysis, Operation.SYNTHETIC_SPEECH)
    result = _label(_scored(decided))
    segments = [one for one in gather(decided, every).segments if one.llr is not None] if decided else []
    result["audio_frames_processed"] = len(segments)
    if analysis.echo.get("explain"):
        fake = sorted((one for one in segments if (one.llr or 0.0) > 0), key=lambda one: one.start_s)
        result["explanation"] = [
            {
                "id": str(number),
                "fake_frame_ms": round(one.start_s * 1000),
                "fake_probability": _number(probability(one.llr or 0.0)),
            }
            for number, one in enumerate(fake[:MAX_SEGMENTS])
        ]
    return result | _said(analysis)


def _said(analysis: Analysis) -> Json:
    """Return ``transcription`` and ``translation`` as far as they were asked for and found (SEN-65)."""
    spoken = _of(analysis, Operation.TRANSCRIPTION)
    details = spoken.evidence.details if spoken else {}
    found = {name: details.get(name) for name in ("transcription", "translation")}
    texts = {name: member.get("text") for name, member in found.items() if isinstance(member, dict)}
    return {name: text for name, text in texts.items() if isinstance(text, str)}


# ---- what they share ---------------------------------------------------------------------------------


def gather(result: OperationResult, every: Sequence[Finding]) -> Evidence:
    """Return all evidence of an operation: the row carries the strongest of it only."""
    own = [one.evidence for one in every if one.operation is result.operation]
    if not own:
        return result.evidence
    return result.evidence.model_copy(
        update={
            "flags": tuple(dict.fromkeys(flag for one in own for flag in one.flags)),
            "regions": tuple(region for one in own for region in one.regions),
            "segments": tuple(segment for one in own for segment in one.segments),
            "frames": tuple(frame for one in own for frame in one.frames),
        }
    )


def _of(analysis: Analysis, operation: Operation) -> OperationResult | None:
    return next((one for one in analysis.results if one.operation is operation), None)


def _scored(result: OperationResult | None) -> OperationResult:
    if result is None or result.outcome is not Outcome.SCORED:
        why = (result.detail if result else None) or "No detector could judge this file."
        raise Silent(f"{why} ({result.reason if result and result.reason else 'no_detector'})")
    return result


def _label(result: OperationResult) -> Json:
    """Return the label and its probability. Raises `Silent` where the policy left it open."""
    fake = result.p_fake or 0.0
    if result.verdict is Verdict.MANIPULATED:
        return {"class_name": "fake", "class_probability": _number(fake)}
    if result.verdict is Verdict.GENUINE:
        return {"class_name": "real", "class_probability": _number(1 - fake)}
    raise Silent(f"The score of {fake:.2f} decides nothing under this policy. (score_not_decisive)")


def _name(result: OperationResult, mark: str) -> str:
    """Return the attribution in lower case, its words joined by ``mark``."""
    plain = (result.attribution or "").strip().lower()
    return mark.join(plain.replace("_", " ").replace("-", " ").split())


def _picture(result: OperationResult, link: Link) -> str:
    """Return a link to a result's first picture; empty without one."""
    first = next((a for a in result.artifacts if a.key and _is_picture(a.media_type)), None)
    return link(first.key, first.name, first.media_type) if first and first.key else ""


def _is_picture(media_type: str) -> bool:
    return media_type.startswith("image/")


def _number(value: float | None) -> float:
    return round(min(max(value or 0.0, 0.0), 1.0), 4)
