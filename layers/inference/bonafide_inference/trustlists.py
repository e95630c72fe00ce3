"""Trust lists of C2PA signers as they lie in a folder: who counts as known, by which list, of when.

The folder `FOLDER` beside this file is data, not code: it is not in the repository. ``make trust-lists``
(`localcloud.trust_lists`) fills it; images carry it when it is there. It holds PEM files and ``trust.json``.
Without it a signer is "not checked".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = [
    "FOLDER",
    "INDEX",
    "TrustFile",
    "TrustIndex",
    "TrustList",
    "TrustListError",
    "certificates",
    "load",
]

FOLDER = Path(__file__).with_name("trust")
INDEX = "trust.json"
MAX_BYTES = 8 * 2**20
"""A longer file is no trust list."""
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]{64,20000}-----END CERTIFICATE-----"
)


class TrustListError(ValueError):
    """A trust list, or the index, is not what it says it is."""


class TrustFile(BaseModel):
    """One installed file. ``role``: ``anchors`` (roots of signers), ``tsa`` (roots of time stamps),
    ``allowed`` (signers' own certificates), ``purposes`` (accepted key usages).
    """  # noqa: D205

    model_config = ConfigDict(frozen=True, extra="forbid")

    list: str = Field(pattern="^[a-z][a-z0-9-]{0,39}$")
    role: str = Field(pattern="^(anchors|tsa|allowed|purposes)$")
    file: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,79}$")
    source: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    snapshot: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="The day it was fetched.")


class TrustIndex(BaseModel):
    """``trust.json``: the files of the folder, and titles of the lists in the order they are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    titles: dict[str, str]
    files: tuple[TrustFile, ...]


@dataclass(frozen=True)
class TrustList:
    """One list, ready for the validator. ``snapshot`` is the oldest day among its files."""

    name: str
    title: str
    snapshot: str
    anchors: str
    allowed: str
    purposes: str

    def settings(self) -> dict[str, Any]:
        """As c2pa's ``trust`` settings; empty parts are left out."""
        parts = {"trust_anchors": self.anchors, "allowed_list": self.allowed, "trust_config": self.purposes}
        return {name: text for name, text in parts.items() if text}


def certificates(data: bytes) -> int:
    """Return the number of PEM certificates in ``data``."""
    return len(_CERTIFICATE.findall(data))


def load(folder: Path = FOLDER) -> tuple[TrustList, ...]:
    """Read the installed lists; an absent folder is none.

    Raises
    ------
    TrustListError
        If the index cannot be read, or a file is absent or differs from its hash: a list that was
        tampered with must not pass for none.
    """
    index = folder / INDEX
    if not index.is_file():
        return ()
    try:
        told = TrustIndex.model_validate(json.loads(_bounded(index)))
    except (ValueError, ValidationError) as error:
        raise TrustListError(f"{INDEX}: {str(error)[:200]}") from error
    return tuple(_one(folder, told, name) for name in told.titles)


def _one(folder: Path, told: TrustIndex, name: str) -> TrustList:
    files = [file for file in told.files if file.list == name]
    text = {role: "\n".join(_text(folder, f) for f in files if f.role == role) for role in
            ("anchors", "tsa", "allowed", "purposes")}  # fmt: skip
    if not text["purposes"]:  # one policy of key usages serves all lists
        text["purposes"] = "\n".join(_text(folder, f) for f in told.files if f.role == "purposes")
    anchors = "\n".join(part for part in (text["anchors"], text["tsa"]) if part)
    snapshot = min((f.snapshot for f in files), default="")
    return TrustList(name, told.titles[name], snapshot, anchors, text["allowed"], text["purposes"])


def _text(folder: Path, file: TrustFile) -> str:
    data = _bounded(folder / file.file)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise TrustListError(f"{file.file} is not the file that was installed")
    return data.decode("utf-8", "replace")


def _bounded(path: Path) -> bytes:
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise TrustListError(f"{path.name} is too long")
        return path.read_bytes()
    except OSError as error:
        raise TrustListError(f"{path.name}: {error.strerror}") from error
