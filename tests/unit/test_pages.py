"""Pages of platforms: the real yt-dlp in its process, on pages of this machine; no platform is visited."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest
from bonafide import ingest, media, pages, workflow
from bonafide.errors import Refused
from bonafide.ids import new_id
from bonafide.model import Analysis
from bonafide.store import analyses
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import ExtractorError, GeoRestrictedError, UserNotLive

from tests.helpers import server as bad
from tests.helpers.aws import Aws, in_moto
from tests.helpers.server import Server
from tests.helpers.template import ROOT
from tests.unit.test_receipts import NOW

FILM = bytes(range(256)) * 30
HTML = {"Content_Type": "text/html"}
OURS = {"ALLOW_LOOPBACK": "true", "PAGE_HOST": "localhost", "FETCH_TIMEOUT_S": "80"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Aws]:
    with in_moto() as made:
        yield made


@pytest.fixture
def aws(stack: Aws) -> Iterator[Aws]:
    """The stack of the module; analyses have ids of their own, so that none is in another's way."""
    yield stack
    stack.leave()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def look() -> Iterator[ModuleType]:
    """The module that runs in the process, for its rules."""
    place = str(ROOT / "functions" / "fetch")
    sys.path.insert(0, place)
    try:
        yield importlib.import_module("extraction")
    finally:
        sys.path.remove(place)
        sys.modules.pop("extraction", None)


def video(source: str) -> bytes:
    return f'<html><title>A film</title><body><video src="{source}"></video></body></html>'.encode()


def described(source: str, **more: Any) -> bytes:
    said = {"@context": "https://schema.org", "@type": "VideoObject", "name": "A film", "contentUrl": source}
    return f'<html><script type="application/ld+json">{json.dumps(said | more)}</script></html>'.encode()


def fetched(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, url: str, **environment: str
) -> tuple[str | None, Analysis]:
    """Let the fetch function fetch; returns the refusal's code."""
    aws.use("api_native", **OURS)
    monkeypatch.setattr(workflow, "start", lambda *_: None)
    made = ingest.create(ingest.NewAnalysis("acme", url=url), now=NOW, new_id=new_id)
    event = {"tenant": "acme", "analysis_id": made.id}
    refusal = aws.invoke("fetch", event, environment=OURS | environment)["refusal"]
    if refusal:
        assert refusal["detail"].endswith(".") and "localhost" not in refusal["detail"]
    analysis = analyses.get("acme", made.id)
    assert analysis is not None
    return (refusal or {}).get("code"), analysis


