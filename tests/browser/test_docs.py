"""/docs in a browser: every document renders, from our own files alone, without a word of complaint."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from openapi.__main__ import DIALECTS
from tests.helpers.aws import context, in_moto, load_handler
from tests.helpers.gateway import Answer, event
from tests.helpers.template import ROOT

DRIVER = Path(__file__).parent / "driver"
DOCUMENTS = {path.stem for dialect in DIALECTS for path in dialect.outputs() if path.suffix == ".yaml"}


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the machine's browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.skip("no chromium on this machine")
    return found


@pytest.fixture(scope="module")
def driver() -> Path:
    """Return where the driver is installed, once, by its lockfile."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm on this machine")
    pins = sorted(path for path in DRIVER.iterdir() if path.is_file())
    stamp = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:16]
    place = ROOT / ".cache" / "browser" / stamp
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        for pin in pins:
            shutil.copy(pin, place)
        command = ["npm", "ci", "--ignore-scripts"]
        done = subprocess.run(command, cwd=place, check=False, capture_output=True, timeout=300)
        if done.returncode:
            pytest.skip("npm cannot reach its registry")
        (place / "done").touch()
    return place


@pytest.fixture(scope="module", params=["/api", ""], ids=["stage", "front"])
def site(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve the function as API Gateway's stage does, and as the root of a host."""
    with in_moto() as aws:
        aws.use("docs")
        with load_handler("docs") as module:
            server = _serve(module.lambda_handler, request.param)
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}{request.param}"
            finally:
                server.shutdown()
                server.server_close()


def _serve(handler: Any, stage: str) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = self.path.removeprefix(stage)
            proxied = event("GET", target, authorizer={}, stage="x", resource="/docs/{proxy+}")
            proxied["headers"] |= {"Host": self.headers["Host"], "X-Forwarded-Proto": "http"}
            proxied["multiValueHeaders"] = {}
            proxied["requestContext"] |= {"path": stage + proxied["path"], "domainName": ""}
            answer = Answer.of(handler(proxied, context("docs")))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_every_document_renders(site: str, browser: str, driver: Path, tmp_path: Path) -> None:
    names = sorted(DOCUMENTS)
    addresses = [f"{site}/docs?api={name}" for name in names]
    command = ["node", "look.mjs", browser, f"{site}/docs", *addresses]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=driver, env=environment, check=False, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    first, *seen = json.loads(done.stdout)
    assert first["title"].startswith("Bonafide")
    for name, said in zip(names, seen, strict=True):
        document = json.loads((ROOT / "functions/docs/apis" / f"{name}.json").read_text("utf-8"))
        assert said["title"].startswith(document["info"]["title"])
        assert said["operations"] >= sum(len(item) for item in document["paths"].values())
        assert said["apis"] == len(names)
        assert said["opened"] and said["errors"] == []
    for said in (first, *seen):
        assert said["complaints"] == []
        asked = [url for url in said["requests"] if not url.startswith("data:")]
        assert len(asked) >= 6 and all(url.startswith(f"{site}/docs") for url in asked), asked
