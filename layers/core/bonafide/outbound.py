"""Outbound HTTP that cannot be turned against us: media URLs and webhook endpoints are strangers' words.

A host is resolved once; if any of its addresses is not public, all are refused (DNS rebinding); the
connection goes to the very address that was checked, with TLS name and certificate of the host.
A redirect is checked from scratch. A watchdog cuts the connection when the total time is over, so
that neither slow headers nor a dripping body (slow loris) can hold a function.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urljoin

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeout
from urllib3.response import BaseHTTPResponse

from bonafide.address import Resolver, Target, is_public, parse, resolve
from bonafide.errors import BonafideError, Refused, Unavailable
from bonafide.settings import settings

__all__ = [
    "MAX_REDIRECTS",
    "Fetched",
    "Posted",
    "Target",
    "fetch",
    "is_public",
    "parse",
    "post",
    "resolve",
    "retry_after",
]

MAX_REDIRECTS = 3
MAX_RETRY_AFTER_S = 24 * 3600
_CHUNK = 64 * 1024
_ANSWER_BYTES = 4096
_ANSWER_S = 1.0
_REDIRECTS = (301, 302, 303, 307, 308)
_PLAIN = ("", "identity", "aws-chunked")  # S3 says the last of objects that it sends as they are

_NETWORK = (OSError, http.client.HTTPException, HTTPError, UnicodeError)


@dataclass(frozen=True)
class Fetched:
    """What a GET brought: size in bytes, and what the server said of it (a hint, never trusted)."""

    bytes: int
    content_type: str | None
    final_url: str
    filename: str | None


@dataclass(frozen=True)
class Posted:
    """How a POST ended: a status, or (``status`` is ``None``) the machine name of what went wrong."""

    status: int | None
    seconds: float
    error: str | None = None
    retry_after_s: int | None = None


class _NetworkError(Exception):
    """The network failed: ``timed_out``, ``connection_failed``, ``tls_failed`` or ``bad_answer``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Deadline:
    """A total time, enforced: sockets under guard are shut down when it is over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._cut = False
        self._guarded: list[tuple[threading.Timer, socket.socket]] = []

    @property
    def over(self) -> bool:
        return self._cut or time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds left, above 0; raises TimeoutError when there are none."""
        if self.over:
            raise TimeoutError
        return max(self._end - time.monotonic(), 0.001)

    def guard(self, sock: socket.socket) -> None:
        """Shut ``sock`` down at the end. The twin reaches the TCP connection under any TLS wrapper."""
        twin = sock.dup()
        timer = threading.Timer(self.left(), self._shut, (twin,))
        timer.daemon = True
        self._guarded.append((timer, twin))
        timer.start()

    def release(self) -> None:
        for timer, twin in self._guarded:
            timer.cancel()
            twin.close()
        self._guarded.clear()

    def _shut(self, twin: socket.socket) -> None:
        self._cut = True
        with suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)


class _Plain(HTTPConnection):
    """Connects where it is told to, whatever its host name would resolve to now."""

    dial: Callable[[], socket.socket]

    def _new_conn(self) -> socket.socket:
        return self.dial()


class _Secure(HTTPSConnection):
    """The same, with TLS name and certificate of the host name."""

    dial: Callable[[], socket.socket]

    def _new_conn(self) -> socket.socket:
        return self.dial()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _within(seconds: float, call: Callable[[], str]) -> str:
    """Run ``call`` for at most ``seconds``: the system's resolver knows no time-out of ours."""
    future: Future[str] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, not swallowed
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout=seconds)


@contextmanager
def _faults(deadline: _Deadline) -> Iterator[None]:
    """Turn the many exceptions of three libraries into `_NetworkError`."""
    try:
        yield
    except BonafideError:
        raise
    except _NETWORK as error:
        if deadline.over or isinstance(error, (TimeoutError, HTTPTimeout)):
            raise _NetworkError("timed_out") from error
        if isinstance(error, ssl.SSLCertVerificationError):
            raise _NetworkError("tls_failed") from error
        if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
            raise _NetworkError("bad_answer") from error
        raise _NetworkError("connection_failed") from error


@dataclass(frozen=True)
class _Line:
    """How to reach others: until when, and which addresses are open to us."""

    deadline: _Deadline
    allow_loopback: bool
    resolver: Resolver | None

    def dial(self, target: Target) -> socket.socket:
        """Resolve, check, connect to what was checked."""
        address = _within(
            self.deadline.left(),
            lambda: resolve(
                target.host, target.port, allow_loopback=self.allow_loopback, resolver=self.resolver
            ),
        )
        sock = socket.create_connection((address, target.port), timeout=self.deadline.left())
        self.deadline.guard(sock)
        return sock


@contextmanager
def _exchange(
    line: _Line, method: str, target: Target, headers: Mapping[str, str], body: bytes | None = None
) -> Iterator[tuple[BaseHTTPResponse, HTTPConnection]]:
    """Send; yield the answer with its body unread. Follows and decodes nothing, knows no proxy."""
    sent = {"User-Agent": f"Bonafide/{settings().service_version}", "Connection": "close", **headers}
    connection: _Plain | _Secure | None = None
    try:
        with _faults(line.deadline):
            if target.scheme == "https":
                context, left = _tls(), line.deadline.left()
                connection = _Secure(target.host, target.port, timeout=left, ssl_context=context)
            else:
                connection = _Plain(target.host, target.port, timeout=line.deadline.left())
            connection.dial = lambda: line.dial(target)
            connection.request(
                method, target.path, body=body, headers=sent, preload_content=False, decode_content=False
            )
            answer = connection.getresponse()
        yield answer, connection
    finally:
        if connection is not None:
            connection.close()
        line.deadline.release()


