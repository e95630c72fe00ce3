"""The smallest words: questions, kinds of media, ends, probabilities. `model` speaks them all again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Interval", "MediaKind", "Operation", "Outcome", "Probability", "Verdict", "Word"]


class Operation(StrEnum):
    """One kind of question that can be asked of a file. The same name is used everywhere."""

    SYNTHETIC_IMAGE = "synthetic_image"
    FACE_MANIPULATION = "face_manipulation"
    IMAGE_FORGERY = "image_forgery"
    SYNTHETIC_SPEECH = "synthetic_speech"
    AUDIO_SPLICE = "audio_splice"
    AUDIO_REPLAY = "audio_replay"
    SYNTHETIC_VIDEO = "synthetic_video"
    TEMPORAL_COHERENCE = "temporal_coherence"
    LIP_SYNC = "lip_sync"
    PRESENTATION_ATTACK = "presentation_attack"
    FILE_FORENSICS = "file_forensics"
    PROVENANCE = "provenance"
    KNOWN_FAKE_SEARCH = "known_fake_search"
    TRANSCRIPTION = "transcription"
    DESCRIPTION = "description"


class MediaKind(StrEnum):
    """What a file is, decided by its bytes."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"


class Outcome(StrEnum):
    """How a detector's run ended. Only ``scored`` carries ``p_fake``; all others carry a reason."""

    SCORED = "scored"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


class Verdict(StrEnum):
    """What a named policy makes of a score. Silence is ``inconclusive``, never ``genuine``."""

    GENUINE = "genuine"
    MANIPULATED = "manipulated"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"


Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Word(BaseModel):
    """Base of all words: immutable; an unknown member is an error, never dropped in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Word):
    """95 % interval of a calibrated probability."""

    low: Probability
    high: Probability
