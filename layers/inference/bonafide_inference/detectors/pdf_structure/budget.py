"""A stopwatch for code that cannot look at one: only for the single-threaded worker of the cell."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["OverBudget", "budget"]


class OverBudget(Exception):
    """The part took longer than it may; what was found before stands."""


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Raise `OverBudget` in the body after ``seconds`` of wall time; without effect off the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: Any) -> None:
        raise OverBudget

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
