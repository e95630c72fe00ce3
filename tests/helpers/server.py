"""A misbehaving HTTP server on loopback: a customer's webhook, or a media host, on a bad day.

`Server` answers each path by what stands in ``routes`` (see the functions below) and keeps every
request. It is a context manager and runs in threads; nothing else on the machine is touched.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Received", "Server", "answer", "drip", "endless", "hang", "raw", "redirect", "reset", "status"]


@dataclass(frozen=True)
class Received:
    """One request as it came in; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Looks the path up (without its query) and lets that route speak."""

    server: _Http
    timeout = 30

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, self.path, headers, self.rfile.read(length))
        with self.server.lock:
            self.server.requests.append(request)
            queue = self.server.routes.get(self.path.partition("?")[0], [status(404)])
            route = queue.pop(0) if len(queue) > 1 else queue[0]
        self.close_connection = True
        with suppress(OSError):  # the client has gone, as a careful one does
            route(self)

    do_GET = do_POST = do_HEAD = _serve  # names that http.server asks for

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's own name
        """Say nothing."""


Route = Callable[[Handler], None]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, list[Route]] = {}
        self.requests: list[Received] = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


class Server:
    """``with Server() as server: server.on("/hook", status(500), status(200))``.

    The answers of one path are given in turn, the last for ever. ``tls`` makes it speak https.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._http = _Http()
        self._scheme = "https" if tls else "http"
        if tls:
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def on(self, path: str, *routes: Route) -> None:
        """Answer ``path`` by ``routes`` in turn; the last one stays."""
        with self._http.lock:
            self._http.routes[path] = list(routes)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of ``path`` under the name ``host``."""
        return f"{self._scheme}://{host}:{self.port}{path}"

    @property
    def port(self) -> int:
        """The port that the system gave."""
        return int(self._http.server_address[1])

    @property
    def requests(self) -> list[Received]:
        """All requests so far, oldest first."""
        with self._http.lock:
            return list(self._http.requests)


def answer(code: int, body: bytes = b"", **headers: str) -> Route:
    """An orderly answer; ``_`` in a header's name stands for ``-``. A given Content_Length may lie."""

    def route(handler: Handler) -> None:
        handler.send_response(code)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if not {"Content-Length", "Transfer-Encoding"} & set(fields):
            fields["Content-Length"] = str(len(body))
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return route


def status(code: int, **headers: str) -> Route:
    """A bare status."""
    return answer(code, b"", **headers)


def redirect(location: str, code: int = 302) -> Route:
    """Send the client elsewhere."""
    return status(code, Location=location)


def hang() -> Route:
    """Accept the request and never answer (until the server stops)."""
    return lambda handler: handler.server.stopping.wait(60) and None


def drip(head: bytes, drop: bytes = b"x", every_s: float = 0.02) -> Route:
    """Slow loris: send ``head``, then ``drop`` again and again, just often enough to look alive."""

    def route(handler: Handler) -> None:
        handler.wfile.write(head)
        while not handler.server.stopping.wait(every_s):
            handler.wfile.write(drop)

    return route


def endless(head: bytes = b"HTTP/1.1 200 OK\r\n\r\n", block: bytes = b"\0" * 65536) -> Route:
    """A body that never ends, as fast as the client takes it."""

    def route(handler: Handler) -> None:
        handler.wfile.write(head)
        while not handler.server.stopping.is_set():
            handler.wfile.write(block)

    return route


def raw(data: bytes) -> Route:
    """Exactly these bytes, HTTP or not."""
    return lambda handler: handler.wfile.write(data) and None


def reset(after: bytes = b"") -> Route:
    """Send ``after``, then break the connection with a TCP reset."""

    def route(handler: Handler) -> None:
        handler.wfile.write(after)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.connection.close()

    return route