@pytest.mark.rows("SEN-23")
@pytest.mark.loopback
def test_the_media_behind_a_page_is_fetched(
    aws: Aws, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("/watch", bad.answer(200, video("/clip.mp4"), Set_Cookie="seen=1", **HTML))
    server.on("/clip.mp4", bad.answer(200, FILM, Content_Type="video/mp4"))
    code, analysis = fetched(aws, monkeypatch, server.url("/watch", "localhost"))
    assert code is None and analysis.media_ref is not None
    assert media.get(analysis.media_ref.key) == FILM
    own = server.requests[-1].headers  # what its host wants to see, of this visit alone
    assert own["cookie"] == "seen=1" and own["referer"].endswith("/watch") and "Mozilla" in own["user-agent"]


@pytest.mark.loopback
def test_any_other_host_is_no_page(aws: Aws, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("/watch", bad.answer(200, video("/clip.mp4"), **HTML))
    code, analysis = fetched(aws, monkeypatch, server.url("/watch", "127.0.0.1"))
    assert code is None and analysis.media_ref is not None
    assert media.get(analysis.media_ref.key).startswith(b"<html>") and len(server.requests) == 1


@pytest.mark.loopback
@pytest.mark.rows("SEN-22", "SEN-23")
@pytest.mark.parametrize(
    ("page", "code"),
    [
        (video("http://10.0.0.1/clip.mp4"), "address_refused"),
        (video("http://169.254.169.254/latest/meta-data/x.mp4"), "address_refused"),
        (video("file:///etc/passwd.mp4"), "page_media_in_parts"),
        (described("/clip.mp4", duration="PT30M1S"), "page_media_too_long"),
        (video("/a.mp4") * 3, "page_has_several_media"),
        (b"<html>words</html>", "page_unavailable"),
        (b"", "page_unavailable"),
    ],
)  # fmt: skip
def test_what_a_page_may_not_lead_to(
    aws: Aws, server: Server, monkeypatch: pytest.MonkeyPatch, page: bytes, code: str
) -> None:
    server.on("/clip.mp4", bad.answer(200, FILM, Content_Type="video/mp4"))
    server.on("/watch", bad.answer(200, page.replace(b'"/', f'"{server.url()}'.encode()), **HTML))
    found, analysis = fetched(aws, monkeypatch, server.url("/watch", "localhost"))
    assert found == code and analysis.media_ref is None


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("route", "codes"),
    [
        (bad.status(404), {"page_unavailable"}),
        (bad.status(403), {"page_not_public"}),
        (bad.status(500), {"page_unreachable"}),
        (bad.reset(), {"page_unreachable"}),
        (bad.redirect("http://10.0.0.1/"), {"page_unreachable"}),
        (bad.redirect("http://169.254.169.254/latest/"), {"page_unreachable"}),
        (bad.redirect("file:///etc/passwd"), {"page_unreachable", "page_unreadable"}),
        (bad.redirect("/watch"), {"page_unreachable"}),
    ],
    ids=["404", "403", "500", "reset", "private", "metadata", "file", "circle"],
)
def test_a_page_that_is_not_there_or_leads_inside(
    aws: Aws, server: Server, monkeypatch: pytest.MonkeyPatch, route: bad.Route, codes: set[str]
) -> None:
    server.on("/watch", route)
    code, _ = fetched(aws, monkeypatch, server.url("/watch", "localhost"))
    assert code in codes


@pytest.mark.loopback
@pytest.mark.parametrize(
    "route",
    [bad.hang(), bad.drip(b"HTTP/1.1 200 OK\r\n\r\n"), bad.endless(block=b"<p>words" * 8192)],
    ids=["silent", "dripping", "endless"],
)  # fmt: skip
def test_a_hostile_page_is_bounded(
    aws: Aws, server: Server, monkeypatch: pytest.MonkeyPatch, route: bad.Route
) -> None:
    server.on("/watch", route)
    code, _ = fetched(aws, monkeypatch, server.url("/watch", "localhost"), FETCH_TIMEOUT_S="24")
    assert code in ("page_timed_out", "page_unreachable", "page_unreadable")


def test_off_refuses_without_a_visit(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://www.youtube.com/watch?v=BaW_jenozKc"
    assert fetched(aws, monkeypatch, url, PLATFORM_PAGES="off")[0] == "platform_pages_off"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.youtube.com/watch?v=x", "YouTube"),
        ("https://youtu.be/x", "YouTube"),
        ("https://m.facebook.com/x", "Facebook"),
        ("https://FB.watch./x", "Facebook"),
        ("https://www.instagram.com/p/x/", "Instagram"),
        ("https://vm.tiktok.com/x", "TikTok"),
        ("http://x.com/a", "Twitter"),
        ("https://dai.ly/x", "Dailymotion"),
        ("https://notyoutube.com/x", None),
        ("https://youtube.com.example/x", None),
        ("https://com/x", None),
        ("http://localhost/x", None),  # the tests' own host is one only where loopback is allowed
        ("http://[::1", None),
    ],
)
def test_whose_page_it_is(aws: Aws, url: str, name: str | None) -> None:
    aws.use("fetch", PAGE_HOST="localhost")
    assert pages.platform(url) == pages.check(url) == name
    aws.use("fetch", PLATFORM_PAGES="off")
    if name:
        with pytest.raises(Refused, match=f"page of {name}"):
            pages.check(url)


