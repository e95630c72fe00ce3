"""An analysis as the document of a task's GET, which webhooks receive too (SEN-30, 42 … 68, 83)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bonafide.ids import to_uuid
from bonafide.model import Analysis, Finding, MediaFacts, MediaKind, State

from sensity import forensic, scores
from sensity.scores import Silent
from sensity.words import (
    FACE,
    FORENSIC,
    FORMATS,
    IMAGE,
    MAX_AUDIO_S,
    MAX_FILE_BYTES,
    MAX_LINES,
    MAX_VIDEO_S,
    TASKS,
    Task,
)

__all__ = ["EVENT_BYTES", "GET_BYTES", "Reader", "document"]

GET_BYTES = 4_000_000
"""Room for extracted images in an answer (Lambda's ends at 6 MB) …"""

EVENT_BYTES = 200_000
"""… and in an event (a delivery is one row of the table, which ends at 400 kB)."""

Json = dict[str, Any]
_RUNNING = (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Reader:
    """What the translation must be able to look up: every finding, an object's bytes, a link to an object."""

    findings: Callable[[Analysis], Sequence[Finding]]
    read: Callable[[str], bytes]
    link: Callable[[str, str, str], str]


def document(analysis: Analysis, reader: Reader, *, room: int) -> Json:
    """Return the report; ``room`` is how many characters of extracted images it may carry."""
    task = TASKS[str(analysis.echo["task"])]
    told: Json = {"id": to_uuid(analysis.id), "event_type": task.event.value}
    if "additional_info" in analysis.echo:
        told["additional_info"] = analysis.echo["additional_info"]
    if analysis.state in _RUNNING:
        return told | {"status": "in_progress"}
    try:
        return told | {"status": "completed"} | _found(analysis, task, reader, room)
    except Silent as silence:
        return told | {"status": "failed", "error": str(silence)}


def _found(analysis: Analysis, task: Task, reader: Reader, room: int) -> Json:
    """Return what was found. Raises `Silent` if nothing may be said: a failure, a limit, silence."""
    if analysis.failure or analysis.media is None:
        raise Silent(analysis.failure.detail if analysis.failure else "The media could not be read.")
    _check(analysis, analysis.media, task)
    every = [one for one in reader.findings(analysis) if not (one.model and one.model.shadow)]
    if task is FORENSIC:
        return {"result": forensic.result(analysis, every, reader.read, room)}
    if task is FACE:
        return scores.face(analysis, every, reader.read, reader.link)
    if task is IMAGE:
        return {"result": scores.image(analysis, every, reader.link)}
    return {"result": scores.voice(analysis, every)}


def _check(analysis: Analysis, media: MediaFacts, task: Task) -> None:
    """Hold the media against what the service takes (SEN-16 … SEN-22). Raises `Silent`."""
    kinds = " / ".join("pdf" if kind is MediaKind.DOCUMENT else kind.value for kind in task.kinds)
    if media.kind not in task.kinds:
        raise Silent(f"Unsupported input: this is {media.kind.value}. Supported input files: {kinds}.")
    if media.format not in FORMATS[media.kind]:
        known = ", ".join(sorted(FORMATS[media.kind]))
        raise Silent(f"Unsupported format: {media.format}. Supported: {known}.")
    if analysis.source.type != "url" and media.bytes > MAX_FILE_BYTES:
        raise Silent("File exceeds 32MB maximum size.")
    if media.kind is MediaKind.VIDEO and (media.duration_s or 0.0) > MAX_VIDEO_S:
        raise Silent("Video exceeds 30 min maximum duration.")
    if media.kind is MediaKind.AUDIO and (media.duration_s or 0.0) > MAX_AUDIO_S:
        raise Silent("Audio exceeds 20 min maximum duration.")
    if media.kind is MediaKind.VIDEO and analysis.source.type != "url" and _lines(media) > MAX_LINES:
        raise Silent("Video exceeds 2560p maximum resolution.")


def _lines(media: MediaFacts) -> int:
    return min(media.width or 0, media.height or 0)
