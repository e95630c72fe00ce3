"""What the dialect answers, as models: OpenAPI and tests are made of them, no request loads them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from veriplus.words import ErrorCode, Event, Media, Recommendation, Status

__all__ = [
    "AudioAnalysis",
    "AudioAnswer",
    "AudioResult",
    "Created",
    "CreatedAnswer",
    "DeletedAnswer",
    "EventBody",
    "Failed",
    "Fault",
    "ImageAnalysis",
    "ImageAnswer",
    "ImageResult",
    "Job",
    "JobAnswer",
    "JobList",
    "VideoAnalysis",
    "VideoJob",
    "VideoResult",
    "Webhook",
    "WebhookAnswer",
    "WebhookCreatedAnswer",
    "WebhookList",
]

ImageKind = Literal["FACE_SWAP", "GAN_GENERATED", "PHOTO_MANIPULATION", "DOCUMENT_FORGERY"]
VideoKind = Literal["FACE_SWAP", "VIDEO_REPLAY", "LIVENESS_SPOOF", "AUDIO_VISUAL_MISMATCH"]
AudioKind = Literal["VOICE_CLONING", "TTS_ENGINE", "AUDIO_MANIPULATION"]
Percent = Field(ge=0, le=100)


class Document(BaseModel):
    """Base of all: nothing that is not said here is ever sent."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=False)


class Scores(Document):
    """What every verdict has; null where the detectors could not say (``reason`` says why)."""

    confidence: int | None = Field(
        ge=0, le=100, description="P(deepfake) in percent, halves rounded up (VER-61, VER-62)."
    )
    riskScore: int | None = Field(  # noqa: N815 (the wire's name, here and below)
        ge=0, le=100, description="The least that the confidence may be: the lower end of its 95 % interval."
    )
    recommendation: Recommendation = Field(description="By the policy; of unknown confidence never ACCEPT.")


class FaceRegion(Document):
    """A face (VER-19)."""

    bbox: list[int] = Field(min_length=4, max_length=4, description="[x, y, width, height] in pixels.")
    deepfakeScore: int = Field(ge=0, le=100, description="How suspicious the region is in its picture.")  # noqa: N815
    artifacts: list[str]


class Metadata(Document):
    """What the file is (VER-20)."""

    resolution: str | None = Field(description="Such as 1920x1080.")
    format: str | None
    exifStripped: bool | None  # noqa: N815
    pages: int | None = None


class ImageAnalysis(Document):
    """Detail of a picture or document; only with `returnDetails` (VER-15, VER-23)."""

    faceRegions: list[FaceRegion]  # noqa: N815
    metadata: Metadata
    artifacts: list[str] = Field(description="What was seen of the whole picture; an addition of ours.")


class Ended(Document):
    """What every synchronous result ends with."""

    creditsUsed: int  # noqa: N815
    processedAt: datetime  # noqa: N815
    policy: Literal["table", "reject70"] = Field(description="The tenant's recommendation policy (VER-59).")
    reason: str | None = Field(None, description="Why there are no numbers.")
    status: Literal["COMPLETED"] | None = Field(None, description="In the answer of GET only (VER-47).")


class ImageResult(Scores, Ended):
    """A picture or a document (VER-16)."""

    jobId: str = Field(pattern="^job_(img|doc)_[0-9a-z]{26}$")  # noqa: N815
    isDeepfake: bool | None  # noqa: N815
    manipulationType: ImageKind | None = Field(description="Null of what is no deepfake.")  # noqa: N815
    analysis: ImageAnalysis | None = None


class AudioAnalysis(Document):
    """What was heard (VER-51); null where no detector has spoken to it."""

    spectralAnomalies: bool | None  # noqa: N815
    unnaturalProsody: bool | None  # noqa: N815
    modelFingerprint: str | None  # noqa: N815
    voicePrintMatch: bool | None  # noqa: N815


class AudioResult(Scores, Ended):
    """A recording (VER-49)."""

    jobId: str = Field(pattern="^job_aud_[0-9a-z]{26}$")  # noqa: N815
    isSynthetic: bool | None  # noqa: N815
    method: AudioKind | None
    analysis: AudioAnalysis


class Created(Document):
    """A job that has not ended (VER-30)."""

    jobId: str = Field(pattern="^job_(img|vid|aud|doc)_[0-9a-z]{26}$")  # noqa: N815
    status: Literal["QUEUED", "PROCESSING"]
    estimatedTime: str = Field(description="English words, such as 45 seconds; by size.")  # noqa: N815


class VideoFacts(Document):
    """What the file is (VER-36)."""

    filename: str | None
    duration: str | None = Field(description="Such as 12.5 seconds.")
    frameCount: int | None  # noqa: N815
    resolution: str | None
    fps: float | None


class VideoResult(Scores):
    """The verdict on a video (VER-37)."""

    isDeepfake: bool | None  # noqa: N815
    manipulationType: VideoKind | None  # noqa: N815


class Coherence(Document):
    """Over time (VER-38)."""

    score: int | None = Field(ge=0, le=100, description="100 is coherent.")
    issues: list[str]


class FaceDetection(Document):
    """How well the face was found (VER-39)."""

    averageConfidence: int | None = Percent  # noqa: N815
    stableDetection: bool | None  # noqa: N815


