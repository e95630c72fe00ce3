"""``python -m extraction``: a wish as JSON on stdin, where the media is (or why not) as JSON on stdout.

Runs for one page and ends. The bounds cannot be lifted again: resource limits, and an audit hook (PEP 578)
under every socket and process that yt-dlp, or a library of it, would open.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from typing import Any

from bonafide.address import is_public
from yt_dlp import YoutubeDL
from yt_dlp.networking import HEADRequest
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils import (
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UserNotLive,
)

__all__ = ["main"]

_EXTRACTORS = (
    "youtube.*",
    "instagram.*",
    "facebook.*",
    "tiktok.*",
    "vm.tiktok",
    "twitter.*",
    "dailymotion.*",
)
_PROCESSES = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system")
_HEADERS = ("User-Agent", "Referer", "Origin", "Accept-Language")
_NOT_PUBLIC = ("private", "log in", "login", "sign in", "cookies", "members", "registered", "age-restricted")
_LIVE = ("is_live", "is_upcoming", "post_live")

Info = dict[str, Any]


class NoMediaError(Exception):
    """There is nothing to fetch; the message is the machine reason."""


class Silent:
    """What yt-dlp would print, unprinted: its words may quote the page."""

    def debug(self, message: str) -> None:
        """Say nothing."""

    info = warning = error = debug


def main() -> None:
    """Answer one wish of `page_media.find`."""
    wish = json.load(sys.stdin)
    _bound(wish)
    sys.addaudithook(_guard(wish["loopback"]))
    try:
        answer = _found(wish)
    except NoMediaError as error:
        answer = {"refused": str(error)}
    except (DownloadError, ExtractorError, RequestError) as error:
        answer = {"refused": _reason(error)}
    except Exception:  # noqa: BLE001 - a thousand extractors, and hostile pages: any error is an answer
        answer = {"refused": "page_unreadable"}
    json.dump(answer, sys.stdout)


def _bound(wish: Info) -> None:
    memory, seconds = wish["memory_mb"] * 2**20, int(wish["seconds"]) + 1
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, wish["answer_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))


def _guard(loopback: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the hook: it sees the very address of every connection, after names were resolved."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = arguments[1]
            host = address[0] if isinstance(address, tuple) and address else ""
            if not is_public(str(host), allow_loopback=loopback):
                raise PermissionError("address_refused")
        elif event in _PROCESSES:
            raise PermissionError("no_processes")

    return hook


def _found(wish: Info) -> Info:
    extractors = [*_EXTRACTORS, *(["generic", "html5"] if wish["loopback"] else [])]
    options = {
        "allowed_extractors": extractors,
        "cachedir": False,
        "extract_flat": "in_playlist",
        "extractor_retries": 1,
        "format": "b*",
        "ignore_no_formats_error": True,  # else a stream is known by no more than its lack of files
        "js_runtimes": {},
        "lazy_playlist": True,
        "logger": Silent(),
        "noplaylist": True,
        "playlist_items": "1:2",
        "proxy": "",
        "quiet": True,
        "socket_timeout": wish["seconds"] / 3,
        "source_address": "0.0.0.0",  # noqa: S104 - no listener: IPv4, as `outbound`; media addresses name their asker
    }
    with YoutubeDL(options) as downloader:
        info = _single(downloader.extract_info(_long(downloader, wish["url"]), download=False))
        _check(info, wish)
        one = _whole(info, wish["max_bytes"])
        return {
            "url": one["url"],
            "headers": _headers(one, downloader.cookiejar.get_cookie_header(one["url"])),
        }


def _long(downloader: YoutubeDL, url: str) -> str:
    """Follow a short address that no extractor knows (fb.watch) to where it leads."""
    if any(extractor.suitable(url) for extractor in downloader._ies.values()):
        return url
    return str(downloader.urlopen(HEADRequest(url)).url)


def _single(info: Info | None) -> Info:
    if info is None:
        raise NoMediaError("page_unavailable")
    if info.get("_type") not in ("playlist", "multi_video"):
        return info
    entries = [entry for entry in info.get("entries") or [] if entry]
    if len(entries) != 1 or entries[0].get("_type") in ("url", "url_transparent", "playlist"):
        raise NoMediaError("page_has_several_media" if entries else "page_unavailable")
    return dict(entries[0])


def _check(info: Info, wish: Info) -> None:
    """Refuse by what the page says of its media alone."""
    if info.get("is_live") or info.get("live_status") in _LIVE:
        raise NoMediaError("page_live")
    pictured = any(f.get("vcodec") != "none" for f in info.get("formats") or [])
    if float(info.get("duration") or 0.0) > (wish["max_video_s"] if pictured else wish["max_audio_s"]):
        raise NoMediaError("page_media_too_long")


def _whole(info: Info, max_bytes: int) -> Info:
    """Return the best format that is one file and all of the media: never a film without its sound."""
    every = [f for f in info.get("formats") or [] if f.get("url")]
    if not every:
        raise NoMediaError("page_unavailable")
    seen = any(f.get("vcodec") != "none" for f in every)
    heard = any(f.get("acodec") != "none" for f in every)
    single = [
        f
        for f in every  # worst first; an unknown codec is None
        if f.get("protocol") in ("http", "https")
        and (f.get("vcodec") != "none") == seen
        and (f.get("acodec") != "none") == heard
    ]
    if not single:
        raise NoMediaError("page_media_in_parts")
    small = [f for f in single if (f.get("filesize") or f.get("filesize_approx") or 0) <= max_bytes]
    if not small:
        raise NoMediaError("media_too_large")
    return dict(small[-1])


def _headers(one: Info, cookies: str | None) -> dict[str, str]:
    told = {name: str(one.get("http_headers", {}).get(name) or "") for name in _HEADERS}
    told["Cookie"] = cookies or ""  # of this very visit: nobody is signed in
    return {name: value for name, value in told.items() if value and value.isascii() and value.isprintable()}


def _reason(error: BaseException) -> str:
    """Sort a failure. yt-dlp has classes for few of them, so words must do for the rest."""
    cause = error.exc_info[1] if isinstance(error, DownloadError) and error.exc_info else error
    chain = [cause, getattr(cause, "cause", None), getattr(cause, "__cause__", None)]
    if any(isinstance(one, GeoRestrictedError) for one in chain):
        return "page_geo_blocked"
    if any(isinstance(one, UserNotLive) for one in chain):
        return "page_live"
    answered = next((one for one in chain if isinstance(one, HTTPError)), None)
    if answered is not None:
        return {
            401: "page_not_public",
            403: "page_not_public",
            404: "page_unavailable",
            410: "page_unavailable",
        }.get(answered.status, "page_unreachable")
    if any(isinstance(one, RequestError) for one in chain):
        return "page_unreachable"
    words = str(error).lower()
    if any(word in words for word in _NOT_PUBLIC):
        return "page_not_public"
    expected = bool(getattr(cause, "expected", False))
    return "page_unavailable" if expected else "page_unreadable"


if __name__ == "__main__":
    main()
