"""The fingerprint of a picture, to be looked up in the owner's own index of known media (by the core)."""

from __future__ import annotations

from bonafide.model import Evidence, Finding, MediaFacts, Operation, Outcome
from bonafide_inference import pdq
from bonafide_inference.registry import Job

__all__ = ["KnownPicture"]

LEAST_SIDE = 32


class KnownPicture:
    """Computes PDQ in all eight orientations; knows neither the index nor its owner."""

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures of at least 32 pixels a side."""
        return None if min(media.width or 0, media.height or 0) >= LEAST_SIDE else "too_small"

    def score(self, job: Job) -> Finding:
        """Return the fingerprint in ``evidence.details``; whether it is known is for the core to say."""
        luma = pdq.luma_of(job.piece.picture())
        found = pdq.of_luma(luma)
        values: dict[str, float | int | str | bool | None] = {"pdq_quality": found.quality}
        if found.quality < job.manifest.thresholds["least_quality"]:
            return Finding(
                operation=Operation.KNOWN_FAKE_SEARCH, outcome=Outcome.INCONCLUSIVE, reason="too_plain",
                detail="Too little in the picture to tell it from others; it was not looked up.",
                evidence=Evidence(values=values),
            )  # fmt: skip
        turned = {name: [hash_] for name, hash_ in pdq.turned(luma).items()}
        inner = pdq.without_border(luma)
        if inner is not None:
            turned["without_border"] = [pdq.of_luma(inner).pdq]
        fingerprint = {"kind": "image", "pdq": [found.pdq], "turned": turned}
        return Finding(
            operation=Operation.KNOWN_FAKE_SEARCH, outcome=Outcome.INCONCLUSIVE, reason="no_known_match",
            evidence=Evidence(values=values, details={"fingerprint": fingerprint}),
        )  # fmt: skip
