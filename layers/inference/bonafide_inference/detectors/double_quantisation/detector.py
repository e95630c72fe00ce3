"""Picture forgery by aligned double quantisation: a score where a JPEG history is left, silence elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, MediaFacts, Operation, Outcome, Region
from bonafide_inference.detectors.double_quantisation.evidence import Trace, find_trace
from bonafide_inference.jpegdct import read_luma, standard_quality
from bonafide_inference.plots import heat_overlay
from bonafide_inference.regions import box_mean, components, turn_upright
from bonafide_inference.registry import Job
from numpy.typing import NDArray
from PIL import Image

__all__ = ["DoubleQuantisation", "Measurement", "measure"]

MIN_BLOCKS = 16
"""Blocks a side: below, the histograms are too thin (128 pixels)."""
LOWEST_QUALITY = 75
SMOOTH = 2
"""Radius of the box mean over blocks: 5 × 5."""
_ORIENTATION = 0x0112


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
    luma = read_luma(path)
    if luma is None:
        return Measurement(reason="unsupported_colour")
    quality = standard_quality(luma.table)
    if min(luma.blocks) < MIN_BLOCKS:
        return Measurement(quality, "too_small")
    if quality <= LOWEST_QUALITY:
        return Measurement(quality, "quality_too_low")
    trace = find_trace(luma)
    if trace is None or trace.gain < min_gain:
        return Measurement(quality, "no_double_quantisation", trace)
    smooth = box_mean(trace.llr, SMOOTH)
    return Measurement(quality, None, trace, smooth, float(smooth.max()))


_WORDS = {
    "no_jpeg_history": "Not a JPEG: nothing of an earlier compression is left to compare.",
    "unsupported_colour": "The JPEG is stored in another colour model than YCbCr or grey.",
    "too_small": "Under 128 pixels a side there are too few blocks for a histogram.",
    "quality_too_low": "Saved at quality 75 or below, which wipes the traces of an earlier save.",
    "no_double_quantisation": "No earlier save on the same grid can be seen: saved once, resized, cropped "
    "off the grid, or saved before at higher quality. That speaks neither for nor against the picture.",
}


class DoubleQuantisation:
    """See the card for what a score means and where it was measured."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture: where no history is left, silence is the finding, with its reason."""
        return None

    def score(self, job: Job) -> Finding:
        """Localise blocks with another compression history, and calibrate the strongest contrast."""
        found = measure(job.path, job.media.format, job.manifest.thresholds["min_gain"])
        values = _values(found)
        if found.reason is not None or found.score is None or job.manifest.calibration is None:
            reason = found.reason or "no_calibrated_score"
            return Finding(
                operation=Operation.IMAGE_FORGERY, outcome=Outcome.INCONCLUSIVE, reason=reason,
                detail=_WORDS.get(reason), evidence=Evidence(values=values),
            )  # fmt: skip
        verdict = job.manifest.calibration.apply(found.score)
        orientation = _orientation(job.path)
        assert found.map is not None
        upright = turn_upright(found.map, orientation)
        regions = _regions(upright, job.manifest.thresholds["region_llr"], job.media)
        return Finding(
            operation=Operation.IMAGE_FORGERY, outcome=Outcome.SCORED, p_fake=verdict.p_fake, llr=verdict.llr,
            interval=verdict.interval, artifacts=_artifacts(job, upright),
            evidence=Evidence(values=values, regions=regions, flags=_flags(regions, found)),
        )  # fmt: skip


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


def _regions(upright: NDArray[Any], threshold: float, media: MediaFacts) -> tuple[Region, ...]:
    """Boxes of the largest regions above ``threshold``, in pixels of the upright picture."""
    peak = max(float(upright.max()), 1e-9)
    regions = []
    for group in components(upright > threshold)[:8]:
        if sum(end - first for _, first, end in group) < 9:
            break  # smaller than a 24 × 24 pixel patch: noise of the map
        rows = [row for row, _, _ in group]
        left, right = min(first for _, first, _ in group), max(end for _, _, end in group)
        hottest = max(float(upright[row, first:end].max()) for row, first, end in group)
        width = min((right - left) * 8, (media.width or 1 << 30) - left * 8)
        height = min((max(rows) - min(rows) + 1) * 8, (media.height or 1 << 30) - min(rows) * 8)
        regions.append(Region(
            x=left * 8, y=min(rows) * 8, width=width, height=height, score=round(max(0.0, hottest / peak), 3),
        ))  # fmt: skip
    return tuple(regions)


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


def _artifacts(job: Job, upright: NDArray[Any]) -> tuple[Artifact, ...]:
    if not job.options.visualize:
        return ()
    path = os.path.join(job.workdir, "double_quantisation.png")
    heat_overlay(job.piece.picture(), 1 / (1 + np.exp(-upright / 4))).save(path)
    title = "Where the compression history differs from the rest (yellow: most)"
    return (Artifact(name="double_quantisation.png", media_type="image/png", title=title, path=path),)


def _orientation(path: str) -> int:
    try:
        with Image.open(path) as image:
            return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  (a broken EXIF block says nothing about orientation)
        return 1
