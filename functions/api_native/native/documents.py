"""What /v1 answers, as models. OpenAPI and the tests are made of them; no request loads this module."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from bonafide.model import (
    Evidence,
    Failure,
    FileVerdict,
    Interval,
    MediaFacts,
    MediaKind,
    ModelRef,
    Operation,
    Options,
    Outcome,
    Probability,
    Source,
    Stage,
    State,
    Verdict,
    Voice,
    Weights,
)
from bonafide.store.webhooks import Attempt
from bonafide.tokens import Scope
from bonafide.webhooks import EventType
from pydantic import BaseModel, ConfigDict, Field

from native.documents_account import Account, Credits, Document, Jobs, MonthUsage, RequestRate
from native.documents_receipt import DeletionReceipt, ErasedCounts, KeptEntry, KeySet, PublicKey

__all__ = [
    "Account",
    "AnalysisDocument",
    "AnalysisList",
    "AnalysisSummary",
    "ArtifactDocument",
    "ArtifactLink",
    "ArtifactList",
    "Cost",
    "CreatedToken",
    "CreatedWebhook",
    "Credits",
    "DeletionReceipt",
    "DeliveryDocument",
    "DeliveryList",
    "ErasedCounts",
    "Health",
    "Jobs",
    "KeptEntry",
    "KeySet",
    "KnownMediaDocument",
    "KnownMediaList",
    "Limits",
    "Links",
    "ModelDocument",
    "ModelList",
    "MonthUsage",
    "Problem",
    "PublicKey",
    "RequestRate",
    "ResultDocument",
    "ResultSummary",
    "TokenDocument",
    "TokenList",
    "UploadDocument",
    "WebhookDocument",
    "WebhookEvent",
    "WebhookList",
]


class Cost(Document):
    """What an analysis would cost on AWS by list price, estimated from what was measured."""

    usd: float


class Links(Document):
    """Where to go on."""

    self: str
    artifacts: str


class ArtifactDocument(Document):
    """A file that a detector made; `href` leads to a short-lived link."""

    name: str
    operation: Operation
    media_type: str
    title: str
    bytes: int | None
    href: str


class ResultDocument(Document):
    """The answer to one question. `p_fake` is there if and only if the outcome is `scored`."""

    operation: Operation
    outcome: Outcome
    verdict: Verdict
    p_fake: Probability | None
    interval: Interval | None
    llr: float | None = Field(description="Log-likelihood ratio in nats; above 0 speaks for manipulation.")
    reason: str | None
    detail: str | None
    attribution: str | None = Field(description="What the file or its manifest names; null: unknown.")
    disagreement: float | None = Field(description="Widest gap between fused p_fake values.")
    evidence: Evidence
    artifacts: list[str] = Field(description="Names of entries of the analysis' `artifacts`.")
    models: list[ModelRef]
    voices: list[Voice] = Field(description="What each model said before fusion; those in shadow too.")
    weights: Weights | None = Field(description="Fitted weights that fused them; null: the plain rule.")
    seconds: float | None


class ResultSummary(Document):
    """The answer to one question, without its evidence."""

    operation: Operation
    outcome: Outcome
    verdict: Verdict
    p_fake: Probability | None
    reason: str | None


class AnalysisBase(Document):
    """What every view of an analysis shows."""

    object: Literal["analysis"]
    id: str
    state: State
    stage: Stage = Field(description="For progress displays; it decides nothing.")
    source: Source
    media: MediaFacts | None
    operations: list[Operation] = Field(description="As asked; empty means all that apply.")
    options: Options
    client_reference: str | None
    verdict: FileVerdict | None
    failure: Failure | None
    cost: Cost | None
    items_total: int | None
    items_done: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    deleted_at: datetime | None
    links: Links


class AnalysisDocument(AnalysisBase):
    """One file, the questions asked of it, and the answers."""

    results: list[ResultDocument]
    versions: dict[str, str]
    artifacts: list[ArtifactDocument]


class AnalysisSummary(AnalysisBase):
    """An analysis as lists show it."""

    results: list[ResultSummary]


class Page(Document):
    """One page of a list; `next_cursor` is null on the last. A page may be short or empty before the end."""

    object: Literal["list"]
    next_cursor: str | None


class AnalysisList(Page):
    """Analyses, newest first."""

    data: list[AnalysisSummary]


class ArtifactList(Page):
    """All artifacts of an analysis."""

    data: list[ArtifactDocument]


class ArtifactLink(Document):
    """A link that anybody may use until it expires."""

    url: str
    expires_at: datetime


class UploadDocument(Document):
    """Where and how to post a file: `fields` first, the file last, as multipart/form-data."""

    object: Literal["upload"]
    upload_id: str
    url: str
    fields: dict[str, str]
    max_bytes: int
    expires_at: datetime


class KnownMediaDocument(Document):
    """An entry of the index of known media."""

    object: Literal["known_media"]
    id: str
    kind: Literal["image", "video"]
    pdq: list[str] = Field(description="Of a picture one hash; of a video one a scene, 16 at most.")
    verdict: Literal["known_fake", "known_genuine"]
    title: str
    url: str | None
    reason: str | None
    complete: bool = Field(description="False: too many entries look like this one; it may be missed.")
    created_at: datetime


class KnownMediaList(Page):
    """Known media, newest first."""

    data: list[KnownMediaDocument]


class TokenDocument(Document):
    """What is known of a token; the token itself is not."""

    object: Literal["token"]
    id: str
    name: str
    scopes: list[Scope]
    prefix: str
    last4: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class CreatedToken(TokenDocument):
    """A new token."""

    token: str = Field(description="Shown only now.")


class TokenList(Page):
    """A tenant's tokens, newest first."""

    data: list[TokenDocument]


