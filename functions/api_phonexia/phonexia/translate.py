"""An analysis as a task of the vendor's: state, result per operation and channel, error (PHX-29 … PHX-32).

A score is a log-likelihood ratio of the core's, or null; why it is null stands in `Told.notes`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bonafide import ids
from bonafide.fuse import fuse_operation
from bonafide.model import Analysis, Finding, OperationResult, Outcome, Segment, State
from bonafide.policy import rule_of

from phonexia import words
from phonexia.words import OPERATIONS, Asked

__all__ = ["Told", "state_of", "task", "tell"]

OURS = frozenset(
    ("execution_aborted", "execution_lost", "execution_timed_out", "infrastructure_failure", "not_open")
)
"""Codes of failures that are no fault of the media: ``failed``. All others are ``rejected`` (PHX-45)."""

_STATES = {State.QUEUED: words.State.PENDING, State.RUNNING: words.State.RUNNING}


@dataclass(frozen=True)
class Told:
    """A task's document, and for every score that is null, why: ``operation/channel=reason``."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def task(analysis: Analysis, state: words.State | None = None) -> dict[str, str]:
    """Return the ``task`` object (PHX-25)."""
    return {"task_id": ids.to_uuid(analysis.id), "state": (state or state_of(analysis)).value}


def state_of(analysis: Analysis) -> words.State:
    """Return the vendor's word for where the analysis is (X-2)."""
    if analysis.state in _STATES:
        return _STATES[analysis.state]
    if analysis.state is State.COMPLETED:
        return words.State.REJECTED if _unmet(analysis) else words.State.DONE
    failed = analysis.failure is None or analysis.failure.code in OURS
    return words.State.FAILED if failed else words.State.REJECTED


def tell(analysis: Analysis, findings: Sequence[Finding] = ()) -> Told:
    """Return the document of a task; ``findings`` are all of them, in full."""
    state = state_of(analysis)
    document: dict[str, Any] = {"task": task(analysis, state)}
    if state is words.State.FAILED:
        document["error"] = {"type": "internal", "message": "The task could not be executed."}
    elif state is words.State.REJECTED:
        why = analysis.failure.detail if analysis.failure else _unmet(analysis)
        document["error"] = {"type": "task.validation-error", "message": why}
    elif state is words.State.DONE:
        document["result"], notes = _result(analysis, findings)
        return Told(document, notes)
    return Told(document)


# ---- what the media must have ------------------------------------------------------------------------


def _unmet(analysis: Analysis) -> str:
    """Return which requirement the media does not meet, in words; empty if it meets them all."""
    if analysis.media is None:
        return ""
    count, length, start = _channel_count(analysis), _length(analysis), analysis.options.start_s or 0.0
    if count == 0:
        return "The media has no audio."
    if any(number >= (count or math.inf) for number in analysis.options.channels or ()):
        return f"A channel is out of range: the audio has {count}."
    if length is not None and start >= length:
        return f"The processing starts at {start:g} s, after the end of the audio at {length:g} s."
    return ""


def _channel_count(analysis: Analysis) -> int | None:
    """Return how many channels the first audio track has, 0 if there is none, ``None`` if it is not known."""
    media = analysis.media
    tracks = [track for track in media.tracks if track.type == "audio"] if media else []
    if tracks:
        return tracks[0].channels
    return None if media is None or media.kind.value == "audio" else 0


def _length(analysis: Analysis) -> float | None:
    return analysis.media.duration_s if analysis.media else None


def _processed_s(analysis: Analysis) -> float | None:
    """Return the length of the stretch that was processed, if it is known."""
    ends = [end for end in (analysis.options.end_s, _length(analysis)) if end is not None]
    return min(ends) - (analysis.options.start_s or 0.0) if ends else None


def _channels(analysis: Analysis) -> tuple[int, ...]:
    """Return the numbers of the channels that are told of: those asked for, or one if they were mixed."""
    if analysis.options.mix_channels:
        return (0,)
    return analysis.options.channels or tuple(range(_channel_count(analysis) or 1))


# ---- the result --------------------------------------------------------------------------------------


