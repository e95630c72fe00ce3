"""What 1, 100 and 10,000 analyses a second would ask of AWS, and what gives way first. By calculation.

``python -m benchmarks.scale`` prints the tables of docs/scale.md. Quotas are the published defaults of
us-east-1 (Service Quotas, November 2026), most of them adjustable; none of this was run on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass

from bonafide import cost
from bonafide.model import Usage

RATES = (1, 100, 10_000)

# Seconds and memory as `make bench` measures them locally for a 1 MB JPEG, rounded up.
PICTURE = (
    Usage(function="inspect", seconds=0.25, memory_mb=2048),
    Usage(function="detect-image", seconds=1.4, memory_mb=3008),
    Usage(function="conclude", seconds=0.15, memory_mb=1024),
)
API = Usage(function="api-native", seconds=0.12, memory_mb=1024)
AUTHORIZER = Usage(function="authorizer", seconds=0.02, memory_mb=512)
POLLS = 2


@dataclass(frozen=True)
class Quota:
    """A default limit of one account in one region, and what one analysis takes of it."""

    name: str
    limit: float
    each: float
    adjustable: str

    def load(self, rate: float) -> float:
        """Return the share of the limit that ``rate`` analyses a second use."""
        return self.each * rate / self.limit


def quotas(items: int = 1) -> list[Quota]:
    """Return the quotas a picture with ``items`` work items touches."""
    calls = 1 + POLLS
    busy = sum(u.seconds for u in PICTURE) + calls * (API.seconds + AUTHORIZER.seconds)
    return [
        Quota("Lambda concurrent executions", 1_000, busy, "yes, to tens of thousands"),
        Quota("API Gateway requests a second", 10_000, calls, "yes"),
        Quota("Step Functions StartExecution a second", 300, 1, "yes"),
        Quota("Step Functions transitions a second", 5_000, cost.transitions(items, fetched=False), "yes"),
        Quota("DynamoDB writes a second, whole table", 40_000, cost.table_writes(items, polls=POLLS), "yes"),
        Quota(
            "DynamoDB writes a second, one tenant's index shard", 1_000, (8 + items) / 4, "no: more shards"
        ),
        Quota("S3 writes a second, one prefix", 3_500, 3 + 3 * items, "S3 splits busy prefixes by itself"),
        Quota("EventBridge PutEvents a second", 10_000, 1, "yes"),
        Quota("EventBridge Scheduler creations a second", 1_000, 0.02, "yes (2 % of webhooks late)"),
    ]


def main() -> None:
    """Print both tables."""
    head = "".join(f"{rate:>12,}/s" for rate in RATES)
    print(f"{'share of the default quota':52}{head}   adjustable")
    for quota in quotas():
        shares = "".join(f"{quota.load(rate):>13.1%} " for rate in RATES)
        print(f"{quota.name:52}{shares}  {quota.adjustable}")
    order = sorted(quotas(), key=lambda q: -q.load(1))
    print(
        "\ngives way at (analyses a second): "
        + ", ".join(f"{q.name} {1 / q.load(1):,.0f}" for q in order[:4])
    )
    parts = cost.estimate(PICTURE, items=1, fetched=False, polls=POLLS)
    print("\ncost of a picture, US dollars (list price, no free tier):")
    for name, value in parts.items():
        print(f"  {name:12} {value:.7f}  {value / parts['total']:6.1%}")
    print(f"  a million pictures: ${parts['total'] * 1e6:,.0f}")
    for rate in RATES:
        print(f"  {rate:>6,}/s for a month: ${parts['total'] * rate * 86400 * 30.4:,.0f}")


if __name__ == "__main__":
    main()
