"""The media behind a platform's page (SEN-23): yt-dlp looks, in a process that can be killed.

That process (`extraction.py`) has no credentials, bounds on time, memory and files, starts no other process
and connects to public addresses only. Its answer is a stranger's word still:
`outbound` checks the address again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from bonafide.errors import Refused
from bonafide.pages import MAX_AUDIO_S, MAX_VIDEO_S, Found
from bonafide.settings import settings

__all__ = ["find"]

MEMORY_MB = 768
ANSWER_BYTES = 64 * 1024

_WORDS = {
    "media_too_large": "What the page shows is larger than is taken.",
    "page_geo_blocked": "The page's media is not shown in the country where this system runs.",
    "page_has_several_media": "The page shows several media: give the address of one of them.",
    "page_live": "The page shows a live stream, or one that has not begun.",
    "page_media_in_parts": "The platform gives this media in pieces only, not as one whole file.",
    "page_media_too_long": "What the page shows is longer than is taken: 30 min of video, 20 min of sound.",
    "page_not_public": "The page's media is private, or shown only to people who have signed in.",
    "page_timed_out": "The page could not be read in time.",
    "page_unavailable": "The page has no media, or it was removed.",
    "page_unreachable": "The page could not be reached.",
    "page_unreadable": "The page was not understood: platforms change, and our downloader may be too old.",
}


def find(url: str, *, seconds: float) -> Found:
    """Return where the media of the page ``url`` is, within ``seconds``.

    Raises Refused with a code of ``page_…``, or ``media_too_large``.
    """
    own = settings()
    wish = {
        "url": url,
        "seconds": seconds,
        "memory_mb": MEMORY_MB,
        "answer_bytes": ANSWER_BYTES,
        "max_bytes": own.upload_limit_bytes,
        "max_video_s": MAX_VIDEO_S,
        "max_audio_s": MAX_AUDIO_S,
        "loopback": own.allow_loopback,
    }
    answer = _ask(wish, seconds)
    if "url" not in answer:
        code = str(answer.get("refused"))
        code = code if code in _WORDS else "page_unreadable"
        raise Refused(_WORDS[code], code=code)
    return Found(str(answer["url"]), {str(k): str(v) for k, v in answer["headers"].items()})


def _ask(wish: dict[str, Any], seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out:  # a file has a bound (RLIMIT_FSIZE), a pipe has none
        try:
            subprocess.run(  # our own interpreter, our own module
                [sys.executable, "-P", "-m", "extraction"],
                input=json.dumps(wish).encode(),
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                cwd="/",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"refused": "page_timed_out"}
        out.seek(0)
        try:
            answer: dict[str, Any] = json.loads(out.read(ANSWER_BYTES))
        except ValueError:  # it died: of its bounds, or of the page
            return {"refused": "page_unreadable"}
    return answer


def _environment() -> dict[str, str]:
    """The whole environment of that process: nothing is inherited, no credential, no proxy."""
    return {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(entry or ".") for entry in sys.path),
        "LD_LIBRARY_PATH": os.path.join(sys.base_prefix, "lib"),  # Lambda's python finds libpython so
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "YTDLP_NO_PLUGINS": "1",
    }
