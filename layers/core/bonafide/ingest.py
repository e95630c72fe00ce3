"""Ingest: every way in becomes the same `Analysis`, once.

A claim fixes the analysis id first (see `store/claims.py`); storing the media, writing the row and starting
the execution are each idempotent for that id, so whoever retries after a crash completes the first try.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue

from bonafide import address, media, slots
from bonafide import credits as ledger
from bonafide.errors import Conflict, InvalidRequest, NotFound, TooLarge
from bonafide.ids import TENANT, digest
from bonafide.model import Analysis, MediaKind, MediaRef, Operation, Options, Source, State
from bonafide.policy import POLICIES, policy
from bonafide.settings import settings
from bonafide.store import analyses, claims, table, tenants

__all__ = ["NewAnalysis", "UploadTicket", "create", "from_drop", "keep_upload", "new_upload"]


@dataclass(frozen=True)
class NewAnalysis:
    """A request for an analysis; exactly one of ``inline``, ``upload_id`` and ``url`` is given.

    ``kind`` is the medium that the way in is for, if it is for one: a dialect with prices holds its credits.
    ``accepts`` are the formats that it takes (``video/mp4``): inspection refuses all others.
    """

    tenant: str
    inline: bytes | None = field(default=None, repr=False)
    filename: str | None = None
    upload_id: str | None = None
    url: str | None = None
    operations: tuple[Operation, ...] = ()
    options: Options = field(default_factory=Options)
    client_reference: str | None = None
    dialect: str | None = None
    echo: dict[str, JsonValue] = field(default_factory=dict)
    kind: MediaKind | None = None
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True)
class UploadTicket:
    """Where and how to post a file: an S3 form bound to one key, a size range and a checksum."""

    upload_id: str
    url: str
    fields: dict[str, str]
    max_bytes: int
    expires_at: datetime


def new_upload(
    tenant: str,
    *,
    size: int | None,
    sha256: str | None,
    filename: str | None,
    now: datetime,
    new_id: Callable[[str], str],
) -> UploadTicket:
    """Open a door for one file. With ``size`` the file must be exactly that. Raises `TooLarge`."""
    limit = settings().upload_limit_bytes
    if size is not None and size > limit:
        raise TooLarge(f"A file may have {limit} bytes at most.")
    upload_id = new_id("up")
    expires = now + timedelta(seconds=media.UPLOAD_LIFE_S)
    # The row outlives the form by a day: an upload is single-use, but need not be analysed at once.
    table.put(
        {
            "pk": table.tenant_key(tenant, "UP", upload_id),
            "sk": "META",
            "sha256": sha256,
            "filename": filename,
            "ttl": int(now.timestamp()) + 86400,
        }
    )
    url, fields = media.presign_post(
        media.upload_key(tenant, upload_id), minimum=size or 1, maximum=size or limit, sha256=sha256
    )
    return UploadTicket(upload_id, url, fields, size or limit, expires)


def keep_upload(
    tenant: str,
    data: bytes,
    *,
    filename: str | None,
    life_s: int,
    now: datetime,
    new_id: Callable[[str], str],
) -> str:
    """Keep a small file for one later analysis within ``life_s`` seconds; returns its upload id.

    Raises `InvalidRequest` (empty), `TooLarge`.
    """
    _bounded(data)
    upload_id = new_id("up")
    media.put(media.upload_key(tenant, upload_id), data)
    expires = int(now.timestamp()) + life_s
    table.put(
        {
            "pk": table.tenant_key(tenant, "UP", upload_id),
            "sk": "META",
            "filename": filename,
            "expires": expires,
            "ttl": expires,
        }
    )
    return upload_id


def create(
    new: NewAnalysis, *, now: datetime, new_id: Callable[[str], str], analysis_id: str | None = None
) -> Analysis:
    """Keep the media, write the row, start the run or queue it; the analysis (an earlier one if claimed).

    Raises `InvalidRequest`, `NotFound` (no such upload), `Conflict` (upload unfinished or used otherwise),
    `TooLarge`, `Refused` (an address that is never fetched), `Unprocessable` (unknown policy),
    `InsufficientCredits` (a dialect with prices).
    """
    if new.options.policy not in POLICIES:
        policy(new.options.policy, tenants.get(new.tenant).policies)
    _check_window(new.options)
    erased = analyses.get(new.tenant, analysis_id) if analysis_id else None
    if erased and (erased.deleted_at or erased.media_deleted_at):
        return erased  # a retry brings nothing back
    analysis_id = analysis_id or new_id("an")
    ref: MediaRef | None = None
    if new.inline is not None:
        _bounded(new.inline)
        source = Source(type="inline", filename=new.filename)
    elif new.upload_id is not None:
        analysis_id = _claim_upload(new, now, analysis_id)
        source, ref = _uploaded(new.tenant, new.upload_id, now)
    elif new.url is not None:
        address.check(new.url, allow_loopback=settings().allow_loopback)
        source = Source(type="url", url=new.url)
    else:
        raise InvalidRequest("Give a file, an upload_id or a url.", code="source_missing")
    # Before anything is stored: what is refused is not kept. The sweep frees what a crash leaves held.
    ledger.reserve(new.tenant, analysis_id, ledger.hold(new.dialect, new.kind), now=now)
    if new.inline is not None:
        ref = media.put(media.media_key(new.tenant, analysis_id), new.inline)
    return _begin(new, analysis_id, source, ref, now)


def from_drop(
    key: str, version_id: str | None, *, now: datetime, new_id: Callable[[str], str]
) -> Analysis | None:
    """Begin the analysis of an object dropped under ``drop/<tenant>/``; ``None`` for a key that is no drop.

    ``key`` is as EventBridge spells it (not URL-encoded there). An event delivered twice begins nothing new.
    """
    prefix, _, rest = key.partition("/")
    tenant, _, name = rest.partition("/")
    if prefix != "drop" or not TENANT.fullmatch(tenant) or not name or name.endswith("/"):
        return None
    ref = MediaRef(key=key, version_id=version_id)
    if media.size(ref) is None:  # deleted meanwhile, or the event is forged: there is nothing to analyse
        return None
    claim = digest("drop", key, version_id or "")
    lifetime = settings().retention_days * 86400
    analysis_id = claims.id_for(
        tenant, claim, fingerprint="drop", candidate_id=new_id("an"), now=now, lifetime_s=lifetime
    )
    filename = name.rsplit("/", 1)[-1][:255]
    return _begin(NewAnalysis(tenant), analysis_id, Source(type="drop", filename=filename), ref, now)


def _begin(
    new: NewAnalysis, analysis_id: str, source: Source, ref: MediaRef | None, now: datetime
) -> Analysis:
    owner = tenants.get(new.tenant)
    options = new.options
    if "policy" not in options.model_fields_set:
        options = options.model_copy(update={"policy": owner.policy})
    own = {rule.name: rule for rule in owner.policies}
    wanted = Analysis(
        id=analysis_id,
        tenant=new.tenant,
        state=State.QUEUED,
        source=source,
        media_ref=ref,
        operations=tuple(dict.fromkeys(new.operations)),
        options=options,
        accepts=new.accepts,
        rule=own.get(options.policy),
        client_reference=new.client_reference,
        dialect=new.dialect,
        echo=new.echo,
        created_at=now,
    )
    analysis = analyses.create(wanted)
    if analysis.state is State.QUEUED:
        slots.submit(analysis, limit=owner.terms.concurrent)
    return analysis


def _bounded(body: bytes) -> None:
    if not body:
        raise InvalidRequest("The file is empty.", code="empty_file")
    if len(body) > settings().inline_limit_bytes:
        limit = settings().inline_limit_bytes
        raise TooLarge(f"Inline files may have {limit} bytes at most; use POST /v1/uploads, a URL or a drop.")


def _claim_upload(new: NewAnalysis, now: datetime, candidate_id: str) -> str:
    wish = digest(*sorted(new.operations), new.options.model_dump_json(), new.client_reference or "")
    return claims.id_for(
        new.tenant,
        f"upload:{new.upload_id}",
        fingerprint=wish,
        candidate_id=candidate_id,
        now=now,
        lifetime_s=86400,
    )


def _uploaded(tenant: str, upload_id: str, now: datetime) -> tuple[Source, MediaRef]:
    row = table.get(table.tenant_key(tenant, "UP", upload_id))
    if row is None or row.get("expires", now.timestamp()) < now.timestamp():
        raise NotFound(f"There is no upload {upload_id}.")
    ref = MediaRef(key=media.upload_key(tenant, upload_id), sha256=row.get("sha256"))
    if media.size(ref) is None:
        raise Conflict("Nothing has been uploaded yet under this upload_id.", code="upload_not_finished")
    return Source(type="upload", filename=row.get("filename")), ref


def _check_window(options: Options) -> None:
    if options.end_s is not None and options.end_s <= (options.start_s or 0.0):
        raise InvalidRequest(
            "end_s must lie after start_s.",
            code="invalid_window",
            errors=({"pointer": "/options/end_s", "detail": "must be greater than start_s"},),
        )
