"""The step that asks what is said: Amazon's services, or the engine in the image, as the owner has chosen.

It is never a cause of failure: what an engine cannot do becomes a finding with its reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bonafide import media, speech_to_text, work
from bonafide.model import Analysis, Finding, Operation, Outcome, WorkItem
from bonafide.settings import settings
from bonafide.work import RunItem

__all__ = ["transcribe"]


def transcribe(event: dict[str, Any], run_item: RunItem) -> dict[str, Any]:
    """Run one work item of kind text: ``{item, findings_key, usage}``."""
    if settings().transcription_engine == "amazon":
        return work.answer(event, _by_amazon)
    return work.detect(event, run_item)


def _by_amazon(analysis: Analysis, item: WorkItem, _folder: Path) -> list[Finding]:
    assert analysis.media is not None  # `work.answer` has seen to it
    assert analysis.media_ref is not None
    if not any(track.type == "audio" for track in analysis.media.tracks):
        return [_silent(Outcome.NOT_APPLICABLE, "no_audio", "")]
    try:
        said = speech_to_text.transcribe(
            analysis.media_ref,
            analysis.media.format,
            name=f"{analysis.id}-{item.id}",
            into=media.work_key(analysis.tenant, analysis.id, f"{item.id}-transcript.json"),
        )
    except speech_to_text.Unable as error:
        return [_silent(Outcome.FAILED, error.reason, str(error))]
    return [said.within(analysis.options.start_s, analysis.options.end_s).finding()]


def _silent(outcome: Outcome, reason: str, detail: str) -> Finding:
    return Finding(
        operation=Operation.TRANSCRIPTION, outcome=outcome, reason=reason, detail=detail[:300] or None
    )
