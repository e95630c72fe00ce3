"""The words that every room of Bonafide speaks.

Media facts, work items, findings, verdicts and the analysis that holds them. All are values: they
know nothing of AWS, HTTP or numpy. Scores are calibrated probabilities that the media is *not*
bona fide (0 = genuine, 1 = manipulated or generated); a log-likelihood ratio (LLR) is in nats, above
0 speaks for manipulation. Times are seconds from the start of the media, sizes are bytes, boxes are
pixels of the upright picture with the origin at the top left.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from bonafide.weighing import Policy, Voice, Weights
from bonafide.words import Interval, MediaKind, Operation, Outcome, Probability, Verdict, Word

__all__ = [
    "Analysis",
    "Artifact",
    "DetectorKind",
    "Evidence",
    "Failure",
    "FileVerdict",
    "Finding",
    "Flag",
    "FrameScore",
    "Interval",
    "MediaFacts",
    "MediaKind",
    "MediaRef",
    "ModelRef",
    "Operation",
    "OperationResult",
    "Options",
    "Outcome",
    "Policy",
    "Probability",
    "Region",
    "Segment",
    "Source",
    "Stage",
    "State",
    "Track",
    "Usage",
    "Verdict",
    "Voice",
    "Weights",
    "Window",
    "Word",
    "WorkItem",
]


class State(StrEnum):
    """Life of an analysis: ``queued → running → completed | failed``; any of them → ``deleted``."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"


class Stage(StrEnum):
    """Where a running analysis is, for progress display. It decides nothing."""

    QUEUED = "queued"
    FETCHING = "fetching"
    INSPECTING = "inspecting"
    DETECTING = "detecting"
    FUSING = "fusing"
    DONE = "done"


DetectorKind = Literal["image", "audio", "video", "file", "text"]
"""The detector function (`functions/detect_<kind>`) that a work item is for."""


class Track(Word):
    """One stream of an audio or video container, as its headers (not its content) describe it."""

    index: int = Field(ge=0)
    type: Literal["video", "audio", "subtitle", "data"]
    codec: str
    duration_s: float | None = Field(None, ge=0)
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    rate_hz: int | None = None
    channels: int | None = None


class MediaFacts(Word):
    """What *inspect* found by looking at the bytes."""

    kind: MediaKind
    format: str = Field(description="Short container name, such as jpeg, png, mp4, mp3, pdf.")
    mime: str
    bytes: int = Field(ge=1)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="Zero retention erases it.")
    width: int | None = None
    height: int | None = None
    frames: int | None = Field(None, description="Pictures in an image file (1 unless animated).")
    duration_s: float | None = Field(None, ge=0)
    pages: int | None = None
    tracks: tuple[Track, ...] = ()
    warnings: tuple[str, ...] = Field((), description="Machine reasons, e.g. truncated.")


class MediaRef(Word):
    """Where the bytes lie: a key of the media bucket, and the version when the key may be reused."""

    key: str
    version_id: str | None = None
    sha256: str | None = Field(None, description="As the client declared it; inspect compares.")


class Source(Word):
    """How the media came in. Names and addresses go with the media when it is erased."""

    type: Literal["upload", "inline", "url", "drop"]
    url: str | None = None
    filename: str | None = Field(None, max_length=255)


class Options(Word):
    """What a client may ask beyond the operations. Times in seconds of the media."""

    policy: str = Field("default", pattern="^[a-z0-9_-]{1,40}$", description="Named verdict policy.")
    visualize: bool = Field(True, description="Make pictures: heatmaps, plots, contact sheets.")
    zero_retention: bool = Field(False, description="Erase media, artifacts and names once done.")
    start_s: float | None = Field(None, ge=0, description="Analyse from here on.")
    end_s: float | None = Field(None, gt=0, description="Analyse up to here.")
    channels: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None, max_length=64, description="0-based audio channels; all when absent."
    )
    mix_channels: bool = Field(False, description="Mix these channels into one, reported as channel 0.")
    frame_length_s: float = Field(2.0, ge=1, le=4, description="Seconds of speech that are scored at once.")
    max_video_fps: float | None = Field(None, gt=0, le=60, description="Sample no more frames a second.")
    max_video_s: float | None = Field(None, gt=0, description="Analyse no more video than this.")
    extract_images: bool = Field(False, description="Give the pictures of a PDF as artifacts, within bounds.")


class Window(Word):
    """A stretch of the media, in seconds; ``end_s`` is exclusive."""

    start_s: float = Field(ge=0)
    end_s: float = Field(gt=0)


class WorkItem(Word):
    """One piece of the media for one detector function, with all the operations wanted on it."""

    id: str = Field(pattern="^[a-z0-9-]{1,40}$")
    detector: DetectorKind
    operations: tuple[Operation, ...] = Field(min_length=1)
    window: Window | None = None
    channel: int | None = None


class ModelRef(Word):
    """Which detector spoke: ``rule`` for one without learned weights, ``learned`` for an ONNX model."""

    name: str
    version: str
    sha256: str = Field(description="Of model.onnx when learned, of model.json otherwise.")
    type: Literal["rule", "learned"]
    shadow: bool = Field(False, description="Recorded and shown, but not fused.")


