"""The tree of facts about a picture file (`Evidence.details["document_details"]`), bounded in length."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from bonafide_inference.detectors.picture_traces.editors import Program, history_facts
from bonafide_inference.detectors.picture_traces.tables import Encoding
from bonafide_inference.detectors.picture_traces.trailing import Tail
from bonafide_inference.metadata import Metadata
from bonafide_inference.recordings import fit
from bonafide_inference.registry import Job

__all__ = ["document_details"]

MOST = 100
"""Entries of one list or table."""
FEW = 16
"""Numbers of one value."""
TEXT = 160
"""Characters of one text."""


def document_details(
    job: Job,
    found: Metadata,
    *,
    coded: Encoding | None,
    programs: tuple[Program, ...],
    dates: dict[str, str],
    screen: dict[str, Any],
    tail: Tail | None,
    history: dict[str, Any],
    thumbnail: dict[str, Any] | None,
) -> dict[str, Any]:
    """Everything that was read, as JSON: see the card for the members."""
    media = job.media
    tree: dict[str, Any] = {
        "format": media.format, "mime": media.mime, "bytes": media.bytes, "hashes": _hashes(job),
        "width": media.width, "height": media.height, "frames": media.frames,
        "structure": [
            {"block": c.kind, "holds": c.name, "offset": c.offset, "bytes": c.size}
            for c in found.layout.chunks[:MOST]
        ],
        "programs": [asdict(program) for program in programs],
        "dates": dates,
        "exif": dict(list(found.exif.items())[:MOST]),
        "xmp": {p.path[:120]: p.value[:TEXT] for p in found.xmp[:MOST]},
        "iptc": {name: [value[:TEXT] for value in values[:4]] for name, values in found.iptc.items()},
        "texts": [{"kind": t.kind, "keyword": t.keyword, "text": t.text[:TEXT]} for t in found.texts[:20]],
        "photoshop_resources": [
            {"number": r.number, "name": r.name, "bytes": len(r.data)} for r in found.photoshop[:60]
        ],
        "history": history_facts(found) | history,
        "unreadable": list(found.problems),
    }  # fmt: skip
    tree |= {
        "colour_profile": asdict(found.icc) if found.icc else None,
        "coding": _coding(coded) if coded else None,
        "after_the_end": asdict(tail) if tail else None,
        "thumbnail": thumbnail,
        "screen_signs": screen if any(screen.values()) else None,
    }
    return fit({name: _plain(value) for name, value in tree.items() if value not in (None, [], {}, ())})


def _coding(coded: Encoding) -> dict[str, Any]:
    """How a JPEG is coded; the luma table as text, row by row."""
    facts = {name: value for name, value in asdict(coded).items() if name != "tables"}
    return facts | {"luma_table": " ".join(map(str, coded.tables[0])) if coded.tables else ""}


def _hashes(job: Job) -> dict[str, str | None]:
    """SHA-256 as inspect computed it; MD5 and SHA-1 because case files and databases still use them."""
    with open(job.path, "rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        file.seek(0)
        sha1 = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
    return {"sha256": job.media.sha256, "md5": md5, "sha1": sha1}


def _plain(value: Any) -> Any:
    """A JSON value of bounded length."""
    if isinstance(value, str):
        return value[:TEXT]
    if isinstance(value, (tuple, list)):
        limit = FEW if all(isinstance(item, (int, float)) for item in value) else MOST
        return [_plain(item) for item in value[:limit]]
    if isinstance(value, dict):
        return {str(name)[:120]: _plain(item) for name, item in value.items()}
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)[:TEXT]
