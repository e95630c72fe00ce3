"""The operation ``image_forgery`` by JPEG grids: parts on another 8×8 grid than the picture.

Silent unless the votes for a foreign grid are unexpected (number of false alarms below `max_nfa_log10`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide.model import Finding, Flag, MediaFacts
from bonafide_inference.detectors.jpeg_grid.votes import Foreign, Votes, cast_votes, find_foreign, log10_tail
from bonafide_inference.localise import gate, regions_of, silent, spoken, upright_map
from bonafide_inference.pictures import LOSSLESS
from bonafide_inference.regions import box_mean
from bonafide_inference.registry import Job
from numpy.typing import NDArray

__all__ = ["JpegGrid", "Measurement", "own_grid", "weigh"]

OWN_GRID_LOG10 = -6.0
"""A lossless picture has a JPEG history when its own grid is less likely than this by chance."""
RADIUS = 2
LEAST_REGION = 9


@dataclass(frozen=True)
class Measurement:
    """``reason`` when the detector must be silent; ``map``: density of foreign votes, (rows, columns) 0..1.

    ``score``: minus log10 of the number of false alarms; ``side``: pixels of a cell of the map.
    """

    quality: int | None = None
    reason: str | None = None
    foreign: Foreign | None = None
    map: NDArray[np.float64] | None = None
    side: int = 8
    score: float | None = None


def weigh(plane: NDArray[np.uint8], table: NDArray[np.float64] | None, max_nfa_log10: float) -> Measurement:
    """Measure a grey plane; ``table`` is that of its last save, None for a lossless one."""
    quality, reason = gate(plane.shape, table)
    if reason is not None:
        return Measurement(quality, reason)
    votes = cast_votes(plane, table)
    if table is None and own_grid(votes) > OWN_GRID_LOG10:
        return Measurement(quality, "no_jpeg_history")
    found = find_foreign(votes, most=1)
    if not found or found[0].log10_nfa > max_nfa_log10:
        return Measurement(quality, "no_foreign_grid", found[0] if found else None)
    cast = (votes.origin == found[0].origin).astype(np.float64)
    return Measurement(quality, None, found[0], box_mean(cast, RADIUS), votes.step, -found[0].log10_nfa)


def own_grid(votes: Votes) -> float:
    """log10 of the number of false alarms of the most voted grid of the whole picture.

    The chance rate is that of the runner-up: smooth shading favours the corners of a cell by itself.
    """
    valid = votes.origin[votes.origin < 64]
    if not valid.size:
        return math.inf
    runner, most = np.sort(np.bincount(valid, minlength=64))[-2:]
    rate = max(1 / 64, float(runner) / valid.size)
    return float(log10_tail(np.array([valid.size]), np.array([most]), rate)[0]) + math.log10(64)


_WORDS = {
    "no_foreign_grid": "No part votes for another grid more than chance explains. "
    "That speaks neither for nor against the picture.",
}
_TITLE = "Votes for a foreign grid (yellow: most)"


class JpegGrid:
    """See the card for what a score means and where it was measured."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture: where no history is left, silence is the finding, with its reason."""
        return None

    def score(self, job: Job) -> Finding:
        """Look for a part on a foreign grid, and calibrate how unexpected it is."""
        if "truncated" in job.media.warnings:
            return silent(job, "truncated", {})
        found = _measure(job)
        if found.score is None or found.map is None:
            return silent(job, found.reason or "no_foreign_grid", _values(found), _WORDS)
        stored = job.media.format == "jpeg"  # a lossless picture was turned before it was looked at
        upright = upright_map(job.path, found.map) if stored else found.map
        peak = max(float(upright.max()), 1e-6)
        regions = regions_of(job, upright, peak / 2, (found.side, found.side), LEAST_REGION)
        flag = Flag(
            code="foreign_grid", value=round(found.score, 1),
            message="A part of the picture was compressed on another 8 × 8 grid than the rest.",
            caveat="A picture within the picture (collage, screenshot, logo) does this as a forgery does.",
        )  # fmt: skip
        return spoken(job, found.score, _values(found), upright / peak, _TITLE, regions, (flag,))


def _measure(job: Job) -> Measurement:
    limit = job.manifest.thresholds["max_nfa_log10"]
    if job.media.format == "jpeg":
        luma = job.piece.luma()
        if luma is None:
            return Measurement(reason="unsupported_colour")
        return weigh(luma.plane, luma.table, limit)
    if job.media.format not in LOSSLESS:
        return Measurement(reason="no_jpeg_history")
    return weigh(np.asarray(job.piece.picture().convert("L")), None, limit)


def _values(found: Measurement) -> dict[str, Any]:
    values: dict[str, Any] = {"jpeg_quality": found.quality}
    if found.foreign is not None:
        down, right = divmod(found.foreign.origin, 8)
        values |= {
            "grid_log10_nfa": round(found.foreign.log10_nfa, 2),
            "grid_offset": f"{right},{down}",
            "grid_votes": f"{found.foreign.count}/{found.foreign.valid}",
        }
    return values
