"""The front: one fixed local address for all APIs, as a custom domain is on AWS.

A REST API's own address on the embedded cloud carries its id, which changes with every new stack.
The front maps ``/v1/...`` to the native API, and ``/<base path>/...`` to the API of a dialect, as
API Gateway's base-path mappings do (the base path is taken off, unless the API has several). It streams
bodies both ways, leaves the path untouched otherwise (repeated slashes, percent escapes), and says where it
was reached in ``X-Forwarded-*``. Presigned URLs do not pass here: they name the gateway's own port.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any

__all__ = ["Front", "Route", "routes_from_outputs", "upstream_path"]

_CHUNK = 64 * 1024
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True)
class Route:
    """Requests under ``prefix`` go to this REST API; the empty prefix takes all that is left.

    ``whole``: the prefix stays on the path, because the API is reached under several and tells them apart.
    """

    prefix: str
    api_id: str
    stage: str = "api"
    whole: bool = False


class BadRequest(Exception):
    """The client's framing cannot be understood."""


def routes_from_outputs(outputs: Mapping[str, str]) -> tuple[Route, ...]:
    """Read the table from the stack's outputs, longest prefix first.

    ``ApiId`` is the native API at the root. A dialect has a pair of outputs ``<Name>ApiId`` and
    ``<Name>ApiBasePath`` (such as ``/hive``; several with spaces between), and ``<Name>ApiStage`` if its
    stage is not ``api``.
    """
    routes = []
    for key, value in outputs.items():
        if not key.endswith("ApiId"):
            continue
        name = key.removesuffix("Id")
        stage = outputs.get(f"{name}Stage", "api")
        prefixes = outputs.get(f"{name}BasePath", "").split()
        if name == "Api":
            routes.append(Route("", value, stage))
        several = len(prefixes) > 1
        routes += [Route(f"/{prefix.strip('/')}", value, stage, whole=several) for prefix in prefixes]
    return tuple(sorted(routes, key=lambda route: -len(route.prefix)))


def upstream_path(target: str, routes: tuple[Route, ...]) -> str | None:
    """Where a request target (path and query, as on the wire) lives on the gateway; None if nowhere.

    >>> upstream_path("/v1//a%2Fb?x=1", (Route("", "abc"),))
    '/restapis/abc/api/_user_request_/v1//a%2Fb?x=1'
    """
    path, mark, query = target.partition("?")
    for route in routes:
        steps = [re.escape(step) for step in route.prefix.split("/")]
        match = re.match("/+".join(steps) + ("(?=/|$)" if route.prefix else ""), path)
        if match:
            rest = path if route.whole else path[match.end() :] or "/"
            return f"/restapis/{route.api_id}/{route.stage}/_user_request_{rest}{mark}{query}"
    return None


def forwarded_headers(
    headers: list[tuple[str, str]], *, client: str, gateway: str, port: int
) -> list[tuple[str, str]]:
    """The headers that go on: no hop-by-hop ones, the gateway as host, the way here in X-Forwarded-*."""
    seen = {name.lower(): value for name, value in headers}
    drop = _HOP_BY_HOP | {"host", "content-length"}
    drop |= {word.strip().lower() for word in seen.get("connection", "").split(",")}
    ours = {
        "X-Forwarded-For": ", ".join(filter(None, [seen.get("x-forwarded-for"), client])),
        "X-Forwarded-Proto": seen.get("x-forwarded-proto", "http"),
        "X-Forwarded-Host": seen.get("x-forwarded-host") or seen.get("host", f"127.0.0.1:{port}"),
        "X-Forwarded-Port": seen.get("x-forwarded-port", str(port)),
    }
    drop |= {name.lower() for name in ours}
    kept = [(name, value) for name, value in headers if name.lower() not in drop]
    return [("Host", gateway), *kept, *ours.items()]


def request_body(
    headers: Mapping[str, str] | Message, stream: BufferedIOBase
) -> tuple[int | None, Iterator[bytes]]:
    """The body's length (None when it came chunked) and its bytes, read as they are wanted."""
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if coding is not None:
        if coding.strip().lower() != "chunked" or length is not None:
            raise BadRequest("one of Content-Length and Transfer-Encoding: chunked, not both")
        return None, _chunked(stream)
    if length is None:
        return 0, iter(())
    if not length.strip().isdigit():
        raise BadRequest("Content-Length is not a number")
    return int(length), _exactly(stream, int(length))


def _exactly(stream: BufferedIOBase, left: int) -> Iterator[bytes]:
    while left:
        data = stream.read1(min(_CHUNK, left))
        if not data:
            raise BadRequest("the body ended early")
        left -= len(data)
        yield data


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        head = stream.readline(1024).split(b";")[0].strip()
        try:
            size = int(head, 16)
        except ValueError:
            raise BadRequest("a chunk without a size") from None
        if size == 0:
            while stream.readline(8192).strip():
                pass  # trailers
            return
        yield from _exactly(stream, size)
        stream.readline(8)


class Front:
    """A threaded HTTP server on 127.0.0.1; ``routes`` is asked at each request, so a deploy shows at once."""

    def __init__(self, port: int, gateway_port: int, routes: Callable[[], tuple[Route, ...]]) -> None:
        self.gateway_port = gateway_port
        self.routes = routes
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.front = self
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Serve on a thread of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="front").start()

    def stop(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    front: Front

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 75
    # Head and body go out in two writes: else the body waits 40 ms for the client's late acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        """As the base class, but any method is passed on."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or len(self.raw_requestline) > 65536:
            self.close_connection = True
            return
        if self.parse_request():
            self._pass_on()
            self.wfile.flush()

    def _pass_on(self) -> None:
        front = self.server.front
        # self.path has its leading slashes collapsed by the base class.
        target = self.requestline.split(" ")[1]
        path = upstream_path(target, front.routes())
        if path is None:
            self._problem(503, "The local cloud has no stack yet; run make up.")
            return
        gateway = f"127.0.0.1:{front.gateway_port}"
        connection = http.client.HTTPConnection("127.0.0.1", front.gateway_port, timeout=900)
        try:
            length, body = request_body(self.headers, self.rfile)
            connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in forwarded_headers(
                list(self.headers.items()), client=self.client_address[0], gateway=gateway, port=front.port
            ):
                connection.putheader(name, value)
            self._send_body(connection, length, body)
            self._answer(connection.getresponse())
        except BadRequest as error:
            self._problem(400, str(error))
        except (ConnectionError, http.client.HTTPException, TimeoutError) as error:
            self._problem(502, f"The local cloud does not answer ({type(error).__name__}); see make logs.")
        finally:
            connection.close()

    def _send_body(
        self, connection: http.client.HTTPConnection, length: int | None, body: Iterator[bytes]
    ) -> None:
        if length is None:
            connection.putheader("Transfer-Encoding", "chunked")
        elif length or "Content-Length" in self.headers:
            connection.putheader("Content-Length", str(length))
        connection.endheaders()
        for data in body:
            connection.send(b"%x\r\n%s\r\n" % (len(data), data) if length is None else data)
        if length is None:
            connection.send(b"0\r\n\r\n")

    def _answer(self, response: http.client.HTTPResponse) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or response.status in (204, 304)
        chunked = not bodiless and response.getheader("Content-Length") is None
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not bodiless and (data := response.read1(_CHUNK)):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _problem(self, status: int, detail: str) -> None:
        title = http.client.responses[status]
        body = json.dumps(
            {"type": "about:blank", "title": title, "status": status, "detail": detail}
        ).encode()
        self.close_connection = True
        self.send_response_only(status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """The gateway logs; the front says nothing."""
