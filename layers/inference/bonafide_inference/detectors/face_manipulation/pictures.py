"""What people see: the most suspicious face with its map of seams, a timeline, a contact sheet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bonafide.model import Artifact
from bonafide_inference.calibration import probability
from bonafide_inference.detectors.face_manipulation.judged import Track
from bonafide_inference.frames import Frame
from bonafide_inference.plots import heat_overlay
from bonafide_inference.registry import Job
from bonafide_inference.video_report import sheet_artifact, timeline_artifact
from PIL import Image

__all__ = ["pictures"]

SHOWN = 384
"""Side of the face with its map, in pixels."""
MOST_ROWS = 6


def pictures(job: Job, frames: Sequence[Frame], tracks: Sequence[Track]) -> tuple[Artifact, ...]:
    """The heatmap of the face with the highest score; of video also the timeline and the sheet."""
    if not job.options.visualize:
        return ()
    every = [one for track in tracks for one in track.faces]
    worst = max(every, key=lambda one: one.raw)
    face = Image.fromarray(worst.crop).resize((SHOWN, SHOWN), Image.Resampling.BICUBIC)
    path = os.path.join(job.workdir, "face-heatmap.png")
    heat_overlay(face, 1 / (1 + np.exp(-worst.seams.astype(np.float64)))).save(path, "PNG", compress_level=1)
    title = _heat_title(job.manifest.figures)
    heat = Artifact(name="face-heatmap.png", media_type="image/png", title=title, path=path)
    if job.media.kind != "video":
        return (heat,)
    rows = [
        (f"face {track.id}", [(one.face.time_s, probability(one.raw)) for one in track.faces])
        for track in tracks[:MOST_ROWS]
    ]
    span = (min(one.face.time_s for one in every), max(one.face.time_s for one in every))
    top = sorted(every, key=lambda one: -one.raw)[:12]
    sheet = [
        (f"{one.face.time_s:.2f} s  raw {one.raw:.2f}", frames[one.face.frame])
        for one in sorted(top, key=lambda one: one.face.time_s)
    ]
    return (
        heat,
        *timeline_artifact(job, "face-timeline.png", "Raw score of each face over time", rows, span),
        *sheet_artifact(job, "face-frames.jpg", "Frames with the highest raw scores", sheet),
    )


def _heat_title(figures: Mapping[str, Any]) -> str:
    """What the map shows, and how often it was right where that was known (the card's second table)."""
    title = "Where the network suspects a seam in the face with the highest raw score; no proof"
    if "heat_peak" not in figures:
        return title
    own, other, chance = (
        f"{100 * float(figures[name]):.0f} %" for name in ("heat_peak", "heat_peak_other", "heat_peak_random")
    )
    return (
        f"{title} (of simulated faces its hottest spot lies on the seam in {own}, in {other} with the map of "
        f"another face, and any spot in {chance})"
    )
