"""Named verdict policies: thresholds are data, a verdict always names the policy that made it."""

from __future__ import annotations

import math
from enum import StrEnum

from bonafide.errors import Unprocessable
from bonafide.model import Interval, MediaKind, Operation, Verdict, Word

__all__ = ["DECISIVE", "POLICIES", "Advice", "Policy", "advise", "judge", "percent", "policy"]


class Advice(StrEnum):
    """What to do with a file, strictest first (VER-56, VER-60)."""

    REJECT = "reject"
    REVIEW = "manual_review"
    VERIFY = "enhanced_verification"
    ACCEPT = "accept"


class Policy(Word):
    """Thresholds on calibrated ``p_fake`` at a prior of 0.5.

    ``certain`` asks that the whole interval lies on the verdict's side of one half. From ``review_at`` on,
    below ``manipulated_at``, a person should look.
    """

    name: str
    manipulated_at: float
    review_at: float | None = None
    genuine_at: float
    certain: bool = True


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


def policy(name: str) -> Policy:
    """Return the named policy. Raises `Unprocessable` for an unknown one."""
    try:
        return POLICIES[name]
    except KeyError:
        known = ", ".join(POLICIES)
        raise Unprocessable(
            f"There is no policy {name!r}; known are {known}.",
            code="unknown_policy",
            errors=({"pointer": "/options/policy", "detail": "unknown policy"},),
        ) from None


def judge(rule: Policy, p_fake: float, interval: Interval | None) -> Verdict:
    """Return genuine, manipulated or inconclusive for one calibrated score."""
    low, high = (interval.low, interval.high) if interval else (p_fake, p_fake)
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
