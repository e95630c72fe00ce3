"""Several `Judge` as one ONNX file, checked against torch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from training.speech_contrast import Judge, statistics
from training.speech_net import BINS

__all__ = ["Together", "export"]


class Together(nn.Module):
    """(batch, 2, 256, frames) to the logit of each member, (batch, members); statistics are made once."""

    def __init__(self, members: Sequence[Judge]) -> None:
        super().__init__()
        self.judges = tuple(members)
        self.members = nn.ModuleList(members)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """See the class."""
        found = statistics(spectrogram)
        logits = [one.net(spectrogram)[0] + one.contrast(found) for one in self.judges]
        return torch.stack(logits, dim=1)


def export(members: Sequence[Judge], tolerance: float = 1e-3) -> bytes:
    """The ONNX bytes; any number of windows, any length from a second.

    Raises
    ------
    ValueError
        If onnxruntime and torch differ by more than ``tolerance`` on random spectrograms of three lengths.
    """
    import onnxruntime

    model = Together([member.to(memory_format=torch.contiguous_format) for member in members]).float().eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(1, 2, BINS, 197),), buffer, input_names=["spectrogram"],
            output_names=["logits"], opset_version=17, dynamo=False,
            dynamic_axes={"spectrogram": {0: "windows", 3: "frames"}, "logits": {0: "windows"}},
        )  # fmt: skip
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    for windows, frames in ((1, 98), (2, 197), (1, 397)):
        given = rng.standard_normal((windows, 2, BINS, frames)).astype(np.float32)
        with torch.no_grad():
            wanted = model(torch.from_numpy(given)).numpy()
        gap = float(np.abs(session.run(None, {"spectrogram": given})[0] - wanted).max())
        if gap > tolerance:
            raise ValueError(f"onnxruntime differs from torch by {gap:.2g}")
    return buffer.getvalue()
