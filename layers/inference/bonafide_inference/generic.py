"""Detectors that are nothing but a manifest and weights: an owner's model needs no code.

``input``, ``preprocessing`` and ``output`` of the manifest say everything (`plug`); the manifest's
calibration makes the LLR of the raw score, which rises with "fake".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, FrameScore, MediaFacts, Outcome, Segment
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.localise import overlay
from bonafide_inference.models import LoadedModel, ModelError, OutOfDistribution, load
from bonafide_inference.plug import PictureInput, PicturePreparation, SoundInput, SoundPreparation
from bonafide_inference.registry import Job
from bonafide_inference.stability import flipped

__all__ = [
    "STATISTICS",
    "OnnxAudio",
    "OnnxFrames",
    "OnnxImage",
    "picture_tensor",
    "raw_score",
    "run",
    "score_of",
    "window_tensor",
]

LONG_SIDE = 1024
"""Sampled video frames are scaled to this before the model's own resize rule, in pixels."""


PROBED_LLR = 1.0
"""|LLR| (nats) from which on a picture's score is put to the stability probe."""
STATISTICS = ("mean", "std", "megapixels")
"""What ``ood`` of `OnnxImage` may bound: grey level and its spread at 64 x 64 pixels, and the size."""


class OnnxImage:
    """A picture in, a score out."""

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures of at least 32 pixels a side."""
        return None if min(media.width or 0, media.height or 0) >= 32 else "too_small"

    def score(self, job: Job) -> Finding:
        """Run the model on the upright picture or its crops; probe what would speak clearly."""
        model = load(job.folder)
        picture = job.piece.picture()
        if _too_small(model, picture):
            return _silent(job, "too_small")
        strange = _out_of_distribution(model.manifest.ood, _picture_statistics(picture))
        scores = _grid_scores(model, picture)
        finding = _finding(job, model, scores.ravel().tolist(), strange)
        if finding.llr is None:
            return finding
        if model.manifest.input.get("probe", True) and abs(finding.llr) >= PROBED_LLR:
            changed = flipped(picture, lambda rgb: _side(model, Image.fromarray(rgb)))
            if changed:
                return _unstable(finding, changed)
        return finding.model_copy(update={"artifacts": _crops_drawn(job, model, scores)})


class OnnxFrames:
    """Frames of a video in, a score each out; the file's score is their median."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs moving pictures."""
        return None if any(track.type == "video" for track in media.tracks) else "no_video"

    def score(self, job: Job) -> Finding:
        """Run the model on frames spread over the piece."""
        model = load(job.folder)
        wants = PictureInput.model_validate(model.manifest.input)
        frames = job.piece.frames(wants.fps, LONG_SIDE)
        if not frames:
            return _silent(job, "no_frames")
        scores, shown = [], []
        for place in _spread(len(frames), wants.most_frames):
            frame = frames[place]
            picture = Image.fromarray(frame.rgb)
            if _too_small(model, picture):
                return _silent(job, "too_small")
            scores.append(raw_score(model, _tensor(model, picture)))
            calibration = model.manifest.calibration
            p_fake = calibration.apply(scores[-1]).p_fake if calibration else None
            shown.append(FrameScore(index=frame.index, time_s=frame.time_s, p_fake=p_fake))
        return _finding(job, model, scores, None, frames=tuple(shown))


class OnnxAudio:
    """Windows of sound in, a score each out; the file's score is their median."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Run the model on windows spread over the piece."""
        model = load(job.folder)
        wants = SoundInput.model_validate(model.manifest.input)
        rate, length = wants.rate_hz, round(wants.rate_hz * wants.seconds)
        sound = job.piece.waveform(rate)
        if sound.size < length // 2 and not (wants.pad == "repeat" and sound.size >= rate // 2):
            return _silent(job, "too_short")
        starts = _window_starts(sound.size, length, round((wants.hop_s or wants.seconds) * rate))
        scores, segments = [], []
        for start in [starts[i] for i in _spread(len(starts), wants.most_windows)]:
            window = sound[start : start + length]
            scores.append(raw_score(model, window_tensor(window, wants, model.manifest.preprocessing)))
            first = job.piece.span[0] + start / rate
            llr = _llr(model, scores[-1])
            segments.append(Segment(start_s=first, end_s=first + length / rate, llr=llr, channel=job.channel))
        return _finding(job, model, scores, None, segments=tuple(segments))


