"""``intelligence.description``: what was found, in sentences composed by rule (RES-37, RES-38).

Nothing is added that a finding does not say. A description by a language model would replace this text only
when the owner of the deployment switches one on.
"""

from __future__ import annotations

from bonafide.model import Analysis, MediaFacts, MediaKind, Operation, OperationResult, Outcome

__all__ = ["describe"]

_WORDS = (Operation.DESCRIPTION, Operation.TRANSCRIPTION)


def describe(analysis: Analysis) -> str:
    """Return a few sentences: what the media is, what was judged, what stands out, what stayed open."""
    said = [_facts(analysis.media)] if analysis.media else []
    if analysis.verdict and analysis.verdict.p_fake is not None and analysis.verdict.decided_by:
        by = analysis.verdict.decided_by.value.replace("_", " ")
        said.append(f"P(fake) is {analysis.verdict.p_fake:.2f}, decided by {by}.")
    else:
        said.append("Nothing could be scored.")
    said += [text for result in analysis.results if (text := _told(result))]
    flags = [flag.message for result in analysis.results for flag in result.evidence.flags]
    said += [f"{text.rstrip('.')}." for text in dict.fromkeys(flags[:5])]
    open_ = [result for result in analysis.results if result.outcome is Outcome.INCONCLUSIVE]
    said += [f"{_name(result)} stayed open ({result.reason})." for result in open_[:5]]
    return " ".join(said)


def _facts(media: MediaFacts) -> str:
    size = f", {media.width} x {media.height} pixels" if media.width and media.height else ""
    long = "" if media.kind is MediaKind.IMAGE or not media.duration_s else f", {media.duration_s:.1f} s"
    return f"{media.kind.value.capitalize()} ({media.format}{size}{long})."


def _told(result: OperationResult) -> str:
    """Return what somebody said or what is to be seen, in the detector's own words."""
    if result.operation not in _WORDS or not result.detail:
        return ""
    return f"{_name(result)}: {result.detail.rstrip('.')}."


def _name(result: OperationResult) -> str:
    return result.operation.value.replace("_", " ").capitalize()
