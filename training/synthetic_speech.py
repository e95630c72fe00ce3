"""Make ``synthetic_speech``: four networks, each without a quarter of the sources, shipped together.

What the shipped model says of a clip of the training sources is measured with the one member that has not
heard its source; of the other sources with all members. So every figure is leave-source-out, the calibration
is fitted on such scores alone, and no network is trained in vain.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bonafide_inference.detectors.synthetic_speech.probe import DISTURBANCES
from numpy.typing import NDArray

from training import speech_card
from training.speech_cache import CLEAN, MP3, TELEPHONE, Waves
from training.speech_export import export
from training.speech_fit import Recipe, fit, scores
from training.speech_material import Clip, folds, speech
from training.speech_net import VoiceNet

__all__ = ["FOLDS", "Heard", "train"]

FOLDS = 4
CACHE = Path(".cache/speech")
WINDOW = 32000
"""Samples: the two seconds that are scored by default."""


@dataclass(frozen=True)
class Heard:
    """Leave-source-out scores of all clips, by what was done to them, and which member may judge each."""

    clips: Sequence[Clip]
    fold: NDArray[np.int64]
    """Member that has not heard the clip's source; -1: none has."""
    raw: dict[str, NDArray[np.float64]]
    """clean, telephone, mp3, and the probe's disturbances."""
    spread: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """1 for synthetic, (clips,)."""
        return np.array([clip.synthetic for clip in self.clips], dtype=np.int64)

    @property
    def groups(self) -> NDArray[Any]:
        """Source of each clip, (clips,)."""
        return np.array([clip.group for clip in self.clips])


def train(data: Path, target: Path, unstated: bool = False) -> None:
    """Train on clips whose licence permits it (with ``unstated`` on all), calibrate, write the folder.

    Finished networks lie under ``.cache/speech`` and are not trained again. The card shows the figures of
    the other choice of clips beside its own once that has been trained too (into another folder, say).
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    clips = speech(data)
    waves = Waves.of(clips, CACHE)
    members = train_members(clips, waves, unstated)
    heard = measure(clips, waves, members, unstated)
    weights = export(members)
    manifest = speech_card.manifest(heard, hashlib.sha256(weights).hexdigest(), unstated)
    notes = [CACHE / f"headline-{name}.json" for name in ("clear", "all")]
    notes[int(unstated)].write_text(json.dumps(manifest["figures"]), encoding="utf-8")
    other = notes[1 - int(unstated)]
    beside = json.loads(other.read_text(encoding="utf-8")) if other.exists() else {}
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(weights)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    text = speech_card.card(heard, waves, manifest, beside)
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)


def allowed(clips: Sequence[Clip], unstated: bool) -> NDArray[np.int64]:
    """Rows that may be trained on."""
    return np.flatnonzero([clip.clear or unstated for clip in clips])


def train_members(clips: Sequence[Clip], waves: Waves, unstated: bool) -> list[VoiceNet]:
    """One network a fold, resumed from ``.cache/speech`` where it is finished."""
    labels, groups = np.array([c.synthetic for c in clips], int), np.array([c.group for c in clips])
    rows = allowed(clips, unstated)
    fold = folds([clips[row] for row in rows], FOLDS)
    members = []
    for number in range(FOLDS):
        recipe = replace(Recipe(), seed=number)
        key = hashlib.sha256(json.dumps([asdict(recipe), [clips[row].name for row in rows]]).encode())
        print(f"member {number + 1} of {FOLDS}, {'all' if unstated else 'clear'} rows", flush=True)
        keep = CACHE / f"member-{key.hexdigest()[:12]}.pt"
        members.append(fit(waves, labels, groups, rows[fold != number], recipe, keep))
    return members


def measure(clips: Sequence[Clip], waves: Waves, members: list[VoiceNet], unstated: bool) -> Heard:
    """Score every clip by members that have not heard its source."""
    rows = allowed(clips, unstated)
    fold = np.full(len(clips), -1)
    fold[rows] = folds([clips[row] for row in rows], FOLDS)
    every = np.arange(len(clips))

    def judged(table: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.where(fold < 0, table.mean(axis=1), table[every, fold]).astype(float)

    clean = scores(members, waves, every, CLEAN, WINDOW)
    raw = {"clean": judged(clean)}
    for name, version in (("telephone", TELEPHONE), ("mp3", MP3)):
        raw[name] = judged(scores(members, waves, every, version, WINDOW))
    for name, change in DISTURBANCES.items():
        raw[f"probe_{name}"] = judged(scores(members, waves, every, CLEAN, WINDOW, change))
    return Heard(clips, fold, raw, clean.std(axis=1).astype(float))
