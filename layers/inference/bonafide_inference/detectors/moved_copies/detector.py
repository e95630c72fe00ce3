"""The operation ``image_forgery`` by copy-move: parts copied to another place in the picture.

Needs no compression history, so PNG and strongly compressed pictures are searched, too. Silent unless the
best candidate exceeds what genuine pictures show (`min_score`, a quantile measured on them).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.moved_copies.search import Found, search
from bonafide_inference.localise import overlay, regions_of, upright_map
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


class MovedCopies:
    """See the card for what a score means and where it was measured."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture."""
        return None

    def score(self, job: Job) -> Finding:
        """Search for copies and calibrate how much the best one exceeds chance."""
        plane, stored = _plane(job)
        found = search(plane)
        reason = found.reason
        if reason is None and (found.copy is None or found.score < job.manifest.thresholds["min_score"]):
            reason = "no_copy_found"
        if reason is not None or found.mask is None or job.manifest.calibration is None:
            reason = reason or "no_calibrated_score"
            return Finding(
                operation=Operation.IMAGE_FORGERY, outcome=Outcome.INCONCLUSIVE, reason=reason,
                detail=_WORDS.get(reason), evidence=Evidence(values=_values(found)),
            )  # fmt: skip
        verdict = job.manifest.calibration.apply(found.score)
        upright = upright_map(job.path, found.mask) if stored else found.mask
        turned = upright.shape != found.mask.shape
        height, width = plane.shape[::-1] if turned else plane.shape
        cell = height / upright.shape[0], width / upright.shape[1]
        regions = regions_of(job, upright, 0.5, cell, LEAST_REGION)
        flag = Flag(
            code="repeated_part", value=round(found.score, 1),
            message="A part of the picture appears twice, alike pixel by pixel.",
            caveat="Printed patterns, mirror tiles and several copies of one product do this, too.",
        )  # fmt: skip
        return Finding(
            operation=Operation.IMAGE_FORGERY, outcome=Outcome.SCORED, p_fake=verdict.p_fake, llr=verdict.llr,
            interval=verdict.interval,
            artifacts=overlay(job, "moved_copies.png", "Parts that are alike (yellow)", upright),
            evidence=Evidence(values=_values(found), regions=regions, flags=(flag,)),
        )  # fmt: skip


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
        }
    if found.copy is not None:
        values |= {"copy_evidence_nats": round(found.copy.evidence, 1)}
    return values
