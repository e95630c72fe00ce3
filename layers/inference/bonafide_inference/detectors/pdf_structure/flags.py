"""The flags of a PDF: what was found, how often innocent files have it, and what it does not prove.

Base rates are the counts that ``python -m benchmarks.forensics_documents`` prints for the documents at hand;
"notes" are counts on 1,149 other corpus files (benign and test files).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bonafide.model import Flag
from bonafide_inference.detectors.pdf_structure.hidden import LEAST_CODES, PageLook
from bonafide_inference.detectors.pdf_structure.revisions import Change
from bonafide_inference.detectors.pdf_structure.riders import Rider
from bonafide_inference.detectors.pdf_structure.signatures import SignatureLook
from bonafide_inference.detectors.pdf_structure.structure import parse_date

__all__ = [
    "active_flags",
    "date_flags",
    "font_flags",
    "page_flags",
    "revision_flags",
    "rider_flags",
    "signature_flags",
    "writer_flags",
]

_EDITORS = (
    "pdfescape", "sejda", "ilovepdf", "smallpdf", "pdf24", "foxit phantom", "foxit pdf editor", "pdf-xchange",
    "nitro", "pdfelement", "pdffiller", "dochub", "inkscape", "photoshop", "illustrator", "gimp", "pdfsam",
    "infix", "master pdf", "pdfgear", "coreldraw", "affinity", "canva",
)  # fmt: skip
"""Programs for changing existing documents or drawing pictures, in small letters."""
_BENCH = 163
"""Documents of three libraries' test suites that open: many were made to have what is flagged."""
_COUNTS = {
    "active_content": 2, "changed_after_signing": 5, "editing_software": 5, "embedded_files": 2,
    "font_embedded_twice": 3, "page_content_changed_later": 5, "saved_incrementally": 52,
    "signature_covers_part": 3, "signature_not_checked": 3,
}  # fmt: skip
_NOTES = {"saved_incrementally": "93 of 1,149", "info_and_xmp_dates_differ": "1 of about 1,068"}


def _rate(code: str) -> str:
    """How often the flag rises on the documents at hand, and on those of the notes where it was counted."""
    words = f"{_COUNTS.get(code, 0)} of {_BENCH} documents of test suites, many made to have such traces"
    return words + (f"; {_NOTES[code]} corpus files (notes)" if code in _NOTES else "")


def revision_flags(count: int, changes: Sequence[Change]) -> list[Flag]:
    """Several versions of the file, and what a later one changed on a page that was there."""
    if count < 2:
        return []
    flags = [Flag(
        code="saved_incrementally", value=count, base_rate=_rate("saved_incrementally"),
        message="The document was changed by appending; what it was before can still be read.",
        caveat="Signing, filling in a form and commenting all append; compare the revisions to see what.",
    )]  # fmt: skip
    pages = sorted({page for change in changes for page in change.content_changed})
    if pages:
        flags.append(Flag(
            code="page_content_changed_later", value=len(pages), where=_pages(pages),
            base_rate=_rate("page_content_changed_later"),
            message="A later save replaced or extended the content of a page.",
            caveat="An honest correction, a stamp or a page number does the same; read both revisions.",
        ))  # fmt: skip
    return flags


def rider_flags(found: Sequence[Rider]) -> list[Flag]:
    """Bytes that are no part of the document; a recognised format makes two things of one file."""
    flags = []
    for one in found:
        known = one.form != "unknown"
        code = "polyglot" if known else "leading_data" if one.place == "before" else "trailing_data"
        what = f"The file is {one.form} content, too" if known else "They are of no known kind"
        flags.append(Flag(
            code=code, where=f"offset {one.offset}, {one.place} the document", base_rate=_rate(code),
            value=one.form if known else one.bytes,
            message=f"{one.bytes} bytes are no part of the document. {what}.",
            caveat="Mail headers and careless tools add bytes; what the pages show is not concerned.",
        ))  # fmt: skip
    return flags