class WebhookDocument(Document):
    """An endpoint. `failing_since` and `exhausted` run since the last success."""

    object: Literal["webhook"]
    id: str
    url: str
    events: list[EventType] = Field(description="Empty: every event.")
    description: str
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    created_at: datetime
    rotated_at: datetime | None
    failing_since: datetime | None
    exhausted: int = Field(description="Deliveries given up since the last one that got through.")
    last_success_at: datetime | None


class CreatedWebhook(WebhookDocument):
    """An endpoint with its new secret."""

    secret: str = Field(description="`whsec_` and base64 (Standard Webhooks); shown only now.")


class WebhookList(Page):
    """A tenant's endpoints, oldest first."""

    data: list[WebhookDocument]


class DeliveryDocument(Document):
    """One event on its way to one endpoint."""

    object: Literal["delivery"]
    id: str
    webhook_id: str
    event_id: str = Field(description="The `webhook-id` header of every attempt.")
    type: EventType
    state: Literal["pending", "delivered", "failed", "exhausted"]
    reason: str | None
    attempts: list[Attempt]
    next_attempt_at: datetime | None
    redelivery_of: str | None
    created_at: datetime
    payload: str = Field(description="The JSON text that is signed and sent, but for `client_reference`.")


class DeliveryList(Page):
    """The delivery log of an endpoint, newest first."""

    data: list[DeliveryDocument]


class ModelDocument(Document):
    """A detector that this version ships. `figures` are measured; see its model card."""

    object: Literal["model"]
    name: str
    title: str
    version: str
    type: Literal["rule", "learned"]
    operation: Operation
    kind: str
    media_kinds: list[MediaKind]
    sha256: str
    licence: str
    calibrated: bool
    figures: dict[str, Any]
    shadow: bool = Field(description="Recorded and shown, but not fused.")


class ModelList(Page):
    """All detectors."""

    data: list[ModelDocument]


class Limits(Document):
    """What this deployment accepts and promises."""

    object: Literal["limits"]
    inline_bytes: int = Field(description="Largest file in a multipart request.")
    upload_bytes: int = Field(description="Largest file by upload, URL or drop.")
    upload_seconds: int = Field(description="How long an upload form works.")
    link_seconds: int = Field(description="How long a link to an artifact works.")
    wait_seconds: int = Field(description="Longest `Prefer: wait`.")
    fetch_seconds: int = Field(description="Longest download of a URL.")
    idempotency_key_seconds: int = Field(description="How long an Idempotency-Key is remembered.")
    retention_days: int
    page_entries: int = Field(description="Most entries a page.")
    operations: list[Operation]
    policies: list[str]
    formats: dict[MediaKind, list[str]] = Field(
        description="The usual ones. Any other sound or video that FFmpeg knows by its content is taken too."
    )


class Health(Document):
    """The function answers."""

    status: Literal["ok"]
    version: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is the stable machine name; `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str = Field("", description="The path that was asked for.")
    request_id: str = ""
    errors: list[dict[str, Any]] = []


class WebhookEvent(Document):
    """What an endpoint receives: thin. `data` names the analysis; fetch it for more."""

    type: EventType
    timestamp: datetime
    data: dict[str, Any]
