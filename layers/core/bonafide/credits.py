"""Credits: reserve when an analysis is asked for, settle when it is done, release when it failed (VER-9).

A dialect that charges has a price list; the native API and the dialects without one cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bonafide.model import Analysis, MediaKind, State
from bonafide.store import credits as store
from bonafide.store import tenants
from bonafide.tenants import month

__all__ = ["PRICES", "Balance", "Prices", "balance", "close", "hold", "price", "release", "reserve", "settle"]

Prices = Mapping[MediaKind, tuple[tuple[float, int], ...]]
"""Brackets of each medium: (longest duration in seconds, inclusive; credits), shortest first."""

PRICES: Mapping[str, Prices] = {
    "veriplus": {  # VER-5, VER-6, VER-7 (60 s is the cheaper one), VER-8
        MediaKind.IMAGE: ((math.inf, 2),),
        MediaKind.AUDIO: ((math.inf, 3),),
        MediaKind.VIDEO: ((60.0, 5), (math.inf, 10)),
        MediaKind.DOCUMENT: ((math.inf, 2),),
    },
    "phonexia": {  # PHX-36: a licensed capacity, no prices; so VeriPlus' price of sound
        MediaKind.AUDIO: ((math.inf, 3),),
        MediaKind.VIDEO: ((math.inf, 3),),
    },
}
"""The price list of each dialect that charges."""


@dataclass(frozen=True)
class Balance:
    """A month's credits; ``allowance`` and ``remaining`` are ``None`` without a limit."""

    month: str
    allowance: int | None
    spent: int
    held: int

    @property
    def remaining(self) -> int | None:
        """What may still be reserved."""
        return None if self.allowance is None else max(0, self.allowance - self.spent - self.held)


def price(dialect: str | None, kind: MediaKind, duration_s: float | None = None) -> int:
    """Return what an analysis costs; of an unknown duration, the dearest. Pure."""
    brackets = PRICES.get(dialect or "", {}).get(kind, ((math.inf, 0),))
    length = math.inf if duration_s is None else duration_s
    return next(credits_ for longest, credits_ in brackets if length <= longest)


def hold(dialect: str | None, kind: MediaKind | None) -> int:
    """Return what to reserve before the media is known: the dearest that it may turn out to be. Pure."""
    kinds = MediaKind if kind is None else (kind,)
    return max(price(dialect, one) for one in kinds)


def reserve(tenant: str, analysis_id: str, amount: int, *, now: datetime) -> None:
    """Hold credits for an analysis, once however often it is asked. Raises `InsufficientCredits`."""
    if amount > 0:
        allowance = tenants.get(tenant).terms.credits
        store.reserve(tenant, analysis_id, amount, month=month(now), allowance=allowance, now=now)


def settle(tenant: str, analysis_id: str, amount: int) -> int:
    """Spend ``amount`` of what was reserved, free the rest; returns what was spent. The first call counts."""
    return store.close(tenant, analysis_id, amount)


def release(tenant: str, analysis_id: str, *, held_before: datetime | None = None) -> None:
    """Free what is held; with ``held_before`` only a reservation made before that moment."""
    if held_before is not None:
        row = store.reservation(tenant, analysis_id)
        if row is None or row["at"] >= held_before.timestamp():
            return
    store.close(tenant, analysis_id, 0)


def close(analysis: Analysis) -> int:
    """Settle what a completed analysis costs, release what any other end held; returns what was spent."""
    if analysis.dialect not in PRICES:
        return 0
    if analysis.state is not State.COMPLETED or analysis.media is None:
        release(analysis.tenant, analysis.id)
        return 0
    cost = price(analysis.dialect, analysis.media.kind, analysis.media.duration_s)
    return settle(analysis.tenant, analysis.id, cost)


def balance(tenant: str, *, now: datetime) -> Balance:
    """Return this month's credits."""
    used, spent = store.totals(tenant, month(now))
    return Balance(month(now), tenants.get(tenant).terms.credits, spent, used - spent)
