"""The slot for a learned localiser: a manifest and weights that turn a picture into a map, without code."""

from __future__ import annotations

import numpy as np
from bonafide.model import Finding, MediaFacts
from numpy.typing import NDArray

from bonafide_inference.generic import picture_tensor, run, score_of
from bonafide_inference.localise import regions_of, spoken
from bonafide_inference.models import LoadedModel, ModelError, load
from bonafide_inference.registry import Job

__all__ = ["OnnxMap", "map_of"]

TOP_SHARE = 0.01
"""Without a score of its own, a map's score is the mean of its highest hundredth."""


class OnnxMap:
    """A picture in, a map out, and a score if the model has one.

    ``input`` and ``preprocessing`` as `plug` says (``fit`` should be ``stretch``, or the map lies
    askew), plus
    ``preprocessing.map``: ``probability`` (default) or ``logit``. The first output is the map, any shape that
    is (height, width) once axes of length 1 are gone, or with two channels (genuine, forged); a second
    output's last value is the raw score. ``thresholds.region`` (default 0.5) bounds the regions.
    """

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures of at least 32 pixels a side."""
        return None if min(media.width or 0, media.height or 0) >= 32 else "too_small"

    def score(self, job: Job) -> Finding:
        """Run the model once on the upright picture."""
        model = load(job.folder)
        picture = job.piece.picture()
        tensor = picture_tensor(picture, model.manifest.input, model.manifest.preprocessing)
        heat, raw = map_of(model, tensor)
        cell = picture.height / heat.shape[0], picture.width / heat.shape[1]
        threshold = model.manifest.thresholds.get("region", 0.5)
        regions = regions_of(job, heat, threshold, cell, max(1, heat.size // 2000))
        title = f"{model.manifest.title} (yellow: most)"
        return spoken(job, raw, {"raw_score": round(raw, 5)}, heat, title, regions)


def map_of(model: LoadedModel, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """(map with values 0..1, raw score) of one input.

    Raises
    ------
    ModelError
        ``model_invalid`` when the model refuses the tensor or gives no map or no finite number.
    """
    outputs = run(model, tensor)
    heat = np.squeeze(np.asarray(outputs[0], dtype=np.float64))
    if heat.ndim == 3 and heat.shape[0] == 2:
        heat = heat[1]
    if heat.ndim != 2 or not np.isfinite(heat).all():
        raise ModelError("model_invalid", f"the first output is no map: {np.shape(outputs[0])}")
    if model.manifest.preprocessing.get("map", "probability") == "logit":
        heat = 1 / (1 + np.exp(-np.clip(heat, -50, 50)))
    heat = np.clip(heat, 0, 1)
    if len(outputs) > 1:
        return heat, score_of(model, outputs, 1)
    most = max(1, int(heat.size * TOP_SHARE))
    return heat, float(np.sort(heat, axis=None)[-most:].mean())
