"""Many files in one request: all or none, bounded, with an account of how far they are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from bonafide.ids import from_uuid
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, multipart
from tests.helpers.rooms import Clock

Api = Callable[..., Answer]
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)


def post(api: Api, *parts: tuple, **headers: str) -> Answer:
    """Send a batch."""
    body, kind = multipart(parts)
    return api("POST", "/api/v2/detect/batch", body=body, headers={"Content-Type": kind, **headers})


def zipped(**files: bytes) -> bytes:
    """Return a zip; ``__`` in a name stands for a slash."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


@pytest.mark.rows("RES-59")
def test_files(api: Api, clock: Clock) -> None:
    made = post(api, ("files[]", WAV, "a.wav"), ("files[]", WAV, "b.mp3"), ("frame_length", "3"))
    assert made.status == 202, made.body
    item = made.json["item"]
    uuids = item.pop("detect_uuids")
    assert item == {
        "uuid": item["uuid"],
        "status": "processing",
        "total_files": 2,
        "completed_count": 0,
        "failed_count": 0,
        "created_at": "2026-11-20T12:00:00.000Z",
    }
    named = [api("GET", f"/api/v2/detect/{uuid}").json["item"]["filename"] for uuid in uuids]
    assert named == ["a.wav", "b.mp3"]
    first, second = (from_uuid(uuid, "an") for uuid in uuids)
    where = f"/api/v2/detect/batch/{item['uuid']}"
    analyses.fail("acme", first, code="x", detail="y", now=clock.now())
    seen = api("GET", where).json["item"]
    assert (seen["status"], seen["completed_count"], seen["failed_count"]) == ("processing", 0, 1)
    analyses.fail("acme", second, code="x", detail="y", now=clock.now())
    assert api("GET", where).json["item"]["status"] == "failed"
    assert api("GET", where, tenant="other").status == 404
    assert api("GET", "/api/v2/detect/batch/nothing").json["message"] == "Batch not found"


@pytest.mark.rows("RES-59")
def test_a_zip(api: Api) -> None:
    data = zipped(in__a=WAV, b=WAV, __MACOSX__a=b"x", in___hidden=b"x")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 4
    made = post(api, ("file", zipped(in__a=WAV, b=WAV, in__c=WAV), "all.zip"))
    assert made.status == 202 and made.json["item"]["total_files"] == 3
    bomb = zipped(a=bytes(30_000_000))
    assert len(bomb) < 100_000
    assert post(api, ("file", bomb, "bomb.zip")).status == 413


@pytest.mark.rows("RES-59")
@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("files[]", b"", "a.wav")],
        [("files[]", WAV, "a.wav"), ("file", WAV, "b.zip")],
        [("file", b"no zip at all", "a.zip")],
        [("file", zipped(a=WAV)[:-30], "a.zip")],
        [("file", zipped(), "a.zip")],
        [("file", zipped(**{f"f{n}": WAV for n in range(51)}), "a.zip")],
        [("files[]", WAV, f"{n}.wav") for n in range(51)],
        [("files[]", WAV, "a.wav"), ("frame_length", "9")],
        [("files[]", WAV, "a.wav"), ("callback_url", "https://10.0.0.1/")],
    ],
)
def test_all_or_none(api: Api, parts: list[tuple]) -> None:
    answer = post(api, *parts)
    assert answer.status == 400, answer.body
    assert answer.json["success"] is False
    assert analyses.index("acme", dialect="resemble", limit=10) == []


@pytest.mark.rows("RES-59")
def test_a_batch_cannot_be_waited_for(api: Api, aws: Aws) -> None:
    assert post(api, ("files[]", WAV, "a.wav"), Prefer="wait").status == 400
    assert api("POST", "/api/v2/detect/batch", body={"url": "https://93.184.216.34/a.wav"}).status == 400
    aws.use("api_resemble", INLINE_LIMIT_BYTES="1000")
    assert post(api, ("files[]", bytes(1001), "a.wav")).status == 413
