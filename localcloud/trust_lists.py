"""``make trust-lists``: install the public trust lists of C2PA signers (``DIR=…``: from files at hand).

The official list of the C2PA and the interim list that was frozen on 2026-01-01 are both needed: what was
signed before the official list existed is known by the interim one only. They are fetched over HTTPS from
their public addresses, checked for being certificates, and written beside the code (not into the
repository) with the day and their hashes. Everything works without them: signers are then "not checked".
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from bonafide_inference.trustlists import FOLDER, INDEX, MAX_BYTES, TrustFile, TrustIndex, certificates

__all__ = ["SOURCES", "TITLES", "fetch", "install", "main"]

OFFICIAL = "https://raw.githubusercontent.com/c2pa-org/conformance-public/main/trust-list"
INTERIM = "https://contentcredentials.org/trust"
TITLES = {"c2pa": "C2PA trust list", "c2pa-interim": "C2PA interim trust list (frozen 2026-01-01)"}
SOURCES = (
    ("c2pa", "anchors", "C2PA-TRUST-LIST.pem", f"{OFFICIAL}/C2PA-TRUST-LIST.pem"),
    ("c2pa", "tsa", "C2PA-TSA-TRUST-LIST.pem", f"{OFFICIAL}/C2PA-TSA-TRUST-LIST.pem"),
    ("c2pa-interim", "anchors", "itl-anchors.pem", f"{INTERIM}/anchors.pem"),
    ("c2pa-interim", "allowed", "itl-allowed.pem", f"{INTERIM}/allowed.pem"),
    ("c2pa-interim", "purposes", "itl-store.cfg", f"{INTERIM}/store.cfg"),
)
"""(list, role, file name, public address)."""
TIMEOUT_S = 30.0


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, to addresses of the same safety only."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        """Refuse to leave HTTPS."""
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            raise urllib.error.URLError("a redirect leaves HTTPS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(address: str) -> bytes:
    """Return what lies at an ``https`` address (``http`` on the loopback, for tests).

    Raises
    ------
    OSError
        If it cannot be fetched, or is longer than a trust list may be.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "127.0.0.1"):
        raise OSError("not an HTTPS address")
    opener = urllib.request.build_opener(_NoDowngrade)
    with opener.open(address, timeout=TIMEOUT_S) as answer:
        data: bytes = answer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError("longer than a trust list may be")
    return data


def install(read: Callable[[str, str], bytes], folder: Path, day: date) -> TrustIndex:
    """Read every source, check it, and only then write all of them.

    Parameters
    ----------
    read
        From (file name, address) to bytes; raises ``OSError``.
    folder
        Where the files go; what an earlier run left there is replaced.
    day
        The snapshot's date.

    Raises
    ------
    OSError
        If a source cannot be read.
    ValueError
        If one holds no certificate (or, for key usages, no object identifier).
    """
    files, bodies = [], {}
    for name, role, file, address in SOURCES:
        data = read(file, address)
        if not (_usages(data) if role == "purposes" else certificates(data)):
            raise ValueError(f"{file} holds nothing of a trust list")
        bodies[file] = data
        files.append(TrustFile(
            list=name, role=role, file=file, source=address, snapshot=day.isoformat(),
            sha256=hashlib.sha256(data).hexdigest(),
        ))  # fmt: skip
    index = TrustIndex(titles=TITLES, files=tuple(files))
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in bodies.items():
        _replace(folder / file, data)
    _replace(folder / INDEX, (index.model_dump_json(indent=2) + "\n").encode())
    return index


def _usages(data: bytes) -> int:
    lines = data.decode("utf-8", "replace").splitlines()
    return sum(1 for line in lines if line.strip().replace(".", "").isdigit() and "." in line)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when installed; 1, and nothing changed, when a source cannot be had."""
    parser = argparse.ArgumentParser(prog="localcloud.trust_lists", description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, help="take the files from this folder")
    parser.add_argument(
        "--day", type=date.fromisoformat, help="of the snapshot, with --from; today otherwise"
    )
    parser.add_argument("--to", type=Path, default=FOLDER, help="install here")
    arguments = parser.parse_args(argv)
    source: Path | None = arguments.folder

    def read(file: str, address: str) -> bytes:
        return fetch(address) if source is None else (source / file).read_bytes()

    try:
        index = install(read, arguments.to, arguments.day or datetime.now(UTC).date())
    except (OSError, ValueError) as error:
        print(f"No trust lists were installed: {error}", file=sys.stderr)
        return 1
    for file in index.files:
        count = certificates((arguments.to / file.file).read_bytes())
        print(f"{file.file}  {count} certificates  {file.snapshot}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
