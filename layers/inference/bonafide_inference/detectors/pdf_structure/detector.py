"""What a PDF tells of its past: revisions, signatures, hidden content, writer, dates. Evidence, no score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pikepdf
from bonafide.model import Artifact, Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.pdf_structure import flags, hidden, pictures, revisions, riders, signatures
from bonafide_inference.detectors.pdf_structure.structure import (
    count_active,
    doubled_fonts,
    info,
    packet,
    page_facts,
)
from bonafide_inference.registry import Job

__all__ = ["PdfStructure"]


class PdfStructure:
    """See the card: always ``inconclusive`` with evidence."""

    def applies(self, media: MediaFacts) -> str | None:
        """PDF only."""
        return None if media.format == "pdf" else "no_pdf"

    def score(self, job: Job) -> Finding:
        """Parse once; every part is bounded, and what it leaves out is said."""
        past = revisions.history(job.path)
        artifacts, states = revisions.recover(job, past)
        changes = _changes(job, artifacts, len(past.ends))
        beside = riders.riders(job.path, past.ends[-1] if past.ends else 0)
        raised = flags.revision_flags(len(past.ends), changes) + flags.rider_flags(beside)
        values: dict[str, Any] = {
            "revisions": max(1, len(past.ends)), "linearised": past.linearised, "end_marks": past.marks,
            "earlier_revision_opens": "recovered" in states.values() if states else None,
        }  # fmt: skip
        details: dict[str, Any] = {
            "revisions": _told(past, states),
            "changes": [change.facts() for change in changes],
            "riders": [one.facts() for one in beside],
        }
        with pikepdf.open(job.path, suppress_warnings=True) as pdf:
            raised += _document(pdf, job, values, details)
            raised += _signatures(pdf, job, values, details)
            if job.options.extract_images:
                files, left = _tried(lambda: pictures.extract(pdf, job), ([], [{"reason": "unreadable"}]))
                artifacts += tuple(files)
                details["images_left_out"] = left
                values["images_extracted"] = len(files)
        return Finding(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score",
            detail="These facts are evidence for a person; no score has been calibrated on them.",
            evidence=Evidence(flags=tuple(raised), values=values, details=details), artifacts=artifacts,
        )  # fmt: skip


def _changes(job: Job, artifacts: tuple[Artifact, ...], count: int) -> list[revisions.Change]:
    paths = {int(a.name.split("-")[1].split(".")[0]): a.path for a in artifacts if a.path}
    found: list[revisions.Change] = _tried(lambda: revisions.changes(paths, job.path, count), [])
    return found


def _told(past: revisions.History, states: dict[int, str]) -> list[dict[str, Any]]:
    """Each revision with its length in bytes and whether it is given as a file; the newest 50."""
    last = len(past.ends)
    rows = [
        {
            "revision": number,
            "bytes": end,
            "state": states.get(number, "current" if number == last else "kept"),
        }
        for number, end in enumerate(past.ends, 1)
    ]
    return rows[-50:]


def _document(pdf: pikepdf.Pdf, job: Job, values: dict[str, Any], details: dict[str, Any]) -> list[Flag]:
    """Facts and flags of the document as it is now."""
    texts, xmp = info(pdf), {p.path: p.value[:300] for p in packet(pdf)[:400]}
    counts, pages = count_active(pdf), page_facts(pdf)
    looks, unread = hidden.look(pdf)
    doubled = doubled_fonts(pages)
    images = _tried(lambda: pictures.listed(pdf), None)
    values |= {
        "created": texts.get("CreationDate"), "modified": texts.get("ModDate"),
        "producer": texts.get("Producer"), "creator": texts.get("Creator") or xmp.get("xmp:CreatorTool"),
        "pages_not_read": unread, **counts,
    }  # fmt: skip
    details["document_details"] = {
        "format": "pdf", "version": str(pdf.pdf_version), "bytes": job.media.bytes,
        "sha256": job.media.sha256, "pages": len(pdf.pages), "linearised": values["linearised"],
        "encrypted": pdf.is_encrypted, "info": texts, "xmp": _brief(xmp),
        "tagged": _tried(lambda: "/MarkInfo" in pdf.Root, False),
        "form": _tried(lambda: _form(pdf), None), "identifiers": _tried(lambda: _identity(pdf), []),
    }  # fmt: skip
    details["pages"] = pages
    details["images"] = images
    details["unseen_text"] = [facts for look in looks if (facts := look.facts())][:100]
    values["images"] = None if images is None else len(images)
    return (
        flags.date_flags(texts, xmp) + flags.writer_flags(texts, xmp) + flags.active_flags(counts)
        + flags.page_flags(looks) + flags.font_flags(doubled)
    )  # fmt: skip


def _tried(read: Callable[[], Any], otherwise: Any) -> Any:
    """What ``read`` gives, or ``otherwise`` when the document holds something that it cannot take."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (a PDF may hold anything; the rest of the answer stands)
        return otherwise


def _brief(xmp: dict[str, str]) -> dict[str, str]:
    """The properties that tell of origin; history entries are kept, 60 in all."""
    told = ("xmp:", "xmpMM:", "pdf:", "dc:", "pdfaid:", "Iptc4xmpExt:", "photoshop:", "dcterms:")
    return dict([(k, v) for k, v in xmp.items() if k.startswith(told)][:60])


def _form(pdf: pikepdf.Pdf) -> str | None:
    """``acroform``, ``xfa``, or None."""
    form = pdf.Root.get("/AcroForm")
    return None if form is None else "xfa" if "/XFA" in form else "acroform"


def _identity(pdf: pikepdf.Pdf) -> list[str]:
    """The two file identifiers in hexadecimal: equal until a later save changes the second."""
    return [bytes(part).hex()[:64] for part in list(pdf.trailer["/ID"])[:2]]


def _signatures(pdf: pikepdf.Pdf, job: Job, values: dict[str, Any], details: dict[str, Any]) -> list[Flag]:
    """Signatures, when there are any: pyHanko is imported for signed documents only."""
    after = _tried(lambda: signatures.byte_ranges(pdf, job.path), [])
    values["signatures"] = len(after)
    if not after:
        return []
    looks, problem = signatures.signatures(job.path)
    details["signatures"] = [look.facts() for look in looks]
    if problem:
        details["signatures_not_checked"] = problem
    return flags.signature_flags(looks, problem, after)
