"""Trust lists: installed from an address or a folder, whole or not at all, and believed by their hash."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from bonafide_inference.trustlists import INDEX, MAX_BYTES, TrustListError, load

from localcloud import trust_lists
from tests.unit.inference.provenance import signing


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    for _, role, file, _ in trust_lists.SOURCES:
        text = "// purpose\n" + signing.PURPOSES if role == "purposes" else signing.authority()[2]
        (folder / file).write_text(text)
    return folder


@pytest.fixture
def server(socket_enabled: None, sources: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/away":
                self.send_response(301)
                self.send_header("Location", "ftp://127.0.0.1/x")
                self.end_headers()
                return
            super().do_GET()

    handler = functools.partial(Quiet, directory=str(sources))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.enable_socket
def test_installed_from_an_address(server: str, tmp_path: Path) -> None:
    trust_lists.install(
        lambda file, _: trust_lists.fetch(f"{server}/{file}"), tmp_path / "t", date(2026, 1, 31)
    )
    official, interim = load(tmp_path / "t")
    assert (official.name, interim.name) == ("c2pa", "c2pa-interim")
    assert official.snapshot == interim.snapshot == "2026-01-31"
    assert official.anchors.count("BEGIN CERTIFICATE") == 2  # signers' and time stamps' roots
    assert official.purposes == interim.purposes  # one policy of key usages serves both
    assert set(official.settings()) == {"trust_anchors", "trust_config"}
    assert set(interim.settings()) == {"trust_anchors", "trust_config", "allowed_list"}


def test_installed_from_a_folder(sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--from", str(sources), "--to", str(tmp_path / "t"), "--day", "2026-01-30"]
    assert trust_lists.main(arguments) == 0
    assert [one.snapshot for one in load(tmp_path / "t")] == ["2026-01-30"] * 2
    assert "C2PA-TRUST-LIST.pem  1 certificates  2026-01-30" in capsys.readouterr().out


def test_every_address_is_public_and_safe() -> None:
    assert all(address.startswith("https://") for *_, address in trust_lists.SOURCES)


@pytest.mark.parametrize("damage", ["missing", "page", "long"])
def test_all_or_nothing(
    sources: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = sources / trust_lists.SOURCES[-1][2]
    match damage:
        case "missing":
            last.unlink()
        case "page":
            last.write_text("<html>Sign in</html>")
        case "long":
            (sources / "C2PA-TRUST-LIST.pem").write_text("no certificate" * 1000)
    assert trust_lists.main(["--from", str(sources), "--to", str(tmp_path / "t")]) == 1
    assert not (tmp_path / "t").exists()
    assert "No trust lists were installed" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["http://example.org/x.pem", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_only_https_is_fetched(address: str) -> None:
    with pytest.raises(OSError, match="not an HTTPS address"):
        trust_lists.fetch(address)


@pytest.mark.enable_socket
def test_a_redirect_may_not_leave_its_scheme(server: str) -> None:
    with pytest.raises(OSError, match="leaves HTTPS"):
        trust_lists.fetch(f"{server}/away")


@pytest.mark.enable_socket
def test_an_endless_list_is_refused(server: str, sources: Path) -> None:
    (sources / "long.pem").write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(OSError, match="longer"):
        trust_lists.fetch(f"{server}/long.pem")


def test_no_folder_is_no_list(tmp_path: Path) -> None:
    assert load(tmp_path / "absent") == ()


@pytest.mark.parametrize("damage", ["changed", "absent", "index", "outside"])
def test_a_list_that_was_tampered_with_is_an_error(sources: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "t"
    trust_lists.main(["--from", str(sources), "--to", str(folder)])
    match damage:
        case "changed":
            with (folder / "itl-anchors.pem").open("a") as file:
                file.write("x")
        case "absent":
            (folder / "itl-anchors.pem").unlink()
        case "index":
            (folder / INDEX).write_text("{}")
        case "outside":
            told = json.loads((folder / INDEX).read_text())
            told["files"][0]["file"] = "../../etc/passwd"
            (folder / INDEX).write_text(json.dumps(told))
    with pytest.raises(TrustListError):
        load(folder)
