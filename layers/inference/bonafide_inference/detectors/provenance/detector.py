"""Provenance: C2PA manifests, IPTC and XMP statements, and what cannot be checked.

Facts; scored only where a manifest that holds says that a generator was at work (decision 0034).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bonafide.model import Evidence, Finding, Flag, MediaFacts, MediaKind, Operation, Outcome
from bonafide_inference.detectors.provenance.beside import beside
from bonafide_inference.detectors.provenance.flags import fact_flags, story_flags
from bonafide_inference.detectors.provenance.manifest import (
    NOT_CHECKED,
    Facts,
    Store,
    facts_of,
    read_store,
    trusted_by,
)
from bonafide_inference.detectors.provenance.story import Story, outline, story_of
from bonafide_inference.registry import Job
from bonafide_inference.trustlists import TrustList, TrustListError, load

__all__ = ["NOT_CHECKABLE", "Provenance"]

_MARKS = {
    MediaKind.IMAGE: ("SynthID (Google)", "the invisible marks of OpenAI, Meta and Microsoft", "Digimarc"),
    MediaKind.VIDEO: ("SynthID (Google)", "the invisible marks of OpenAI and Meta (Video Seal)"),
    MediaKind.AUDIO: ("SynthID (Google)", "AudioSeal (Meta) and the marks of speech services"),
    MediaKind.DOCUMENT: ("SynthID for text (Google)",),
}
NOT_CHECKABLE = {kind.value: list(marks) for kind, marks in _MARKS.items()}
"""Private or unpublished invisible marks, by kind of media: no public detector for them runs here."""


class Provenance:
    """See the card: facts, and a score when the file's own manifest says that it was generated."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002  (the protocol's)
        """Every kind of media."""
        return None

    def score(self, job: Job) -> Finding:
        """Read the manifests twice: for the facts without any list, and for who knows the signer."""
        mime = _mime(job.media)
        store = read_store(job.path, mime)
        lists, problem = _lists()
        trust = trusted_by(job.path, mime, lists) if store.state == "embedded" else (NOT_CHECKED, None)
        facts = facts_of(store, trust)
        values: dict[str, Any] = {f"c2pa_{name}": value for name, value in asdict(facts).items()}
        values["c2pa_state"] = store.state
        details: dict[str, Any] = {
            "c2pa": _told(store, facts, lists, problem), "not_checkable": NOT_CHECKABLE[job.media.kind.value],
        }  # fmt: skip
        flags, story = fact_flags(store, facts), story_of(store.tree)
        if store.state == "embedded":
            values |= {"c2pa_reading": story.reading, "c2pa_generator": story.generator}
            values["ai_generated_per_manifest"] = story.reading in ("generated", "generated_then_edited")
            details["c2pa"]["digital_source_types"] = {
                "content": story.own, "origin": story.origin, "parts": story.parts,
            }  # fmt: skip
            flags = story_flags(story, facts) + flags
        statements, said = beside(job)
        details["statements"] = statements
        finding = _finding(store, values, details, flags + said)
        return _scored(job, finding, story) if facts.holds and story.reading in _AGAINST else finding


_AGAINST = ("generated", "generated_then_edited", "with_generated_parts")


def _scored(job: Job, finding: Finding, story: Story) -> Finding:
    """The finding with the counted ratio of declarations; without a calibration as it was."""
    if job.manifest.calibration is None:
        return finding
    found = job.manifest.calibration.apply(1.0)
    return finding.model_copy(update={
        "outcome": Outcome.SCORED, "reason": None, "p_fake": found.p_fake, "llr": found.llr,
        "interval": found.interval, "attribution": story.generator,
        "detail": "The file's Content Credentials say that a generator made it or parts of it.",
    })  # fmt: skip


def _finding(store: Store, values: dict[str, Any], details: dict[str, Any], flags: list[Flag]) -> Finding:
    found = store.state in ("embedded", "remote", "unreadable") or bool(details["statements"])
    marks = ", ".join(str(mark) for mark in details["not_checkable"])
    words = (
        "Statements about the origin were found; none of them is scored."
        if found
        else "The file says nothing of its origin. Most files do not, and removing such statements is easy."
    )
    return Finding(
        operation=Operation.PROVENANCE, outcome=Outcome.INCONCLUSIVE,
        reason="no_calibrated_score" if found else "no_provenance",
        detail=f"{words} Not checkable here: {marks}.",
        evidence=Evidence(flags=tuple(flags), values=values, details=details),
    )  # fmt: skip


def _lists() -> tuple[tuple[TrustList, ...], str | None]:
    """The installed lists; broken ones are none, and said."""
    try:
        return load(), None
    except TrustListError as error:
        return (), str(error)[:200]


def _told(store: Store, facts: Facts, lists: tuple[TrustList, ...], problem: str | None) -> dict[str, Any]:
    """All of it as plain values: the four facts first."""
    results = store.tree.get("validation_results")
    return {
        "state": store.state, "facts": asdict(facts),
        "remote_manifest": store.remote, "problem": store.problem,
        "validator_state": store.tree.get("validation_state"),
        "trust_lists": [{"name": one.title, "snapshot": one.snapshot} for one in lists],
        "trust_lists_problem": problem,
        "manifests": outline(store.tree), "validation": _validation(results),
    }  # fmt: skip


def _validation(results: Any) -> dict[str, list[str]]:
    """Failures of all results (the active manifest's and every ingredient's), with where they stand."""
    if not isinstance(results, dict):
        return {}
    parts = [("active", results.get("activeManifest"))]
    for number, delta in enumerate(results.get("ingredientDeltas") or [], 1):
        if isinstance(delta, dict):
            parts.append((f"ingredient {number}", delta.get("validationDeltas")))
    told: dict[str, list[str]] = {}
    for name, part in parts[:40]:
        entries = part.get("failure") if isinstance(part, dict) else None
        codes = [str(entry.get("code"))[:80] for entry in entries or [] if isinstance(entry, dict)]
        if codes or name == "active":
            told[name] = codes[:30]
    return told


def _mime(media: MediaFacts) -> str:
    """The type under which c2pa knows the format."""
    known = {
        "wav": "audio/wav", "mp3": "audio/mpeg", "m4a": "audio/mp4", "flac": "audio/flac",
        "mov": "video/quicktime", "avi": "video/avi",
    }  # fmt: skip
    return known.get(media.format, media.mime)
