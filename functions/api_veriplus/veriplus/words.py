"""The vendor's own words, and which of ours they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bonafide.model import MediaKind, Operation
from bonafide.policy import Advice

__all__ = [
    "DEFAULT_POLICY",
    "DIALECT",
    "MEDIA",
    "POLICIES",
    "RECOMMENDATIONS",
    "AnalysisType",
    "ErrorCode",
    "Event",
    "Manipulation",
    "Media",
    "Medium",
    "Recommendation",
    "Status",
    "code_of",
]

DIALECT = "veriplus"
DEFAULT_POLICY = "table"
POLICIES = ("table", "reject70")
"""The policies that a tenant may choose here (VER-59)."""

MB = 1024 * 1024
"""The vendor writes MB; this is the larger of its two readings."""


class Media(StrEnum):
    """What is analysed (VER-4)."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    DOCUMENT = "DOCUMENT"


class AnalysisType(StrEnum):
    """What a picture (the first three) or a video (the last two) is analysed as (VER-14, VER-28)."""

    FACE = "FACE"
    DOCUMENT = "DOCUMENT"
    GENERAL = "GENERAL"
    VERIFICATION = "VERIFICATION"


class Status(StrEnum):
    """Where a job is (VER-30, VER-35, VER-45, VER-75)."""

    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Recommendation(StrEnum):
    """What to do (VER-56, VER-60)."""

    REJECT = "REJECT"
    MANUAL_REVIEW = "MANUAL_REVIEW"
    ENHANCED_VERIFICATION = "ENHANCED_VERIFICATION"
    ACCEPT = "ACCEPT"


RECOMMENDATIONS = {
    Advice.REJECT: Recommendation.REJECT,
    Advice.REVIEW: Recommendation.MANUAL_REVIEW,
    Advice.VERIFY: Recommendation.ENHANCED_VERIFICATION,
    Advice.ACCEPT: Recommendation.ACCEPT,
}


class Manipulation(StrEnum):
    """How a file was manipulated: of images, of videos, of audio (VER-24, VER-46, VER-53)."""

    FACE_SWAP = "FACE_SWAP"
    GAN_GENERATED = "GAN_GENERATED"
    PHOTO_MANIPULATION = "PHOTO_MANIPULATION"
    DOCUMENT_FORGERY = "DOCUMENT_FORGERY"
    VIDEO_REPLAY = "VIDEO_REPLAY"
    LIVENESS_SPOOF = "LIVENESS_SPOOF"
    AUDIO_VISUAL_MISMATCH = "AUDIO_VISUAL_MISMATCH"
    VOICE_CLONING = "VOICE_CLONING"
    TTS_ENGINE = "TTS_ENGINE"
    AUDIO_MANIPULATION = "AUDIO_MANIPULATION"


class Event(StrEnum):
    """What a webhook tells (VER-63)."""

    COMPLETED = "deepfake.scan_completed"
    DETECTED = "deepfake.deepfake_detected"
    FAILED = "deepfake.job_failed"


class ErrorCode(StrEnum):
    """The five errors of the document (VER-67 … VER-71), then those of every VeriPlus API (VER-3, VER-73)."""

    INVALID_FILE_FORMAT = "INVALID_FILE_FORMAT"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS"
    ANALYSIS_FAILED = "ANALYSIS_FAILED"
    NO_FACE_DETECTED = "NO_FACE_DETECTED"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    MISSING_API_KEY = "MISSING_API_KEY"
    INVALID_API_KEY = "INVALID_API_KEY"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    CONFLICT = "CONFLICT"
    GONE = "GONE"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"


_CODES = {
    "empty_file": ErrorCode.INVALID_FILE_FORMAT,
    "unsupported_format": ErrorCode.INVALID_FILE_FORMAT,
    "unsupported_codec": ErrorCode.INVALID_FILE_FORMAT,
    "unreadable_media": ErrorCode.INVALID_FILE_FORMAT,
    "media_limit_exceeded": ErrorCode.FILE_TOO_LARGE,
    "media_too_large": ErrorCode.FILE_TOO_LARGE,
    "no_face": ErrorCode.NO_FACE_DETECTED,
}


def code_of(failure: str) -> ErrorCode:
    """Return the vendor's code for the code of one of our failures: of the media, else of ours."""
    return _CODES.get(failure, ErrorCode.ANALYSIS_FAILED)


@dataclass(frozen=True)
class Medium:
    """A way in: the part that carries the file, what it takes, what it asks of the core."""

    media: Media
    prefix: str
    part: str
    max_bytes: int
    families: frozenset[str]
    accepts: tuple[str, ...]
    formats: str
    types: tuple[AnalysisType, ...]
    operations: tuple[Operation, ...]


_PICTURES = ("image/jpeg", "image/png", "image/webp")
_OF_PICTURES = (
    Operation.SYNTHETIC_IMAGE,
    Operation.FACE_MANIPULATION,
    Operation.IMAGE_FORGERY,
    Operation.FILE_FORENSICS,
    Operation.PROVENANCE,
)

MEDIA = {
    Media.IMAGE: Medium(
        Media.IMAGE, "img", "image", 10 * MB, frozenset(("jpeg", "png", "webp")), _PICTURES,
        "JPEG, PNG, WebP",
        (AnalysisType.GENERAL, AnalysisType.FACE, AnalysisType.DOCUMENT), _OF_PICTURES,
    ),
    Media.VIDEO: Medium(
        Media.VIDEO, "vid", "video", 50 * MB, frozenset(("mov", "matroska")),
        ("video/mp4", "video/mov", "video/webm"), "MP4, MOV, WebM",
        (AnalysisType.GENERAL, AnalysisType.VERIFICATION),
        (
            Operation.FACE_MANIPULATION, Operation.SYNTHETIC_VIDEO, Operation.TEMPORAL_COHERENCE,
            Operation.LIP_SYNC, Operation.PRESENTATION_ATTACK, Operation.SYNTHETIC_SPEECH,
            Operation.FILE_FORENSICS, Operation.PROVENANCE,
        ),
    ),
    Media.AUDIO: Medium(
        Media.AUDIO, "aud", "audio", 10 * MB, frozenset(("mpegaudio", "wav", "mov")),
        ("audio/mp3", "audio/wav", "audio/m4a"), "MP3, WAV, M4A", (),
        (Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE, Operation.FILE_FORENSICS, Operation.PROVENANCE),
    ),
    Media.DOCUMENT: Medium(
        Media.DOCUMENT, "doc", "document", 10 * MB, frozenset(("pdf", "jpeg", "png", "webp")),
        ("document/pdf", *_PICTURES), "PDF, JPEG, PNG, WebP", (),
        (
            Operation.SYNTHETIC_IMAGE, Operation.IMAGE_FORGERY, Operation.FILE_FORENSICS,
            Operation.PROVENANCE,
        ),
    ),
}  # fmt: skip
"""VER-12, VER-13, VER-25, VER-27, VER-48. Sizes of images and documents are ours: the vendor states none."""

KINDS = {
    Media.IMAGE: MediaKind.IMAGE,
    Media.VIDEO: MediaKind.VIDEO,
    Media.AUDIO: MediaKind.AUDIO,
}
"""Whose credits are held; a document is held for as what its bytes begin as."""
