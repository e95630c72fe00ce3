"""Signatures of a PDF through pyHanko: what they cover, whether they fit, what changed after them.

Nothing is fetched and no root is trusted here: who signed is text of the certificate, not checked. "Valid"
says that the signed bytes fit; what was appended afterwards is judged by pyHanko's difference analysis.
"""

from __future__ import annotations

import logging
import mmap
import os
from dataclasses import dataclass
from typing import Any

import pikepdf
from bonafide_inference.detectors.pdf_structure.budget import OverBudget, budget

__all__ = ["SignatureLook", "byte_ranges", "signatures"]

MAX_BYTES = 64 * 2**20
"""A longer file is only looked at by its byte ranges: pyHanko keeps it in memory."""
MAX_SIGNATURES = 20
SECONDS = 8.0
_MAX_OBJECTS = 200_000


@dataclass(frozen=True)
class SignatureLook:
    """One signature. None means not checked.

    ``coverage``: pyHanko's ``SignatureCoverageLevel``, ``modification``: its ``ModificationLevel``, both in
    small letters; ``allowed``: the changes are among those the signer permitted.
    """

    field: str
    kind: str
    intact: bool | None = None
    valid: bool | None = None
    coverage: str | None = None
    modification: str | None = None
    allowed: bool | None = None
    signer: str | None = None
    claimed_at: str | None = None
    digest: str | None = None
    bytes_after: int | None = None
    problem: str | None = None

    def facts(self) -> dict[str, Any]:
        """As plain values for the finding's details."""
        return {
            "field": self.field, "kind": self.kind, "intact": self.intact, "signature_valid": self.valid,
            "coverage": self.coverage, "modification_level": self.modification,
            "modification_allowed": self.allowed, "signer": self.signer, "signer_trusted": "not checked",
            "claimed_at": self.claimed_at, "digest": self.digest, "bytes_after": self.bytes_after,
            "problem": self.problem,
        }  # fmt: skip

    @property
    def changed(self) -> bool:
        """Whether content changed after signing in a way that no signature rule permits."""
        return self.coverage == "entire_revision" and (self.modification == "other" or self.allowed is False)

    @property
    def broken(self) -> bool:
        """Whether the signed bytes do not fit the signature."""
        return self.intact is False or self.valid is False

    @property
    def partial(self) -> bool:
        """Whether it covers less than a whole revision: parts of what it seems to sign are not signed."""
        return self.coverage in ("unclear", "contiguous_block_from_start")


def byte_ranges(pdf: pikepdf.Pdf, path: str) -> list[int]:
    """For each signature dictionary with a well-formed byte range: bytes of the file after its end."""
    size = os.path.getsize(path)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(b"/ByteRange") < 0:  # it never lies in a packed object: it is about the file's own bytes
            return []
    found = []
    for place, item in enumerate(pdf.objects):
        if place >= _MAX_OBJECTS:
            break
        if isinstance(item, pikepdf.Dictionary) and "/ByteRange" in item and "/Contents" in item:
            try:
                numbers = [int(number) for number in item["/ByteRange"]]
            except (TypeError, ValueError):
                continue
            if len(numbers) == 4:
                found.append(max(0, size - numbers[2] - numbers[3]))
    return found


def signatures(path: str) -> tuple[list[SignatureLook], str | None]:
    """Look at every signature of the file at ``path``.

    Returns
    -------
    tuple
        What was found, and a machine reason when not everything could be looked at: ``too_long``,
        ``too_slow``, ``unreadable``.
    """
    if os.path.getsize(path) > MAX_BYTES:
        return [], "too_long"
    from pyhanko.pdf_utils.reader import PdfFileReader  # 0.4 s to import: only for signed documents

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
    found: list[SignatureLook] = []
    try:
        with budget(SECONDS), open(path, "rb") as file:
            reader = PdfFileReader(file, strict=False)
            if reader.encrypted:
                reader.decrypt(b"")
            for signature in list(reader.embedded_signatures)[:MAX_SIGNATURES]:
                found.append(_look(signature))  # noqa: PERF401  (what is found before the time is up stands)
    except OverBudget:
        return found, "too_slow"
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (pyHanko lets errors of its parts through)
        return found, "unreadable"
    return found, None


def _look(signature: Any) -> SignatureLook:
    """What pyHanko says of one signature; a part that it cannot read is left unchecked and named."""
    name = str(signature.field_name)[:120]
    kind = "timestamp" if str(signature.sig_object_type) == "/DocTimeStamp" else "signature"
    facts: dict[str, Any] = {}
    for step in (_integrity, _validity):
        try:
            facts |= step(signature, kind)
        except (OverBudget, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  (as above)
            facts["problem"] = f"{type(error).__name__}: {error}"[:200]
    return SignatureLook(name, kind, **facts, **_who(signature))


def _integrity(signature: Any, _kind: str) -> dict[str, Any]:
    """Coverage, and what was appended after the signed revision."""
    from pyhanko.sign.diff_analysis import DiffResult, SuspiciousModification

    signature.compute_integrity_info()
    told = signature.summarise_integrity_info()
    difference, coverage = told["diff_result"], told["coverage"].name.lower()
    level = {"entire_file": "none", "entire_revision": None}.get(coverage, "other")
    if isinstance(difference, DiffResult):
        level = difference.modification_level.name.lower()
    elif isinstance(difference, SuspiciousModification):
        level = "other"
    covered = [int(number) for number in signature.byte_range]
    size = signature.reader.stream.seek(0, os.SEEK_END)
    return {
        "coverage": coverage, "modification": level, "allowed": told["docmdp_ok"],
        "bytes_after": max(0, size - covered[-2] - covered[-1]),
    }  # fmt: skip


def _validity(signature: Any, kind: str) -> dict[str, Any]:
    """Whether the bytes and the signature fit; no network, no trusted root."""
    from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
    from pyhanko_certvalidator import ValidationContext

    context = ValidationContext(allow_fetching=False, trust_roots=[])
    check = validate_pdf_signature if kind == "signature" else validate_pdf_timestamp
    status = check(signature, context)
    return {"intact": status.intact, "valid": status.valid}


def _who(signature: Any) -> dict[str, Any]:
    """What signature and certificate say of signer and time: text, not checked."""
    told: dict[str, Any] = {}
    for key, read in (
        ("signer", lambda: signature.signer_cert.subject.human_friendly),
        ("claimed_at", lambda: f"{signature.self_reported_timestamp:%Y-%m-%dT%H:%M:%S%z}"),
        ("digest", lambda: signature.md_algorithm),
    ):
        try:
            told[key] = str(read())[:200]
        except Exception:  # noqa: BLE001  (absent or malformed: there is nothing to tell)
            told[key] = None
    return told
