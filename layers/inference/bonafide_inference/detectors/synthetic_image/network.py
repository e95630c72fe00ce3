"""What a small network sees in native crops of a picture: weak evidence, shown and never made a probability.

Generators and photographs that it has not seen give it no weight (card, decision 90). So its scores stand in
the details and on a picture of the crops, and no policy ever reads them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from bonafide.model import Artifact
from bonafide_inference.detectors.synthetic_image import pixels
from bonafide_inference.models import LoadedModel, load
from bonafide_inference.plots import crops_overlay
from bonafide_inference.registry import Job
from PIL import Image
from pydantic import JsonValue

__all__ = ["SIDE", "CropScores", "boxes", "drawn", "look"]

SIDE = 192
"""Pixels of a crop's side; nothing is resized before."""
MEANING = "Weak evidence, no verdict: for generators that the network had not seen it points either way."
_LEGEND = (
    "Squares: a small network's score of the crop, against those of",
    "photographs (dark: low, yellow: high). Weak evidence, no verdict.",
)


@dataclass(frozen=True)
class CropScores:
    """Raw scores (logits, higher: more like the generated pictures of training) and boxes of the crops."""

    boxes: tuple[tuple[int, int, int, int], ...]
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        """Of the picture: the mean over the crops."""
        return float(np.mean(self.scores))

    def details(self, weight: float) -> JsonValue:
        """For the finding; ``weight`` is what the score earned in fusion."""
        crops: list[JsonValue] = [
            {"x": x, "y": y, "width": right - x, "height": bottom - y, "score": round(score, 3)}
            for (x, y, right, bottom), score in zip(self.boxes, self.scores, strict=True)
        ]
        return {"meaning": MEANING, "weight": weight, "score": round(self.score, 3), "crops": crops}


def boxes(size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The middle `SIDE` pixels of each crop that `pixels` measures; none of a smaller picture."""
    if min(size) < SIDE:
        return []
    places = ((left + right - SIDE, top + bottom - SIDE) for left, top, right, bottom in pixels.boxes(size))
    return [(x // 2, y // 2, x // 2 + SIDE, y // 2 + SIDE) for x, y in places]


def look(folder: str, picture: Image.Image) -> CropScores | None:
    """Run the network on every crop; None when the picture is too small for one.

    Raises
    ------
    ModelError
        The weights are missing or not those of the manifest.
    """
    places = boxes(picture.size)
    if not places:
        return None
    model = load(folder)
    return CropScores(tuple(places), tuple(_score(model, picture.crop(box)) for box in places))


def _score(model: LoadedModel, crop: Image.Image) -> float:
    """One crop at a time: a batch would be no faster on a core, and holds nine times the memory."""
    given = np.asarray(crop, dtype=np.float32).transpose(2, 0, 1)[None]
    return float(model.run({"crops": np.ascontiguousarray(given)})[0].item())


def drawn(job: Job, found: CropScores) -> Artifact:
    """The picture with its crops coloured between the manifest's ``crop_low`` and ``crop_high``."""
    low, high = (job.manifest.thresholds[name] for name in ("crop_low", "crop_high"))
    levels = np.clip((np.array(found.scores) - low) / (high - low), 0, 1).tolist()
    name = "synthetic_image-crops.png"
    path = os.path.join(job.workdir, name)
    crops_overlay(job.piece.picture(), found.boxes, levels, _LEGEND).save(path, compress_level=1)
    title = "A small network's score of each crop (yellow: high); weak evidence, no verdict"
    return Artifact(name=name, media_type="image/png", title=title, path=path)
