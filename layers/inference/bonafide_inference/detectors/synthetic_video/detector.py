"""The operation ``synthetic_video``: what time does to noise and residuals, on frames made equal.

The measurements do not tell generated clips from filmed ones on sources they have not seen better than frame
rate alone does (card, decision 0066), so there is no calibrated score: ``inconclusive``, with values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bonafide.model import Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.synthetic_video.measure import LEAST_FRAMES, NAMES, equalised, residuals
from bonafide_inference.frames import Burst
from bonafide_inference.registry import Job
from bonafide_inference.video_report import cut_flags, node
from numpy.typing import NDArray

__all__ = ["WORDS", "SyntheticVideo", "measured"]

WORDS = {
    "no_frames": "There is no frame in this stretch.",
    "too_few_frames": "Too few consecutive frames: nothing can be compared over time.",
    "nothing_in_picture": "The picture is plain: there is nothing to measure.",
    "no_calibrated_score": "What was measured does not tell generated video from filmed video; it is "
    "shown as evidence only.",
}


class SyntheticVideo:
    """Residuals over time of the consecutive frames; see the card."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a picture track."""
        return None if any(track.type == "video" for track in media.tracks) else "no_video"

    def score(self, job: Job) -> Finding:
        """Return what was measured; never a score."""
        reel, flags = job.piece.reel(), cut_flags(job)
        if not reel.frames:
            return _silent(Outcome.NOT_APPLICABLE, "no_frames", flags)
        enough, rows = measured(reel.bursts)
        if not rows:
            reason = "nothing_in_picture" if enough else "too_few_frames"
            return _silent(Outcome.INCONCLUSIVE, reason, flags)
        middle = np.mean(rows, axis=0)
        values = {name: round(float(x), 4) for name, x in zip(NAMES, middle, strict=True)}
        evidence = Evidence(
            flags=flags, values=values | {"bursts": len(rows)},
            details={"tree": node("video", reel.frames[0].time_s, None)},
        )  # fmt: skip
        return _silent(Outcome.INCONCLUSIVE, "no_calibrated_score", ()).model_copy(
            update={"evidence": evidence}
        )


def measured(bursts: Sequence[Burst]) -> tuple[bool, list[NDArray[np.float32]]]:
    """Whether some burst has frames enough, and the measurements of those that show something."""
    stacks = [stack for burst in bursts if len(stack := equalised(burst.frames)) >= LEAST_FRAMES]
    return bool(stacks), [row for stack in stacks if (row := residuals(stack)) is not None]


def _silent(outcome: Outcome, reason: str, flags: tuple[Flag, ...]) -> Finding:
    return Finding(
        operation=Operation.SYNTHETIC_VIDEO, outcome=outcome, reason=reason, detail=WORDS[reason],
        evidence=Evidence(flags=flags),
    )  # fmt: skip
