"""Bad files and hostile addresses: each ends in a clear failure, and none stays in ``running``."""

from __future__ import annotations

import struct
import zlib

import pytest

from benchmarks import media as made
from tests.helpers import media
from tests.helpers.cloud import Api, Cloud, until
from tests.helpers.server import Route, Server, answer, drip, endless, hang, redirect, status


def bomb_png(side: int = 60_000) -> bytes:
    """Return a PNG whose few kilobytes claim billions of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def bomb_pdf() -> bytes:
    """Return a PDF of a few kilobytes whose page tree names one page a hundred million times."""
    out = bytearray(b"%PDF-1.4\n")
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    for level in range(2, 10):
        kids = b" ".join([b"%d 0 R" % (level + 1)] * 10)
        objects.append(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (10 ** (10 - level), kids))
    objects.append(b"<< /Type /Page /Parent 9 0 R /MediaBox [0 0 9 9] >>")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def failed(api: Api, document: dict, *codes: str) -> None:
    """Assert a clear failure that a person understands."""
    assert document["state"] == "failed", document
    assert document["failure"]["code"] in codes, document["failure"]
    assert len(document["failure"]["detail"]) > 10
    assert "/tmp" not in document["failure"]["detail"]
    assert document["completed_at"]
    assert document["verdict"] is None
    assert api("GET", "/v1/analyses?state=running").json["data"] == []


def test_an_empty_file(cloud: Cloud, api: Api) -> None:
    api.inline(b"").problem(400, "empty_file")
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=f"drop/{api.tenant}/empty.jpg", Body=b"")
    found = until(api.all, "the dropped file's analysis")
    failed(api, api.finished(found[0]["id"]), "empty_file")


@pytest.mark.parametrize("name", ["photo.jpg", "voice.mp3", "letter.pdf"])
def test_a_wrong_extension_decides_nothing(api: Api, name: str) -> None:
    document = api.finished(api.inline(media.png(64, 64), name))
    assert document["state"] == "completed"
    assert document["media"]["format"] == "png"


@pytest.mark.parametrize("name", ["photo.jpg", "clip.mp4"])
def test_what_is_no_media_at_all(api: Api, name: str) -> None:
    failed(api, api.finished(api.inline(b"MZ\x90\0 this is a program " * 40, name)), "unsupported_format")


@pytest.mark.parametrize(
    ("file", "share"),
    [("jpeg", 0.02), ("jpeg", 0.5), ("png", 0.5), ("mp3", 0.01), ("mp4", 0.5), ("pdf", 0.6)],
)
def test_truncated_media(api: Api, file: str, share: float) -> None:
    """Cut short, a file is analysed as far as it goes, with a warning, or refused in clear words."""
    whole = {
        "jpeg": lambda: media.jpeg(640, 480),
        "png": lambda: media.png(320, 240),
        "mp3": lambda: made.mp3(2),
        "mp4": lambda: made.mp4(1, width=320, height=240),
        "pdf": lambda: made.pdf(2),
    }[file]()
    document = api.finished(api.inline(whole[: int(len(whole) * share)]))
    if document["state"] == "completed":
        assert document["media"]["warnings"], document["media"]
        assert not any(result["verdict"] == "genuine" for result in document["results"])
    else:
        failed(api, document, "unreadable_media", "unsupported_format")


def test_a_decompression_bomb(api: Api) -> None:
    failed(api, api.finished(api.inline(bomb_png(), "small.png")), "media_limit_exceeded")


def test_a_pdf_bomb(api: Api) -> None:
    failed(api, api.finished(api.inline(bomb_pdf(), "small.pdf")),
           "media_limit_exceeded", "unreadable_media", "inspection_timed_out")  # fmt: skip


def test_an_animation_of_too_many_pictures(api: Api) -> None:
    frames = b"".join(
        b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02%c\x01\0" % (0x44, 0x4C)[n % 2] for n in range(2_100)
    )
    file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + frames + b";"
    failed(api, api.finished(api.inline(file)), "media_limit_exceeded")


# ---- hostile addresses ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://10.0.0.1/x",
        "http://100.64.0.1/x",
        "http://0x7f000001/x",
        "http://user:word@example.org/x",
    ],
)
def test_a_hostile_address_is_refused_at_once(api: Api, url: str) -> None:
    answer = api("POST", "/v1/analyses", json={"url": url})
    answer.problem(400)
    assert api.all() == []


def test_a_redirect_to_the_instance_metadata(api: Api) -> None:
    with Server() as server:
        server.on("/photo.jpg", redirect("http://169.254.169.254/latest/meta-data/iam/"))
        document = api.finished(api("POST", "/v1/analyses", json={"url": server.url("/photo.jpg")}))
    failed(api, document, "address_refused")


def test_redirects_in_a_circle(api: Api) -> None:
    with Server() as server:
        server.on("/photo.jpg", redirect("/photo.jpg"))
        document = api.finished(api("POST", "/v1/analyses", json={"url": server.url("/photo.jpg")}))
    failed(api, document, "too_many_redirects")


def test_a_name_that_does_not_resolve(api: Api) -> None:
    document = api.finished(api("POST", "/v1/analyses", json={"url": "http://nowhere.example/x.jpg"}))
    failed(api, document, "address_unresolved", "source_unavailable")


def test_a_dead_host_is_tried_again_and_then_refused(api: Api) -> None:
    with Server() as server:
        server.on("/x.jpg", status(503), answer(200, media.jpeg(64, 64)))
        document = api.finished(api("POST", "/v1/analyses", json={"url": server.url("/x.jpg")}))
        assert document["state"] == "completed"
        assert len(server.requests) == 2
        server.on("/gone.jpg", status(404))
        failed(
            api,
            api.finished(api("POST", "/v1/analyses", json={"url": server.url("/gone.jpg")})),
            "fetch_status_404",
        )


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (endless(), "media_too_large"),
        (answer(200, b"x", Content_Length="99999999"), "media_too_large"),
        (hang(), "fetch_timed_out"),
        (drip(b"HTTP/1.1 200 OK\r\n\r\n"), "fetch_timed_out"),
    ],
    ids=["endless", "announced", "silent", "dripping"],
)
def test_a_body_without_end(cloud: Cloud, api: Api, lie: Route, code: str) -> None:
    """With limits that a test can wait for: a megabyte, one second a try."""
    with Server() as server, cloud.setting("fetch", UPLOAD_LIMIT_BYTES="1000000", FETCH_TIMEOUT_S="3"):
        server.on("/x", lie)
        failed(api, api.finished(api("POST", "/v1/analyses", json={"url": server.url("/x")})), code)
