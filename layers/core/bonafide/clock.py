"""The clock, in one place, so that tests can bring their own."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now"]


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)
