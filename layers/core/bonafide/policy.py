"""Named verdict policies: thresholds are data, a verdict always names the policy that made it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from bonafide.errors import Unprocessable
from bonafide.model import Analysis, Interval, MediaKind, Operation, Policy, Verdict

__all__ = [
    "DECISIVE",
    "HARD",
    "POLICIES",
    "TRUSTED_GENERATED",
    "Advice",
    "Policy",
    "advise",
    "judge",
    "parse",
    "percent",
    "policy",
    "rule_of",
]

TRUSTED_GENERATED = "generated_per_trusted_manifest"
HARD = frozenset({TRUSTED_GENERATED})
"""Flags of scored findings that decide their operation whatever the thresholds are (decision 0034)."""


class Advice(StrEnum):
    """What to do with a file, strictest first (VER-56, VER-60)."""

    REJECT = "reject"
    REVIEW = "manual_review"
    VERIFY = "enhanced_verification"
    ACCEPT = "accept"


POLICIES = {
    p.name: p
    for p in (
        Policy(name="default", manipulated_at=0.85, genuine_at=0.15),
        Policy(name="strict", manipulated_at=0.95, genuine_at=0.05),
        Policy(name="even", manipulated_at=0.5, genuine_at=0.5, certain=False),  # RES-45: a binary vendor
        Policy(
            name="table", manipulated_at=0.895, review_at=0.695, genuine_at=0.395, certain=False
        ),  # VER-56
        Policy(name="reject70", manipulated_at=0.695, genuine_at=0.395, certain=False),  # VER-59
    )
}

DECISIVE: dict[MediaKind, tuple[Operation, ...]] = {
    MediaKind.IMAGE: (Operation.SYNTHETIC_IMAGE, Operation.IMAGE_FORGERY),
    MediaKind.AUDIO: (Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE),
    MediaKind.VIDEO: (Operation.SYNTHETIC_VIDEO, Operation.FACE_MANIPULATION),
    MediaKind.DOCUMENT: (Operation.FILE_FORENSICS,),
}
"""The questions that must all be answered "genuine" before a whole file may be called genuine."""


def policy(name: str, own: Iterable[Policy] = ()) -> Policy:
    """Return the named policy, ours or of a tenant's ``own``. Raises `Unprocessable` for an unknown one."""
    every = {rule.name: rule for rule in own} | POLICIES
    try:
        return every[name]
    except KeyError:
        known = ", ".join(every)
        raise Unprocessable(
            f"There is no policy {name!r}; known are {known}.",
            code="unknown_policy",
            errors=({"pointer": "/options/policy", "detail": "unknown policy"},),
        ) from None


def parse(text: str) -> Policy:
    """Read ``NAME:MANIPULATED_AT:GENUINE_AT[:uncertain]``; ``uncertain`` leaves the interval out of account.

    Raises
    ------
    ValueError
        It is not of this form, its thresholds make no sense, or it has the name of one of ours.
    """
    name, *numbers = text.split(":")
    rest = numbers[2:]
    if name in POLICIES or len(numbers) < 2 or rest not in ([], ["uncertain"]):
        raise ValueError(f"{text!r} is not NAME:MANIPULATED_AT:GENUINE_AT[:uncertain] with a name of its own")
    high, low = (float(number) for number in numbers[:2])
    return Policy(name=name, manipulated_at=high, genuine_at=low, certain=not rest)


def rule_of(analysis: Analysis) -> Policy:
    """Return the policy that judges an analysis: the tenant's own as it stood then, else the named one."""
    return analysis.rule or policy(analysis.options.policy)


def judge(rule: Policy, p_fake: float, interval: Interval | None, *, contradicted: bool = False) -> Verdict:
    """Return genuine, manipulated or inconclusive for one calibrated score.

    ``contradicted``: its models cannot agree on the side. Where the interval of those that have a weight
    spans one half, too, nothing is decided, unless the policy has no room between its thresholds.
    """
    low, high = (interval.low, interval.high) if interval else (p_fake, p_fake)
    if contradicted and low < 0.5 < high and rule.genuine_at < rule.manipulated_at:
        return Verdict.INCONCLUSIVE
    if p_fake >= rule.manipulated_at and (low > 0.5 or not rule.certain):
        return Verdict.MANIPULATED
    if p_fake <= rule.genuine_at and (high < 0.5 or not rule.certain):
        return Verdict.GENUINE
    return Verdict.INCONCLUSIVE


def percent(p: float) -> int:
    """Return a probability as a whole percentage, halves rounded up (VER-62)."""
    return math.floor(round(100 * p, 9) + 0.5)


def advise(rule: Policy, p_fake: float) -> Advice:
    """Return what a policy advises for a score, in whole percent (VER-56, VER-59)."""
    score = percent(p_fake)
    if score >= percent(rule.manipulated_at):
        return Advice.REJECT
    if rule.review_at is not None and score >= percent(rule.review_at):
        return Advice.REVIEW
    return Advice.VERIFY if score >= percent(rule.genuine_at) else Advice.ACCEPT
