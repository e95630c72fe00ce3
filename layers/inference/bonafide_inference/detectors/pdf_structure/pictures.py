"""The pictures of a PDF: listed always, given as files on request, within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pikepdf
from bonafide.model import Artifact
from bonafide_inference.detectors.pdf_structure.budget import OverBudget, budget
from bonafide_inference.registry import Job

__all__ = ["extract", "listed"]

MAX_LISTED = 100
MAX_FILES = 50
MAX_PIXELS = 25_000_000
"""Of one picture that must be decoded; JPEG and JPEG 2000 are given as they are stored."""
MAX_BYTES = 64 * 2**20
"""Of all files together."""
MAX_DEPTH = 4
MAX_SEEN = 5_000
SECONDS = 8.0
STORED = {"/DCTDecode": ("jpg", "image/jpeg"), "/JPXDecode": ("jp2", "image/jp2")}


def _pictures(pdf: pikepdf.Pdf) -> Iterator[tuple[int, Any]]:
    """(1-based page, image) for each picture once, in page order, forms looked into."""
    seen: set[tuple[int, int]] = set()
    for number, page in enumerate(pdf.pages, 1):
        stack = [(resources, 0) for resources in _of_page(page)]
        while stack and len(seen) < MAX_SEEN:
            resources, depth = stack.pop()
            for item in _objects(resources):
                if item.objgen in seen:
                    continue
                seen.add(item.objgen)
                if item.get("/Subtype") == pikepdf.Name.Image:
                    yield number, item
                elif depth < MAX_DEPTH and isinstance(item.get("/Resources"), pikepdf.Dictionary):
                    stack.append((item["/Resources"], depth + 1))


def _of_page(page: Any) -> list[Any]:
    try:
        return [page.resources]
    except Exception:  # noqa: BLE001  (a page may be anything)
        return []


def _objects(resources: Any) -> list[Any]:
    try:
        return [item for _, item in resources["/XObject"].items() if isinstance(item, pikepdf.Stream)]
    except (KeyError, TypeError, AttributeError, ValueError):
        return []


def _filters(item: Any) -> list[str]:
    filters = item.get("/Filter")
    try:
        return [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters or "")]
    except (ValueError, TypeError):
        return ["/Unknown"]


def _facts(number: int, item: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"page": number}
    for name, key in (("width", "/Width"), ("height", "/Height"), ("bits", "/BitsPerComponent")):
        try:
            facts[name] = int(item.get(key, 0)) or None
        except (TypeError, ValueError):
            facts[name] = None
    facts["filter"] = " ".join(name.lstrip("/") for name in _filters(item))[:60]
    return facts


def listed(pdf: pikepdf.Pdf) -> list[dict[str, Any]]:
    """Page, size, bits and filter of each picture, the first `MAX_LISTED`."""
    found = []
    for number, item in _pictures(pdf):
        found.append(_facts(number, item))
        if len(found) >= MAX_LISTED:
            break
    return found


def extract(pdf: pikepdf.Pdf, job: Job) -> tuple[list[Artifact], list[dict[str, Any]]]:
    """Write the pictures as files; returns them and, for each left out, its facts with a reason.

    Reasons: ``no_jbig2_decoder``, ``too_large``, ``too_many``, ``too_slow``, ``unreadable``.
    """
    files: list[Artifact] = []
    left: list[dict[str, Any]] = []
    room, slow = MAX_BYTES, False
    for place, (number, item) in enumerate(_pictures(pdf), 1):
        if place > MAX_LISTED:
            break
        try:
            if len(files) >= MAX_FILES:
                raise _Left("too_many")
            if slow:
                raise _Left("too_slow")
            with budget(SECONDS):
                path, kind = _write(item, os.path.join(job.workdir, f"page-{number}-picture-{place}"), room)
        except (_Left, OverBudget) as error:
            slow = slow or isinstance(error, OverBudget)
            left.append(_facts(number, item) | {"reason": str(error) or "too_slow"})
            continue
        room -= os.path.getsize(path)
        title = f"Picture {place}, page {number}"
        files.append(Artifact(name=os.path.basename(path), media_type=kind, path=path, title=title))
    return files, left


class _Left(Exception):
    """A picture is not given; the text is the reason."""


def _write(item: Any, stem: str, room: int) -> tuple[str, str]:
    """Write one picture: as stored when it is a file by itself, else decoded to PNG."""
    filters = _filters(item)
    if "/JBIG2Decode" in filters:
        raise _Left("no_jbig2_decoder")
    try:
        if len(filters) == 1 and filters[0] in STORED:
            suffix, kind = STORED[filters[0]]
            data = item.read_raw_bytes()
        else:
            suffix, kind, data = "png", "image/png", _png(item)
    except (_Left, OverBudget, MemoryError):
        raise
    except Exception as error:
        raise _Left("unreadable") from error
    if not 0 < len(data) <= room:
        raise _Left("too_large" if data else "unreadable")
    path = f"{stem}.{suffix}"
    with open(path, "wb") as file:
        file.write(data)
    return path, kind


def _png(item: Any) -> bytes:
    import io

    if int(item["/Width"]) * int(item["/Height"]) > MAX_PIXELS:
        raise _Left("too_large")
    picture = pikepdf.PdfImage(item).as_pil_image()
    if picture.mode not in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16"):
        picture = picture.convert("RGB")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
