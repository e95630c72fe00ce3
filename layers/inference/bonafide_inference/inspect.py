"""What a file is, by its bytes, and whether it is within limits. The judge of names is nobody.

The owner's side hashes the file and reads its first bytes; every parser runs in the cell (`probe`). What
comes back is a value either way: `MediaFacts`, or a `Refusal` that says why not.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import Any

from bonafide.model import MediaFacts
from bonafide.sniff import sniff
from pydantic import ValidationError

from bonafide_inference import cell

__all__ = ["Limits", "Refusal", "inspect"]


@dataclass(frozen=True)
class Limits:
    """Bounds that are checked before anything is decoded."""

    bytes: int = 2 * 2**30
    pixels: int = 100_000_000
    """Of one picture, or of one video frame."""
    frames: int = 2_000
    """Pictures in one image file (animation, multi-page TIFF)."""
    seconds: float = 3 * 3600.0
    tracks: int = 64
    pages: int = 2_000
    inspect_seconds: float = 20.0
    """Wall-clock time for the inspection itself."""
    memory_mb: int = 1024
    """Address space for the inspection itself."""


@dataclass(frozen=True)
class Refusal:
    """Why a file is not analysed.

    Codes: ``empty_file``, ``unsupported_format``, ``unsupported_codec``, ``unreadable_media``,
    ``media_limit_exceeded``, ``inspection_timed_out``.
    """

    code: str
    detail: str


def inspect(path: str, limits: Limits = Limits()) -> MediaFacts | Refusal:
    """Find out what the file at ``path`` is.

    Parameters
    ----------
    path
        A local regular file. An absent or unreadable one raises ``OSError``: that is infrastructure.
    limits
        Bounds; the first one that is exceeded becomes a refusal.

    Returns
    -------
    MediaFacts | Refusal
        Facts have ``warnings`` such as ``truncated`` (something readable remains) or ``damaged``.
    """
    size = os.path.getsize(path)
    if size == 0:
        return Refusal("empty_file", "The file has no bytes.")
    if size > limits.bytes:
        return Refusal("media_limit_exceeded", f"{size} bytes; the limit is {limits.bytes}.")
    with open(path, "rb") as file:
        kind = sniff(file.read(4096))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    answer = cell.run(
        "inspect",
        {"path": os.path.abspath(path), "family": kind, "limits": asdict(limits)},
        seconds=limits.inspect_seconds,
        memory_mb=limits.memory_mb,
    )
    found = _facts(answer["result"], size, digest) if answer["ok"] else _silenced(answer)
    if isinstance(found, Refusal):  # libraries like to quote the path; a client has no use for ours
        return Refusal(found.code, found.detail.replace(os.path.abspath(path), "the file"))
    return found


def _silenced(answer: dict[str, Any]) -> Refusal:
    detail = str(answer.get("detail", ""))
    match answer["reason"]:
        case "timed_out":
            return Refusal("inspection_timed_out", "Looking at the file took too long.")
        case "out_of_memory":
            return Refusal("media_limit_exceeded", "Looking at the file took too much memory.")
        case _:
            return Refusal("unreadable_media", detail[:300] or "The file cannot be read.")


def _facts(result: Any, size: int, digest: str) -> MediaFacts | Refusal:
    """Believe the cell only what has the shape of facts; size and hash are the owner's own."""
    if isinstance(result, dict) and "refusal" in result:
        return Refusal(str(result["refusal"]), str(result.get("detail", ""))[:300])
    try:
        return MediaFacts.model_validate({**result, "bytes": size, "sha256": digest})
    except (ValidationError, TypeError):
        return Refusal("unreadable_media", "The file's headers contradict themselves.")
