"""Speech detectors: an AASIST-like waveform model, a classifier on wav2vec 2.0 features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.recipes.export import Facts, export

__all__ = ["wav2vec_classifier", "waveform_model"]

AASIST_SAMPLES = 64_600
"""What AASIST (Jung et al. 2022) takes: 4.0375 s at 16 kHz; a shorter recording is repeated."""


class _Picked(torch.nn.Module):
    def __init__(self, model: Any, picked: int | None) -> None:
        super().__init__()
        self.model, self.picked = model, picked

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        said = self.model(waveform)
        logits: torch.Tensor = said if self.picked is None else said[self.picked]
        return logits


def waveform_model(
    model: Any,
    target: Path,
    facts: Facts,
    *,
    fake_index: int = 0,
    picked: int | None = 1,
    samples: int = AASIST_SAMPLES,
    rate_hz: int = 16_000,
) -> Path:
    """Export a module that takes (batch, samples) at ``rate_hz``.

    The defaults are those of the authors' AASIST and RawNet2 code: ``model(x)`` returns (last hidden,
    logits), class 0 is spoof and class 1 bona fide.

    Parameters
    ----------
    picked
        Which of the returned values holds the logits; None if the module returns nothing else.
    """
    input_ = {"rate_hz": rate_hz, "seconds": samples / rate_hz, "hop_s": samples / rate_hz, "pad": "repeat"}
    return export(
        _Picked(model, picked),
        target,
        facts,
        entry="onnx_audio",
        input_=input_,
        preprocessing={},
        output={"meaning": "softmax", "index": fake_index},
    )


class _Logits(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_values=waveform).logits
        return logits


def wav2vec_classifier(
    model: Any, extractor: Any, target: Path, facts: Facts, *, fake: str, seconds: float = 4.0
) -> Path:
    """Export ``Wav2Vec2ForSequenceClassification`` (WavLM, HuBERT alike) of transformers.

    Parameters
    ----------
    extractor
        Its ``Wav2Vec2FeatureExtractor``: rate, and whether each window is standardised.
    fake
        The label of ``model.config.id2label`` that means "spoof".
    seconds
        The window; the encoder's attention grows with its square.
    """
    index = next(int(i) for i, label in model.config.id2label.items() if label == fake)
    return export(
        _Logits(model),
        target,
        facts,
        entry="onnx_audio",
        input_={"rate_hz": int(extractor.sampling_rate), "seconds": seconds, "hop_s": seconds, "pad": "zero"},
        preprocessing={"standardise": bool(extractor.do_normalize)},
        output={"meaning": "softmax", "index": index},
    )
