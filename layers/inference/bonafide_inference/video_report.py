"""What people and integrators see of a video: a tree of three levels, a timeline, a contact sheet.

The tree is ``video → track (or stretch) → face (or frame)``; every node has ``type``, ``score`` (calibrated
P(fake), None without one), ``certainty`` (0..1: how far the score is from even), ``conclusion`` and
``timestamp`` (seconds). `bonafide.fuse` joins the trees of a long video's windows in time order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from bonafide.model import Artifact, Flag
from PIL import Image, ImageDraw, ImageFont

from bonafide_inference.frames import Frame
from bonafide_inference.plots import contact_sheet
from bonafide_inference.registry import Job

__all__ = ["cut_flags", "node", "sheet_artifact", "timeline_artifact"]

CHILDREN = 12
"""Nodes kept below one node: the most suspicious ones, in time order."""


def node(
    kind: str, timestamp: float, score: float | None, children: Sequence[dict[str, Any]] = (), **facts: Any
) -> dict[str, Any]:
    """One node of the tree; of its ``children`` the `CHILDREN` with the highest scores are kept."""
    kept = sorted(children, key=lambda child: -(child["score"] or 0.0))[:CHILDREN]
    found: dict[str, Any] = {
        "type": kind,
        "score": None if score is None else round(score, 4),
        "certainty": None if score is None else round(abs(2 * score - 1), 4),
        "conclusion": _conclusion(score),
        "timestamp": round(timestamp, 3),
        **facts,
    }
    return found | {"children": sorted(kept, key=lambda child: child["timestamp"])} if kept else found


def _conclusion(score: float | None) -> str:
    if score is None or 0.4 <= score <= 0.6:
        return "inconclusive"
    return "manipulated" if score > 0.5 else "genuine"


def cut_flags(job: Job) -> tuple[Flag, ...]:
    """A flag when the video could not be read to its end: what was read is what was judged."""
    reel = job.piece.reel()
    if reel.cut_s is None and "truncated" not in job.media.warnings:
        return ()
    return (
        Flag(
            code="video_cut_short",
            message="The video is damaged or cut off; only what could be read was analysed.",
            value=reel.cut_s if reel.cut_s is not None else job.media.duration_s,
            where="seconds",
        ),
    )


def timeline_artifact(
    job: Job,
    name: str,
    title: str,
    rows: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    span_s: tuple[float, float],
    marks: Sequence[float] = (),
) -> tuple[Artifact, ...]:
    """Draw values over time, one row each, and vertical ``marks`` (cuts); a PNG in the job's folder.

    ``rows``: (label, [(seconds, value 0..1)]). Nothing without a wish for pictures or without values.
    """
    if not job.options.visualize or not any(points for _, points in rows):
        return ()
    width, tall, left = 900, 84, 150
    image = Image.new("RGB", (left + width + 20, 30 + tall * len(rows) + 24), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    draw.text((8, 6), title, "black", font)
    start, end = span_s[0], max(span_s[1], span_s[0] + 0.001)

    def place(moment: float) -> float:
        return left + width * (moment - start) / (end - start)

    for number, (label, points) in enumerate(rows):
        base = 30 + tall * (number + 1) - 10
        draw.text((8, base - tall / 2), label, "black", font)
        draw.rectangle((left, base - tall + 18, left + width, base), outline=(200, 200, 200))
        for moment, value in points:
            height = (tall - 20) * min(1.0, max(0.0, value))
            shade = (int(60 + 180 * value), 80, int(200 - 150 * value)) if 0 <= value <= 1 else (240, 80, 50)
            draw.rectangle((place(moment) - 1, base - height, place(moment) + 2, base), fill=shade)
    for moment in marks:
        draw.line((place(moment), 28, place(moment), image.height - 22), fill=(0, 150, 0))
    for share in (0.0, 0.5, 1.0):
        words = f"{start + (end - start) * share:.1f} s"
        draw.text((left + width * share - 30 * share, image.height - 18), words, "black", font)
    path = os.path.join(job.workdir, name)
    image.save(path, "PNG", compress_level=1)  # a third faster, 1 % larger
    return (Artifact(name=name, media_type="image/png", title=title, path=path),)


def sheet_artifact(
    job: Job, name: str, title: str, frames: Sequence[tuple[str, Frame]]
) -> tuple[Artifact, ...]:
    """A contact sheet of captioned frames as a JPEG in the job's folder."""
    if not job.options.visualize or not frames:
        return ()
    path = os.path.join(job.workdir, name)
    sheet = contact_sheet([(caption, frame.small) for caption, frame in frames])
    sheet.save(path, "JPEG", quality=90)  # photographs: a twentieth of the time of a PNG
    return (Artifact(name=name, media_type="image/jpeg", title=title, path=path),)
