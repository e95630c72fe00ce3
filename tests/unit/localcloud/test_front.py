"""The front: which API a request reaches, what it carries there, and that bytes stay bytes."""

from __future__ import annotations

import http.client
import io
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from localcloud.front import (
    BadRequest,
    Front,
    Route,
    forwarded_headers,
    request_body,
    routes_from_outputs,
    upstream_path,
)

OUTPUTS = {
    "ApiId": "native1",
    "ApiUrl": "https://native1.execute-api…",
    "HiveApiId": "hive22",
    "HiveApiBasePath": "/hive",
    "OtherApiId": "other3",
    "OtherApiBasePath": "other/v3",
    "OtherApiStage": "live",
    "ManyApiId": "many4",
    "ManyApiBasePath": "/auth /tasks",
    "LooseApiId": "no base path, so nobody can mean it",
    "Table": "t",
}


class TestRoutes:
    def test_read_from_outputs_longest_first(self) -> None:
        assert routes_from_outputs(OUTPUTS) == (
            Route("/other/v3", "other3", "live"),
            Route("/tasks", "many4", whole=True),
            Route("/hive", "hive22"),
            Route("/auth", "many4", whole=True),
            Route("", "native1"),
        )

    def test_nothing_deployed_has_no_routes(self) -> None:
        assert routes_from_outputs({}) == ()
        assert upstream_path("/v1/health", ()) is None

    @pytest.mark.parametrize(
        ("target", "api", "rest"),
        [
            ("/v1/analyses", "native1/api", "/v1/analyses"),
            ("/v1//analyses///x/", "native1/api", "/v1//analyses///x/"),
            ("//v1/a%2Fb?q=%20&r=a?b", "native1/api", "//v1/a%2Fb?q=%20&r=a?b"),
            ("/", "native1/api", "/"),
            ("/hive/task/sync", "hive22/api", "/task/sync"),
            ("/hive//task", "hive22/api", "//task"),
            ("/other//v3/task", "other3/live", "/task"),
            ("//hive/task", "hive22/api", "/task"),
            ("/hive.x/task", "native1/api", "/hive.x/task"),
            ("/hive", "hive22/api", "/"),
            ("/hive?x=1", "hive22/api", "/?x=1"),
            ("/hives/task", "native1/api", "/hives/task"),
            ("/other/v3/y", "other3/live", "/y"),
            ("//auth/tokens", "many4/api", "//auth/tokens"),
            ("/tasks/a%2Fb?x=1", "many4/api", "/tasks/a%2Fb?x=1"),
            ("/taskss", "native1/api", "/taskss"),
        ],
    )
    def test_a_base_path_names_an_api_and_is_taken_off(self, target: str, api: str, rest: str) -> None:
        assert upstream_path(target, routes_from_outputs(OUTPUTS)) == f"/restapis/{api}/_user_request_{rest}"


