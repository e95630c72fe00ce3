"""What /api/v2 answers, as models. OpenAPI and the tests are made of them; no request loads this module."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AudioMetrics",
    "Batch",
    "BatchAnswer",
    "Detection",
    "DetectionAnswer",
    "DetectionList",
    "Fault",
    "FrameResult",
    "ImageMetrics",
    "Intelligence",
    "NoMetrics",
    "SecureUpload",
    "SourceTracing",
    "VideoMetrics",
    "VideoResult",
]


class Document(BaseModel):
    """Base of all: nothing that is not said here is ever sent."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=False)


class NoMetrics(Document):
    """Nothing was scored: still running, a picture, or a sound that no detector could judge."""


class AudioMetrics(Document):
    """The sound (RES-42 … RES-46): numbers are strings; a score is P(fake)."""

    image: str = Field(description="Link to a plot; empty without one.")
    label: Literal["fake", "real", "inconclusive"]
    score: list[str] = Field(description="One a `frame_length`.")
    consistency: str = Field(description="1 less the mean distance of the scores from the aggregated one.")
    certainty: str = Field(description="The older name of `consistency`.")
    aggregated_score: str


class ImageChild(Document):
    """What one detector said of a picture."""

    type: str
    label: Literal["Fake", "Real", "Inconclusive"]
    description: str


class ForgeryMap(Document):
    """Where a picture was altered."""

    score: float
    heatmap: str = Field(description="Link to the map, good for an hour; empty unless `visualize`.")


class SearchSource(Document):
    """A known fake that looks like this picture."""

    url: str
    title: str
    reason: str
    verdict: str
    similarity: float


class ImageMetrics(Document):
    """The picture (RES-47 … RES-51)."""

    type: str
    label: Literal["Fake", "Real", "Inconclusive"]
    image: str
    score: float | None = Field(description="P(fake); null when nothing could be scored.")
    children: list[ImageChild]
    ifl: ForgeryMap | None = None
    reverse_image_search_sources: list[SearchSource] | None = None


class SegmentResult(BaseModel):
    """A region of a frame; `score` says how much it stands out in its frame."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    type: Literal["Segment"]
    conclusion: str
    score: float
    certainty: float
    certainty_percent: str = Field(alias="certainty (%)")
    posterior: float
    patch_type: str


class FrameResult(BaseModel):
    """A frame of the video."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    type: Literal["ImageResult"]
    conclusion: str
    score: float
    certainty: float
    certainty_percent: str = Field(alias="certainty (%)")
    posterior: float
    timestamp: float = Field(description="Seconds.")
    children: list[SegmentResult]


class VideoResult(BaseModel):
    """What one detector said of the whole video."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    type: Literal["VideoResult"]
    conclusion: str
    score: float
    certainty: float
    certainty_percent: str = Field(alias="certainty (%)")
    posterior: float
    description: str
    violations: list[str]
    children: list[FrameResult]


class VideoMetrics(Document):
    """The video (RES-53 … RES-56)."""

    image: str
    label: Literal["Fake", "Real", "Inconclusive"]
    score: float | None
    certainty: float | None = Field(description="How probable the likelier conclusion is.")
    posterior: float | None
    treeview: str = Field(description="The tree as text; empty unless `visualize`.")
    children: list[VideoResult]


class Intelligence(Document):
    """A description composed by rule from what was found (RES-37)."""

    uuid: str
    description: str | None
    created_at: datetime
    detect_uuid: str
    transcription: str | None = Field(description="What is said (RES-38); null if nobody could tell.")
    translation: str | None = Field(description="The same in English, if it is not English.")


class SourceTracing(Document):
    """Which system made the voice (RES-39)."""

    label: str
    error_message: str | None


class Detection(Document):
    """One detection: the union of both of the vendor's documents."""

    uuid: str
    status: Literal["processing", "completed", "failed"]
    media_type: Literal["audio", "image", "video", "document", "unknown"] = Field(
        description="`unknown` until the bytes of a nameless file were looked at; documents always fail."
    )
    duration: str = Field(description="Seconds; `0.0` of pictures, and while nobody knows.")
    created_at: datetime
    updated_at: datetime
    url: str | None
    audio_url: str | None = Field(description="Alias of `url`.")
    filename: str
    zero_retention_mode: bool
    media_redacted: bool
    media_deleted: bool
    file_deleted_at: datetime | None
    visualize: bool
    audio_source_tracing_enabled: bool
    use_ood_detector: bool
    extra_params: dict[str, Any]
    metrics: AudioMetrics | NoMetrics
    image_metrics: ImageMetrics | None = None
    video_metrics: VideoMetrics | None = None
    intelligence: Intelligence | None
    audio_source_tracing: SourceTracing | None
    error_message: str | None = None


class DetectionAnswer(Document):
    """The answer to a create and to a get, and what a callback carries."""

    success: Literal[True]
    item: Detection


class DetectionList(Document):
    """One page of detections, newest first."""

    success: Literal[True]
    page: int
    num_pages: int
    page_size: int
    total_count: int = Field(description="Counted over the tenant's last 10,000 analyses.")
    items: list[Detection]


class Batch(Document):
    """Several files in one request (RES-59)."""

    uuid: str
    status: Literal["processing", "completed", "failed"] = Field(
        description="`failed` only if every file failed."
    )
    total_files: int
    completed_count: int
    failed_count: int
    created_at: datetime
    detect_uuids: list[str] = Field(description="In the order of the files.")


class BatchAnswer(Document):
    """The answer to a batch, made or looked at."""

    success: Literal[True]
    item: Batch


class SecureUpload(Document):
    """A token for one detection within the hour."""

    success: Literal[True]
    token: str


class Fault(Document):
    """Any error."""

    success: Literal[False]
    message: str
