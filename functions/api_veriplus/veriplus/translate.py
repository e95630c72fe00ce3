"""An analysis as a job of the vendor's: its id, status, data, and what its webhooks say of it."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from bonafide import credits as ledger
from bonafide.model import Analysis, State

from veriplus import evidence
from veriplus.scores import Judgement, judged, kept, media_of, no_face
from veriplus.words import DIALECT, MB, MEDIA, ErrorCode, Event, Media, Status, code_of

__all__ = [
    "created",
    "data",
    "events",
    "fault",
    "from_job_id",
    "job",
    "job_id",
    "listed",
    "moment",
    "status",
    "told",
]

Json = dict[str, Any]
_JOB = re.compile(r"job_(img|vid|aud|doc)_([0-9a-z]{26})")
_LEAST_S, _MOST_S = 30, 120  # VER-32


def job_id(analysis: Analysis) -> str:
    """Return our id in the vendor's dress: ``job_img_…``, ``job_vid_…``, ``job_aud_…`` (VER-17)."""
    return f"job_{MEDIA[media_of(analysis)].prefix}_{analysis.id.partition('_')[2]}"


def from_job_id(text: str) -> str | None:
    """Return the analysis' id, or ``None`` for what is no job id."""
    match = _JOB.fullmatch(text)
    return f"an_{match[2]}" if match else None


def moment(value: datetime | None) -> str | None:
    """Return a moment as the vendor writes it: UTC, whole seconds, ``Z`` (VER-18)."""
    return value.isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


def status(analysis: Analysis, running: Collection[str] = ()) -> Status:
    """Return where the job is; ``running`` are the ids that hold a slot (X-2, VER-75)."""
    if analysis.state is State.COMPLETED:
        return Status.FAILED if no_face(analysis) else Status.COMPLETED
    if analysis.state is State.QUEUED:
        return Status.PROCESSING if analysis.id in running else Status.QUEUED
    return Status.PROCESSING if analysis.state is State.RUNNING else Status.FAILED


def fault(analysis: Analysis) -> tuple[ErrorCode, str]:
    """Return why a job failed: the vendor's code, and words (VER-67 … VER-72)."""
    if no_face(analysis):
        return ErrorCode.NO_FACE_DETECTED, "No face was found; send media with a visible face."
    failure = analysis.failure
    code = code_of(failure.code if failure else "")
    said = failure.detail if failure and code is not ErrorCode.ANALYSIS_FAILED else ""
    return code, said or "The analysis failed; try again or ask for support."


def created(analysis: Analysis, state: Status) -> Json:
    """Return a job that has not ended (VER-30): how long it takes goes by its size, within VER-32's range."""
    size = float(kept(analysis).get("bytes") or 0)
    seconds = round(_LEAST_S + (_MOST_S - _LEAST_S) * min(1.0, size / (50 * MB)))
    return {"jobId": job_id(analysis), "status": state.value, "estimatedTime": f"{seconds} seconds"}


def used(analysis: Analysis) -> int:
    """Return the credits that a completed analysis costs, as the ledger settles it (VER-5, VER-6)."""
    if analysis.state is not State.COMPLETED or analysis.media is None:
        return 0
    return ledger.price(DIALECT, analysis.media.kind, analysis.media.duration_s)


# ---- what was found ----------------------------------------------------------------------------------


def data(analysis: Analysis) -> Json:
    """Return what a synchronous call answers (VER-16, VER-49)."""
    media, said = media_of(analysis), judged(analysis)
    document: Json = {"jobId": job_id(analysis), **_verdict(said, media)}
    if media is Media.AUDIO:
        document["analysis"] = evidence.of_audio(analysis)
    elif kept(analysis).get("details"):
        document["analysis"] = evidence.of_picture(analysis)
    ended = {"creditsUsed": used(analysis), "processedAt": moment(analysis.completed_at)}
    return document | ended | _under(analysis, said)


def _verdict(said: Judgement, media: Media) -> Json:
    """Return the verdict; audio has names of its own for two of its members (VER-50)."""
    fake, how = ("isSynthetic", "method") if media is Media.AUDIO else ("isDeepfake", "manipulationType")
    return {
        fake: said.fake,
        "confidence": said.confidence,
        how: said.manipulation,
        "riskScore": said.risk,
        "recommendation": said.recommendation,
    }


def _under(analysis: Analysis, said: Judgement) -> Json:
    """Return our additions: the policy (VER-59), and why there are no numbers."""
    return {"policy": analysis.options.policy} | ({"reason": said.reason} if said.reason else {})


def _video(analysis: Analysis) -> Json:
    """Return a finished video (VER-35)."""
    said, wish = judged(analysis), kept(analysis)
    document: Json = {
        "jobId": job_id(analysis),
        "status": Status.COMPLETED,
        "video": evidence.video_facts(analysis),
        "result": _verdict(said, Media.VIDEO),
        "analysis": evidence.of_video(analysis, liveness=bool(wish.get("liveness"))),
    }
    if wish.get("frames"):
        document["suspiciousFrames"] = evidence.suspicious_frames(analysis)
    ended = {"creditsUsed": used(analysis), "completedAt": moment(analysis.completed_at)}
    return document | ended | _under(analysis, said)


def job(analysis: Analysis, running: Collection[str] = ()) -> Json:
    """Return a job as it is now (VER-30, VER-35, VER-45, VER-47)."""
    state = status(analysis, running)
    if state in (Status.QUEUED, Status.PROCESSING):
        return created(analysis, state)
    if state is Status.FAILED:
        code, message = fault(analysis)
        return {
            "jobId": job_id(analysis),
            "status": state,
            "error": {"code": code, "message": message},
            "creditsUsed": used(analysis),
            "completedAt": moment(analysis.completed_at),
        }
    return _video(analysis) if media_of(analysis) is Media.VIDEO else {"status": state} | data(analysis)


def listed(analysis: Analysis, running: Collection[str] = ()) -> Json:
    """Return one entry of the list: the same members for every medium (VER-55)."""
    state = status(analysis, running)
    verdict = _verdict(judged(analysis), Media.IMAGE)
    return {
        "jobId": job_id(analysis),
        "mediaType": media_of(analysis),
        "status": state,
        **(verdict if state is Status.COMPLETED else dict.fromkeys(verdict)),
        "creditsUsed": used(analysis),
        "createdAt": moment(analysis.created_at),
        "completedAt": moment(analysis.completed_at),
    }


# ---- what webhooks say -------------------------------------------------------------------------------


def events(analysis: Analysis) -> tuple[Event, ...]:
    """Return the events of an analysis that has ended: a deepfake is two of them (VER-63, VER-65, VER-72)."""
    if status(analysis) is Status.FAILED:
        return (Event.FAILED,)
    return (Event.COMPLETED, Event.DETECTED) if judged(analysis).fake else (Event.COMPLETED,)


def told(analysis: Analysis, event: Event) -> Json:
    """Return the body of an event (VER-64); of audio with both pairs of names (VER-50)."""
    media = media_of(analysis)
    about: Json = {"jobId": job_id(analysis), "mediaType": media}
    if event is Event.FAILED:
        code, message = fault(analysis)
        about["error"] = {"code": code, "message": message}
    else:
        said = judged(analysis)
        about |= {
            "isDeepfake": said.fake,
            "confidence": said.confidence,
            "manipulationType": said.manipulation,
        }
        if media is Media.AUDIO:
            about |= {"isSynthetic": said.fake, "method": said.manipulation}
    return {"event": event, "timestamp": moment(analysis.completed_at), "data": about}
