"""Error level analysis (Krawetz 2007) as a picture for people; never a score.

The picture is saved again at quality 90 and the difference shown. Edges and texture are always bright: as a
score it separates nothing (image AUC .58 to .91 falling with the quality), so there is none.
"""

from __future__ import annotations

import io
import os

import numpy as np
from bonafide.model import Artifact, Finding, MediaFacts, Operation, Outcome
from bonafide_inference.registry import Job
from PIL import Image, ImageChops

__all__ = ["ErrorLevel"]

QUALITY = 90
LONG_SIDE = 1280


class ErrorLevel:
    """See the card for why this is only a picture."""

    def applies(self, media: MediaFacts) -> str | None:  # noqa: ARG002
        """Every picture."""
        return None

    def score(self, job: Job) -> Finding:
        """Make the picture, when pictures are wanted; the outcome is always ``inconclusive``."""
        artifacts: tuple[Artifact, ...] = ()
        if job.options.visualize:
            path = os.path.join(job.workdir, "error_level.png")
            error_level(job.piece.picture()).save(path, compress_level=3)
            title = "Error level at quality 90 (bright edges and texture are normal)"
            artifacts = (Artifact(name="error_level.png", media_type="image/png", title=title, path=path),)
        return Finding(
            operation=Operation.IMAGE_FORGERY, outcome=Outcome.INCONCLUSIVE, reason="picture_only",
            detail="Error level analysis is shown as a picture and gives no score.", artifacts=artifacts,
        )  # fmt: skip


def error_level(picture: Image.Image) -> Image.Image:
    """Difference to a save at `QUALITY`, reduced to `LONG_SIDE`, brightened so that 1 % is white."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, subsampling=2)
    difference = ImageChops.difference(picture, Image.open(out).convert("RGB"))
    factor = max(1, -(-max(picture.size) // LONG_SIDE))
    levels = np.asarray(difference.reduce(factor), dtype=np.float32)
    top = max(float(np.percentile(levels[::4, ::4], 99)), 1.0)
    return Image.fromarray(np.clip(levels * (255 / top), 0, 255).astype(np.uint8))
