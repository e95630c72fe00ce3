"""What ``model.json`` says of a model without code: what it takes, and what its output means.

Numbers only, no numpy: manifests are read where no decoder is loaded.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Output", "PictureInput", "PicturePreparation", "SoundInput", "SoundPreparation", "check"]

_EDGE = 1e-6

Side = Annotated[int, Field(ge=8, le=4096)]
Three = tuple[float, float, float]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PictureInput(_Said):
    """How a picture (or a video frame, or a picture for a map) becomes ``size`` × ``size`` pixels.

    ``fit``: ``stretch`` to the square; ``crop`` resizes the shorter side to ``resize`` (default ``size``) and
    takes the centre; ``native`` takes the centre without any resize, and a smaller picture is ``too_small``.
    With a ``grid`` above 1 `native` takes crops all over the picture, and their median.
    """

    size: Side
    layout: Literal["nchw", "nhwc"] = "nchw"
    fit: Literal["stretch", "crop", "native"] = "stretch"
    resize: Side | None = Field(None, description="`crop` only: the shorter side before the crop, in pixels.")
    resample: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    channels: Literal["rgb", "bgr"] = "rgb"
    grid: int = Field(1, ge=1, le=8, description="`onnx_image`, `native`: at most so many crops a side.")
    probe: bool = Field(True, description="`onnx_image`: re-score under changes; what flips is unstable.")
    fps: float = Field(2.0, gt=0, le=30, description="`onnx_frames` only: frames sampled a second.")
    most_frames: int = Field(32, ge=1, le=240, description="`onnx_frames` only: spread over the piece.")

    @model_validator(mode="after")
    def _crop_fits(self) -> PictureInput:
        if self.resize is not None and (self.fit != "crop" or self.resize < self.size):
            raise ValueError("resize belongs to fit crop, and is not below size")
        if self.grid > 1 and self.fit != "native":
            raise ValueError("grid belongs to fit native")
        return self


class PicturePreparation(_Said):
    """``(pixel · scale − mean) / std``, per channel in the order of ``channels``; pixels are 0..255."""

    scale: float = Field(1 / 255, gt=0)
    mean: Three = (0.0, 0.0, 0.0)
    std: Annotated[Three, Field(description="Not 0.")] = (1.0, 1.0, 1.0)
    map: Literal["probability", "logit"] = Field(
        "probability", description="`onnx_map` only: the map's values."
    )

    @model_validator(mode="after")
    def _divisible(self) -> PicturePreparation:
        if not all(self.std):
            raise ValueError("std is 0")
        return self


class SoundInput(_Said):
    """Windows of ``seconds`` at ``rate_hz``, mono, every ``hop_s``; spread if more than ``most_windows``.

    ``shape``: (1, samples) or (1, 1, samples). ``pad``: how a shorter recording fills its window.
    """

    rate_hz: int = Field(ge=4000, le=96000)
    seconds: float = Field(gt=0, le=60)
    hop_s: float | None = Field(None, gt=0, description="Default: `seconds`.")
    most_windows: int = Field(30, ge=1, le=1000)
    shape: Literal["nt", "nct"] = "nt"
    pad: Literal["zero", "repeat"] = "zero"


class SoundPreparation(_Said):
    """``peak``: each window to full scale. ``standardise``: to mean 0 and variance 1, as wav2vec wants."""

    peak: bool = False
    standardise: bool = False


class Output(_Said):
    """What the output means. The raw score rises with "fake", and is a log-odds where the meaning allows it.

    ``logit``: already log-odds. ``probability``: becomes its log-odds. ``softmax``: class scores before the
    softmax, whose class ``index`` becomes log-odds against all others. ``score``: any number.
    """

    meaning: Literal["score", "logit", "probability", "softmax"] = "score"
    index: int = Field(-1, ge=-1, le=10_000, description="Of the flattened output; -1 is the last value.")
    fake_is: Literal["high", "low"] = Field("high", description="Which way the value speaks for fake.")
    name: str | None = Field(
        None, description="Of the output; default: the first (a map's score: the second)."
    )

    def raw(self, values: list[float]) -> float:
        """Return the raw score of one flattened output.

        Raises
        ------
        ValueError
            The output has no such index, or is not finite, or is no probability.
        """
        if not values or self.index >= len(values):
            raise ValueError(f"the output has {len(values)} values, index {self.index} is asked for")
        if not all(math.isfinite(value) for value in values):
            raise ValueError("the output is not finite")
        value = self._log_odds(values)
        return value if self.fake_is == "high" else -value

    def _log_odds(self, values: list[float]) -> float:
        value = values[self.index]
        if self.meaning == "probability":
            if not -_EDGE <= value <= 1 + _EDGE:
                raise ValueError(f"{value:.4g} is no probability")
            value = min(max(value, _EDGE), 1 - _EDGE)
            return math.log(value / (1 - value))
        if self.meaning == "softmax":
            at = self.index % len(values)
            others = values[:at] + values[at + 1 :]
            if not others:
                raise ValueError("a softmax needs two classes at least; one value is a logit")
            top = max(others)
            return value - top - math.log(sum(math.exp(other - top) for other in others))
        return value


_SPOKEN: dict[str, tuple[type[_Said], type[_Said]]] = {
    "onnx_image": (PictureInput, PicturePreparation),
    "onnx_frames": (PictureInput, PicturePreparation),
    "onnx_map": (PictureInput, PicturePreparation),
    "onnx_audio": (SoundInput, SoundPreparation),
}


def check(entry: str, wants: dict[str, Any], preparation: dict[str, Any]) -> None:
    """Refuse an ``input`` or ``preprocessing`` that this generic entry does not understand (`ValueError`)."""
    if entry in _SPOKEN:
        given, prepared = _SPOKEN[entry]
        asked = given.model_validate(wants)
        prepared.model_validate(preparation)
        if entry == "onnx_map" and isinstance(asked, PictureInput) and asked.fit != "stretch":
            raise ValueError("a map lies over the whole picture: fit must be stretch")
        if entry != "onnx_image" and isinstance(asked, PictureInput) and asked.grid > 1:
            raise ValueError("grid belongs to onnx_image")
