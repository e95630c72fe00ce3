"""Where somebody speaks: Silero VAD 6 (https://github.com/snakers4/silero-vad, MIT), its ONNX file only.

The wheel asks for torch, which nothing here uses: it is installed without its dependencies
(``requirements-bare.txt``) and never imported; the file is found beside its module and checked by hash. The
sequence export answers a whole block in one call, with its convolutions as products of matrices (`vadgraph`):
2.5 ms per 4 s on one core, where the file as it is takes 7 and frame by frame 20.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonafide_inference.models import bundled, session
from bonafide_inference.vadgraph import by_matrices

__all__ = ["FRAME", "FRAME_S", "Vad", "stretches"]

FRAME = 512
"""Samples a frame, at 16 kHz."""
FRAME_S = FRAME / 16_000
CONTEXT = 64
"""Samples of the frame before that the network sees again."""

_FILE = "data/silero_vad_16k_sequence.onnx"
_SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"


class Vad:
    """Probability of speech frame by frame; the state is carried from block to block."""

    def __init__(self) -> None:
        self._session = _session()
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)

    def feed(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (n,) of the next frames, (n, `FRAME`) float32 at 16 kHz, full scale ±1."""
        if not len(frames):
            return np.zeros(0, np.float32)
        before = np.concatenate((self._context[None], frames[:-1, -CONTEXT:]))
        self._context = frames[-1, -CONTEXT:].copy()
        given = {"input": np.concatenate((before, frames), axis=1), "h": self._hidden, "c": self._cell}
        found, self._hidden, self._cell = self._session.run(["speech_probs", "hn", "cn"], given)
        return np.asarray(found, np.float32).ravel()


@lru_cache(maxsize=1)
def _session() -> Any:
    """The session, one thread. Raises `ModelError` (``model_missing``, ``model_hash_mismatch``)."""
    return session(_SHA256, by_matrices(bundled("silero-vad", "silero_vad", _FILE, _SHA256)), 1)


def stretches(
    probabilities: NDArray[np.float32], *, on: float = 0.5, off: float = 0.35,
    speech_s: float = 0.25, pause_s: float = 0.5, pad_s: float = 0.03,
) -> list[tuple[float, float]]:  # fmt: skip
    """Join frames to stretches of speech, (start, end) in seconds, by Silero's rules.

    Speech begins at ``on`` and ends where ``off`` is undercut for ``pause_s`` (a pause between words is part
    of it, where Silero cuts at 0.1 s); what is shorter than
    ``speech_s`` is dropped, the rest padded by ``pad_s`` on both sides.
    """
    found: list[tuple[int, int]] = []
    begun: int | None = None
    low: int | None = None
    patience = max(1, round(pause_s / FRAME_S))
    for place, p in enumerate(probabilities.tolist()):
        if p >= on:
            begun, low = (place if begun is None else begun), None
        elif begun is not None and p < off:
            low = place if low is None else low
            if place - low >= patience:
                found.append((begun, low))
                begun = low = None
    if begun is not None:
        found.append((begun, len(probabilities) if low is None else low))
    end = len(probabilities) * FRAME_S
    return [
        (max(0.0, a * FRAME_S - pad_s), min(end, b * FRAME_S + pad_s))
        for a, b in found
        if (b - a) * FRAME_S >= speech_s
    ]