def test_every_platform_has_an_extractor_and_no_other_site_has(look: ModuleType) -> None:
    """Where an address of the six goes to none (a short one), it is followed first."""
    with look.YoutubeDL({"allowed_extractors": list(look._EXTRACTORS), "quiet": True}) as downloader:
        known = downloader._ies.values()
        for url in (
            "https://www.youtube.com/shorts/BaW_jenozKc", "https://youtu.be/BaW_jenozKc",
            "https://www.instagram.com/reel/abc/", "https://www.facebook.com/reel/1195289147628387",
            "https://vm.tiktok.com/ZSe4FqkKd", "https://www.tiktok.com/@a/video/123", "https://x.com/a/status/1",
            "https://t.co/aaa", "https://www.dailymotion.com/video/x5kesuj", "https://dai.ly/x5kesuj",
        ):  # fmt: skip
            assert any(one.suitable(url) for one in known), url
        for url in ("https://vimeo.com/1", "http://127.0.0.1/", "https://example.org/a.mp4"):
            assert not any(one.suitable(url) for one in known), url


@pytest.mark.rows("SEN-22")
@pytest.mark.parametrize(
    ("info", "code"),
    [
        ({"duration": 1800.0, "formats": [{"vcodec": "avc1"}, {"vcodec": "none"}]}, None),
        ({"duration": 1800.1, "formats": [{"vcodec": "avc1"}]}, "page_media_too_long"),
        ({"duration": 1200.0, "formats": [{"vcodec": "none"}]}, None),
        ({"duration": 1200.1, "formats": [{"vcodec": "none"}]}, "page_media_too_long"),
        ({"duration": None}, None),
        ({"is_live": True, "duration": 9}, "page_live"),
        ({"live_status": "is_upcoming"}, "page_live"),
        ({"live_status": "was_live", "is_live": False}, None),
    ],
)
def test_what_a_page_says_of_its_media(look: ModuleType, info: dict[str, Any], code: str | None) -> None:
    wish = {"max_video_s": pages.MAX_VIDEO_S, "max_audio_s": pages.MAX_AUDIO_S}
    with pytest.raises(look.NoMediaError, match=f"^{code}$") if code else nullcontext():
        look._check(info, wish)


def test_no_film_without_its_sound(look: ModuleType) -> None:
    def one(name: str, video: str | None, audio: str | None, **more: Any) -> dict[str, Any]:
        return {"format_id": name, "url": "x", "protocol": "https", "vcodec": video, "acodec": audio} | more

    def chosen(*formats: dict[str, Any]) -> str:
        try:
            return str(look._whole({"formats": list(formats)}, 100)["format_id"])
        except look.NoMediaError as error:
            return str(error)

    small, picture, sound = (
        one("small", "avc1", "mp4a"),
        one("picture", "vp9", "none"),
        one("sound", "none", "opus"),
    )
    assert chosen(sound, small, one("big", "avc1", "mp4a"), picture) == "big"
    assert chosen(sound, picture) == "page_media_in_parts"
    assert chosen(one("hls", "avc1", "mp4a", protocol="m3u8_native")) == "page_media_in_parts"
    assert chosen(picture) == "picture"  # nothing is heard on this page at all
    assert chosen(sound) == "sound"
    assert chosen(one("unknown", None, None)) == "unknown"
    assert chosen(small, one("huge", "avc1", "mp4a", filesize=101)) == "small"
    assert chosen(one("huge", "avc1", "mp4a", filesize=101)) == "media_too_large"
    assert chosen() == "page_unavailable"


def test_reasons_of_yt_dlp_s_own_errors(look: ModuleType) -> None:
    def caused(error: Exception) -> ExtractorError:
        return ExtractorError("Unable to download webpage", cause=error, expected=True)

    def answered(status: int) -> ExtractorError:
        return caused(HTTPError(Response(None, "http://x", {}, status=status)))

    def told(words: str) -> ExtractorError:
        return ExtractorError(words, expected=True)

    for error, code in (
        (GeoRestrictedError("This video is not available from your location"), "page_geo_blocked"),
        (UserNotLive(), "page_live"),
        (told("Private video. Sign in if you've been granted access"), "page_not_public"),
        (told("This video is only available for registered users"), "page_not_public"),
        (told("Video unavailable. It has been removed by the uploader"), "page_unavailable"),
        (ExtractorError("Unable to extract player"), "page_unreadable"),
        (caused(TransportError("connection lost")), "page_unreachable"),
        (answered(410), "page_unavailable"),
        (answered(429), "page_unreachable"),
    ):  # fmt: skip
        assert look._reason(error) == code