def _grid_scores(model: LoadedModel, picture: Image.Image) -> NDArray[np.float64]:
    """Raw scores (rows, columns) of the crops that the manifest asks for; (1, 1) of the picture as one."""
    given = PictureInput.model_validate(model.manifest.input)
    if given.grid == 1:
        return np.array([[raw_score(model, _tensor(model, picture))]])
    columns, rows = ([round(x) for x in _places(side, given)] for side in picture.size)
    boxes = [[(x, y, x + given.size, y + given.size) for x in columns] for y in rows]
    return np.array([[raw_score(model, _tensor(model, picture.crop(box))) for box in row] for row in boxes])


def _places(side: int, given: PictureInput) -> list[float]:
    """Where the crops of one side begin: evenly laid, without overlap."""
    count = max(1, min(given.grid, side // given.size))
    room = side - given.size
    return [room / 2] if count == 1 else [room * place / (count - 1) for place in range(count)]


def _side(model: LoadedModel, picture: Image.Image) -> bool | None:
    """Whether the model leans to "fake"; None of a picture that is too small for it."""
    if _too_small(model, picture):
        return None
    llr = _llr(model, float(np.median(_grid_scores(model, picture))))
    return llr is not None and llr > 0


def _unstable(finding: Finding, changed: list[str]) -> Finding:
    evidence = finding.evidence.model_copy(update={"details": {"stability": {"flipped_by": changed}}})
    return Finding(
        operation=finding.operation, outcome=Outcome.INCONCLUSIVE, reason="unstable", evidence=evidence,
        detail=f"The model changes sides under: {', '.join(changed)}.",
    )  # fmt: skip


def _crops_drawn(job: Job, model: LoadedModel, scores: NDArray[np.float64]) -> tuple[Artifact, ...]:
    """The picture with each crop's ``p_fake`` laid over its part, if there are several crops."""
    calibration = model.manifest.calibration
    if scores.size == 1 or calibration is None:
        return ()
    heat = np.array([[calibration.apply(float(value)).p_fake for value in row] for row in scores])
    name = f"{model.manifest.name}-crops.png"
    return overlay(job, name, f"{model.manifest.title}: each crop on its own (yellow: most)", heat)


def _tensor(model: LoadedModel, picture: Image.Image) -> NDArray[np.float32]:
    return picture_tensor(picture, model.manifest.input, model.manifest.preprocessing)


def picture_tensor(
    picture: Image.Image, wants: dict[str, Any], preparation: dict[str, Any]
) -> NDArray[np.float32]:
    """One picture as float32 (1, 3, size, size) or (1, size, size, 3), as the manifest asks."""
    given = PictureInput.model_validate(wants)
    prepared = PicturePreparation.model_validate(preparation)
    pixels: NDArray[Any] = np.asarray(_fitted(picture, given), dtype=np.float32) * np.float32(prepared.scale)
    if given.channels == "bgr":
        pixels = pixels[..., ::-1]
    pixels = (pixels - np.array(prepared.mean, np.float32)) / np.array(prepared.std, np.float32)
    tensor = pixels[None] if given.layout == "nhwc" else pixels.transpose(2, 0, 1)[None]
    return np.ascontiguousarray(tensor, dtype=np.float32)


def _fitted(picture: Image.Image, given: PictureInput) -> Image.Image:
    """The picture resized and cropped to ``size`` × ``size``."""
    size, resample = given.size, Image.Resampling[given.resample.upper()]
    if given.fit == "stretch":
        return picture.resize((size, size), resample)
    if given.fit == "crop":
        shorter = given.resize or size
        scale = shorter / min(picture.size)
        # The longer side is cut, not rounded, as torchvision's and timm's Resize do.
        width, height = (max(shorter, int(side * scale + 1e-6)) for side in picture.size)
        picture = picture.resize((width, height), resample)
    left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
    return picture.crop((left, top, left + size, top + size))


def _too_small(model: LoadedModel, picture: Image.Image) -> bool:
    given = PictureInput.model_validate(model.manifest.input)
    return given.fit == "native" and min(picture.size) < given.size


def window_tensor(
    window: NDArray[np.float32], given: SoundInput, preparation: dict[str, Any]
) -> NDArray[np.float32]:
    """One window as float32 (1, samples) or (1, 1, samples), padded and scaled as the manifest asks."""
    prepared = SoundPreparation.model_validate(preparation)
    length = round(given.rate_hz * given.seconds)
    if given.pad == "repeat" and 0 < window.size < length:
        window = np.tile(window, -(-length // window.size))[:length]
    window = np.pad(window, (0, length - window.size))
    if prepared.peak:
        window = window / max(float(np.abs(window).max()), 1e-6)
    if prepared.standardise:
        window = (window - window.mean()) / np.sqrt(window.var() + 1e-7)
    tensor = window[None, None, :] if given.shape == "nct" else window[None, :]
    return np.ascontiguousarray(tensor, dtype=np.float32)


def _spread(have: int, most: int) -> list[int]:
    """At most ``most`` places among ``have``, evenly apart."""
    return [int(place) for place in np.unique(np.linspace(0, have - 1, min(have, most)).round())]


def _window_starts(size: int, length: int, hop: int) -> list[int]:
    return list(range(0, max(1, size - length + 1), max(1, hop)))


def raw_score(model: LoadedModel, tensor: NDArray[np.float32], place: int = 0) -> float:
    """Run the model on one input; its raw score, which rises with "fake".

    Raises
    ------
    ModelError
        ``model_invalid``: the model refuses the tensor, or its output is not what the manifest says.
    """
    return score_of(model, run(model, tensor), place)


def run(model: LoadedModel, tensor: NDArray[np.float32]) -> list[Any]:
    """Run the model on its only input; `ModelError` (``model_invalid``) if it refuses."""
    name = model.session.get_inputs()[0].name
    try:
        return model.run({name: tensor})
    except Exception as error:
        raise ModelError("model_invalid", f"the model does not take {tensor.shape}: {error}") from error


def score_of(model: LoadedModel, outputs: list[Any], place: int = 0) -> float:
    """The raw score among a run's outputs: the named one, else the one at ``place``."""
    said = model.manifest.output
    names = [output.name for output in model.session.get_outputs()]
    if said.name is not None and said.name not in names:
        raise ModelError("model_invalid", f"there is no output {said.name!r}; there are {', '.join(names)}")
    values = np.asarray(outputs[names.index(said.name) if said.name else place]).ravel()
    try:
        return said.raw([float(value) for value in values])
    except (TypeError, ValueError, OverflowError) as error:  # words, or a dictionary (ai.onnx.ml's ZipMap)
        raise ModelError("model_invalid", str(error)) from error


def _llr(model: LoadedModel, score: float) -> float | None:
    calibration = model.manifest.calibration
    return None if calibration is None else calibration.apply(score).llr


def _picture_statistics(picture: Image.Image) -> dict[str, float]:
    small = np.asarray(picture.resize((64, 64)), dtype=np.float32)
    found = float(small.mean()), float(small.std()), picture.width * picture.height / 1e6
    return dict(zip(STATISTICS, found, strict=True))


def _out_of_distribution(ood: OutOfDistribution | None, statistics: dict[str, float]) -> str | None:
    """Name of the first feature beyond the limit, or None."""
    if ood is None:
        return None
    for feature, mean, std in zip(ood.features, ood.mean, ood.std, strict=True):
        if feature in statistics and abs(statistics[feature] - mean) > ood.limit * std:
            return feature
    return None


def _silent(job: Job, reason: str) -> Finding:
    return Finding(operation=job.manifest.operation, outcome=Outcome.INCONCLUSIVE, reason=reason)


def _finding(
    job: Job,
    model: LoadedModel,
    scores: list[float],
    strange: str | None,
    *,
    segments: tuple[Segment, ...] = (),
    frames: tuple[FrameScore, ...] = (),
) -> Finding:
    operation, raw = job.manifest.operation, float(np.median(scores))
    values = {"raw_score": round(raw, 5), "windows": len(scores)}
    evidence = Evidence(values=values, segments=segments, frames=frames)
    if strange is not None:
        return Finding(
            operation=operation,
            outcome=Outcome.INCONCLUSIVE,
            reason="out_of_distribution",
            detail=f"Unlike the media the model was made with: {strange}.",
            evidence=evidence,
        )
    if model.manifest.calibration is None:
        return Finding(
            operation=operation, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score", evidence=evidence
        )
    found = model.manifest.calibration.apply(raw)
    return Finding(
        operation=operation,
        outcome=Outcome.SCORED,
        p_fake=found.p_fake,
        llr=found.llr,
        interval=found.interval,
        evidence=evidence,
    )
