"""``intelligence.description``: what was found, in sentences composed by rule (RES-37, RES-38).

Nothing is added that a finding does not say. The words of a language model stand in its place only where the
owner of the deployment has switched one on (`bonafide.wording`).
"""

from __future__ import annotations

from bonafide.model import Analysis, MediaFacts, MediaKind, Operation, OperationResult, Outcome

__all__ = ["describe", "said"]

_MOST = 2000
"""Characters of a translation."""
_WORDS = (Operation.DESCRIPTION, Operation.TRANSCRIPTION)


def describe(analysis: Analysis) -> str:
    """Return a few sentences: what the media is, what was judged, what stands out, what stayed open."""
    described = next((r for r in analysis.results if r.operation is Operation.DESCRIPTION), None)
    if described and (text := _text(described, "description")):
        return text
    told = [_facts(analysis.media)] if analysis.media else []
    if analysis.verdict and analysis.verdict.p_fake is not None and analysis.verdict.decided_by:
        by = analysis.verdict.decided_by.value.replace("_", " ")
        told.append(f"P(fake) is {analysis.verdict.p_fake:.2f}, decided by {by}.")
    else:
        told.append("Nothing could be scored.")
    told += [text for result in analysis.results if (text := _told(result))]
    flags = [flag.message for result in analysis.results for flag in result.evidence.flags]
    told += [f"{text.rstrip('.')}." for text in dict.fromkeys(flags[:5])]
    open_ = [r for r in analysis.results if r.outcome is Outcome.INCONCLUSIVE and not _told(r)]
    told += [f"{_name(result)} stayed open ({result.reason})." for result in open_[:5]]
    return " ".join(told)


def _facts(media: MediaFacts) -> str:
    size = f", {media.width} x {media.height} pixels" if media.width and media.height else ""
    long = "" if media.kind is MediaKind.IMAGE or not media.duration_s else f", {media.duration_s:.1f} s"
    return f"{media.kind.value.capitalize()} ({media.format}{size}{long})."


def _told(result: OperationResult) -> str:
    """Return what somebody said or what is to be seen, in the detector's own words (and in English)."""
    silent = result.outcome in (Outcome.FAILED, Outcome.NOT_APPLICABLE)
    if result.operation not in _WORDS or not result.detail or silent:
        return ""
    told = f"{_name(result)}: {result.detail.rstrip('.')}."
    english = _text(result, "translation") if result.operation is Operation.TRANSCRIPTION else None
    return f"{told} In English: {english[:_MOST].rstrip('.')}." if english else told


def said(analysis: Analysis) -> dict[str, str | None]:
    """Return ``transcription`` and ``translation``: text, or null (RES-38)."""
    heard = next((r for r in analysis.results if r.operation is Operation.TRANSCRIPTION), None)
    return {name: _text(heard, name) if heard else None for name in ("transcription", "translation")}


def _text(result: OperationResult, name: str) -> str | None:
    """Return the text of a member of the evidence's details."""
    member = result.evidence.details.get(name)
    text = member.get("text") if isinstance(member, dict) else None
    return text if isinstance(text, str) else None


def _name(result: OperationResult) -> str:
    return result.operation.value.replace("_", " ").capitalize()
