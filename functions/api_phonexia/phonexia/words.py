"""The vendor's own words, and which of ours they stand for."""

from __future__ import annotations

from enum import StrEnum

from bonafide.model import Operation

__all__ = [
    "DIALECT",
    "MAX_FILE_BYTES",
    "MIN_AUDIO_S",
    "OPERATIONS",
    "SEGMENT_S",
    "Asked",
    "ErrorType",
    "State",
]

DIALECT = "phonexia"
MAX_FILE_BYTES = 524_288_000
"""500 MiB (PHX-38)."""

MIN_AUDIO_S = 3.0
"""Below this much audio in a channel there is no deepfake score (PHX-6)."""

SEGMENT_S = 0.4
"""Length of the overlapping stretches that manipulation is looked for in (PHX-7, PHX-9)."""


class Asked(StrEnum):
    """The three operations (PHX-3)."""

    DEEPFAKE = "deepfake_detection"
    REPLAY = "replay_attack_detection"
    MANIPULATION = "audio_manipulation_detection"


OPERATIONS = {
    Asked.DEEPFAKE: Operation.SYNTHETIC_SPEECH,
    Asked.REPLAY: Operation.AUDIO_REPLAY,
    Asked.MANIPULATION: Operation.AUDIO_SPLICE,
}


class State(StrEnum):
    """The states of a task (PHX-29)."""

    PENDING = "pending"
    RUNNING = "running"
    REJECTED = "rejected"
    FAILED = "failed"
    DONE = "done"


class ErrorType(StrEnum):
    """The ten machine-readable kinds of error (PHX-34)."""

    INTERNAL = "internal"
    NOT_FOUND = "resource.not-found"
    METHOD = "method.invalid"
    CONFLICT = "request.conflict"
    FORBIDDEN = "request.forbidden"
    INVALID = "request.invalid"
    VALIDATION = "request.validation-error"
    RATE = "request.rate-limit-exceeded"
    SIZE = "request.size-limit-exceeded"
    STORAGE = "storage.capacity-exceeded"