class Artifact(Word):
    """A file that a detector made. ``path`` is local until the bytes are kept; then ``key`` names them."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")
    media_type: str
    title: str = ""
    path: str | None = None
    key: str | None = None
    bytes: int | None = None


class Flag(Word):
    """A fact that a careful person would want to know, and what it does not prove."""

    code: str = Field(pattern="^[a-z][a-z0-9_]*$")
    message: str
    where: str = ""
    value: str | float | int | bool | None = None
    base_rate: str | None = Field(None, description="How often it happens on innocent files, if measured.")
    caveat: str | None = Field(None, description="What it does not prove.")


class Region(Word):
    """A box of suspicious pixels; ``score`` is 0..1 within its own picture, not a probability."""

    x: int
    y: int
    width: int
    height: int
    score: float
    frame: int | None = None
    model: str | None = Field(None, description="Which model drew it, where those of several stand together.")


class Segment(Word):
    """A stretch of sound or video with its own evidence (``llr`` in nats)."""

    start_s: float
    end_s: float
    llr: float | None = None
    channel: int | None = None
    note: str | None = None


class FrameScore(Word):
    """One sampled video frame: its 0-based index, its time, and what was seen."""

    index: int
    time_s: float
    p_fake: Probability | None = None
    note: str | None = None


class Evidence(Word):
    """What a finding rests on; ``values`` holds named measurements (documented in the model card)."""

    flags: tuple[Flag, ...] = ()
    regions: tuple[Region, ...] = ()
    segments: tuple[Segment, ...] = ()
    frames: tuple[FrameScore, ...] = ()
    values: dict[str, float | int | str | bool | None] = Field({})
    details: dict[str, JsonValue] = Field(
        {}, description="Structured facts, documented in the detector's card."
    )


class Finding(Word):
    """What one detector says of one work item.

    ``p_fake``, ``llr`` and ``interval`` are present if and only if the outcome is ``scored``; every
    other outcome has a machine ``reason`` (snake case) and may have words for people in ``detail``.
    """

    operation: Operation
    outcome: Outcome
    p_fake: Probability | None = None
    interval: Interval | None = None
    llr: float | None = None
    reason: str | None = Field(None, pattern="^[a-z][a-z0-9_]*$")
    detail: str | None = None
    attribution: str | None = None
    evidence: Evidence = Evidence()
    artifacts: tuple[Artifact, ...] = ()
    model: ModelRef | None = None
    item: str | None = None
    channel: int | None = Field(None, ge=0, description="0-based audio channel; none if it is of all.")
    seconds: float | None = None

    def model_post_init(self, _context: Any) -> None:
        """Refuse a score without the outcome ``scored``, and silence without a reason."""
        scored = self.outcome is Outcome.SCORED
        if scored != (self.p_fake is not None):
            raise ValueError("p_fake belongs to the outcome scored, and only to it")
        if not scored and self.reason is None:
            raise ValueError(f"outcome {self.outcome} needs a reason")


class OperationResult(Word):
    """All findings of one operation fused, judged under the policy."""

    operation: Operation
    outcome: Outcome
    verdict: Verdict
    p_fake: Probability | None = None
    interval: Interval | None = None
    llr: float | None = None
    reason: str | None = None
    detail: str | None = None
    attribution: str | None = None
    disagreement: float | None = Field(None, description="Widest gap between fused p_fake values.")
    evidence: Evidence = Evidence()
    artifacts: tuple[Artifact, ...] = ()
    models: tuple[ModelRef, ...] = ()
    voices: tuple[Voice, ...] = Field((), description="What each model said, those in shadow too.")
    weights: Weights | None = Field(
        None, description="The fitted weights that made it; none: the plain rule."
    )
    seconds: float | None = None


class FileVerdict(Word):
    """The verdict on the whole file under a named policy."""

    label: Verdict
    policy: str
    p_fake: Probability | None = None
    interval: Interval | None = None
    decided_by: Operation | None = None
    disagreement: float | None = None
    reason: str | None = None


class Usage(Word):
    """What one function call used; the cost estimate is made of these."""

    function: str
    seconds: float = Field(ge=0)
    memory_mb: int = Field(gt=0)


class Failure(Word):
    """Why an analysis failed: a code of `errors.py`, and words for people."""

    code: str
    detail: str


class Analysis(Word):
    """One file, the questions asked of it, and the answers."""

    id: str
    tenant: str
    state: State
    stage: Stage = Stage.QUEUED
    source: Source
    media_ref: MediaRef | None = None
    media: MediaFacts | None = None
    operations: tuple[Operation, ...] = Field((), description="As asked; empty means all that apply.")
    options: Options = Options()
    accepts: tuple[str, ...] = Field((), description="``kind/format`` that its way in takes; empty: any.")
    rule: Policy | None = Field(None, description="The tenant's own policy, as it stood; none: a named one.")
    client_reference: str | None = Field(None, max_length=200)
    dialect: str | None = Field(None, description="The API it came in through; none for the native one.")
    echo: dict[str, JsonValue] = Field({}, description="What that dialect shows again; opaque to the core.")
    verdict: FileVerdict | None = None
    results: tuple[OperationResult, ...] = ()
    failure: Failure | None = None
    versions: dict[str, str] = Field({})
    cost_usd: float | None = None
    items_total: int | None = None
    items_done: int = 0
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    deleted_at: datetime | None = None
    media_deleted_at: datetime | None = Field(None, description="When zero retention erased the media.")
