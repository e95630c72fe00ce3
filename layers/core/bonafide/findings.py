"""Everything that was found, in full: an analysis' row carries a summary only."""

from __future__ import annotations

from bonafide import media
from bonafide.model import Analysis, Finding

__all__ = ["NAME", "of"]

NAME = "findings.json"
"""The artifact that `conclude` keeps."""


def of(analysis: Analysis) -> tuple[Finding, ...]:
    """Return every finding of a finished analysis; none if there were none, or if they have been erased."""
    artifacts = (artifact for result in analysis.results for artifact in result.artifacts)
    key = next((artifact.key for artifact in artifacts if artifact.name == NAME and artifact.key), None)
    if key is None:
        return ()
    try:
        return tuple(Finding.model_validate(plain) for plain in media.get_json(key))
    except FileNotFoundError:
        return ()
