"""Tenants: plans and what they allow. Pure; the rows are in `store/tenants.py`.

A tenant needs no row: whoever holds a good token of a tenant that nobody described is on the FREE plan
(VER-78). The owner describes one with ``python -m bonafide.admin tenant --tenant X --plan BASIC``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bonafide.model import Policy, Word

__all__ = ["PLANS", "Plan", "Quota", "Tenant", "Terms", "month"]


class Plan(StrEnum):
    """The plans, smallest first (VER-10, VER-74)."""

    FREE = "FREE"
    BASIC = "BASIC"
    PROFESSIONAL = "PROFESSIONAL"
    ENTERPRISE = "ENTERPRISE"


@dataclass(frozen=True)
class Quota:
    """``limit`` requests in each window of ``window_s`` seconds."""

    limit: int
    window_s: int = 60


@dataclass(frozen=True)
class Terms:
    """What a plan allows: jobs at once, credits a calendar month (UTC), requests; ``None`` is unlimited."""

    concurrent: int
    credits: int | None
    requests: Quota | None


PLANS: dict[Plan, Terms] = {
    Plan.FREE: Terms(concurrent=1, credits=100, requests=Quota(300)),
    Plan.BASIC: Terms(concurrent=3, credits=1_000, requests=Quota(1_200)),
    Plan.PROFESSIONAL: Terms(concurrent=10, credits=5_000, requests=Quota(6_000)),
    Plan.ENTERPRISE: Terms(concurrent=50, credits=None, requests=None),
}
"""Jobs and credits are VeriPlus' (VER-10, VER-74); it states no request rate, so those are ours."""


class Tenant(Word):
    """Who owns analyses; ``policy`` judges those that name none, ``policies`` are thresholds of its own."""

    id: str
    plan: Plan = Plan.FREE
    policy: str = "default"
    policies: tuple[Policy, ...] = ()
    created_at: datetime | None = None

    @property
    def terms(self) -> Terms:
        """What the plan allows."""
        return PLANS[self.plan]


def month(moment: datetime) -> str:
    """Return the calendar month (UTC) that a moment belongs to, as ``2026-11``."""
    return f"{moment:%Y-%m}"
