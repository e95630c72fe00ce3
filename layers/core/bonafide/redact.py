"""Zero retention: what a result may go on saying once the file is gone. Pure.

Detectors quote files: an author's name in EXIF, a title, a comment, an editor's path. Conclusions, numbers
and machine words stay; everything that may be the file's own words goes.
"""

from __future__ import annotations

from bonafide.model import Evidence, Flag, OperationResult

__all__ = ["redacted"]


def redacted(result: OperationResult) -> OperationResult:
    """Return the result without artifacts, without quotations, without words for people."""
    return result.model_copy(update={"artifacts": (), "detail": None, "evidence": _evidence(result.evidence)})


def _evidence(evidence: Evidence) -> Evidence:
    numbers = {name: value for name, value in evidence.values.items() if not isinstance(value, str)}
    flags = tuple(_flag(flag) for flag in evidence.flags)
    return evidence.model_copy(update={"flags": flags, "values": numbers, "details": {}})


def _flag(flag: Flag) -> Flag:
    """Keep what is said of every such file: the code, how often it is innocent, what it does not prove."""
    value = None if isinstance(flag.value, str) else flag.value
    message = flag.code.replace("_", " ")
    return flag.model_copy(update={"message": message, "where": "", "value": value})
