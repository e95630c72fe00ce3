"""The four ways in, for each kind of media, to evidence and artifacts that can be fetched by their links."""

from __future__ import annotations

import functools
import hashlib

import pytest

from benchmarks import media
from tests.helpers.cloud import Api, Cloud, send, until
from tests.helpers.server import Server, answer

KINDS = {"image": "photo.jpg", "audio": "voice.mp3", "video": "clip.mp4", "document": "letter.pdf"}
ARTIFACT = {"audio": "image/png", "video": "image/png", "document": "application/pdf"}


@functools.cache
def made(kind: str) -> bytes:
    """Return a small file of this kind."""
    return {
        "image": lambda: media.jpeg(60_000, width=640, height=480),
        "audio": lambda: media.mp3(4),
        "video": lambda: media.mp4(2, width=320, height=240),
        "document": lambda: media.pdf(2),
    }[kind]()


def is_whole(api: Api, document: dict, kind: str) -> None:
    """Assert that an analysis ended with evidence that can be seen."""
    assert document["state"] == "completed", document["failure"]
    assert document["media"]["kind"] == kind
    assert document["media"]["sha256"] == hashlib.sha256(made(kind)).hexdigest()
    assert document["verdict"]["label"] in ("genuine", "manipulated", "inconclusive")
    assert document["results"]
    for result in document["results"]:
        assert result["outcome"] != "failed", result
        assert (result["outcome"] == "scored") == (result["p_fake"] is not None)
        assert result["models"], result
    assert any(result["evidence"]["values"] or result["evidence"]["flags"] for result in document["results"])
    assert document["cost"]["usd"] > 0
    fetched = {item["media_type"]: is_fetched(api, item) for item in document["artifacts"]}
    assert b'"operation"' in fetched["application/json"]
    if kind in ARTIFACT:
        assert fetched[ARTIFACT[kind]].startswith((b"\x89PNG", b"%PDF-"))


def is_fetched(api: Api, item: dict) -> bytes:
    """Follow an artifact's link as a client does: our redirect with the token, the store without."""
    first = api("GET", item["href"])
    assert first.status == 307, first.body
    second = send("GET", first.headers["location"])
    assert second.status == 200, second.body
    assert second.headers["content-type"] == item["media_type"]
    return second.body


@pytest.mark.parametrize("kind", KINDS)
def test_inline(api: Api, kind: str) -> None:
    answered = api.inline(made(kind), KINDS[kind], client_reference="case 7")
    assert answered.status == 202
    assert answered.headers["location"] == answered.json["links"]["self"]
    assert int(answered.headers["retry-after"]) > 0
    document = api.finished(answered)
    is_whole(api, document, kind)
    assert document["source"] == {"type": "inline", "url": None, "filename": KINDS[kind]}
    assert document["client_reference"] == "case 7"
    assert api("GET", answered.headers["location"]).json == document


@pytest.mark.parametrize("kind", KINDS)
def test_upload(api: Api, kind: str) -> None:
    digest = hashlib.sha256(made(kind)).hexdigest()
    upload_id = api.upload(made(kind), sha256=digest, filename=KINDS[kind])
    document = api.finished(api("POST", "/v1/analyses", json={"upload_id": upload_id}))
    is_whole(api, document, kind)
    assert document["source"]["type"] == "upload"


@pytest.mark.parametrize("kind", KINDS)
def test_url(api: Api, kind: str) -> None:
    with Server() as server:
        server.on("/media", answer(200, made(kind), Content_Type="text/plain"))  # types are nobody's word
        document = api.finished(api("POST", "/v1/analyses", json={"url": server.url("/media")}))
    is_whole(api, document, kind)
    assert document["source"]["url"].endswith("/media")


@pytest.mark.parametrize("kind", KINDS)
def test_drop(cloud: Cloud, api: Api, kind: str) -> None:
    # Spaces, umlauts and a plus: EventBridge spells the key as it is.
    key = f"drop/{api.tenant}/in box/{kind} + Ä.bin"
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key, Body=made(kind))
    found = until(api.all, "the dropped file's analysis")
    assert len(found) == 1
    document = api.finished(found[0]["id"])
    is_whole(api, document, kind)
    assert document["source"] == {"type": "drop", "url": None, "filename": f"{kind} + Ä.bin"}


def test_only_what_was_asked_for(api: Api) -> None:
    document = api.finished(api.inline(made("image"), operations="image_forgery"))
    assert [result["operation"] for result in document["results"]] == ["image_forgery"]


def test_zero_retention_keeps_the_result_and_nothing_else(cloud: Cloud, api: Api) -> None:
    wished = api.inline(made("audio"), "secret name.mp3", options='{"zero_retention": true}')
    document = api.finished(wished)
    assert document["state"] == "completed"
    until(lambda: not cloud.objects(api.tenant), "everything erased")
    document = api.get(document["id"])
    assert document["verdict"]
    assert document["source"]["filename"] is None
    assert document["artifacts"] == []


@pytest.mark.rows("SEN-23")
def test_page_of_a_platform(cloud: Cloud, api: Api) -> None:
    """The deployed function finds its downloader; the platform is this test's own."""
    page = b'<html><title>A film</title><video src="/clip.mp4"></video></html>'
    with Server() as server, cloud.setting("fetch", PAGE_HOST="localhost"):
        server.on("/watch", answer(200, page, Content_Type="text/html"))
        server.on("/clip.mp4", answer(200, made("video"), Content_Type="video/mp4"))
        url = server.url("/watch", "localhost")
        document = api.finished(api("POST", "/v1/analyses", json={"url": url}))
        is_whole(api, document, "video")
        server.on("/watch", answer(200, page.replace(b"/clip", b"http://10.0.0.1/clip")))
        failed = api.finished(api("POST", "/v1/analyses", json={"url": url}))
        assert (failed["state"], failed["failure"]["code"]) == ("failed", "address_refused")
