"""Resemble Detect against the whole stack, spoken to by the vendor's own clients, unmodified.

PyPI ``resemble`` 1.9.0 and npm ``@resemble/node`` 3.5.3: only base URL and key are ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import media
from tests.helpers.cloud import Api, Cloud, send, until
from tests.helpers.server import Server, answer, status
from tests.helpers.template import ROOT

NODE = Path(__file__).parent / "resemble_node"
Node = Callable[..., Any]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "photo.jpg"
    path.write_bytes(media.jpeg(60_000, width=640, height=480))
    return path


@pytest.fixture
def host(photo: Path) -> Iterator[Server]:
    """Return a host with a picture and a place for callbacks."""
    with Server() as server:
        server.on("/photo.jpg", answer(200, photo.read_bytes(), Content_Type="image/jpeg"))
        server.on("/hook", status(200))
        yield server


@pytest.fixture
def sdk(api: Api) -> Iterator[Any]:
    """Return the PyPI client. It concatenates: the trailing slash is needed."""
    resemble = pytest.importorskip("resemble").Resemble
    before = resemble._base_url
    resemble.base_url(f"{api.base_url}/api/")
    resemble.api_key(api.token)
    yield resemble.v2.deepfake_detection
    resemble.base_url(before)
    resemble.api_key(None)


@pytest.fixture(scope="module")
def installed() -> Path:
    """Return where the npm client is installed, once, by its lockfile."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm on this machine")
    pins = [NODE / name for name in ("package.json", "package-lock.json", ".npmrc", "client.mjs")]
    stamp = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:16]
    place = ROOT / ".cache" / "resemble-node" / stamp
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        for pin in pins:
            shutil.copy(pin, place)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts"], cwd=place, check=False, capture_output=True, timeout=300
        )
        if done.returncode:
            pytest.skip("npm cannot reach its registry")
        (place / "done").touch()
    return place