def _result(analysis: Analysis, findings: Sequence[Finding]) -> tuple[dict[str, Any], tuple[str, ...]]:
    asked = analysis.echo.get("operations")
    names = asked if isinstance(asked, list) else [name.value for name in Asked]
    result: dict[str, Any] = {}
    notes: list[str] = []
    for name in Asked:
        result[name.value] = None
        if name.value not in names:
            continue
        channels = []
        for number in _channels(analysis):
            entry, reason = _entry(analysis, findings, name, number)
            channels.append({"channel_number": number, **entry})
            if reason:
                notes.append(f"{name.value}/{number}={reason}")
        result[name.value] = {"channels": channels}
    return result, tuple(notes)


def _entry(
    analysis: Analysis, findings: Sequence[Finding], name: Asked, number: int
) -> tuple[dict[str, Any], str]:
    """Return what is told of one channel, and the reason if that is nothing."""
    own = _of_channel(analysis, findings, name, number)
    spoken = _spoken(analysis, own, name)
    if name is Asked.MANIPULATION:
        if spoken.outcome is not Outcome.SCORED:
            return {"segments": None}, spoken.reason or "silent"
        raw = bool(analysis.echo.get("raw_segmentation"))
        evidence = [f.evidence for f in own if not (f.model and f.model.shadow)] or [spoken.evidence]
        heard = {None, number, *(f.channel for f in own)}  # a twin's segments bear the twin's number
        found = [s for one in evidence for s in one.segments if s.channel in heard]
        return {"segments": _segments(found, raw=raw)}, ""
    if name is Asked.DEEPFAKE and _too_short(analysis, own):
        return {"score": None}, "less_than_3_seconds"
    return {"score": spoken.llr}, "" if spoken.llr is not None else spoken.reason or "silent"


def _of_channel(analysis: Analysis, findings: Iterable[Finding], name: Asked, number: int) -> list[Finding]:
    """Return the findings of one channel; those of the whole file count only if that is all there is.

    A channel with the same sound as another was not looked at again: it has that one's answer (PHX-4).
    """
    alone = len(_channels(analysis)) == 1
    asked = [finding for finding in findings if finding.operation is OPERATIONS[name]]
    twins = [finding.evidence.values.get("same_as_channel") for finding in asked if finding.channel == number]
    number = next((twin for twin in twins if isinstance(twin, int)), number)
    return [finding for finding in asked if finding.channel == number or (alone and finding.channel is None)]


def _spoken(analysis: Analysis, own: Sequence[Finding], name: Asked) -> OperationResult:
    """Return the fused word on one channel: its findings', else the operation's if there is one channel."""
    result = next((r for r in analysis.results if r.operation is OPERATIONS[name]), None)
    if own or result is None:
        weights = (result.weights,) if result and result.weights else ()
        return fuse_operation(OPERATIONS[name], own, rule_of(analysis), weights)
    if result.outcome is Outcome.SCORED and len(_channels(analysis)) > 1:
        silent = {"outcome": Outcome.INCONCLUSIVE, "llr": None, "reason": "not_per_channel"}
        return result.model_copy(update=silent)
    return result


def _too_short(analysis: Analysis, own: Sequence[Finding]) -> bool:
    """Whether there are less than three seconds to judge: of audio as far as known, of speech if measured."""
    measured = {finding.item: finding.evidence.values.get("speech_s") for finding in own}
    speech = [value for value in measured.values() if isinstance(value, int | float)]
    known = (sum(speech) if speech else None, _processed_s(analysis))  # of all windows of a long recording
    return any(value < words.MIN_AUDIO_S for value in known if value is not None)


def _segments(found: Iterable[Segment], *, raw: bool) -> list[dict[str, float]]:
    """Return the segments in their order: every one if raw, else the suspicious ones, joined (PHX-7, PHX-32).

    Two suspicious ones are adjacent if the next begins before the last has ended, or with its end.
    """
    scored = sorted((s for s in found if s.llr is not None), key=lambda s: (s.start_s, s.end_s))
    told: list[dict[str, float]] = []
    for segment in scored:
        score = segment.llr or 0.0
        if not raw and score <= 0:
            continue
        last = told[-1] if told else None
        if not raw and last and segment.start_s <= last["end_time"]:
            last["end_time"] = max(last["end_time"], segment.end_s)
            last["score"] = max(last["score"], score)
        else:
            told.append({"score": score, "start_time": segment.start_s, "end_time": segment.end_s})
    return told
