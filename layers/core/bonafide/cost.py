"""What an analysis costs on AWS: an estimate from measured seconds, requests and transitions. Pure.

List prices of us-east-1, arm64, November 2026, without free tiers, volume discounts, data transfer out,
logs or storage beyond the first month. The measured seconds are of the machine that ran them.
"""

from __future__ import annotations

from collections.abc import Iterable

from bonafide.model import Usage

__all__ = ["PRICES", "estimate", "table_writes", "transitions"]

PRICES = {
    "lambda_gb_second": 0.0000133334,
    "lambda_request": 0.0000002,
    "transition": 0.000025,
    "api_request": 0.0000035,
    "s3_put": 0.000005,
    "s3_get": 0.0000004,
    "table_write": 0.000000625,
    "table_read": 0.000000125,
    "event": 0.000001,
}
"""US dollars each."""


def transitions(items: int, *, fetched: bool) -> int:
    """Return the states of `analysis.asl.json` that a run of ``items`` work items enters, and its start."""
    return 7 + items + (1 if fetched else 0)


def table_writes(items: int, *, polls: int) -> int:
    """Return the write units of one analysis: its row, with two indexes, counts three times.

    Slot and queue take 4, the month's count 8, the rate 1 a request.
    """
    return (8 + items) * 3 + 12 + 1 + polls


def estimate(usages: Iterable[Usage], *, items: int, fetched: bool, polls: int = 2) -> dict[str, float]:
    """Return dollars by part, and their sum under ``total``.

    ``polls`` are the reads that a client makes beside its one creation.
    """
    used = list(usages)
    calls = len(used) + 1 + polls  # the functions of the workflow, the creation, the polls
    parts = {
        "compute": sum(u.seconds * u.memory_mb / 1024 for u in used) * PRICES["lambda_gb_second"],
        "requests": calls * 2 * PRICES["lambda_request"] + (1 + polls) * PRICES["api_request"],
        "transitions": transitions(items, fetched=fetched) * PRICES["transition"],
        "storage": (3 + 3 * items) * PRICES["s3_put"] + (2 + 2 * items) * PRICES["s3_get"],
        "table": table_writes(items, polls=polls) * PRICES["table_write"]
        + (15 + items + polls) * PRICES["table_read"],
        "events": PRICES["event"],
    }
    return {name: round(value, 9) for name, value in (parts | {"total": sum(parts.values())}).items()}
