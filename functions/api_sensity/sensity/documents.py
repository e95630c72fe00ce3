"""What the dialect answers, as models. OpenAPI and the tests are made of them; requests never load this."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AIGeneratedImageDetectionExplanation",
    "AIGeneratedImageDetectionReport",
    "AIGeneratedImageDetectionResult",
    "Claims",
    "DeletedTokens",
    "Done",
    "FaceManipulationReport",
    "FaceManipulationResult",
    "FaceManipulationResultExplanation",
    "FaceTrack",
    "Fault",
    "ForensicAnalysisReport",
    "ForensicAnalysisResult",
    "NewToken",
    "NewWebhook",
    "TaskCreated",
    "Token",
    "Tokens",
    "VoiceAnalysisReport",
    "VoiceAnalysisResult",
    "VoiceExplanation",
    "Webhook",
    "Webhooks",
]

Share = Field(ge=0, le=1)
Label = Literal["real", "fake"]


class Document(BaseModel):
    """Base of all: nothing that is not said here is ever sent; what is optional is absent, never null."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=False)


class Fault(Document):
    """Any error (SEN-34)."""

    success: Literal[False]
    error: str


class Done(Document):
    """It is done."""

    success: Literal[True]


class TaskCreated(Document):
    """The answer to a new task (SEN-29)."""

    report_id: str = Field(description="A UUID: where to poll.")
    success: Literal[True]


# ---- tokens ------------------------------------------------------------------------------------------


class Claims(Document):
    """What a token says of itself (SEN-15)."""

    iss: str
    sub: str = Field(description="The tenant.")
    aud: str
    jti: str = Field(description="The token's id.")
    iat: int
    exp: int
    scope: str


class NewToken(Document):
    """A token, shown this once (SEN-8)."""

    claims: Claims
    id: str
    success: Literal[True]
    token: str = Field(description="A JSON Web Token.")


class Token(Document):
    """A token's claims; the token itself is never told again (SEN-12, SEN-13)."""

    claims: Claims
    success: Literal[True]


class Tokens(Document):
    """Every good token of the account (SEN-9): claims by token id (SEN-10)."""

    claims: dict[str, Claims]
    success: Literal[True]


class DeletedTokens(Document):
    """Which tokens are good no longer (SEN-11, SEN-14)."""

    deleted_tokens: list[str] = Field(description="Token ids.")
    success: Literal[True]


# ---- reports -----------------------------------------------------------------------------------------


class Report(Document):
    """What every report has."""

    id: str = Field(description="The report id, a UUID.")
    status: Literal["in_progress", "completed", "failed"]
    error: str = Field("", description="Why it failed; absent otherwise.")


class FaceTrack(Document):
    """A face in a frame."""

    bbox: list[int] = Field(min_length=4, max_length=4, description="Left, top, right, bottom; pixels.")
    frame_ms: int
    frame_idx: int
    frame_rate: float


class FaceManipulationResultExplanation(Document):
    """Where and when a face looks manipulated (SEN-49)."""

    id: int
    fake_probability: float = Share
    fake_frame_idx: int
    fake_frame_ms: int
    fake_bbox: list[int] = Field([], min_length=2, max_length=2, description="Left, top; pixels.")
    fake_bbox_average_size: list[int] = Field([], min_length=2, max_length=2, description="Width, height.")
    fake_face: str = Field("", description="Picture of the face, base64.")
    tracks: list[FaceTrack]


class FaceManipulationResult(Document):
    """SEN-44 … SEN-50."""

    class_name: Literal["real", "fake", "no_faces"]
    class_probability: float = Field(0.0, ge=0, le=1, description="Of this label; absent with `no_faces`.")
    explanation: list[FaceManipulationResultExplanation] = Field([], description="If asked for, and fake.")
    manipulation_type: Literal["faceswap", "face_reenactment", "lipsync"] = Field(
        "faceswap", description="If fake, and if it is known."
    )


