"""The Phonexia dialect through the front, on the whole stack: as curl and as a program ask it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest
from urllib3.filepost import encode_multipart_formdata

from benchmarks import media
from tests.helpers.cloud import Answer, Api, until

PATH = "/api/technology/experimental/authenticity-verification"
rows = pytest.mark.rows


def call(seconds: float, *, channels: int = 1, rate_hz: int = 8000) -> bytes:
    """Return a recording as WAV, the same sound in each channel."""
    sound = media.speech(seconds, rate_hz=rate_hz)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(sound.repeat(channels).tobytes())
    return out.getvalue()


def start(api: Api, data: bytes, query: str = "", **beside: str) -> Answer:
    body, kind = encode_multipart_formdata({**beside, "file": ("call.wav", data)})
    return api("POST", PATH + query, body=body, headers={"Content-Type": kind})


def ended(api: Api, begun: Answer) -> Answer:
    """Poll `Location` as a client does, until the task has ended."""
    assert begun.status == 202, begun.body
    last: list[Answer] = []

    def look() -> bool:
        last.append(api("GET", begun.headers["location"]))
        assert last[-1].status == 200, last[-1].body
        return last[-1].json["task"]["state"] not in ("pending", "running")

    until(look, "the task")
    return last[-1]


@rows("PHX-1", "PHX-4", "PHX-25", "PHX-26", "PHX-29")
def test_a_task_from_end_to_end(api: Api) -> None:
    begun = start(api, call(4, channels=2), "?operations=deepfake_detection", config="{}")
    assert begun.headers["location"].startswith(f"{api.base_url}{PATH}/")
    answer = ended(api, begun)
    assert answer.json["task"] == {"task_id": begun.json["task"]["task_id"], "state": "done"}
    result = answer.json["result"]
    assert [one["channel_number"] for one in result["deepfake_detection"]["channels"]] == [0, 1]
    assert result["replay_attack_detection"] is None
    for channel in result["deepfake_detection"]["channels"]:
        silent = (
            f"deepfake_detection/{channel['channel_number']}=" in answer.headers["x-bonafide-null-reason"]
        )
        assert silent == (channel["score"] is None), "a score, or the reason why there is none"


@rows("PHX-6")
def test_two_seconds_have_no_score(api: Api) -> None:
    answer = ended(api, start(api, call(2)))
    assert answer.json["result"]["deepfake_detection"]["channels"] == [{"channel_number": 0, "score": None}]


@rows("PHX-45", "PHX-18")
def test_what_does_not_meet_the_requirements_is_rejected(api: Api) -> None:
    for data, query in (
        (media.jpeg(20_000, width=160, height=120), ""),
        (b"no media at all", ""),
        (call(4), "?channels=1"),
        (call(4), "?from_time=60"),
    ):
        document = ended(api, start(api, data, query)).json
        assert document["task"]["state"] == "rejected", document
        assert document["error"]["type"] == "task.validation-error"
        assert document["error"]["message"]


@rows("X-6")
def test_repeated_slashes_and_neighbours_on_the_same_host(api: Api) -> None:
    body, kind = encode_multipart_formdata({"file": ("call.wav", call(1))})
    slashed = api("POST", "/" + PATH.replace("/", "//"), body=body, headers={"Content-Type": kind})
    assert slashed.status == 202
    assert api("GET", "/v1/health").status == 200
    assert api("GET", "/api/technology").json["type"] == "resource.not-found"


@rows("PHX-47", "X-3")
def test_more_than_a_gateway_on_aws_carries(api: Api) -> None:
    """This cloud takes 16 MB (tests/cloud/conftest.py), `make up` the vendor's full 500 MiB."""
    assert start(api, bytes(12_000_000)).status == 202
    answer = start(api, bytes(16_000_001))
    assert (answer.status, answer.json["type"]) == (413, "request.size-limit-exceeded")
    upload_id = api.upload(call(4))
    body, kind = encode_multipart_formdata({"upload_id": upload_id})
    begun = api("POST", PATH, body=body, headers={"Content-Type": kind})
    assert ended(api, begun).json["task"]["state"] == "done", "the way round that the error names"


@rows("PHX-46")
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_curl(api: Api, tmp_path: Path) -> None:
    """The request that the vendor's page makes of its form for curl, with host and key replaced."""
    file = tmp_path / "call.wav"
    file.write_bytes(call(4))

    def curl(*words: str) -> tuple[dict[str, str], Any]:
        said = subprocess.run(
            ["curl", "-sS", "-i", "-L", *words, "-H", "Accept: application/json",
             "-H", f"Authorization: Bearer {api.token}"],
            capture_output=True, check=True, text=True,
        ).stdout.replace("\r\n", "\n")  # fmt: skip
        head, _, body = said.removeprefix("HTTP/1.1 100 Continue\n\n").partition("\n\n")
        fields = (line.partition(": ") for line in head.splitlines()[1:])
        return {name.lower(): value for name, _, value in fields}, json.loads(body)

    headers, document = curl(f"{api.base_url}{PATH}", "-F", f"file=@{file}", "-F", "config={}")
    assert document["task"]["state"] == "pending"
    assert curl(headers["location"])[1]["task"]["task_id"] == document["task"]["task_id"]


SNIPPET = """
const [url, token] = process.argv.slice(1);
const form = new FormData();
form.append("file", new Blob([require("fs").readFileSync(0)]), "call.wav");
const headers = {Authorization: `Bearer ${token}`, Accept: "application/json"};
(async () => {
  const begun = await fetch(url, {method: "POST", headers, body: form, redirect: "follow"});
  const looked = await fetch(begun.headers.get("location"), {headers});
  console.log(JSON.stringify([begun.status, await begun.json(), looked.status, await looked.json()]));
})();
"""


@rows("PHX-46")
@pytest.mark.skipif(not shutil.which("node"), reason="no node here")
def test_javascript(api: Api) -> None:
    """A program in the vendor's `nodejs` language, with nothing but what Node has."""
    done = subprocess.run(
        ["node", "-e", SNIPPET, api.base_url + PATH, api.token],
        input=call(4), capture_output=True, check=True,
    )  # fmt: skip
    status, begun, looked, document = json.loads(done.stdout)
    assert (status, looked) == (202, 200)
    assert document["task"]["task_id"] == begun["task"]["task_id"]


@rows("PHX-22", "PHX-24", "PHX-33", "X-5")
def test_errors_through_the_gateway(api: Api) -> None:
    stranger = Api(api.base_url)
    body, kind = encode_multipart_formdata({"file": ("call.wav", b"x")})
    answer = stranger("POST", PATH, body=body, headers={"Content-Type": kind, "X-Request-Id": "r-7"})
    assert (answer.status, answer.json["type"]) == (401, "request.forbidden")
    assert answer.headers["x-request-id"] == "r-7"
    answer = api("POST", PATH, body=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.json) == (
        400,
        {"type": "request.invalid", "message": "Invalid request.", "detail": []},
    )
    assert answer.headers["content-type"] == "application/json"
