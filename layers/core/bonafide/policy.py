"""Named verdict policies: thresholds are data, a verdict always names the policy that made it."""

from __future__ import annotations

from bonafide.errors import Unprocessable
from bonafide.model import Interval, MediaKind, Operation, Verdict, Word

__all__ = ["DECISIVE", "HARD", "POLICIES", "TRUSTED_GENERATED", "Policy", "judge", "policy"]

TRUSTED_GENERATED = "generated_per_trusted_manifest"
HARD = frozenset({TRUSTED_GENERATED})
"""Flags of scored findings that decide their operation whatever the thresholds are (decision 0034)."""


class Policy(Word):
    """Thresholds on calibrated ``p_fake`` at a prior of 0.5.

    ``certain`` asks that the whole interval lies on the verdict's side of one half.
    """

    name: str
    manipulated_at: float
    genuine_at: float
    certain: bool = True


POLICIES = {
    p.name: p
    for p in (
        Policy(name="default", manipulated_at=0.85, genuine_at=0.15),
        Policy(name="strict", manipulated_at=0.95, genuine_at=0.05),
        Policy(name="even", manipulated_at=0.5, genuine_at=0.5, certain=False),  # RES-45: a binary vendor
        Policy(name="table", manipulated_at=0.895, genuine_at=0.395, certain=False),  # VER-56
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
