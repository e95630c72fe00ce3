"""The clock, in one place, so that tests can bring their own."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now", "text"]


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def text(moment: datetime) -> str:
    """Return the moment as RFC 3339 writes it, in UTC with ``Z``."""
    return moment.isoformat().replace("+00:00", "Z")
