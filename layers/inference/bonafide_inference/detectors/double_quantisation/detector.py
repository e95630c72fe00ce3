"""Picture forgery by aligned double quantisation: a score where a JPEG history is left, silence elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide.model import Finding, Flag, MediaFacts, Region
from bonafide_inference.detectors.double_quantisation.evidence import Trace, find_trace
from bonafide_inference.jpegdct import Luma, read_luma
from bonafide_inference.localise import gate, regions_of, silent, spoken, upright_map
from bonafide_inference.regions import box_mean
from bonafide_inference.registry import Job
from numpy.typing import NDArray

__all__ = ["DoubleQuantisation", "Measurement", "measure", "weigh"]

SMOOTH = 2
"""Radius of the box mean over blocks: 5 × 5."""
LEAST_REGION = 9
"""Cells of a region at least (24 × 24 pixels): below is noise of the map."""


@dataclass(frozen=True)
class Measurement:
    """What was measured of one picture file, as stored (not upright).

    ``reason`` is set when the detector must be silent; otherwise ``map`` is the smoothed log-likelihood
    ratio (nats a block) and ``score`` its peak, the statistic that the manifest calibrates.
    """

    quality: int | None = None
    reason: str | None = None
    trace: Trace | None = None
    map: NDArray[np.float64] | None = None
    score: float | None = None


def measure(path: str, format_: str, min_gain: float) -> Measurement:
    """Measure one picture file; ``min_gain`` (nats a block) is the least trace worth a score."""
    if format_ != "jpeg":
        return Measurement(reason="no_jpeg_history")
    return weigh(read_luma(path), min_gain)


def weigh(luma: Luma | None, min_gain: float) -> Measurement:
    """Measure the luma of a JPEG; None is one that is stored in another colour model."""
    if luma is None:
        return Measurement(reason="unsupported_colour")
    quality, reason = gate(luma.plane.shape, luma.table)
    if reason is not None:
        return Measurement(quality, reason)
    trace = find_trace(luma)
    if trace is None or trace.gain < min_gain:
        return Measurement(quality, "no_double_quantisation", trace)
    smooth = box_mean(trace.llr, SMOOTH)
    return Measurement(quality, None, trace, smooth, float(smooth.max()))


_WORDS = {
    "no_double_quantisation": "No earlier save on the same grid can be seen: saved once, resized, cropped "
    "off the grid, or saved before at higher quality. That speaks neither for nor against the picture.",
}
_TITLE = "Where the compression history differs from the rest (yellow: most)"


class DoubleQuantisation:
    """See the card for what a score means and where it was measured."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture: where no history is left, silence is the finding, with its reason."""
        return None

    def score(self, job: Job) -> Finding:
        """Localise blocks with another compression history, and calibrate the strongest contrast."""
        if "truncated" in job.media.warnings:
            return silent(job, "truncated", {})
        if job.media.format != "jpeg":
            found = Measurement(reason="no_jpeg_history")
        else:
            found = weigh(job.piece.luma(), job.manifest.thresholds["min_gain"])
        values = _values(found)
        if found.score is None or found.map is None:
            return silent(job, found.reason or "no_double_quantisation", values, _WORDS)
        upright = upright_map(job.path, found.map)
        regions = regions_of(job, upright, job.manifest.thresholds["region_llr"], (8, 8), LEAST_REGION)
        heat = 1 / (1 + np.exp(-upright / 4))
        return spoken(job, found.score, values, heat, _TITLE, regions, _flags(regions, found))


def _values(found: Measurement) -> dict[str, Any]:
    values: dict[str, Any] = {"jpeg_quality": found.quality}
    if found.trace is not None:
        steps = found.trace.steps
        values |= {
            "trace_gain_nats": round(found.trace.gain, 4),
            "share_twice_quantised": round(found.trace.share, 3),
            "frequencies_used": len(steps),
            "first_steps": " ".join(f"{index}:{q1}>{q2}" for index, q1, q2 in steps[:8]),
        }
    if found.score is not None:
        values["peak_llr_nats"] = round(found.score, 3)
    return values


def _flags(regions: tuple[Region, ...], found: Measurement) -> tuple[Flag, ...]:
    saved_twice = Flag(
        code="saved_twice", value=found.quality,
        message="Most of the picture was a JPEG before it was saved as this one.",
        caveat="Every picture that was ever opened and saved again has this; it proves no change of content.",
    )  # fmt: skip
    if not regions:
        return (saved_twice,)
    return saved_twice, Flag(
        code="region_with_other_history", value=len(regions),
        message="A part of the picture lacks the compression history that the rest shares.",
        caveat="Captions, logos, blurred faces and retouching do this as a forgery does; flat or "
        "over-exposed areas can look alike.",
    )  # fmt: skip
