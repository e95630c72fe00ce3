"""What clients send: every option of both documents, in every spelling that clients use (RES-10 … RES-27).

Unknown members are ignored, as the vendor does: its documents grow, and its SDKs send more than they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from bonafide.errors import BonafideError, InvalidRequest
from bonafide.forms import truth
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

__all__ = ["DetectionRequest", "ListQuery", "read", "read_query"]


def _flag(value: object) -> object:
    if value is None:
        return False
    try:
        return truth(value)
    except BonafideError as error:
        raise ValueError("write true or false") from error


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("write a number")
    return None if isinstance(value, str) and not value.strip() else value


def _text(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Flag = Annotated[bool, BeforeValidator(_flag)]
Number = Annotated[float | None, BeforeValidator(_number)]
Text = Annotated[str | None, BeforeValidator(_text)]


class DetectionRequest(BaseModel):
    """A new detection; exactly one of ``url``, ``media_token`` and (as multipart/form-data) ``file``."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "url": "https://example.com/media.mp4",
                    "callback_url": "https://example.com/webhooks/detect",
                    "intelligence": True,
                    "visualize": True,
                    "frame_length": 2,
                }
            ]
        },
    )

    url: Text = Field(None, max_length=2048, description="Public http(s) address of the media (RES-10).")
    media_token: Text = Field(
        None, max_length=64, description="Of POST /secure_uploads, or an upload_id of POST /v1/uploads."
    )
    callback_url: Text = Field(None, max_length=2048, description="Gets the result by POST (RES-12).")
    visualize: Flag = Field(False, description="Make pictures of the result (RES-13).")
    frame_length: Number = Field(2, ge=1, le=4, description="Seconds a score; audio and video (RES-14).")
    start_region: Number = Field(None, ge=0, description="Analyse from here, in seconds (RES-15).")
    end_region: Number = Field(None, gt=0, description="Analyse up to here, in seconds (RES-15).")
    max_video_fps: Number = Field(None, gt=0, description="Sample no more pictures a second (RES-16).")
    max_video_secs: Number = Field(None, gt=0, description="Analyse no more video than this (RES-17).")
    intelligence: Flag = Field(False, description="Describe what was found (RES-18).")
    audio_source_tracing: Flag = Field(
        False,
        validation_alias=AliasChoices("audio_source_tracing", "audio_source_tracing_enabled"),
        description="Say which system made the voice, when it is fake (RES-19, RES-36).",
    )
    use_reverse_search: Flag = Field(False, description="Pictures: look for known fakes (RES-20).")
    use_ood_detector: Flag = Field(False, description="Say when the media is out of distribution (RES-21).")
    zero_retention_mode: Flag = Field(
        False,
        validation_alias=AliasChoices("zero_retention_mode", "privacy_mode"),
        description="Erase the media and its names afterwards (RES-22).",
    )
    model_types: Literal["image", "talking_head"] | None = Field(None, description="Tolerated (RES-27).")
    pipeline: Text = Field(None, description="Deprecated and ignored (RES-27).", deprecated=True)

    @model_validator(mode="after")
    def _regions(self) -> Self:
        if self.end_region is not None and self.end_region <= (self.start_region or 0.0):
            raise ValueError("end_region must lie after start_region")
        return self


class ListQuery(BaseModel):
    """Which page of the list (RES-7)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    page: int = Field(ge=1, le=10_000, description="Page number, from 1.")
    page_size: int = Field(10, ge=10, le=1000, description="Items a page.")


def read(value: object) -> DetectionRequest:
    """Check a JSON value, or the text parts of a form. Raises `InvalidRequest` naming the member."""
    if not isinstance(value, Mapping):
        raise InvalidRequest("Send a JSON object.")
    plain = {name: member for name, member in value.items() if member is not None}
    try:
        return DetectionRequest.model_validate(plain)
    except ValidationError as error:
        raise _refused(error) from error


def read_query(query: Mapping[str, tuple[str, ...]]) -> ListQuery:
    """Check the query of the list. Raises `InvalidRequest`."""
    try:
        return ListQuery.model_validate({name: values[-1] for name, values in query.items()})
    except ValidationError as error:
        raise _refused(error) from error


def _refused(error: ValidationError) -> InvalidRequest:
    """Name the first fault; values are never echoed."""
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = str(first["loc"][0]) + ": " if first["loc"] else ""
    return InvalidRequest(where + first["msg"].removeprefix("Value error, "), code="invalid_value")
