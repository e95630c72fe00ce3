"""The client, against a server that behaves as told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from localcloud import submit
from localcloud.__main__ import files_of, main
from localcloud.submit import Client, Refused, SubmitError, Unreachable

pytestmark = pytest.mark.loopback

Reply = tuple[int, dict[str, str], bytes]


class Server:
    """Records requests; answers by ``reply(method, path, body)``."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.reply: Callable[[str, str, bytes], Reply] = lambda *_: (200, {}, b"{}")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append((self.command, self.path, headers, body))
                status, extra, data = outer.reply(self.command, self.path, body)
                self.send_response(status)
                for name, value in (extra | {"Content-Length": str(len(data))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer

            def log_message(self, *_args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server.url, "bf_token", timeout_s=10, patience_s=5)


def _json(value: Any, status: int = 200, **headers: str) -> Reply:
    return status, {"Content-Type": "application/json"} | headers, json.dumps(value).encode()


def _parts(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    message = BytesParser().parsebytes(
        b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body
    )
    found: dict[str, Any] = {}
    for part in message.get_payload():
        found[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True)  # type: ignore[union-attr, index]
    return found


class TestSubmit:
    def test_a_small_file_goes_inline(self, server: Server, client: Client, tmp_path: Path) -> None:
        file = tmp_path / 'we"ird ä.jpg'
        file.write_bytes(b"\xff\xd8\x00\r\n--boundary")
        server.reply = lambda *_: _json({"id": "an_1"}, 202)
        answer = client.submit(file, operations=["image_forgery", "provenance"], options={"visualize": False})
        assert answer == {"id": "an_1"}
        method, path, headers, body = server.seen[0]
        assert (method, path) == ("POST", "/v1/analyses")
        assert headers["authorization"] == "Bearer bf_token"
        assert headers["idempotency-key"]
        parts = _parts(headers, body)
        assert parts["file"] == b"\xff\xd8\x00\r\n--boundary"
        assert parts["operations"] == b"image_forgery,provenance"
        assert json.loads(parts["options"]) == {"visualize": False}
        assert 'filename="we%22ird ä.jpg"'.encode() in body

    def test_a_large_file_goes_by_form(
        self, server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(submit, "INLINE_BYTES", 10)
        file = tmp_path / "a.mp4"
        file.write_bytes(b"0123456789abcdef")
        replies = {
            "/v1/uploads": _json(
                {"upload_id": "up_1", "url": f"{server.url}/bucket", "fields": {"key": "k", "p": "q"}}, 201
            ),
            "/bucket": (204, {}, b""),
            "/v1/analyses": _json({"id": "an_1"}, 202),
        }
        server.reply = lambda _method, path, _body: replies[path]
        client.submit(file)
        ticket, form, create = server.seen
        assert json.loads(ticket[3])["bytes"] == 16
        assert len(json.loads(ticket[3])["sha256"]) == 64
        assert "authorization" not in form[2]
        assert list(_parts(form[2], form[3]).items()) == [
            ("key", b"k"),
            ("p", b"q"),
            ("file", b"0123456789abcdef"),
        ]
        assert json.loads(create[3]) == {"upload_id": "up_1"}

    def test_a_413_sends_it_the_other_way(self, server: Server, client: Client, tmp_path: Path) -> None:
        file = tmp_path / "a.jpg"
        file.write_bytes(b"x")

        def reply(_method: str, path: str, body: bytes) -> Reply:
            if path == "/v1/analyses" and b"upload_id" not in body:
                return 413, {}, b'{"code": "too_large"}'
            if path == "/v1/uploads":
                return _json({"upload_id": "up_1", "url": f"{server.url}/b", "fields": {}}, 201)
            return (204, {}, b"") if path == "/b" else _json({"id": "an_1"}, 202)

        server.reply = reply
        assert client.submit(file)["id"] == "an_1"

    def test_a_url_goes_as_a_url(self, server: Server, client: Client) -> None:
        client.submit("https://example.org/a?b=1&c=2")
        assert json.loads(server.seen[0][3]) == {"url": "https://example.org/a?b=1&c=2"}


class TestRequests:
    def test_a_problem_is_said_in_its_own_words(self, server: Server, client: Client) -> None:
        problem = {
            "title": "Bad",
            "code": "unknown_operation",
            "detail": "No such operation.",
            "request_id": "r1",
        }
        server.reply = lambda *_: _json(problem, 400)
        with pytest.raises(
            Refused, match=re.escape("400 unknown_operation: No such operation. (request r1)")
        ) as caught:
            client.get("an_1")
        assert (caught.value.status, caught.value.code) == (400, "unknown_operation")

    def test_an_answer_that_is_no_problem_document_is_still_said(
        self, server: Server, client: Client
    ) -> None:
        server.reply = lambda *_: (500, {}, b"<html>oops")
        with pytest.raises(Refused, match="500 error: <html>oops"):
            client.get("an_1")

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_busy_api_is_asked_again(self, server: Server, client: Client, status: int) -> None:
        answers = iter([_json({}, status, **{"Retry-After": "0"}), _json({"id": "an_1"})])
        server.reply = lambda *_: next(answers)
        assert client.get("an_1") == {"id": "an_1"}
        assert len(server.seen) == 2

    def test_patience_ends(self, server: Server, client: Client) -> None:
        client.patience_s = 0
        server.reply = lambda *_: _json({"code": "rate_limited"}, 429)
        with pytest.raises(Refused, match="rate_limited"):
            client.get("an_1")

    def test_nobody_there(self, server: Server, client: Client) -> None:
        server.http.shutdown()
        server.http.server_close()
        with pytest.raises(Unreachable, match="does not answer"):
            client.get("an_1")

    def test_the_token_goes_nowhere_else(self, server: Server, client: Client, tmp_path: Path) -> None:
        document = {"id": "an_1", "artifacts": [{"name": "a.png", "href": "http://127.0.0.1:1/steal"}]}
        with pytest.raises(SubmitError, match="The token is for"):
            client.fetch_artifacts(document, tmp_path)

    def test_following_ends_at_rest(self, server: Server, client: Client) -> None:
        states = iter(["queued", "running", "completed", "never asked"])
        server.reply = lambda *_: _json({"state": next(states)})
        assert [document["state"] for document in client.follow("an_1")] == ["queued", "running", "completed"]


class TestArtifacts:
    def test_links_are_followed_without_the_token(
        self, server: Server, client: Client, tmp_path: Path
    ) -> None:
        replies = {
            "/v1/analyses/an_1/artifacts/a.png": (302, {"Location": f"{server.url}/bucket/a?sig=1"}, b""),
            "/bucket/a?sig=1": (200, {}, b"\x89PNG"),
        }
        server.reply = lambda _method, path, _body: replies[path]
        document = {"id": "an_1", "artifacts": [{"name": "a.png"}, {"name": "../evil"}, {"name": ".hidden"}]}
        files = client.fetch_artifacts(document, tmp_path / "out")
        assert files == [tmp_path / "out/a.png"]
        assert files[0].read_bytes() == b"\x89PNG"
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
        assert "authorization" not in server.seen[1][2]

    def test_a_link_that_fails_leaves_no_file(self, server: Server, client: Client, tmp_path: Path) -> None:
        replies = {
            "/v1/analyses/an_1/artifacts/a.png": (302, {"Location": f"{server.url}/gone"}, b""),
            "/gone": (403, {}, b""),
        }
        server.reply = lambda _method, path, _body: replies[path]
        with pytest.raises(SubmitError, match="403"):
            client.fetch_artifacts({"id": "an_1", "artifacts": [{"name": "a.png"}]}, tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []


class TestCommand:
    def test_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("two words.jpg").touch()
        assert files_of("two words.jpg") == ["two words.jpg"]
        assert files_of("a.jpg  https://e.org/x?a=1&b=2") == ["a.jpg", "https://e.org/x?a=1&b=2"]
        assert files_of("it's.jpg") == ["it's.jpg"]
        assert files_of("  ") == []

    def test_a_missing_file_is_told_before_anything_starts(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        environment = {"FILE": "no/such.jpg", "BONAFIDE_LOCAL": str(tmp_path / "cloud")}
        assert main("run", environment) == 2
        assert "there is no file no/such.jpg" in capsys.readouterr().err
        assert not (tmp_path / "cloud").exists()

    def test_an_unknown_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main("fly", {}) == 2
        assert "fly" in capsys.readouterr().err

    def test_status_of_nothing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main("status", {"BONAFIDE_LOCAL": str(tmp_path / "cloud")}) == 1
        assert "down" in capsys.readouterr().out
        assert main("down", {"BONAFIDE_LOCAL": str(tmp_path / "cloud")}) == 0

    def test_a_token_needs_a_tenant(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main("token", {"BONAFIDE_LOCAL": str(tmp_path / "cloud")}) == 2
        assert "TENANT" in capsys.readouterr().err
