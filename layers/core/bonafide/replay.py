"""What another policy would have made of analyses that are done. Pure: nothing is scored again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bonafide.fuse import verdict_of, verdict_under
from bonafide.model import Analysis, FileVerdict, MediaKind, OperationResult, Policy

__all__ = ["Done", "counts", "of_analysis", "of_document", "replay"]


@dataclass(frozen=True)
class Done:
    """An analysis as far as policies go."""

    id: str
    kind: MediaKind
    verdict: FileVerdict
    results: tuple[OperationResult, ...]


def of_analysis(analysis: Analysis) -> Done | None:
    """Return what is needed of a stored analysis; None if it has no verdict."""
    if analysis.verdict is None or analysis.media is None:
        return None
    return Done(analysis.id, analysis.media.kind, analysis.verdict, analysis.results)


def of_document(document: Mapping[str, Any]) -> Done | None:
    """Return the same of a ``/v1`` document; None if it has no verdict.

    Raises
    ------
    ValueError
        It is no document of one analysis: a list's entries have no intervals, and most policies need them.
    """
    if not document.get("verdict") or not document.get("media"):
        return None
    kept = (
        "operation",
        "outcome",
        "verdict",
        "p_fake",
        "interval",
        "llr",
        "reason",
        "disagreement",
        "evidence",
    )
    if any("interval" not in result for result in document["results"]):
        raise ValueError(f"{document.get('id')}: entries of a list are not enough; export the whole document")
    results = tuple(
        OperationResult.model_validate({name: result[name] for name in kept if result.get(name) is not None})
        for result in document["results"]
    )
    kind = MediaKind(document["media"]["kind"])
    return Done(str(document.get("id")), kind, FileVerdict.model_validate(document["verdict"]), results)


def replay(done: Done, rule: Policy) -> FileVerdict:
    """Return the verdict on the file, had ``rule`` been its policy."""
    judged = [result.model_copy(update={"verdict": verdict_under(rule, result)}) for result in done.results]
    return verdict_of(judged, done.kind, rule)


def counts(every: Iterable[Done], rule: Policy) -> Counter[tuple[str, str]]:
    """Return how often (verdict then, verdict under ``rule``) happens."""
    return Counter((done.verdict.label.value, replay(done, rule).label.value) for done in every)
