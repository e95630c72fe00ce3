"""Fetching media from a public URL into the bucket, behind the guard of `outbound.py`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bonafide import media, outbound, pages
from bonafide.errors import Refused, Unavailable
from bonafide.model import Stage
from bonafide.pages import Found
from bonafide.settings import settings
from bonafide.store import analyses
from bonafide.telemetry import logger
from bonafide.work import usage

__all__ = ["Find", "fetch"]

_PAUSES_S = (1.0, 3.0)
"""Waits between tries. A customer's host that stays away is a refusal, not broken infrastructure of ours."""


class Find(Protocol):
    """Finds the media behind a platform's page. Raises Refused."""

    def __call__(self, url: str, *, seconds: float) -> Found:
        """Return where the media behind the page ``url`` is."""


def fetch(
    event: dict[str, Any], find: Find, *, pause: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Fetch the analysis' URL: ``{refusal, usage}``. Doing it twice writes the same key again."""
    started = time.perf_counter()
    tenant, analysis_id = event["tenant"], event["analysis_id"]
    logger.append_keys(analysis_id=analysis_id, tenant=tenant)
    analysis = analyses.set_stage(tenant, analysis_id, Stage.FETCHING)
    refusal: dict[str, str] | None = None
    if analysis is None or analysis.source.url is None:
        refusal = {"code": "not_open", "detail": "The analysis has ended or was deleted."}
    else:
        refusal = _bring(tenant, analysis_id, analysis.source.url, find, pause)
    return {"refusal": refusal, "usage": usage(started)}


def _bring(
    tenant: str, analysis_id: str, url: str, find: Find, pause: Callable[[float], None]
) -> dict[str, str] | None:
    with tempfile.TemporaryDirectory(prefix="bonafide-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "media"
        try:
            _try(_direct(url, find), path, pause)
        except Refused as error:
            return {"code": error.code, "detail": error.detail}
        ref = media.put_file(media.media_key(tenant, analysis_id), path)
    analyses.media_fetched(tenant, analysis_id, ref)
    return None


def _direct(url: str, find: Find) -> Found:
    """Return where the bytes are: the address itself, unless it is a page of a platform."""
    if pages.check(url):
        return find(url, seconds=settings().fetch_timeout_s / 4)
    return Found(url)


def _try(found: Found, path: Path, pause: Callable[[float], None]) -> None:
    limits = settings()
    for wait in (*_PAUSES_S, None):
        try:
            outbound.fetch(
                found.url,
                path,
                max_bytes=limits.upload_limit_bytes,
                timeout_s=limits.fetch_timeout_s / 3,
                headers=found.headers,
            )
            return
        except Unavailable as error:
            if wait is None:
                raise Refused(error.detail, code="source_unavailable") from error
            pause(wait)
