"""What /v1/account answers, as models, and the base of all documents."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from bonafide.model import MediaKind, Policy
from bonafide.tenants import Plan
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Account", "Credits", "Document", "Jobs", "MonthUsage", "RequestRate"]


class Document(BaseModel):
    """Base of all: every member is always there."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class Jobs(Document):
    """Analyses at once; more are queued, never refused."""

    limit: int
    running: int


class RequestRate(Document):
    """Requests in each window; more are 429 until it ends."""

    limit: int
    window_seconds: int


class Credits(Document):
    """Credits of this month. Analyses through this API cost none; other APIs have price lists."""

    limit: int | None = Field(description="Null: unlimited.")
    spent: int
    held: int = Field(description="Reserved for analyses that have not ended.")
    remaining: int | None = Field(description="Null: unlimited.")


class MonthUsage(Document):
    """What ended in a calendar month (UTC), deleted analyses included."""

    month: str = Field(pattern="^[0-9]{4}-[0-9]{2}$")
    analyses: int
    failed: int
    media: dict[MediaKind, int] = Field(description="Analyses by medium, where it was found out.")
    seconds: float = Field(description="Duration of the media.")
    bytes: int
    credits: int


class Account(Document):
    """The tenant's plan, and what this month has used of it."""

    object: Literal["account"]
    tenant: str
    plan: Plan
    policy: str = Field(description="Verdict policy of analyses that name none.")
    policies: list[Policy] = Field(description="Thresholds of the tenant's own, beside the named ones.")
    created_at: datetime | None = Field(description="Null: never described by the owner (plan FREE).")
    jobs: Jobs
    requests: RequestRate | None = Field(description="Null: unlimited.")
    credits: Credits
    usage: MonthUsage
