"""What a PDF tells of its past: revisions, dates, writer, active content. Evidence, no score."""

from __future__ import annotations

import os
from typing import Any

import pikepdf
from bonafide.model import Artifact, Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.pdf_revisions.structure import (
    count_active,
    parse_date,
    revision_ends,
    signatures,
    xmp_dates,
)
from bonafide_inference.registry import Job

__all__ = ["PdfRevisions"]

KEEP_BYTES = 50 * 2**20
"""An earlier revision longer than this is named, not copied."""


class PdfRevisions:
    """See the card: always ``inconclusive`` with evidence."""

    def applies(self, media: MediaFacts) -> str | None:
        """PDF only."""
        return None if media.format == "pdf" else "no_pdf"

    def score(self, job: Job) -> Finding:
        """Parse once, walk the objects within bounds, recover the latest earlier revision."""
        size = os.path.getsize(job.path)
        ends, linearised = revision_ends(job.path)
        with pikepdf.open(job.path, suppress_warnings=True) as pdf:
            info = {key: _info(pdf, f"/{key}") for key in ("CreationDate", "ModDate", "Producer", "Creator")}
            xmp = xmp_dates(pdf)
            counts = count_active(pdf)
            signed = signatures(pdf, size)
        artifacts, recovered = _earlier(job, ends)
        values: dict[str, Any] = {
            "revisions": max(1, len(ends)), "linearised": linearised, "signatures": len(signed),
            "earlier_revision_opens": recovered, "created": info["CreationDate"], "modified": info["ModDate"],
            "producer": info["Producer"], "creator": info["Creator"] or xmp.get("CreatorTool"), **counts,
        }  # fmt: skip
        flags = _revision_flags(values) + _date_flags(info, xmp) + _active_flags(counts)
        late = [signature for signature in signed if signature.bytes_after > 2]
        if late and len(late) == len(signed):
            flags.append(_changed_after_signing(min(signature.bytes_after for signature in late)))
        return Finding(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score",
            detail="These facts are evidence for a person; no score has been calibrated on them.",
            evidence=Evidence(flags=tuple(flags), values=values), artifacts=artifacts,
        )  # fmt: skip


def _info(pdf: pikepdf.Pdf, key: str) -> str | None:
    try:
        return str(pdf.docinfo[key])[:200]
    except Exception:  # noqa: BLE001  (absent, or not a string: a PDF may hold anything here)
        return None


def _earlier(job: Job, ends: list[int]) -> tuple[tuple[Artifact, ...], bool | None]:
    """The revision before the last as a file, and whether it opens; None when there is none."""
    if len(ends) < 2:
        return (), None
    number, length = len(ends) - 1, ends[-2]
    path = os.path.join(job.workdir, f"revision-{number}.pdf")
    if length > KEEP_BYTES:
        return (), None
    with open(job.path, "rb") as source, open(path, "wb") as target:
        target.write(source.read(length))  # bounded by KEEP_BYTES
    try:
        with pikepdf.open(path, suppress_warnings=True) as earlier:
            opens = len(earlier.pages) > 0
    except pikepdf.PdfError:
        opens = False
    if not opens:
        os.remove(path)
        return (), False
    title = f"Revision {number} of {len(ends)}, as it was before the last save"
    return (
        Artifact(name=f"revision-{number}.pdf", media_type="application/pdf", title=title, path=path),
    ), True


def _revision_flags(values: dict[str, Any]) -> list[Flag]:
    if values["revisions"] < 2:
        return []
    return [Flag(
        code="saved_incrementally", value=values["revisions"],
        message="The document was changed by appending; what it was before can still be read.",
        base_rate="93 of 1,149 corpus files",
        caveat="Signing, filling in a form and commenting all append; compare the revisions to see what.",
    )]  # fmt: skip


def _date_flags(info: dict[str, str | None], xmp: dict[str, str]) -> list[Flag]:
    flags = []
    for key, twin in (("CreationDate", "CreateDate"), ("ModDate", "ModifyDate")):
        ours, theirs = parse_date(info[key]), parse_date(xmp.get(twin))
        if ours and theirs and abs((ours - theirs).total_seconds()) > 2:
            flags.append(Flag(
                code="info_and_xmp_dates_differ", where=key,
                value=f"{ours.isoformat()} | {theirs.isoformat()}",
                message="The two places that hold a date disagree.",
                base_rate="1 of about 1,068 corpus files",
                caveat="A program that updates only one of them does this; it does not say which is true.",
            ))  # fmt: skip
    created, modified = parse_date(info["CreationDate"]), parse_date(info["ModDate"])
    if created and modified and (created - modified).total_seconds() > 2:
        flags.append(Flag(
            code="modified_before_creation", value=f"{created.isoformat()} | {modified.isoformat()}",
            message="The document claims to have been modified before it was created.",
            base_rate="not measured", caveat="A wrong clock or time zone is enough.",
        ))  # fmt: skip
    return flags


def _active_flags(counts: dict[str, int]) -> list[Flag]:
    flags = []
    acting = {key: counts[key] for key in ("scripts", "launch_actions") if counts[key]}
    words = [f"{number} {key.replace('_', ' ')}" for key, number in acting.items()]
    if acting:
        flags.append(Flag(
            code="active_content", value=sum(acting.values()), base_rate="not measured",
            message=f"The document holds {' and '.join(words)}.",
            caveat="Forms use scripts honestly; this concerns safety more than authenticity.",
        ))  # fmt: skip
    if counts["embedded_files"]:
        flags.append(Flag(
            code="embedded_files", value=counts["embedded_files"], base_rate="not measured",
            message="Other files are embedded in the document.",
            caveat="Invoices (ZUGFeRD) and portfolios embed files by design.",
        ))  # fmt: skip
    return flags


def _changed_after_signing(extra: int) -> Flag:
    return Flag(
        code="changed_after_signing", value=extra, base_rate="not measured",
        message="Bytes were added after the last signature: it does not cover the document as it is.",
        caveat="Long-term validation data and permitted form entries are added this way too; the signature "
        "itself was not verified here.",
    )  # fmt: skip
