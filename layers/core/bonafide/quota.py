"""Request rates: a fixed window a tenant, one conditional write a request (docs/decisions/0023).

The numbers are the core's; what headers they become is the dialect's (the native API: the IETF fields).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bonafide.errors import RateLimited, Unavailable
from bonafide.store import tenants
from bonafide.telemetry import logger

__all__ = ["Rate", "fields", "take"]


@dataclass(frozen=True)
class Rate:
    """Where a tenant stands: ``remaining`` of ``limit`` requests, ``reset_s`` seconds until all are back."""

    limit: int
    window_s: int
    remaining: int
    reset_s: int
    refused: bool = False

    def error(self) -> RateLimited:
        """Return the error for a request that is one too many."""
        return RateLimited(
            f"At most {self.limit} requests in {self.window_s} seconds.",
            retry_after_s=self.reset_s,
            limit=self.limit,
            window_s=self.window_s,
        )


def take(tenant: str, *, now: datetime) -> Rate | None:
    """Count a request. ``None``: no limit, or none that can be told now (then nobody is refused)."""
    try:
        quota = tenants.terms(tenant, now=now).requests
        if quota is None:
            return None
        epoch = int(now.timestamp())
        window = epoch - epoch % quota.window_s
        count = tenants.count_request(tenant, quota, window=window)
    except Unavailable as error:
        logger.warning("rate unknown", extra={"tenant": tenant, "detail": error.detail})
        return None
    left = 0 if count is None else quota.limit - count
    return Rate(quota.limit, quota.window_s, left, window + quota.window_s - epoch, refused=count is None)


def fields(rate: Rate) -> dict[str, str]:
    """Return the RateLimit fields of the IETF draft (September 2025)."""
    return {
        "RateLimit-Policy": f'"default";q={rate.limit};w={rate.window_s}',
        "RateLimit": f'"default";r={rate.remaining};t={rate.reset_s}',
    }
