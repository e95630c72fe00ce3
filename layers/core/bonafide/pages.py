"""Pages of platforms: addresses that show media instead of being it (SEN-23). Rules only, no network.

What finds the media behind such a page is `functions/fetch/page_media.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bonafide.errors import Refused
from bonafide.settings import settings

__all__ = ["MAX_AUDIO_S", "MAX_VIDEO_S", "Found", "check", "platform"]

MAX_VIDEO_S = 30 * 60.0
MAX_AUDIO_S = 20 * 60.0
"""Longest media of a page, known before a byte of it is fetched (SEN-22)."""

_HOSTS = {
    "youtube.com": "YouTube",
    "youtu.be": "YouTube",
    "youtube-nocookie.com": "YouTube",
    "instagram.com": "Instagram",
    "facebook.com": "Facebook",
    "fb.watch": "Facebook",
    "tiktok.com": "TikTok",
    "twitter.com": "Twitter",
    "x.com": "Twitter",
    "t.co": "Twitter",
    "dailymotion.com": "Dailymotion",
    "dai.ly": "Dailymotion",
}


@dataclass(frozen=True)
class Found:
    """Where a page's media is. ``headers`` are what its host wants to see; they go to no other host."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


def platform(url: str) -> str | None:
    """Name the platform whose page this is: its host, or one below it. Everything else is ``None``."""
    try:
        host = (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return None
    if settings().allow_loopback and host and host == settings().page_host:
        return "a test"
    steps = host.split(".")
    return next((_HOSTS[tail] for n in range(len(steps)) if (tail := ".".join(steps[n:])) in _HOSTS), None)


def check(url: str) -> str | None:
    """Return `platform`. Raises Refused ``platform_pages_off`` where the owner wants no such visits."""
    name = platform(url)
    if name and not settings().platform_pages:
        raise Refused(
            f"This is a page of {name}, and such pages are switched off here (PlatformPages): give the"
            " address of the media file itself, or send the file.",
            code="platform_pages_off",
        )
    return name