class TestHeaders:
    def _forward(self, headers: list[tuple[str, str]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in forwarded_headers(headers, client="127.0.0.1", gateway="127.0.0.1:1", port=2):
            found.setdefault(name.lower(), []).append(value)
        return found

    def test_say_where_the_request_came_in(self) -> None:
        sent = self._forward([("Host", "localhost:2"), ("Accept", "*/*")])
        assert sent["host"] == ["127.0.0.1:1"]
        assert sent["x-forwarded-host"] == ["localhost:2"]
        assert sent["x-forwarded-for"] == ["127.0.0.1"]
        assert sent["x-forwarded-proto"] == ["http"]
        assert sent["x-forwarded-port"] == ["2"]
        assert sent["accept"] == ["*/*"]

    def test_go_on_from_another_proxy(self) -> None:
        sent = self._forward(
            [
                ("X-Forwarded-For", "203.0.113.9"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "a.example"),
            ]
        )
        assert sent["x-forwarded-for"] == ["203.0.113.9, 127.0.0.1"]
        assert sent["x-forwarded-proto"] == ["https"]
        assert sent["x-forwarded-host"] == ["a.example"]

    def test_hop_by_hop_ones_stay_here(self) -> None:
        sent = self._forward(
            [
                ("Connection", "close, X-Secret"),
                ("X-Secret", "1"),
                ("TE", "trailers"),
                ("Transfer-Encoding", "chunked"),
            ]
        )
        assert not {"connection", "x-secret", "te", "transfer-encoding", "content-length"} & sent.keys()


class TestBody:
    def test_a_counted_body(self) -> None:
        length, body = request_body({"Content-Length": "5"}, io.BufferedReader(io.BytesIO(b"hello, more")))
        assert (length, b"".join(body)) == (5, b"hello")

    def test_a_chunked_body_with_extensions_and_trailers(self) -> None:
        wire = io.BufferedReader(io.BytesIO(b"4;a=b\r\nWiki\r\n5\r\npedia\r\n0\r\nX: y\r\n\r\nnext"))
        length, body = request_body({"Transfer-Encoding": "Chunked"}, wire)
        assert (length, b"".join(body)) == (None, b"Wikipedia")
        assert wire.read() == b"next"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Length": "-1"},
            {"Content-Length": "5 6"},
            {"Transfer-Encoding": "chunked", "Content-Length": "3"},
            {"Transfer-Encoding": "gzip, chunked"},
        ],
    )
    def test_ambiguous_framing_is_refused(self, headers: dict[str, str]) -> None:
        with pytest.raises(BadRequest):
            request_body(headers, io.BufferedReader(io.BytesIO(b"")))

    def test_a_body_that_ends_early_is_refused(self) -> None:
        _, body = request_body({"Content-Length": "9"}, io.BufferedReader(io.BytesIO(b"abc")))
        with pytest.raises(BadRequest):
            list(body)


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it got, chunked or counted as asked."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length, body = request_body(self.headers, self.rfile)
        data = b"".join(body)
        self.send_response(201)
        self.send_header("X-Path", self.path)
        self.send_header("X-Length", str(length))
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        else:
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    do_POST = do_PUT = do_GET = do_PROPFIND = _answer

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def front() -> Iterator[Front]:
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    gateway.daemon_threads = True
    threading.Thread(target=gateway.serve_forever, args=(0.01,), daemon=True).start()
    front = Front(0, gateway.server_address[1], lambda: (Route("", "id1"),))
    front.start()
    yield front
    front.stop()
    gateway.shutdown()
    gateway.server_close()


def _ask(
    front: Front, method: str, path: str, body: object = None, **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)
    connection.request(method, path, body=body, headers=headers)  # type: ignore[arg-type]
    response = connection.getresponse()
    response.data = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


@pytest.mark.loopback
class TestWire:
    @pytest.mark.parametrize("path", ["/v1//x?y=%2F", "/v1/chunked"])
    def test_binary_bodies_pass_both_ways(self, front: Front, path: str) -> None:
        data = os.urandom(700_000)
        answer = _ask(front, "POST", path, data)
        assert answer.status == 201
        assert answer.headers["X-Path"] == f"/restapis/id1/api/_user_request_{path}"
        assert answer.headers["X-Length"] == "700000"
        assert answer.data == data  # type: ignore[attr-defined]

    def test_a_chunked_upload_stays_chunked(self, front: Front) -> None:
        answer = _ask(front, "PUT", "/v1/x", iter([b"ab", b"\x00\xff", b"cd"]))
        assert (answer.headers["X-Length"], answer.data) == ("None", b"ab\x00\xffcd")  # type: ignore[attr-defined]

    def test_any_method_passes(self, front: Front) -> None:
        assert _ask(front, "PROPFIND", "/v1/x").status == 201

    def test_a_connection_serves_many_requests(self, front: Front) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)
        for number in range(3):
            connection.request("POST", f"/v1/{number}", b"x" * number)
            answer = connection.getresponse()
            assert answer.read() == b"x" * number
        connection.close()

    def test_nothing_deployed_is_a_problem(self, front: Front) -> None:
        front.routes = lambda: ()
        answer = _ask(front, "GET", "/v1/x")
        assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")

    def test_a_gateway_that_is_gone_is_a_problem(self, front: Front) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            front.gateway_port = unused.getsockname()[1]
            answer = _ask(front, "GET", "/v1/x")
        assert (answer.status, answer.headers["Content-Type"]) == (502, "application/problem+json")

    def test_conflicting_lengths_are_a_problem(self, front: Front) -> None:
        with socket.create_connection(("127.0.0.1", front.port), timeout=10) as raw:
            raw.sendall(
                b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            assert raw.recv(100).startswith(b"HTTP/1.1 400")
