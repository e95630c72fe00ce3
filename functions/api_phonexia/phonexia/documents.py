"""What the dialect answers, as models. OpenAPI and the tests are made of them; requests never load this."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from phonexia.words import ErrorType, State

__all__ = [
    "ChannelScore",
    "ChannelSegments",
    "ErrorBody",
    "ErrorDetail",
    "ManipulationResult",
    "ScoreResult",
    "Segment",
    "Started",
    "Task",
    "TaskError",
    "TaskResult",
    "TaskStatus",
]


class Document(BaseModel):
    """Base of all."""

    model_config = ConfigDict(extra="forbid")


class Task(Document):
    """A task (PHX-25)."""

    task_id: UUID
    state: State


class Started(Document):
    """Answer to a task that was begun (PHX-25)."""

    task: Task


class ChannelScore(Document):
    """The score of one channel (PHX-30, PHX-31)."""

    channel_number: int = Field(ge=0, description="0-based.")
    score: float | None = Field(
        description="Log-likelihood ratio: above 0 speaks for an attack, below 0 against it. "
        "Null if there is no score; `X-Bonafide-Null-Reason` says why."
    )


class ScoreResult(Document):
    """One operation, channel by channel (PHX-30)."""

    channels: list[ChannelScore]


class Segment(Document):
    """A stretch that may have been manipulated (PHX-32)."""

    score: float = Field(description="Log-likelihood ratio.")
    start_time: float = Field(ge=0, description="Seconds.")
    end_time: float = Field(ge=0, description="Seconds.")


class ChannelSegments(Document):
    """The stretches of one channel (PHX-32)."""

    channel_number: int = Field(ge=0, description="0-based.")
    segments: list[Segment] | None = Field(
        description="Suspicious ones, joined; every one with `raw_segmentation`. Null if nothing was judged."
    )


class ManipulationResult(Document):
    """Manipulation, channel by channel (PHX-32)."""

    channels: list[ChannelSegments]


class TaskResult(Document):
    """Result by operation; null for one that was not requested (PHX-29)."""

    deepfake_detection: ScoreResult | None
    replay_attack_detection: ScoreResult | None
    audio_manipulation_detection: ManipulationResult | None


class TaskError(Document):
    """Why there is no result (PHX-30)."""

    type: Literal["internal", "task.validation-error"]
    message: str


class TaskStatus(Document):
    """A task as it is now (PHX-29): with `result` when done, with `error` when rejected or failed."""

    task: Task
    result: TaskResult = Field(default=None)  # type: ignore[assignment]  # absent, never null
    error: TaskError = Field(default=None)  # type: ignore[assignment]  # absent, never null


class ErrorDetail(Document):
    """One fault, and where it is (PHX-33)."""

    location: list[int | str]
    message: str
    type: str
    context: dict[str, Any]


class ErrorBody(Document):
    """Every error (PHX-33, PHX-34)."""

    type: ErrorType = Field(description="Machine-readable error type.")
    message: str = Field(description="Human-readable summary of the error.")
    detail: list[ErrorDetail]
