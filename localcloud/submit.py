"""A client of the public API and of nothing else: send a file, follow it, fetch what was found.

Written with the standard library only, it doubles as an example of how to integrate Bonafide.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import mimetypes
import re
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

__all__ = ["Answer", "Client", "Refused", "SubmitError", "Unreachable", "is_url"]

INLINE_BYTES = 4_000_000
"""Larger files go by presigned form; the gateway would refuse them with 413."""

_DONE = frozenset({"completed", "failed", "deleted"})
_BUSY = frozenset({429, 503})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


class SubmitError(Exception):
    """Base of what can go wrong; the message is for people.

    SubmitError
    ├── Unreachable   nobody answers
    └── Refused       the API answered with a problem
    """


class Unreachable(SubmitError):
    """Nobody answers at the address."""


class Refused(SubmitError):
    """The API said no; ``status`` is the HTTP status, ``code`` the problem's machine name."""

    def __init__(self, answer: Answer) -> None:
        try:
            problem = json.loads(answer.body)
        except ValueError:
            problem = {}
        self.status = answer.status
        self.code = str(problem.get("code", ""))
        text = problem.get("detail") or problem.get("title") or answer.body[:300].decode(errors="replace")
        request = f" (request {problem['request_id']})" if problem.get("request_id") else ""
        super().__init__(f"{answer.status} {self.code or 'error'}: {text}{request}")


@dataclass(frozen=True)
class Answer:
    """An HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as an object."""
        value = json.loads(self.body)
        return value if isinstance(value, dict) else {"items": value}


def is_url(text: str) -> bool:
    """Whether this names something on the web rather than a file."""
    return text.startswith(("http://", "https://"))


@dataclass
class Client:
    """The API under ``base_url`` (without /v1) for the holder of ``token``."""

    base_url: str
    token: str = field(repr=False)
    timeout_s: float = 60
    patience_s: float = 60
    """How long a busy API (429, 503) is asked again."""

    # ---- one analysis ---------------------------------------------------------------------------
    def submit(self, what: str | Path, **wishes: Any) -> dict[str, Any]:
        """Send a file or a URL; return the analysis document as accepted.

        ``wishes`` go along as they are: operations, options, client_reference.
        """
        wanted = {key: value for key, value in wishes.items() if value}
        if isinstance(what, str) and is_url(what):
            return self._post("/v1/analyses", {"url": what, **wanted}, _once())
        path = Path(what)
        if path.stat().st_size <= INLINE_BYTES:
            try:
                return self._inline(path, wanted, _once())
            except Refused as refusal:
                if refusal.status != http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                    raise
        return self._post("/v1/analyses", {"upload_id": self.upload(path), **wanted}, _once())

    def upload(self, path: Path) -> str:
        """Send a file of any size by presigned form; return its upload id."""
        size = path.stat().st_size
        ticket = self._post("/v1/uploads", {"bytes": size, "sha256": _sha256(path), "filename": path.name})
        with path.open("rb") as file:
            head, tail, kind = _form(ticket["fields"], path.name)
            answer = self._send(
                "POST",
                ticket["url"],
                _joined(head, file, tail),
                {"Content-Type": kind, "Content-Length": str(len(head) + size + len(tail))},
            )
        if answer.status not in (200, 201, 204):
            raise SubmitError(f"The store refused the file: {answer.status} {answer.body[:300]!r}")
        return str(ticket["upload_id"])

    def follow(self, analysis_id: str) -> Iterator[dict[str, Any]]:
        """Yield the document again and again until it is at rest; ask less often as it takes longer."""
        begun = time.monotonic()
        while True:
            document = self.get(analysis_id)
            yield document
            if document.get("state") in _DONE:
                return
            time.sleep(min(2.0, 0.15 + (time.monotonic() - begun) / 20))

    def get(self, analysis_id: str) -> dict[str, Any]:
        """Return one analysis document."""
        return self.request("GET", f"/v1/analyses/{analysis_id}").json()

    def fetch_artifacts(self, document: Mapping[str, Any], folder: Path) -> list[Path]:
        """Save an analysis' artifacts in ``folder``; return their paths. A file is whole or absent."""
        files = []
        for item in document.get("artifacts") or ():
            name = str(item["name"])
            if not _NAME.fullmatch(name):
                continue
            folder.mkdir(parents=True, exist_ok=True)
            path = f"/v1/analyses/{document['id']}/artifacts/{urllib.parse.quote(name)}"
            partial = folder / f".{name}.part"
            partial.write_bytes(self._follow_link(item.get("href") or path))
            files.append(partial.replace(folder / name))
        return files

    # ---- HTTP -----------------------------------------------------------------------------------
    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the API; wait and ask again while it is busy. Raises `Refused` for any error status."""
        deadline = time.monotonic() + self.patience_s
        address = urllib.parse.urljoin(self.base_url, path)
        if urllib.parse.urlsplit(address).netloc != urllib.parse.urlsplit(self.base_url).netloc:
            raise SubmitError(f"The token is for {self.base_url}, not for {address}")
        while True:
            answer = self._send(
                method, address, body, {"Authorization": f"Bearer {self.token}", **(headers or {})}
            )
            if answer.status in _BUSY and time.monotonic() < deadline:
                time.sleep(_retry_after(answer))
                continue
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                raise Refused(answer)
            return answer

    def _post(
        self, path: str, value: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        body = json.dumps(value).encode()
        return self.request(
            "POST", path, body, {"Content-Type": "application/json", **(headers or {})}
        ).json()

    def _inline(self, path: Path, wishes: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        fields = {
            key: json.dumps(value) if isinstance(value, Mapping) else _words(value)
            for key, value in wishes.items()
        }
        head, tail, kind = _form(fields, path.name)
        body = head + path.read_bytes() + tail
        return self.request("POST", "/v1/analyses", body, {"Content-Type": kind, **headers}).json()

    def _follow_link(self, path: str) -> bytes:
        answer = self.request("GET", path)
        if answer.status in _REDIRECTS:
            # The link carries its own permission; the token stays with us.
            answer = self._send("GET", answer.headers["location"], None, {})
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                raise SubmitError(f"The store refused an artifact: {answer.status}")
        return answer.body

    def _send(
        self, method: str, address: str, body: bytes | Iterator[bytes] | None, headers: Mapping[str, str]
    ) -> Answer:
        url = urllib.parse.urlsplit(address)
        secure = url.scheme == "https"
        maker = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = maker(url.hostname or "", url.port, timeout=self.timeout_s)
        target = url.path + (f"?{url.query}" if url.query else "")
        try:
            connection.request(method, target or "/", body=body, headers=dict(headers))
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lower, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{url.scheme}://{url.netloc} does not answer: {error}") from error
        finally:
            connection.close()


def _once() -> dict[str, str]:
    """Name this attempt: whoever repeats it with the same key gets the same analysis."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def _words(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _retry_after(answer: Answer) -> float:
    value = answer.headers.get("retry-after", "1")
    return min(30.0, max(0.2, float(value))) if value.replace(".", "", 1).isdigit() else 1.0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _form(fields: Mapping[str, str], filename: str) -> tuple[bytes, bytes, str]:
    """Return what stands before and after the file in a multipart form, and the form's content type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    # As the WHATWG form encoding does it: quotes and line ends are percent-encoded, the rest is UTF-8.
    safe = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    tail = f"\r\n--{boundary}--\r\n".encode()
    return "".join(parts).encode(), tail, f"multipart/form-data; boundary={boundary}"


def _joined(head: bytes, file: IO[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    while block := file.read(256 * 1024):
        yield block
    yield tail