class FaceManipulationReport(Report):
    """SEN-42."""

    event_type: Literal["face_manipulation_analysis_complete"]
    preview: str = Field("", description="Link to a picture of the result, good for an hour (SEN-43).")
    no_faces: bool = Field(False, description="Whether no face was found; only if completed.")
    result: FaceManipulationResult = Field(default=None)  # type: ignore[assignment]  # absent, never null


class AIGeneratedImageDetectionExplanation(Document):
    """SEN-55, SEN-59; details: those of `image_url`, `source`, `text_prompt`, `timestamp` that are known."""

    type: str
    details: dict[str, str]


class AIGeneratedImageDetectionResult(Document):
    """SEN-54 … SEN-57."""

    class_name: Label
    class_probability: float = Field(ge=0, le=1, description="Of this label.")
    explanation: AIGeneratedImageDetectionExplanation = Field(default=None)  # type: ignore[assignment]
    model_attribution: Literal[
        "stylegan",
        "stylegan2",
        "stylegan3",
        "generated_photos",
        "midjourney",
        "dalle-2",
        "stable-diffusion",
        "glide",
        "firefly",
        "blue-willow",
        "unstable-diffusion",
        "stable-dream",
    ] = Field("stylegan", description="If fake, and if it is one of these.")
    model_attribution_probability: float = Field(0.0, ge=0, le=1, description="If it is measured.")


class AIGeneratedImageDetectionReport(Report):
    """SEN-53."""

    event_type: Literal["ai_generated_image_detection_analysis_complete"]
    result: AIGeneratedImageDetectionResult = Field(default=None)  # type: ignore[assignment]


class VoiceExplanation(Document):
    """A stretch of sound that looks fake."""

    id: str
    fake_frame_ms: int = Field(description="Where it begins.")
    fake_probability: float = Share


class VoiceAnalysisResult(Document):
    """SEN-64 … SEN-66."""

    class_name: Label
    class_probability: float = Field(ge=0, le=1, description="Of this label.")
    audio_frames_processed: int = Field(ge=0, description="Stretches that were judged.")
    explanation: list[VoiceExplanation] = Field([], description="If asked for.")
    transcription: str = Field("", description="If asked for, and if an engine could.")
    translation: str = Field("", description="To English.")


class VoiceAnalysisReport(Report):
    """SEN-63."""

    event_type: Literal["voice_analysis_complete"]
    result: VoiceAnalysisResult = Field(default=None)  # type: ignore[assignment]


class ForensicAnalysisResult(Document):
    """SEN-69 … SEN-74."""

    document_details: dict[str, Any] = Field(description="The file's facts; the detectors' cards say which.")
    extracted_images: list[str] = Field([], description="Base64; of a PDF, if asked for.")
    red_flags: dict[str, str] = Field(
        description="Warnings by name, only those that were triggered: `suspect_software_editing`,"
        " `screenshot_software`, `file_dates_mismatch`, `multiple_file_versions`, and more."
    )
    trigger_values: dict[str, list[dict[str, Any]]] = Field(
        description="By the same names: code, value, place, base rate, and what it does not prove."
    )


class ForensicAnalysisReport(Report):
    """SEN-68."""

    event_type: Literal["forensic_analysis_complete"]
    additional_info: str = Field("", description="As it was sent; absent if nothing was.")
    result: ForensicAnalysisResult = Field(default=None)  # type: ignore[assignment]


# ---- webhooks ----------------------------------------------------------------------------------------


class NewWebhook(Document):
    """SEN-78."""

    id: str
    success: Literal[True]


class Webhook(Document):
    """A URL and its id."""

    id: str
    url: str


class Webhooks(Document):
    """SEN-79; `webhooks` is ours, because a URL is deleted by its id (SEN-82)."""

    success: Literal[True]
    urls: list[str]
    webhooks: list[Webhook]