def date_flags(info: Mapping[str, str], xmp: Mapping[str, str]) -> list[Flag]:
    """Only those mismatches that mean something: ModDate after CreationDate is normal."""
    flags = []
    for key, twin in (("CreationDate", "xmp:CreateDate"), ("ModDate", "xmp:ModifyDate")):
        ours, theirs = parse_date(info.get(key)), parse_date(xmp.get(twin))
        if ours and theirs and abs((ours - theirs).total_seconds()) > 2:
            flags.append(Flag(
                code="info_and_xmp_dates_differ", where=key,
                value=f"{ours.isoformat()} | {theirs.isoformat()}",
                message="The two places that hold a date disagree.",
                base_rate=_rate("info_and_xmp_dates_differ"),
                caveat="A program that updates only one of them does this; it does not say which is true.",
            ))  # fmt: skip
    created, modified = parse_date(info.get("CreationDate")), parse_date(info.get("ModDate"))
    if created and modified and (created - modified).total_seconds() > 2:
        flags.append(Flag(
            code="modified_before_creation", value=f"{created.isoformat()} | {modified.isoformat()}",
            message="The document claims to have been modified before it was created.",
            base_rate=_rate("modified_before_creation"), caveat="A wrong clock or time zone is enough.",
        ))  # fmt: skip
    return flags


def writer_flags(info: Mapping[str, str], xmp: Mapping[str, str]) -> list[Flag]:
    """A program for changing documents among the writers, and writers that disagree."""
    named = [info.get("Producer", ""), info.get("Creator", ""), xmp.get("xmp:CreatorTool", "")]
    flags = [
        Flag(
            code="editing_software", value=name[:120], base_rate=_rate("editing_software"),
            message="A program for changing documents or pictures wrote this file.",
            caveat="Merging, shrinking or converting leaves the same name; it is text that anyone can write.",
        )
        for name in dict.fromkeys(named) if any(editor in name.lower() for editor in _EDITORS)
    ]  # fmt: skip
    producer, twin = info.get("Producer"), xmp.get("pdf:Producer")
    if producer and twin and producer.strip() != twin.strip():
        flags.append(Flag(
            code="producers_differ", value=f"{producer[:120]} | {twin[:120]}",
            base_rate=_rate("producers_differ"),
            message="The two places that name the writing program disagree.",
            caveat="A second program that saved the document and updated one place only does this.",
        ))  # fmt: skip
    return flags


def active_flags(counts: Mapping[str, int]) -> list[Flag]:
    """Scripts, launch actions, embedded files."""
    flags = []
    acting = {key: counts[key] for key in ("scripts", "launch_actions") if counts[key]}
    words = [f"{number} {key.replace('_', ' ')}" for key, number in acting.items()]
    if acting:
        flags.append(Flag(
            code="active_content", value=sum(acting.values()), base_rate=_rate("active_content"),
            message=f"The document holds {' and '.join(words)}.",
            caveat="Forms use scripts honestly; this concerns safety more than authenticity.",
        ))  # fmt: skip
    if counts["embedded_files"]:
        flags.append(Flag(
            code="embedded_files", value=counts["embedded_files"], base_rate=_rate("embedded_files"),
            message="Other files are embedded in the document.",
            caveat="Invoices (ZUGFeRD) and portfolios embed files by design.",
        ))  # fmt: skip
    return flags


_HIDDEN = {
    "invisible": "is set to be painted invisibly, on a page that is no scan",
    "transparent": "is painted fully transparent",
    "white": "is painted white on an unpainted page",
    "covered": "lies wholly under a picture or a filled box that was painted later",
    "off_page": "lies outside the page",
    "tiny": "is too small to be read",
}


def page_flags(pages: Sequence[PageLook]) -> list[Flag]:
    """Text that is there and not shown, and what lies over content."""
    flags = []
    for kind, words in _HIDDEN.items():
        where = [look.page for look in pages if look.hidden[kind] >= LEAST_CODES]
        if where:
            flags.append(Flag(
                code="covered_text" if kind == "covered" else f"{kind}_text", where=_pages(where),
                value=sum(look.hidden[kind] for look in pages), base_rate=_rate("covered_text"),
                message=f"Text (the value counts its characters) {words}.",
                caveat="Layout programs leave such text by accident, and accessibility layers on purpose; "
                "positions are estimated, glyphs are not drawn.",
            ))  # fmt: skip
    flags += _overlay_flags(pages)
    return flags


