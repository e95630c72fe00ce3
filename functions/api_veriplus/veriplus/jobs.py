"""Looking at jobs: one, or page by page (VER-34, VER-47, VER-54, VER-55)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from bonafide.errors import InvalidRequest, NotFound
from bonafide.http import Response, Status, invalid, json_response
from bonafide.model import Analysis, State
from bonafide.routing import Call, Route
from bonafide.store import analyses, slots
from bonafide.telemetry import logger
from bonafide.tokens import Scope
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from veriplus import words
from veriplus.scores import media_of
from veriplus.translate import from_job_id, job, job_id, listed, status
from veriplus.words import DIALECT, Media

__all__ = ["POLL_S", "ROUTES", "ListQuery"]

POLL_S = 3
"""How often the vendor's sample asks (VER-32)."""

ROUNDS = 10
_PREFIX = "/api/v4/deepfake/jobs"


class ListQuery(BaseModel):
    """Which jobs, and how many of them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: words.Status | None = Field(None, description="Only jobs in this status.")
    mediaType: Media | None = Field(None, description="Only jobs of this medium.")  # noqa: N815 (the wire's)
    limit: int = Field(20, ge=1, le=100, description="Jobs a page.")
    cursor: str | None = Field(
        None, pattern="^[0-9a-z]{26}$", description="`nextCursor` of the page before this one."
    )


def show(call: Call) -> Response:
    """GET /jobs/{id}."""
    analysis_id = from_job_id(call.params["id"])
    analysis = analyses.get(call.tenant, analysis_id) if analysis_id else None
    if analysis is None or not _ours(analysis) or job_id(analysis) != call.params["id"]:
        raise NotFound("There is no such job.")
    logger.append_keys(analysis_id=analysis.id)
    document = job(analysis, _running(call.tenant, (analysis,)))
    open_ = analysis.state in (State.QUEUED, State.RUNNING)
    headers = {"Retry-After": str(POLL_S)} if open_ else {}
    return json_response({"success": True, "data": document}, Status.OK, headers)


def list_(call: Call) -> Response:
    """GET /jobs?status&mediaType&limit&cursor: newest first."""
    query = _query(call.request.query)
    found, last = _page(call.tenant, query)
    running = _running(call.tenant, found)
    pages = {"limit": query.limit, "count": len(found), "hasMore": last is not None, "nextCursor": last}
    headers = {}
    if last is not None:
        kept = query.model_dump(mode="json", exclude_none=True) | {"cursor": last}
        headers["Link"] = f'<{call.request.url(f"{_PREFIX}?{urlencode(kept)}")}>; rel="next"'
    document = {"success": True, "data": [listed(one, running) for one in found], "pagination": pages}
    return json_response(document, Status.OK, headers)


def _page(tenant: str, query: ListQuery) -> tuple[list[Analysis], str | None]:
    """Return up to ``limit`` jobs, and where the next page begins: after the last job that was looked at.

    Filters are applied to what was read, so that a rare match may take several pages, some of them empty.
    """
    kept: list[Analysis] = []
    before = f"an_{query.cursor}" if query.cursor else None
    for _ in range(ROUNDS):
        rows, before = analyses.list_(tenant, limit=query.limit, before=before)
        running = _running(tenant, rows) if query.status else ()
        for analysis in rows:
            if not _ours(analysis) or query.mediaType not in (None, media_of(analysis)):
                continue
            if query.status in (None, status(analysis, running)):
                kept.append(analysis)
                if len(kept) == query.limit:
                    more = before is not None or analysis is not rows[-1]
                    return kept, analysis.id.partition("_")[2] if more else None
        if before is None:
            return kept, None
    return kept, before.partition("_")[2] if before else None


def _ours(analysis: Analysis) -> bool:
    return analysis.dialect == DIALECT and analysis.state is not State.DELETED


def _running(tenant: str, found: list[Analysis] | tuple[Analysis, ...]) -> set[str]:
    """Return who holds a slot, looked up only where it makes a difference."""
    return slots.holders(tenant) if any(one.state is State.QUEUED for one in found) else set()


def _query(query: Mapping[str, tuple[str, ...]]) -> ListQuery:
    plain = {name: values[-1] for name, values in query.items() if values[-1].strip()}
    for name in ("status", "mediaType"):
        if name in plain:
            plain[name] = plain[name].strip().upper()
    try:
        return ListQuery.model_validate(plain)
    except ValidationError as error:
        found = invalid(error, place=str)
        raise InvalidRequest(found.detail, code=found.code, errors=found.errors) from error


ROUTES = (
    Route("GET", _PREFIX, list_, Scope.ANALYSES_READ),
    Route("GET", f"{_PREFIX}/{{id}}", show, Scope.ANALYSES_READ),
)
