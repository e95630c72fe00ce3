"""What clients send to /v1: bodies and queries, each with an example that validates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self, TypeVar

from bonafide.errors import UnknownOperation, Unprocessable
from bonafide.http import invalid
from bonafide.model import MediaKind, Operation, Options, State
from bonafide.tokens import Scope
from bonafide.webhooks import EventType
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

__all__ = [
    "AnalysisQuery",
    "CreateAnalysis",
    "CreateKnownMedia",
    "CreateToken",
    "CreateUpload",
    "CreateWebhook",
    "FormAnalysis",
    "PageQuery",
    "read",
    "read_query",
]

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _rfc3339(value: object) -> object:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        return datetime.fromisoformat(value.upper())
    if value is None or isinstance(value, datetime):
        return value
    raise ValueError("write a date and time as RFC 3339 says, such as 2026-01-31T12:00:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
Filename = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Reference = Annotated[str, StringConstraints(max_length=200)]


Model = TypeVar("Model", bound=BaseModel)


class Wire(BaseModel):
    """Base of all: an unknown member is an error, never dropped in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CreateAnalysis(Wire):
    """A new analysis of an upload or of a public URL; exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["upload_id"]}, {"required": ["url"]}],
            "examples": [
                {
                    "url": "https://example.org/clip.mp4",
                    "operations": ["synthetic_speech", "file_forensics"],
                    "options": {"max_video_s": 60},
                    "client_reference": "case-17",
                }
            ],
        }
    )

    upload_id: str = Field(
        "", min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$", description="Of POST /v1/uploads."
    )
    url: str = Field(
        "",
        min_length=8,
        max_length=2048,
        pattern="^[Hh][Tt][Tt][Pp][Ss]?://",
        description="Public http(s) address.",
    )
    operations: tuple[Operation, ...] = Field(
        (), max_length=50, description="Questions to ask; all that apply when empty or absent."
    )
    options: Options = Field(default_factory=Options)
    client_reference: Reference | None = Field(None, description="Your own words, given back to you.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.upload_id) == bool(self.url):
            raise ValueError(
                "give exactly one of upload_id and url (or send the file as multipart/form-data)"
            )
        return self


class FormAnalysis(Wire):
    """What stands beside the file in a multipart request."""

    operations: tuple[Operation, ...] = Field((), max_length=50)
    options: Options = Field(default_factory=Options)
    client_reference: Reference | None = None


class CreateUpload(Wire):
    """A file that is about to be uploaded."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"bytes": 73400320, "sha256": "0" * 64, "filename": "clip.mp4"}]}
    )

    bytes: int | None = Field(None, ge=1, strict=True, description="Exact size; the store refuses any other.")
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="Hexadecimal; the store refuses other bytes."
    )
    filename: Filename | None = Field(None, description="For people; it decides nothing.")


class CreateKnownMedia(Wire):
    """A known fake, or a known original: by an analysis of it, or by its hash; exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["analysis_id"]}, {"required": ["pdq"]}],
            "examples": [
                {
                    "analysis_id": "an_01kg9q2d00xv4t8w6j5y3m1n7p",
                    "verdict": "known_fake",
                    "title": "The flood that was not",
                    "url": "https://example.org/checks/flood",
                    "reason": "Generated; the agency withdrew it.",
                }
            ],
        }
    )

    analysis_id: str = Field(
        "",
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9_-]+$",
        description="A finished analysis with `known_fake_search` among its results.",
    )
    pdq: str = Field("", min_length=64, pattern="^[0-9a-f]{64}$", description="PDQ, hexadecimal.")
    kind: Literal["image", "video"] = Field("image", description="Of what `pdq` is a hash.")
    verdict: Literal["known_fake", "known_genuine"] = Field(description="What it is known to be.")
    title: str = Field(min_length=1, max_length=200, description="What matches show to people.")
    url: str | None = Field(
        None, max_length=1024, pattern="^[Hh][Tt][Tt][Pp][Ss]?://", description="Where it is told of."
    )
    reason: str | None = Field(None, max_length=500, description="Why it is known to be so.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.analysis_id) == bool(self.pdq):
            raise ValueError("give exactly one of analysis_id and pdq")
        return self


class CreateToken(Wire):
    """A token for another machine or person; it may never do more than the one that makes it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "newsroom", "scopes": ["analyses:read", "analyses:write"]}]}
    )

    name: str = Field(min_length=1, max_length=100, description="For people.")
    scopes: tuple[Scope, ...] = Field(
        (Scope.ANALYSES_READ, Scope.ANALYSES_WRITE),
        min_length=1,
        max_length=10,
        description="What it may do.",
    )
    expires_at: Moment | None = Field(None, description="Ends by itself; as the maker's own when absent.")


class CreateWebhook(Wire):
    """An endpoint that wants to hear of finished analyses."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://example.org/hooks/bonafide", "events": ["analysis.completed"]}]
        }
    )

    url: str = Field(min_length=8, max_length=2048, description="Public https address.")
    events: tuple[EventType, ...] = Field((), max_length=10, description="Every event when empty or absent.")
    description: str = Field("", max_length=200, description="For people.")


class PageQuery(Wire):
    """One page of a list."""

    limit: int = Field(20, ge=1, le=100, description="Most entries a page.")
    cursor: str | None = Field(
        None, min_length=1, max_length=400, description="`next_cursor` of the page before."
    )


class AnalysisQuery(PageQuery):
    """Which analyses to list, newest first."""

    state: State | None = Field(None, description="Deleted ones are listed only when asked for.")
    media_kind: MediaKind | None = None
    created_after: Moment | None = Field(None, description="At or after this moment (RFC 3339).")
    created_before: Moment | None = Field(None, description="Before this moment (RFC 3339).")


def read(model: type[Model], value: object, *, base: str = "") -> Model:
    """Check a JSON value against ``model``, strictly: a string is no number, and no boolean.

    Raises `UnknownOperation` (naming the known ones) or `Unprocessable`, with JSON pointers below ``base``.
    """
    try:
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        fault = invalid(error, base=base)
    unknown = [entry for entry in fault.errors if _is_operation(entry)]
    if unknown:
        known = ", ".join(Operation)
        raise UnknownOperation(f"Known operations are {known}.", errors=unknown)
    raise fault


def _is_operation(entry: Mapping[str, object]) -> bool:
    return entry["code"] == "enum" and str(entry["pointer"]).startswith("/operations/")


def read_query(model: type[Model], query: Mapping[str, tuple[str, ...]]) -> Model:
    """Check query parameters. Raises `Unprocessable`; a misspelt filter is an error, not everything."""
    repeated = [name for name, values in query.items() if len(values) > 1]
    if repeated:
        entry = {"parameter": repeated[0][:100], "code": "repeated", "detail": "Give it once."}
        raise Unprocessable("A parameter is given twice.", code="invalid_value", errors=[entry])
    try:
        return model.model_validate({name: values[0] for name, values in query.items()})
    except ValidationError as error:
        raise invalid(error, place=lambda name: name[:100]) from error