def fetch(
    url: str,
    target_path: Path | str,
    *,
    max_bytes: int,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    allow_loopback: bool | None = None,
    resolver: Resolver | None = None,
) -> Fetched:
    """GET ``url`` into ``target_path`` within ``timeout_s`` in all; nothing is left there on an error.

    ``headers`` go to the host, scheme and port of ``url`` only, not to where it may redirect.
    Raises Refused: ``url_invalid``, ``address_refused``, ``address_unresolved``, ``too_many_redirects``,
    ``media_too_large``, ``fetch_timed_out``, ``fetch_failed``, ``fetch_status_<n>``. Raises Unavailable
    (worth a retry): ``fetch_failed`` for a lost connection, ``fetch_status_<n>`` for 429 and 5xx.
    """
    loopback = settings().allow_loopback if allow_loopback is None else allow_loopback
    line = _Line(_Deadline(timeout_s), loopback, resolver)
    try:
        return _follow(line, url, Path(target_path), max_bytes, headers or {})
    except _NetworkError as fault:
        if fault.kind == "timed_out":
            detail = f"The media did not arrive within {timeout_s:g} s."
            raise Refused(detail, code="fetch_timed_out") from fault
        broken = Unavailable if fault.kind == "connection_failed" else Refused
        raise broken(f"The media could not be fetched ({fault.kind}).", code="fetch_failed") from fault


def _follow(line: _Line, url: str, path: Path, max_bytes: int, own: Mapping[str, str]) -> Fetched:
    first = parse(url)
    for _ in range(MAX_REDIRECTS + 1):
        target = parse(url)
        same = (target.scheme, target.host, target.port) == (first.scheme, first.host, first.port)
        headers = {**(own if same else {}), "Accept": "*/*", "Accept-Encoding": "identity"}
        with _exchange(line, "GET", target, headers) as (answer, _connection):
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                _accept(answer, max_bytes)
                size = _save(answer, path, max_bytes, line.deadline)
                return Fetched(
                    size, answer.headers.get("Content-Type"), target.url, _filename(answer, target)
                )
        try:
            url = urljoin(target.url, location)
        except ValueError as error:
            raise Refused("The redirect leads nowhere.", code="url_invalid") from error
    raise Refused(f"More than {MAX_REDIRECTS} redirects.", code="too_many_redirects")


def _accept(answer: BaseHTTPResponse, max_bytes: int) -> None:
    """Refuse, by its head alone, an answer that we do not want the body of."""
    status = answer.status
    if status == 429 or status >= 500:
        wait = retry_after(answer.headers.get("Retry-After"), time.time())
        raise Unavailable(
            f"The media's host answered {status}.", code=f"fetch_status_{status}", retry_after_s=wait
        )
    if status != 200:
        raise Refused(f"The media's host answered {status}.", code=f"fetch_status_{status}")
    if answer.headers.get("Content-Encoding", "").strip().lower() not in _PLAIN:
        raise Refused("The media's host compresses although it was told not to.", code="fetch_failed")
    declared = answer.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> Refused:
    return Refused(f"The media is larger than {max_bytes} bytes.", code="media_too_large")


def _save(answer: BaseHTTPResponse, path: Path, max_bytes: int, deadline: _Deadline) -> int:
    size = 0
    try:
        with path.open("wb") as out:
            while True:
                with _faults(deadline):
                    chunk = answer.read(_CHUNK, decode_content=False)
                    deadline.left()  # a connection that the watchdog cut looks like an end
                if not chunk:
                    return size
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                out.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _filename(answer: BaseHTTPResponse, target: Target) -> str | None:
    """The name by which people know the file, without folders and control characters; never a path."""
    message = Message()
    message["Content-Disposition"] = " ".join(answer.headers.get("Content-Disposition", "").splitlines())
    name = message.get_filename() or unquote(target.path.partition("?")[0])
    name = "".join(c for c in re.split(r"[/\\]", name)[-1] if c.isprintable()).strip(" .")
    return name[:255] or None


def retry_after(value: str | None, now: float) -> int | None:
    """Read a Retry-After header (RFC 9110: seconds or a date) as seconds from ``now``, a day at most."""
    if not value:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return min(int(value), MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0, min(int(moment - now), MAX_RETRY_AFTER_S))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allow_loopback: bool | None = None,
    resolver: Resolver | None = None,
) -> Posted:
    """POST ``body`` to a webhook endpoint: https only (http too if loopback is allowed), no redirects.

    Never raises for what the other side does: see `Posted.error` (``address_refused``,
    ``address_unresolved``, ``url_invalid``, ``timed_out``, ``connection_failed``, ``tls_failed``,
    ``bad_answer``).
    """
    loopback = settings().allow_loopback if allow_loopback is None else allow_loopback
    line, start = _Line(_Deadline(timeout_s), loopback, resolver), time.monotonic()
    try:
        target = parse(url, schemes=("http", "https") if loopback else ("https",))
        with _exchange(line, "POST", target, headers, body) as (answer, connection):
            seconds = time.monotonic() - start
            wait = retry_after(answer.headers.get("Retry-After"), time.time())
            _drain(answer, connection, line.deadline)
            return Posted(answer.status, seconds, None, wait)
    except (Refused, Unavailable) as error:
        return Posted(None, time.monotonic() - start, error.code)
    except _NetworkError as fault:
        return Posted(None, time.monotonic() - start, fault.kind)


def _drain(answer: BaseHTTPResponse, connection: HTTPConnection, deadline: _Deadline) -> None:
    """Read a little of the answer, out of politeness; the status has decided already, and nothing is kept."""
    with suppress(*_NETWORK):
        if connection.sock is not None:
            connection.sock.settimeout(min(_ANSWER_S, deadline.left()))
        answer.read1(_ANSWER_BYTES, decode_content=False)
