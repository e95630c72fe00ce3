"""Detectors that are nothing but a manifest and weights: an owner's model needs no code.

``input`` and ``preprocessing`` of the manifest say everything (see `OnnxImage`, `OnnxAudio`). The first
output's last value is the raw score (higher = more likely fake); the manifest's calibration makes the LLR.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, MediaFacts, Outcome, Segment
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.models import LoadedModel, ModelError, OutOfDistribution, load
from bonafide_inference.registry import Job

__all__ = ["OnnxAudio", "OnnxImage"]


class OnnxImage:
    """A picture in, a score out.

    ``input``: ``{"size": 224, "layout": "nchw" | "nhwc", "fit": "stretch" | "crop"}``;
    ``preprocessing``: ``{"scale": 1/255, "mean": [r, g, b], "std": [r, g, b]}``.
    """

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures of at least 32 pixels a side."""
        return None if min(media.width or 0, media.height or 0) >= 32 else "too_small"

    def score(self, job: Job) -> Finding:
        """Run the model once on the upright picture."""
        model = load(job.folder)
        tensor = picture_tensor(job.piece.picture(), model.manifest.input, model.manifest.preprocessing)
        strange = _out_of_distribution(model.manifest.ood, _picture_statistics(job.piece.picture()))
        return _finding(job, model, [_raw_score(model, tensor)], strange)


class OnnxAudio:
    """Windows of sound in, a score each out; the file's score is their median.

    ``input``: ``{"rate_hz": 16000, "seconds": 4.0, "hop_s": 4.0, "most_windows": 30,
    "shape": "nt" | "nct"}``;
    ``preprocessing``: ``{"peak": true}`` scales each window to full scale.
    """

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Run the model on windows spread over the piece."""
        model = load(job.folder)
        wants = model.manifest.input
        rate, length = int(wants["rate_hz"]), int(wants["rate_hz"] * wants["seconds"])
        sound = job.piece.waveform(rate)
        if sound.size < length // 2:
            return Finding(operation=job.manifest.operation, outcome=Outcome.INCONCLUSIVE, reason="too_short")
        starts = _window_starts(sound.size, length, int(wants.get("hop_s", wants["seconds"]) * rate))
        keep = np.unique(
            np.linspace(0, len(starts) - 1, int(wants.get("most_windows", 30))).round().astype(int)
        )
        scores, segments = [], []
        for start in [starts[i] for i in keep]:
            window = np.pad(sound[start : start + length], (0, max(0, length - (sound.size - start))))
            if model.manifest.preprocessing.get("peak"):
                window = window / max(float(np.abs(window).max()), 1e-6)
            tensor = window[None, None, :] if wants.get("shape") == "nct" else window[None, :]
            scores.append(_raw_score(model, tensor.astype(np.float32)))
            first = job.piece.span[0] + start / rate
            llr = _llr(model, scores[-1])
            segments.append(Segment(start_s=first, end_s=first + length / rate, llr=llr, channel=job.channel))
        return _finding(job, model, scores, None, tuple(segments))


def picture_tensor(
    picture: Image.Image, wants: dict[str, Any], preparation: dict[str, Any]
) -> NDArray[np.float32]:
    """One picture as float32 (1, 3, size, size) or (1, size, size, 3), as the manifest asks."""
    size = int(wants["size"])
    if wants.get("fit", "stretch") == "crop":
        scale = size / min(picture.size)
        picture = picture.resize(
            (max(size, round(picture.width * scale)), max(size, round(picture.height * scale)))
        )
        left, top = (picture.width - size) // 2, (picture.height - size) // 2
        picture = picture.crop((left, top, left + size, top + size))
    else:
        picture = picture.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(picture, dtype=np.float32) * float(preparation.get("scale", 1 / 255))
    mean = np.array(preparation.get("mean", [0, 0, 0]), dtype=np.float32)
    std = np.array(preparation.get("std", [1, 1, 1]), dtype=np.float32)
    pixels = (pixels - mean) / std
    tensor = pixels[None] if wants.get("layout", "nchw") == "nhwc" else pixels.transpose(2, 0, 1)[None]
    return np.ascontiguousarray(tensor, dtype=np.float32)


def _window_starts(size: int, length: int, hop: int) -> list[int]:
    return list(range(0, max(1, size - length + 1), max(1, hop)))


def _raw_score(model: LoadedModel, tensor: NDArray[np.float32]) -> float:
    name = model.session.get_inputs()[0].name
    try:
        output = model.run({name: tensor})[0]
    except Exception as error:
        raise ModelError("model_invalid", f"the model does not take {tensor.shape}: {error}") from error
    score = float(np.asarray(output).ravel()[-1])
    if not np.isfinite(score):
        raise ModelError("model_invalid", "the model's score is not finite")
    return score


def _llr(model: LoadedModel, score: float) -> float | None:
    calibration = model.manifest.calibration
    return None if calibration is None else calibration.apply(score).llr


def _picture_statistics(picture: Image.Image) -> dict[str, float]:
    small = np.asarray(picture.resize((64, 64)), dtype=np.float32)
    return {
        "mean": float(small.mean()),
        "std": float(small.std()),
        "megapixels": picture.width * picture.height / 1e6,
    }


def _out_of_distribution(ood: OutOfDistribution | None, statistics: dict[str, float]) -> str | None:
    """Name of the first feature beyond the limit, or None."""
    if ood is None:
        return None
    for feature, mean, std in zip(ood.features, ood.mean, ood.std, strict=True):
        if feature in statistics and abs(statistics[feature] - mean) > ood.limit * std:
            return feature
    return None


def _finding(
    job: Job, model: LoadedModel, scores: list[float], strange: str | None, segments: tuple[Segment, ...] = ()
) -> Finding:
    operation, raw = job.manifest.operation, float(np.median(scores))
    evidence = Evidence(values={"raw_score": round(raw, 5), "windows": len(scores)}, segments=segments)
    if strange is not None:
        return Finding(
            operation=operation, outcome=Outcome.INCONCLUSIVE, reason="out_of_distribution",
            detail=f"Unlike the media the model was made with: {strange}.", evidence=evidence,
        )  # fmt: skip
    if model.manifest.calibration is None:
        return Finding(
            operation=operation, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score", evidence=evidence
        )
    found = model.manifest.calibration.apply(raw)
    return Finding(
        operation=operation, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
        interval=found.interval,
        evidence=evidence,
    )  # fmt: skip
