"""The operation ``image_forgery`` by JPEG ghosts: parts that were saved coarser before than the rest.

Silent unless a ghost stands out more than in genuine pictures: `min_peak` of the manifest is a quantile
measured on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bonafide.model import Finding, Flag, MediaFacts
from bonafide_inference.detectors.jpeg_ghosts.ghosts import Ghost, find_ghost
from bonafide_inference.jpegdct import Luma
from bonafide_inference.localise import gate, regions_of, silent, spoken, upright_map
from bonafide_inference.registry import Job

__all__ = ["JpegGhosts", "Measurement", "weigh"]

LEAST_REGION = 12
"""Cells of a region at least."""


@dataclass(frozen=True)
class Measurement:
    """``reason`` when the detector must be silent; ``score``: peak of the ghost in standard deviations."""

    quality: int | None = None
    reason: str | None = None
    ghost: Ghost | None = None
    score: float | None = None


def weigh(luma: Luma | None, min_peak: float) -> Measurement:
    """Measure the luma of a JPEG (None: stored in another colour model)."""
    if luma is None:
        return Measurement(reason="unsupported_colour")
    quality, reason = gate(luma.plane.shape, luma.table)
    if reason is not None:
        return Measurement(quality, reason)
    ghost = find_ghost(luma)
    if ghost is None or ghost.peak < min_peak:
        return Measurement(quality, "no_ghost", ghost)
    return Measurement(quality, None, ghost, ghost.peak)


_WORDS = {
    "no_ghost": "No part stands out as saved at a lower quality before, more than in genuine pictures. "
    "That speaks neither for nor against the picture.",
}


class JpegGhosts:
    """See the card for what a score means and where it was measured."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture: where no history is left, silence is the finding, with its reason."""
        return None

    def score(self, job: Job) -> Finding:
        """Find the strongest ghost and calibrate how far it stands out."""
        if "truncated" in job.media.warnings:
            return silent(job, "truncated", {})
        found = Measurement(reason="no_jpeg_history")
        if job.media.format == "jpeg":
            found = weigh(job.piece.luma(), job.manifest.thresholds["min_peak"])
        if found.score is None or found.ghost is None:
            return silent(job, found.reason or "no_ghost", _values(found), _WORDS)
        upright, side = upright_map(job.path, found.ghost.map), found.ghost.step
        regions = regions_of(job, upright, found.score / 2, (side, side), LEAST_REGION)
        title = f"What looks saved before at about quality {found.ghost.quality} (yellow: most)"
        flag = Flag(
            code="jpeg_ghost", value=found.ghost.quality,
            message="A part of the picture was saved at a lower quality before than the rest.",
            caveat="A picture within the picture (collage, screenshot of a photograph, logo) does this, too; "
            "fine repeated texture can look alike.",
        )  # fmt: skip
        heat = upright / found.score
        return spoken(job, found.score, _values(found), heat, title, regions, (flag,))


def _values(found: Measurement) -> dict[str, Any]:
    values: dict[str, Any] = {"jpeg_quality": found.quality}
    if found.ghost is not None:
        values |= {
            "ghost_quality": found.ghost.quality,
            "ghost_peak_deviations": round(found.ghost.peak, 2),
            "ghost_share": round(found.ghost.share, 4),
        }
    return values