class Sync(Document):
    """Lips and voice (VER-40)."""

    lipSyncScore: int | None = Percent  # noqa: N815
    verdict: Literal["GOOD_SYNC", "POOR_SYNC", "UNCERTAIN"] | None


class Replay(Document):
    """A screen before the camera (VER-41)."""

    detected: bool | None


class Liveness(Document):
    """Whether a live person stood before the camera (VER-42)."""

    result: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    spoofingType: Literal["DEEPFAKE_VIDEO", "SCREEN_REPLAY"] | None  # noqa: N815


class VideoAnalysis(Document):
    """What was seen (VER-38 … VER-42)."""

    temporalCoherence: Coherence  # noqa: N815
    faceDetection: FaceDetection  # noqa: N815
    audioVisualSync: Sync  # noqa: N815
    screenReplay: Replay  # noqa: N815
    liveness: Liveness | None = Field(None, description="Only with `includeLiveness`.")


class SuspiciousFrame(Document):
    """A frame that somebody should look at (VER-43, VER-44)."""

    frameNumber: int  # noqa: N815
    timestamp: str = Field(description="Such as 1.5s.")
    issue: str
    confidence: int | None = Percent


class VideoJob(Document):
    """A finished video (VER-35)."""

    jobId: str = Field(pattern="^job_vid_[0-9a-z]{26}$")  # noqa: N815
    status: Literal["COMPLETED"]
    video: VideoFacts
    result: VideoResult
    analysis: VideoAnalysis
    suspiciousFrames: list[SuspiciousFrame] | None = Field(  # noqa: N815
        None, description="At most the 50 strongest of each detector; only with `returnSuspiciousFrames`."
    )
    creditsUsed: int  # noqa: N815
    completedAt: datetime  # noqa: N815
    policy: Literal["table", "reject70"]
    reason: str | None = None


class Failure(Document):
    """Why a job failed (VER-72)."""

    code: ErrorCode
    message: str


class Failed(Document):
    """A job that failed."""

    jobId: str  # noqa: N815
    status: Literal["FAILED"]
    error: Failure
    creditsUsed: int  # noqa: N815
    completedAt: datetime | None  # noqa: N815


class Job(Document):
    """An entry of the list; null while the job has not completed (VER-55)."""

    jobId: str  # noqa: N815
    mediaType: Media  # noqa: N815
    status: Status
    isDeepfake: bool | None  # noqa: N815
    confidence: int | None = Percent
    manipulationType: str | None  # noqa: N815
    riskScore: int | None = Percent  # noqa: N815
    recommendation: Recommendation | None
    creditsUsed: int  # noqa: N815
    createdAt: datetime  # noqa: N815
    completedAt: datetime | None  # noqa: N815


class Pagination(Document):
    """Where the page stands; also in the header `Link`."""

    limit: int
    count: int
    hasMore: bool  # noqa: N815
    nextCursor: str | None  # noqa: N815


class ImageAnswer(Document):
    """The result of a picture or a document."""

    success: Literal[True]
    data: ImageResult


class AudioAnswer(Document):
    """The result of a recording."""

    success: Literal[True]
    data: AudioResult


class CreatedAnswer(Document):
    """A job was created, or is still under way."""

    success: Literal[True]
    data: Created


class JobAnswer(Document):
    """A job as it is now."""

    success: Literal[True]
    data: VideoJob | ImageResult | AudioResult | Created | Failed


class JobList(Document):
    """One page of jobs, newest first."""

    success: Literal[True]
    data: list[Job]
    pagination: Pagination


class Webhook(Document):
    """A webhook (VER-66)."""

    webhookId: str  # noqa: N815
    url: str
    events: list[Event]
    description: str
    status: Literal["ACTIVE"]
    createdAt: datetime  # noqa: N815


class WebhookCreated(Webhook):
    """A new webhook; its secret is shown this once."""

    secret: str


class WebhookAnswer(Document):
    """One webhook."""

    success: Literal[True]
    data: Webhook


class WebhookCreatedAnswer(Document):
    """A new webhook."""

    success: Literal[True]
    data: WebhookCreated


class WebhookList(Document):
    """All webhooks."""

    success: Literal[True]
    data: list[Webhook]


class Deleted(Document):
    """What was removed."""

    webhookId: str  # noqa: N815
    deleted: Literal[True]


class DeletedAnswer(Document):
    """A webhook was removed."""

    success: Literal[True]
    data: Deleted


class EventData(Document):
    """What an event is about (VER-64); of audio with both pairs of names (VER-50)."""

    jobId: str  # noqa: N815
    mediaType: Media  # noqa: N815
    isDeepfake: bool | None = None  # noqa: N815
    confidence: int | None = Field(None, ge=0, le=100)
    manipulationType: str | None = None  # noqa: N815
    isSynthetic: bool | None = None  # noqa: N815
    method: AudioKind | None = None
    error: Failure | None = None


class EventBody(Document):
    """The body of a webhook."""

    event: Event
    timestamp: datetime
    data: EventData


class Error(Document):
    """What went wrong."""

    code: ErrorCode
    message: str
    details: list[dict[str, Any]] | None = None


class Meta(Document):
    """Which request it was; the gateway's own answers have no timestamp."""

    timestamp: datetime | None = None
    requestId: str | None = None  # noqa: N815


class Fault(Document):
    """Any error (VER-3)."""

    success: Literal[False]
    error: Error
    meta: Meta
