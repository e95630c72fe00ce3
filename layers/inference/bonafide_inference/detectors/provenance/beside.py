"""Statements of origin beside C2PA: IPTC and XMP properties, generators' own marks. Text anyone can write."""

from __future__ import annotations

from typing import Any

import pikepdf
from bonafide.model import Flag
from bonafide_inference.detectors.provenance.story import CAPTURED, GENERATED, GENERATED_PARTS
from bonafide_inference.generators import as_flags, declarations
from bonafide_inference.metadata import Metadata, read
from bonafide_inference.registry import Job
from bonafide_inference.xmp import Property

__all__ = ["beside"]

MAX_ITEMS = 40
MAX_TEXT = 300

_TELLING = {
    "Iptc4xmpExt:DigitalSourceType", "Iptc4xmpExt:DigitalSourcefileType", "Iptc4xmpExt:AISystemUsed",
    "Iptc4xmpExt:AISystemVersionUsed", "Iptc4xmpExt:AIPromptInformation", "Iptc4xmpExt:AIPromptWriterName",
    "dcterms:provenance", "photoshop:Credit", "photoshop:Source", "dc:creator", "dc:rights", "dc:source",
    "xmp:CreatorTool", "xmpMM:DocumentID", "xmpMM:OriginalDocumentID", "xmpMM:InstanceID",
    "xmpRights:WebStatement", "plus:DataMining", "plus:ImageSupplier", "TC260:AIGC",
}  # fmt: skip
"""XMP properties that are statements of origin."""
_HISTORY = ("xmpMM:History", "xmpMM:DerivedFrom", "xmpMM:Ingredients", "photoshop:DocumentAncestors")
_IPTC = ("Credit", "Source", "By-line", "CopyrightNotice", "SpecialInstructions", "OriginatingProgram")


def beside(job: Job) -> tuple[dict[str, Any], list[Flag]]:
    """Return the statements found, and flags for those that say outright how the content was made."""
    pdf = job.media.format == "pdf"
    found = Metadata(xmp=_of_pdf(job.path)) if pdf else read(job.path, job.media)
    xmp = {p.path: p.value[:MAX_TEXT] for p in found.xmp if p.path.split("[", 1)[0] in _TELLING}
    history = [f"{p.path}: {p.value[:120]}" for p in found.xmp if p.root in _HISTORY]
    iptc = {name: [text[:MAX_TEXT] for text in found.iptc[name]][:5] for name in _IPTC if name in found.iptc}
    parts = {"xmp": dict(list(xmp.items())[:MAX_ITEMS]), "history": history[:MAX_ITEMS], "iptc": iptc}
    told: dict[str, Any] = {name: value for name, value in parts.items() if value}
    flags = as_flags(declarations(found), "29 of 200 generated pictures, 0 of 779 others")
    source = _source_type(found.xmp)
    if source:
        told["digital_source_type"] = source
    return told, flags


def _source_type(properties: tuple[Property, ...]) -> dict[str, Any] | None:
    """IPTC's digital source type, and what it says in one word."""
    for one in properties:
        if one.path.split("[", 1)[0] in (
            "Iptc4xmpExt:DigitalSourceType",
            "Iptc4xmpExt:DigitalSourcefileType",
        ):
            last = one.value.strip().rstrip("/").rsplit("/", 1)[-1][:80]
            kinds = (
                ("generated", GENERATED),
                ("with_generated_parts", GENERATED_PARTS),
                ("captured", CAPTURED),
            )
            return {"type": last, "reading": next((name for name, of in kinds if last in of), "other")}
    return None


def _of_pdf(path: str) -> tuple[Property, ...]:
    """The document's own XMP, stored plainly or deflated within bounds; nothing when it cannot be read."""
    from bonafide_inference.detectors.pdf_structure.structure import packet

    try:
        with pikepdf.open(path, suppress_warnings=True) as pdf:
            return packet(pdf)
    except (pikepdf.PdfError, OSError):
        return ()
