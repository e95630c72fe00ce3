"""Make ``audio_splice``: a small perceptron over segments of recordings cut here, and the file's calibration.

Genuine clips only. A source is judged by a perceptron fitted without it; both calibrations are fitted on such
scores alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.audio_splice.detector import file_score
from bonafide_inference.detectors.audio_splice.features import NAMES
from bonafide_inference.models import Manifest
from numpy.typing import NDArray

from training import audio_splice_card, cuts_cache, cuts_fit, grid_cuts, perceptron, voice_track
from training.cuts_cache import Made
from training.cuts_fit import CACHE, segment_line
from training.platt import fit_platt
from training.speech_material import speech

__all__ = ["Judged", "judge", "train"]

VERSION = "1.3.0"


@dataclass(frozen=True)
class Judged:
    """Leave-source-out scores: LLR of each segment, raw score and source of each recording."""

    made: Made
    llr: NDArray[np.float64]
    raw: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """1 for a cut recording."""
        return self.made.spliced.astype(np.int64)


def train(data: Path, target: Path, clear: bool = False) -> None:
    """Train on all clips (with ``clear`` on those of a stated licence), calibrate, write the folder."""
    made = cuts_cache.of(speech(data), CACHE)
    judged, model = judge(made, clear)
    other, _ = judge(made, not clear)
    weights = perceptron.onnx_bytes(model)
    table = manifest(judged, hashlib.sha256(weights).hexdigest(), clear)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(weights)
    (target / "model.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    sounds = cuts_cache.sounds(speech(data), CACHE)
    text = audio_splice_card.card(judged, table, audio_splice_card.headline(other), sounds)
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)
    voice_track.write(voice_track.tracked(speech(data), made), target)
    grid_cuts.write(list(grid_cuts.watch(*cuts_cache.hosts_of(speech(data), grid_cuts.MOST))), target)


def judge(made: Made, clear: bool = False) -> tuple[Judged, perceptron.Perceptron]:
    """Scores of all segments by a model that knows nothing of their source, and the model to ship.

    ``clear`` trains on sources of that release alone; the others are then judged by what is shipped.
    """
    _, shipped, logits = cuts_fit.judged(made, clear)
    slope, offset = segment_line(made, logits)
    llr = slope * logits + offset
    ends = np.cumsum(np.bincount(made.recording, minlength=len(made.kind)))[:-1]
    raw = np.array([file_score(part) for part in np.split(llr, ends)])
    return Judged(made, llr, raw), shipped.scaled(slope, offset)


def manifest(judged: Judged, sha256: str, clear: bool = False) -> dict[str, Any]:
    """``model.json`` as a table."""
    platt = fit_platt(judged.raw, judged.labels, list(judged.made.group))
    table = {
        "name": "audio_splice", "title": "Cuts and insertions in sound", "version": VERSION,
        "operation": "audio_splice", "type": "learned", "kind": "audio", "media_kinds": ["audio", "video"],
        "entry": "detector:AudioSplice",
        "input": {"rate_hz": 16000, "features": list(NAMES), "findings": ["synthetic_speech"]},
        "preprocessing": {"segment_s": 0.4, "hop_s": 0.2, "context_s": 1.0},
        "calibration": platt.model_dump(), "sha256": sha256, "licence": "Apache-2.0",
        "data": f"genuine speech of the material, release {audio_splice_card.ROWS[clear]}; cuts made by code",
        "figures": audio_splice_card.headline(judged),
    }  # fmt: skip
    Manifest.model_validate(table)
    return table
