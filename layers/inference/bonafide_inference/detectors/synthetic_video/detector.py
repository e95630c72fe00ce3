"""The operation ``synthetic_video``: what time does to noise and residuals, and what single frames show.

The first on frames made equal, the second by the measurements of the picture detector, on native pixels.

The measurements do not tell generated clips from filmed ones on sources they have not seen better than frame
rate alone does (card, decision 0066), so there is no calibrated score: ``inconclusive``, with values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.synthetic_image.pixels import look
from bonafide_inference.detectors.synthetic_video.measure import (
    LEAST_FRAMES,
    NAMES,
    STEPS,
    chosen,
    equalised,
    residuals,
    steps,
    unlike,
)
from bonafide_inference.frames import Burst, Frame, Reel
from bonafide_inference.registry import Job
from bonafide_inference.video_report import cut_flags, node, sheet_artifact, timeline_artifact
from numpy.typing import NDArray

__all__ = ["FRAME_NAMES", "WORDS", "Seen", "SyntheticVideo", "frames_shown", "measured"]

LOOKED_AT = 6
"""Frames that the picture detector's measurements are taken of, evenly spread over the bursts."""
FRAME_NAMES = ("period_two", "noise_by_light", "noise", "plain", "detail")
"""Of `synthetic_image.pixels.Pixels`; colours are not kept in native size."""
SHOWN = 8
"""Frames of the contact sheet, and of the tree."""
DRAWN = 6.0
"""Standard deviations that fill the timeline upwards, and downwards."""

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
        enough, seen = measured(reel.bursts)
        if not seen:
            reason = "nothing_in_picture" if enough else "too_few_frames"
            return _silent(Outcome.INCONCLUSIVE, reason, flags)
        middle = np.mean([one.row for one in seen], axis=0)
        values = {name: round(float(x), 4) for name, x in zip(NAMES, middle, strict=True)}
        apart = unlike(np.concatenate([one.steps for one in seen]))
        least = _least_like([frame for one in seen for frame in one.frames], apart)
        evidence = Evidence(
            flags=flags, values=values | frames_shown(reel.bursts) | {"bursts": len(seen)},
            details={"tree": _tree(reel, least)},
        )  # fmt: skip
        return _silent(Outcome.INCONCLUSIVE, "no_calibrated_score", ()).model_copy(
            update={"evidence": evidence, "artifacts": _pictures(job, seen, apart, least)}
        )


@dataclass(frozen=True)
class Seen:
    """A burst: the frames that were compared, its `NAMES`, and `STEPS` of each frame, (n, 3)."""

    frames: list[Frame]
    row: NDArray[np.float32]
    steps: NDArray[np.float64]


def measured(bursts: Sequence[Burst]) -> tuple[bool, list[Seen]]:
    """Whether some burst has frames enough, and the measurements of those that show something."""
    stacks = [(burst, stack) for burst in bursts if len(stack := equalised(burst.frames)) >= LEAST_FRAMES]
    return bool(stacks), [
        Seen(chosen(burst.frames), row, steps(stack))
        for burst, stack in stacks if (row := residuals(stack)) is not None
    ]  # fmt: skip


def _least_like(frames: Sequence[Frame], apart: NDArray[np.float64]) -> list[tuple[Frame, float]]:
    """The `SHOWN` frames whose noise is least like the others', in time order, and how far apart it is."""
    noise = apart[:, STEPS.index("noise")]
    places = sorted(np.argsort(-np.abs(noise), kind="stable")[:SHOWN].tolist())
    return [(frames[place], round(float(noise[place]), 2)) for place in places]


def _tree(reel: Reel, least: Sequence[tuple[Frame, float]]) -> dict[str, Any]:
    """Video → stretch of consecutive frames → frame of the contact sheet."""
    stretches = []
    for burst in reel.bursts:
        begun, ended = burst.frames[0].time_s, burst.frames[-1].time_s
        leaves = [
            node("frame", frame.time_s, None, frame=frame.index, noise_apart=apart)
            for frame, apart in least if begun <= frame.time_s <= ended
        ]  # fmt: skip
        stretches.append(node("stretch", begun, None, leaves, until=round(ended, 3)))
    return node("video", reel.frames[0].time_s, None, stretches)


def _pictures(
    job: Job, seen: Sequence[Seen], apart: NDArray[np.float64], least: Sequence[tuple[Frame, float]]
) -> tuple[Artifact, ...]:
    """What was measured of each frame over time, and the frames that are least like the others."""
    times = [frame.time_s for one in seen for frame in one.frames]
    rows = [
        (name, list(zip(times, (0.5 + column / (2 * DRAWN)).tolist(), strict=True)))
        for name, column in zip(STEPS, apart.T, strict=True)
    ]
    title = "Change, noise and detail, frame by frame (half height: the middle of this stretch; no score)"
    sheet = [(f"{frame.time_s:.2f} s  noise {noise:+.1f}", frame) for frame, noise in least]
    words = "Frames whose noise differs most from this stretch's own (motion does it too; no accusation)"
    return timeline_artifact(
        job, "synthetic-timeline.png", title, rows, (times[0], times[-1])
    ) + sheet_artifact(job, "synthetic-frames.jpg", words, sheet)


def frames_shown(bursts: Sequence[Burst]) -> dict[str, float | None]:
    """The picture detector's measurements of single frames (native luma, the middle 256 pixels): medians.

    Of at most `LOOKED_AT` frames, evenly spread.
    """
    patches = [patch for burst in bursts for patch in burst.luma if min(patch.shape) >= 64]
    places = np.unique(np.linspace(0, max(len(patches) - 1, 0), LOOKED_AT).astype(int))
    seen = [look([np.repeat(patches[place][..., None], 3, -1)]) for place in places if patches]
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