@pytest.fixture
def node(api: Api, installed: Path) -> Node:
    """Return the npm client: ``node("create", {...})``. It adds the slash itself."""

    def call(method: str, *given: Any) -> Any:
        command = ["node", "client.mjs", f"{api.base_url}/api", api.token, method, json.dumps(given)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(installed)}
        done = subprocess.run(
            command, cwd=installed, env=environment, check=False, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def is_judged(item: dict[str, Any]) -> None:
    """Assert that this is a finished picture, with the forgery map that exists today."""
    assert (item["status"], item["media_type"], item["metrics"]) == ("completed", "image", {}), item
    found = item["image_metrics"]
    assert found["type"] == "FinalResult" and found["label"] in ("Fake", "Real", "Inconclusive")
    assert {child["type"] for child in found["children"]} >= {"ifl"}
    assert item["duration"] == "0.0"


# ---- the PyPI client ---------------------------------------------------------------------------------


@pytest.mark.rows("RES-1", "RES-2", "RES-6", "RES-7", "RES-32", "X-4", "X-8")
def test_python_by_url(sdk: Any, host: Server) -> None:
    made = sdk.detect(url=host.url("/photo.jpg"), visualize=True, pipeline="general", model_types="image")
    assert made["success"] is True and made["item"]["status"] == "processing"
    got = until(
        lambda: (g := sdk.get(made["item"]["uuid"]))["item"]["status"] != "processing" and g, "the end"
    )
    assert got["success"] is True
    is_judged(got["item"])
    assert got["item"]["url"] == got["item"]["audio_url"] == host.url("/photo.jpg")


@pytest.mark.rows("RES-24", "RES-58", "RES-32", "X-7")
def test_python_by_file(sdk: Any, photo: Path) -> None:
    with photo.open("rb") as file:  # a part without a content type, through secure_uploads
        got = sdk.detect_and_get(file=file, visualize=True, retries=40, wait_time=0.5)
    is_judged(got["item"])
    assert got["item"]["filename"] == "photo.jpg"
    kept = send("GET", got["item"]["url"])
    assert kept.status == 200 and kept.body == photo.read_bytes()


@pytest.mark.rows("RES-3", "RES-32", "X-8")
def test_python_gives_up_with_a_body_that_says_so(sdk: Any, host: Server) -> None:
    left = sdk.detect_and_get(url=host.url("/photo.jpg"), retries=0)
    assert left["success"] is True  # the SDK does not raise: only the status tells
    assert left["item"]["status"] == "processing" and left["item"]["metrics"] == {}


@pytest.mark.rows("RES-4", "RES-9", "X-8")
def test_python_waits(sdk: Any, host: Server) -> None:
    started = time.monotonic()
    got = sdk.detect(url=host.url("/photo.jpg"), synchronous=True)
    assert got["success"] is True
    if time.monotonic() - started < 24:
        is_judged(got["item"])


@pytest.mark.rows("RES-8", "X-5", "RES-6")
def test_python_sees_every_error_as_json(sdk: Any, api: Api) -> None:
    import resemble

    assert sdk.get("00000000-0000-4000-8000-000000000000") == {
        "success": False,
        "message": "Detect not found",
    }
    refused = sdk.detect_and_get(url="http://10.0.0.1/a.wav")
    assert refused["success"] is False and refused["message"]
    resemble.Resemble.api_key("nobody")
    unknown = sdk.detect_and_get(url="https://example.org/a.wav")
    assert set(unknown) == {"success", "message"} and unknown["success"] is False


# ---- the npm client ----------------------------------------------------------------------------------


@pytest.mark.rows("RES-1", "RES-6", "RES-24", "RES-58", "X-4", "X-7")
def test_node_by_file(node: Node, photo: Path) -> None:
    got = node("detectAndGet", {"file": str(photo), "visualize": True}, 40, 0.5)
    assert got["success"] is True, got
    is_judged(got["item"])


@pytest.mark.rows("RES-4", "RES-7", "RES-8")
def test_node_by_url(node: Node, host: Server) -> None:
    made = node("create", {"url": host.url("/photo.jpg")})
    assert made["success"] is True and made["item"]["uuid"]
    again = node("get", made["item"]["uuid"])
    assert again["item"]["uuid"] == made["item"]["uuid"]
    waited = node("createSync", {"url": host.url("/photo.jpg"), "intelligence": True})
    assert waited["item"]["status"] in ("completed", "processing")
    assert waited["item"]["intelligence"]["detect_uuid"] == waited["item"]["uuid"]
    assert node("get", "nothing") == {"success": False, "message": "Detect not found"}


# ---- the wire itself ---------------------------------------------------------------------------------


@pytest.mark.rows("RES-6", "X-4")
@pytest.mark.parametrize("spelling", ["Bearer {}", "Token token={}", 'Token token="{}"', "Token {}"])
def test_every_spelling_of_the_key(api: Api, spelling: str) -> None:
    url = f"{api.base_url}/api/v2/detect?page=1"
    found = send("GET", url, headers={"Authorization": spelling.format(api.token)})
    assert found.status == 200 and found.json["total_count"] == 0
    nobody = send("GET", url, headers={"Authorization": spelling.format("nobody")})
    assert nobody.status == 401 and nobody.json["success"] is False


@pytest.mark.rows("RES-4", "RES-6")
def test_curl(api: Api, host: Server) -> None:
    if not shutil.which("curl"):
        pytest.skip("no curl on this machine")
    wish = {"url": host.url("/photo.jpg"), "intelligence": True, "visualize": True, "frame_length": 2}
    command = [
        *("curl", "--silent", "--request", "POST", f"{api.base_url}/api/v2/detect"),
        *("-H", f"Authorization: Bearer {api.token}", "-H", "Prefer: wait"),
        *("-H", "Content-Type: application/json", "--data", json.dumps(wish)),
    ]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert said["success"] is True and said["item"]["visualize"] is True
    is_judged(said["item"])
    assert "image forgery" in said["item"]["intelligence"]["description"].lower()


FETCH = """
const [url, token, media] = process.argv.slice(1);
const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Prefer: "wait" };
const wish = {
  url: media, visualize: true, frame_length: 2, start_region: 0, end_region: 1,
  max_video_fps: 5, max_video_secs: 10,
  intelligence: true, audio_source_tracing: true, use_reverse_search: true, use_ood_detector: true,
  zero_retention_mode: false,
};
fetch(url, { method: "POST", headers, body: JSON.stringify(wish) })
  .then(async (answer) => console.log(JSON.stringify([answer.status, await answer.json()])));
"""


@pytest.mark.rows("RES-1", "RES-4", "RES-10")
def test_javascript(api: Api, host: Server) -> None:
    """Every member of the vendor's request interface, by nothing but what Node has."""
    if not shutil.which("node"):
        pytest.skip("no node on this machine")
    command = ["node", "-e", FETCH, f"{api.base_url}/api/v2/detect", api.token, host.url("/photo.jpg")]
    status_, said = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert (status_, said["success"]) == (200, True), said
    is_judged(said["item"])


@pytest.mark.rows("X-3", "RES-24")
def test_more_than_a_gateway_on_aws_carries(api: Api, photo: Path) -> None:
    """This cloud takes 16 MB (tests/cloud/conftest.py), `make up` 500 MiB: more than the vendor's 150 MB."""
    from urllib3.filepost import encode_multipart_formdata

    def post(**fields: Any) -> Any:
        body, kind = encode_multipart_formdata(fields)
        return api("POST", "/api/v2/detect", body=body, headers={"Content-Type": kind})

    assert post(file=("a.wav", bytes(12_000_000))).status == 200
    refused = post(file=("a.wav", bytes(16_100_000)))
    assert refused.status == 413 and "media_token" in refused.json["message"], refused.body
    token = api.upload(photo.read_bytes(), filename="photo.jpg")
    begun = api("POST", "/api/v2/detect", json={"media_token": token}, headers={"Prefer": "wait"}).json
    assert begun["success"] is True, "the way round that the error names"
    is_judged(begun["item"])


@pytest.mark.rows("RES-59")
def test_a_batch(api: Api, photo: Path) -> None:
    from urllib3.filepost import encode_multipart_formdata

    body, kind = encode_multipart_formdata(
        [("files[]", (f"{n}.jpg", photo.read_bytes())) for n in range(2)] + [("frame_length", "2")]
    )
    made = api("POST", "/api/v2/detect/batch", body=body, headers={"Content-Type": kind})
    assert made.status == 202, made.body
    where = f"/api/v2/detect/batch/{made.json['item']['uuid']}"
    done = until(lambda: (b := api("GET", where).json["item"])["status"] != "processing" and b, "the batch")
    assert (done["status"], done["completed_count"], done["failed_count"]) == ("completed", 2, 0)


@pytest.mark.rows("X-5", "X-6", "RES-8")
def test_repeated_slashes_and_unknown_paths(api: Api) -> None:
    assert api("GET", "/api//v2//detect?page=1").status == 200
    for method, path, expected in (
        ("GET", "/api/v2", 404),
        ("GET", "/api/v2/nothing", 404),
        ("DELETE", "/api/v2/detect", 405),
        ("POST", "/api/v2/detect", 400),
    ):
        found = api(method, path)
        assert (found.status, found.json["success"]) == (expected, False), path
        assert set(found.json) == {"success", "message"}
    missing = send("GET", f"{api.base_url}/api/v2/detect?page=1")
    assert missing.status == 401 and set(missing.json) == {"success", "message"}


@pytest.mark.rows("RES-5", "RES-12", "X-9")
def test_callback(api: Api, host: Server) -> None:
    from standardwebhooks import Webhook

    secret = api("POST", "/v1/webhooks", json={"url": host.url("/own"), "events": ["analysis.failed"]}).json
    body = {"url": host.url("/photo.jpg"), "callback_url": host.url("/hook")}
    uuid = api("POST", "/api/v2/detect", json=body).json["item"]["uuid"]
    until(lambda: [r for r in host.requests if r.path == "/hook"], "the callback")
    (received,) = [r for r in host.requests if r.path == "/hook"]
    assert received.method == "POST" and received.headers["content-type"] == "application/json"
    said = Webhook(secret["secret"]).verify(received.body, received.headers)
    assert said["item"]["uuid"] == uuid
    is_judged(said["item"])


@pytest.mark.rows("RES-22", "RES-57", "RES-34")
def test_zero_retention(api: Api, cloud: Cloud, host: Server) -> None:
    body = {
        "url": host.url("/photo.jpg"),
        "zero_retention_mode": True,
        "callback_url": host.url("/hook"),
    }
    uuid = api("POST", "/api/v2/detect", json=body).json["item"]["uuid"]

    def erased() -> Any:
        item = api("GET", f"/api/v2/detect/{uuid}").json["item"]
        return item["media_deleted"] and item

    item = until(erased, "the media deleted")
    assert item["url"] is None and item["audio_url"] is None and item["file_deleted_at"]
    assert item["filename"].startswith("redacted_") and item["filename"].endswith(".jpg")
    assert item["status"] == "completed" and item["media_redacted"] is True
    assert cloud.objects(api.tenant) == []
    until(lambda: [r for r in host.requests if r.path == "/hook"], "the callback")
    (received,) = [r for r in host.requests if r.path == "/hook"]
    assert b"photo.jpg" not in received.body and host.url("/").encode() not in received.body


@pytest.mark.rows("RES-5")
def test_a_failure_calls_back_too(api: Api, host: Server) -> None:
    host.on("/gone.wav", status(404))
    body = {"url": host.url("/gone.wav"), "callback_url": host.url("/hook")}
    uuid = api("POST", "/api/v2/detect", json=body).json["item"]["uuid"]
    until(lambda: [r for r in host.requests if r.path == "/hook"], "the callback")
    (received,) = [r for r in host.requests if r.path == "/hook"]
    item = json.loads(received.body)["item"]
    assert (item["uuid"], item["status"]) == (uuid, "failed") and "404" in item["error_message"]


@pytest.mark.rows("RES-7")
def test_the_list(api: Api, host: Server) -> None:
    made = {
        api("POST", "/api/v2/detect", json={"url": host.url("/photo.jpg")}).json["item"]["uuid"]
        for _ in range(2)
    }
    found = until(
        lambda: (f := api("GET", "/api/v2/detect?page=1&page_size=10").json)["total_count"] == 2 and f,
        "both in the list",
    )
    assert {item["uuid"] for item in found["items"]} == made
    assert (found["page"], found["num_pages"], found["page_size"]) == (1, 1, 10)
