"""The operation ``synthetic_video``: what time does to noise and residuals, and what single frames show.

The first on frames made equal, the second by the measurements of the picture detector, on native pixels.

The measurements do not tell generated clips from filmed ones on sources they have not seen better than frame
rate alone does (card, decision 0066), so there is no calibrated score: ``inconclusive``, with values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.synthetic_image.pixels import look
from bonafide_inference.detectors.synthetic_video.measure import LEAST_FRAMES, NAMES, equalised, residuals
from bonafide_inference.frames import Burst, Frame, Reel
from bonafide_inference.registry import Job
from bonafide_inference.video_report import cut_flags, node
from numpy.typing import NDArray

__all__ = ["FRAME_NAMES", "WORDS", "SyntheticVideo", "frames_shown", "measured"]

LOOKED_AT = 6
"""Frames that the picture detector's measurements are taken of, evenly spread over the bursts."""
FRAME_NAMES = ("period_two", "noise_by_light", "noise", "plain", "detail")
"""Of `synthetic_image.pixels.Pixels`; colours are not kept in native size."""

WORDS = {
    "no_video": "There is no picture track.",
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
            flags=flags, values=values | frames_shown(reel.bursts) | {"bursts": len(rows)},
            details={"tree": _tree(reel)},
        )  # fmt: skip
        return _silent(Outcome.INCONCLUSIVE, "no_calibrated_score", ()).model_copy(
            update={"evidence": evidence}
        )


def measured(bursts: Sequence[Burst]) -> tuple[bool, list[NDArray[np.float32]]]:
    """Whether some burst has frames enough, and the measurements of those that show something."""
    stacks = [stack for burst in bursts if len(stack := equalised(burst.frames)) >= LEAST_FRAMES]
    return bool(stacks), [row for stack in stacks if (row := residuals(stack)) is not None]


def _looked_at(bursts: Sequence[Burst]) -> list[tuple[Frame, NDArray[np.uint8]]]:
    """At most `LOOKED_AT` frames with their native luma, evenly spread."""
    pairs = [(f, patch) for b in bursts for f, patch in zip(b.frames, b.luma, strict=True)
             if min(patch.shape) >= 64]  # fmt: skip
    places = np.unique(np.linspace(0, max(len(pairs) - 1, 0), LOOKED_AT).astype(int))
    return [pairs[place] for place in places if pairs]


def _tree(reel: Reel) -> dict[str, Any]:
    """Video → stretch of consecutive frames → frame that was looked at."""
    looked = [frame for frame, _ in _looked_at(reel.bursts)]
    stretches = []
    for burst in reel.bursts:
        begun, ended = burst.frames[0].time_s, burst.frames[-1].time_s
        leaves = [node("frame", f.time_s, None, frame=f.index) for f in looked if begun <= f.time_s <= ended]
        stretches.append(node("stretch", begun, None, leaves, until=round(ended, 3)))
    return node("video", reel.frames[0].time_s, None, stretches)


def frames_shown(bursts: Sequence[Burst]) -> dict[str, float | None]:
    """The picture detector's measurements of single frames (native luma, the middle 256 pixels): medians."""
    seen = [look([np.repeat(patch[..., None], 3, -1)]) for _, patch in _looked_at(bursts)]
    found: dict[str, float | None] = {}
    for name in FRAME_NAMES:
        values = [value for one in seen if (value := getattr(one, name)) is not None]
        found[f"frame_{name}"] = round(float(np.median(values)), 4) if values else None
    return found


def _silent(outcome: Outcome, reason: str, flags: tuple[Flag, ...]) -> Finding:
    return Finding(
        operation=Operation.SYNTHETIC_VIDEO, outcome=outcome, reason=reason, detail=WORDS[reason],
        evidence=Evidence(flags=flags),
    )  # fmt: skip
