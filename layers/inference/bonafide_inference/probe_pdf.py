"""Probe of a PDF: qpdf's parser through pikepdf; pages are counted, never rendered."""

from __future__ import annotations

import os
from typing import Any

import pikepdf

from bonafide_inference.probe import Refused, over

__all__ = ["probe_pdf"]


def probe_pdf(path: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Facts of the PDF at ``path``.

    Raises
    ------
    Refused
        ``unreadable_media`` for one that needs a password or has no pages, ``media_limit_exceeded``.
    """
    try:
        with pikepdf.open(path, suppress_warnings=True) as pdf:
            declared = _declared_pages(pdf)
            if declared > limits["pages"]:
                raise over("pages", declared, limits["pages"])
            pages = len(pdf.pages)
            damaged = bool(pdf.get_warnings())
    except pikepdf.PasswordError as error:
        raise Refused("unreadable_media", "The document needs a password.") from error
    except pikepdf.PdfError as error:
        raise Refused("unreadable_media", f"The document cannot be parsed: {error}") from error
    if pages > limits["pages"]:
        raise over("pages", pages, limits["pages"])
    if pages == 0:
        raise Refused("unreadable_media", "The document has no pages.")
    warnings = ["damaged"] if damaged else []
    if not _has_end(path):
        warnings.append("truncated")
    return {
        "kind": "document",
        "format": "pdf",
        "mime": "application/pdf",
        "pages": pages,
        "warnings": warnings,
    }


def _declared_pages(pdf: pikepdf.Pdf) -> int:
    """What the page tree claims, so that a claim of millions is refused before the tree is walked."""
    try:
        return int(pdf.Root.Pages.Count)
    except (AttributeError, KeyError, TypeError, ValueError):
        return 0


def _has_end(path: str) -> bool:
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2048))
        return b"%%EOF" in file.read()