def _overlay_flags(pages: Sequence[PageLook]) -> list[Flag]:
    rewritten = [look.page for look in pages if look.replaced >= LEAST_CODES]
    noted = [look.page for look in pages if look.annotations]
    redacted = [look.page for look in pages if look.redactions]
    flags = []
    if rewritten:
        flags.append(Flag(
            code="text_over_covered_text", where=_pages(rewritten), base_rate=_rate("text_over_covered_text"),
            value=sum(look.replaced for look in pages),
            message="Text was covered and other text written in its place.",
            caveat="Templates that are filled in by overprinting do this too.",
        ))  # fmt: skip
    if noted:
        flags.append(Flag(
            code="annotations_over_content", where=_pages(noted), base_rate=_rate("annotations_over_content"),
            value=sum(len(look.annotations) for look in pages),
            message="Comments that paint (text boxes, stamps, shapes) lie over text or pictures.",
            caveat="Reviewing and stamping a document does this; the content beneath is unchanged.",
        ))  # fmt: skip
    if redacted:
        flags.append(Flag(
            code="redaction_not_applied", where=_pages(redacted), base_rate=_rate("redaction_not_applied"),
            value=sum(look.redactions for look in pages),
            message="Marks of redaction were set and never applied: the text beneath is still there.",
            caveat="It says nothing of authenticity.",
        ))  # fmt: skip
    return flags


def font_flags(doubled: Sequence[str]) -> list[Flag]:
    """One page with two subsets of one font."""
    if not doubled:
        return []
    return [Flag(
        code="font_embedded_twice", where=", ".join(doubled)[:300], value=len(doubled),
        base_rate=_rate("font_embedded_twice"), message="A page holds two different subsets of one font.",
        caveat="Merged documents, forms and pasted figures bring their own subsets; editing does as well.",
    )]  # fmt: skip


def signature_flags(looks: Sequence[SignatureLook], problem: str | None, after: Sequence[int]) -> list[Flag]:
    """Signed and changed, broken, partial, or not checkable. A valid signature alone is no all-clear."""
    flags = []
    caveats = {
        "changed_after_signing": "The signed revision itself may be intact and is given back as a file; the "
        "change may be honest. Permitted changes (forms, further signatures, time stamps) are not flagged.",
        "signature_broken": "Damage in transport breaks a signature as a change does.",
        "signature_covers_part": "Odd signing programs leave gaps too.",
    }
    told = (
        ("changed_after_signing", "Content was changed after it was signed, although the signature fits.",
         [look for look in looks if look.changed]),
        ("signature_broken", "The signed bytes do not fit the signature.", [s for s in looks if s.broken]),
        ("signature_covers_part", "A signature leaves parts of what it seems to sign uncovered.",
         [look for look in looks if look.partial]),
    )  # fmt: skip
    for code, message, found in told:
        if found:
            flags.append(Flag(
                code=code, message=message, where=", ".join(look.field for look in found)[:200],
                value=len(found), base_rate=_rate(code), caveat=caveats[code],
            ))  # fmt: skip
    unread = problem or next((look.problem for look in looks if look.problem), None)
    if unread or len(looks) < len(after):
        flags.append(Flag(
            code="signature_not_checked", value=unread,
            where=f"{min(after)} bytes follow the last one" if after else "",
            base_rate=_rate("signature_not_checked"),
            message="The document holds a signature that could not be checked.",
            caveat="Unusual algorithms and damaged files have this effect; it is no sign of forgery.",
        ))  # fmt: skip
    return flags


def _pages(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:20])
    return f"page{'s' if len(numbers) > 1 else ''} {shown}{' …' if len(numbers) > 20 else ''}"
