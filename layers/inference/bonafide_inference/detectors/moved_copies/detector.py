"""The operation ``image_forgery`` by copy-move: parts copied to another place in the picture.

Needs no compression history, so PNG and strongly compressed pictures are searched, too. Silent unless the
best candidate exceeds what genuine pictures show (`min_score`, a quantile measured on them).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Finding, Flag, MediaFacts
from bonafide_inference.detectors.moved_copies.search import WORKING_PIXELS, Found, search
from bonafide_inference.localise import regions_of, silent, spoken, upright_map
from bonafide_inference.pictures import LOSSLESS
from bonafide_inference.registry import Job
from numpy.typing import NDArray

__all__ = ["MovedCopies"]

LEAST_REGION = 60
"""Working pixels of a region at least."""

_WORDS = {
    "too_small": "Under 64 pixels a side.",
    "not_photographic": "A drawing or a screen: its parts repeat by design.",
    "no_copy_found": "No two parts resemble each other more than in genuine pictures. That speaks neither "
    "for nor against the picture.",
}


_TITLE = "Parts that are alike (yellow)"


class MovedCopies:
    """See the card for what a score means and where it was measured."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture."""
        return None

    def score(self, job: Job) -> Finding:
        """Search for copies and calibrate how much the best one exceeds chance."""
        plane, stored = _plane(job)
        found = search(plane, lossless=job.media.format in LOSSLESS)
        if (
            found.reason is not None
            or found.mask is None
            or found.score < job.manifest.thresholds["min_score"]
        ):
            return silent(job, found.reason or "no_copy_found", _values(found), _WORDS)
        upright = upright_map(job.path, found.mask) if stored else found.mask
        turned = upright.shape != found.mask.shape
        height, width = plane.shape[::-1] if turned else plane.shape
        cell = height / upright.shape[0], width / upright.shape[1]
        least = round(LEAST_REGION * upright.size / WORKING_PIXELS)
        regions = regions_of(job, upright, 0.5, cell, least)
        flag = Flag(
            code="repeated_part", value=round(found.score, 1),
            message="A part of the picture appears twice, alike pixel by pixel.",
            caveat="Printed patterns, mirror tiles and several copies of one product do this, too.",
        )  # fmt: skip
        return spoken(job, found.score, _values(found), upright, _TITLE, regions, (flag,))


def _plane(job: Job) -> tuple[NDArray[np.uint8], bool]:
    """The grey plane to search, and whether it lies as stored (not upright)."""
    if job.media.format == "jpeg":
        luma = job.piece.luma()
        if luma is not None and luma.plane.size:
            return luma.plane, True
    return np.asarray(job.piece.picture().convert("L")), False


def _values(found: Found) -> dict[str, Any]:
    values: dict[str, Any] = {"copy_score": round(found.score, 2)}
    if found.how is not None:
        values |= {
            "copy_keypoints": found.how.support,
            "copy_turned_degrees": round(float(np.degrees(np.angle(found.how.a))), 1),
            "copy_scale": round(abs(found.how.a), 3),
            "copy_mirrored": found.how.mirrored,
        }
    if found.equal:
        values["copy_equal_blocks"] = found.equal
    if found.copy is not None:
        values |= {"copy_evidence_nats": round(found.copy.evidence, 1)}
    return values
