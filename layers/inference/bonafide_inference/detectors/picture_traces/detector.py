"""What a picture file tells of its making: programs, histories, dates, tables, riders, declarations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bonafide.model import Evidence, Finding, Flag, MediaFacts, MediaKind, Operation, Outcome
from bonafide_inference import generators, metadata
from bonafide_inference.detectors.picture_traces import (
    dates,
    details,
    editors,
    screenshot,
    thumbnail,
    trailing,
)
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.detectors.picture_traces.resaved import resave_flags, resave_history
from bonafide_inference.detectors.picture_traces.stealth import stealth_text
from bonafide_inference.detectors.picture_traces.tables import Encoding, encoding
from bonafide_inference.metadata import Metadata, Text
from bonafide_inference.registry import Job

__all__ = ["PictureTraces"]

RESAVED_CODES = frozenset({
    "adobe_app14", "adobe_tables", "save_for_web", "photoshop_resources", "editor_named", "edit_history",
})  # fmt: skip
"""Flags that say "saved by an editing program"; their sum is the value ``resaved_by_editor``."""


class PictureTraces:
    """See the card: ``scored`` only when a generator declares itself, else ``inconclusive`` with evidence."""

    def applies(self, media: MediaFacts) -> str | None:
        """Every picture format that is read."""
        return None if media.kind is MediaKind.IMAGE else "unsupported_format"

    def score(self, job: Job) -> Finding:
        """Read the file's structure once; the pixels only for thumbnail, hidden text and resave history."""
        form = job.media.format
        with metadata.mapped(job.path) as data:
            found = metadata.read_bytes(data, form)
            coded = encoding(data, found.layout) if form == "jpeg" else None
            behind = trailing.tail(data, found, form)
            inside = trailing.second_forms(data, found)
        hidden = stealth_text(job.path, job.media) if form == "png" else None
        if hidden is not None:
            found.texts = (*found.texts, Text("alpha channel", "parameters", hidden))
        named = editors.programs(found)
        known = dates.dates(found)
        small = thumbnail.compare(job.path, found.thumbnail, form) if found.thumbnail else None
        screen = screenshot.screenshot_facts(found, job.media, named)
        past = resave_history(job.path, job.media, coded) if coded is not None else {}
        declared = generators.declarations(found)
        flags = generators.as_flags(declared, rate("generator"))
        flags += _passed_through(found)
        flags += editors.editor_flags(found, coded, named)
        flags += screenshot.screenshot_flags(screen, job.media)
        flags += dates.date_flags(known) + _size_flags(found, job.media)
        flags += thumbnail.thumbnail_flags(small)
        flags += trailing.trailing_flags(behind, inside, job.media.bytes)
        flags += resave_flags(past)
        tree = details.document_details(
            job, found, coded=coded, programs=named, dates=known, screen=screen, tail=behind, history=past,
            thumbnail=asdict(small) if small else None,
        )  # fmt: skip
        evidence = Evidence(
            flags=tuple(flags),
            values=_values(found, coded, named, known, flags),
            details={"document_details": tree},
        )
        return _finding(job, declared, evidence)


def _finding(job: Job, declared: list[generators.Declaration], evidence: Evidence) -> Finding:
    """Scored when a declaration decides and the manifest holds a calibration for that."""
    deciding = [item for item in declared if item.decides]
    if deciding and job.manifest.calibration is not None:
        score = job.manifest.calibration.apply(1.0)
        return Finding(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.SCORED, p_fake=score.p_fake, llr=score.llr,
            interval=score.interval, attribution=generators.declared_by(deciding), evidence=evidence,
            detail="The file's own metadata says that a generator made it or parts of it.",
        )  # fmt: skip
    return Finding(
        operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score",
        detail="Traces name programs, not forgeries; only a generator's own declaration is scored.",
        evidence=evidence,
    )  # fmt: skip


def _values(
    found: Metadata, coded: Encoding | None, named: tuple[editors.Program, ...], known: dict[str, str],
    flags: list[Flag],
) -> dict[str, Any]:  # fmt: skip
    codes = {flag.code for flag in flags}
    return {
        "software": next((p.name for p in named if p.kind != "firmware"), named[0].name if named else None),
        "exif": bool(found.exif),
        "camera": " ".join(str(found.exif[t]) for t in ("Make", "Model") if found.exif.get(t)) or None,
        "taken": known.get("taken") or known.get("xmp_taken"),
        "modified": known.get("modified") or known.get("xmp_modified"),
        "tables": coded.family if coded else None,
        "ijg_quality": coded.quality if coded else None,
        "segments": " ".join(c.kind for c in found.layout.chunks[:40]),
        "resaved_by_editor": bool(codes & RESAVED_CODES),
        "blocks_unreadable": len(found.problems),
    }


def _size_flags(found: Metadata, media: MediaFacts) -> list[Flag]:
    sides = (found.exif.get("ExifImageWidth"), found.exif.get("ExifImageHeight"))
    wide, high = (side if isinstance(side, int) else 0 for side in sides)
    if not (wide and high) or {wide, high} == {media.width, media.height}:
        return []
    return [Flag(
        code="exif_size_differs", where="EXIF", value=f"{wide}x{high}", base_rate=rate("exif_size_differs"),
        message="EXIF remembers another size than the picture has.",
        caveat="Means that software resized or cropped it; most such pictures are honest.",
    )]  # fmt: skip


def _passed_through(found: Metadata) -> list[Flag]:
    """Marks of platforms: the file is not the first generation."""
    marks = [v for v in found.iptc.get("SpecialInstructions", ()) if v.startswith("FBMD")]
    reference = found.iptc.get("OriginalTransmissionReference", ())
    if not marks:
        return []
    return [Flag(
        code="passed_through_platform", where="IPTC SpecialInstructions", value=marks[0][:60],
        base_rate=rate("passed_through_platform"),
        message="Passed through Facebook or Instagram, which saved it again."
        + (f" Its reference there: {reference[0][:40]}." if reference else ""),
        caveat="Every picture shared there bears it; it says nothing about the content.",
    )]  # fmt: skip
