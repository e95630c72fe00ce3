"""Make ``synthetic_speech``: three judges that are shipped together and judge one another's sources.

The sources are dealt out to three folds; each judge, a network and a linear discriminant
(`speech_contrast`), hears two of them. What is shipped is the mean of the three. A clip is judged by the
one that has not heard its source, a clip that nobody was trained on by all. So every figure is
leave-source-out, the calibration is fitted on such scores alone, and no network is trained for the
measurement only (decision 0068).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bonafide_inference.detectors.synthetic_speech.probe import DISTURBANCES
from numpy.typing import NDArray

from training import speech_card, speech_contrast
from training.speech_cache import CLEAN, MP3, TELEPHONE, Waves
from training.speech_contrast import Judge
from training.speech_export import export
from training.speech_fit import Recipe, fit, scores
from training.speech_material import Clip, folds, speech
from training.speech_net import VoiceNet
from training.speech_packages import package_speech, packaged

__all__ = ["FOLDS", "Heard", "train"]

FOLDS = 3
"""Networks; each hears the sources of all folds but its own."""
CACHE = Path(".cache/speech")
WINDOW = 32000
"""Samples: the two seconds that are scored by default."""


@dataclass(frozen=True)
class Heard:
    """Leave-source-out scores of all clips, by what was done to them, and which member may judge each."""

    clips: Sequence[Clip]
    fold: NDArray[np.int64]
    """Number of the network that has not heard the clip's source; -1: none has."""
    raw: dict[str, NDArray[np.float64]]
    """clean, telephone, mp3, and the probe's disturbances."""
    spread: NDArray[np.float64]
    """Standard deviation of the three."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """1 for synthetic, (clips,)."""
        return np.array([clip.synthetic for clip in self.clips], dtype=np.int64)

    @property
    def groups(self) -> NDArray[Any]:
        """Source of each clip, (clips,)."""
        return np.array([clip.group for clip in self.clips])

    @property
    def material(self) -> NDArray[np.bool_]:
        """Which clips are the material's, (clips,); the others come out of packages."""
        return np.array([not packaged(clip) for clip in self.clips])


def train(data: Path, target: Path, clear: bool = False) -> None:
    """Train on all clips (with ``clear`` on those of a stated licence), calibrate, write the folder.

    Finished networks lie under ``.cache/speech`` and are not trained again. The card shows the figures of
    the other choice of clips beside its own once that has been trained too (into another folder, say).
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    clips = speech(data) + package_speech(CACHE / "packages")
    waves = Waves.of(clips, CACHE)
    fold = dealt(clips, clear)
    found = speech_contrast.table(waves, WINDOW)
    judges = [_judge(clips, waves, fold, number, found) for number in range(FOLDS)]
    heard = measure(clips, waves, judges, fold)
    weights = export(judges)
    manifest = speech_card.manifest(heard, hashlib.sha256(weights).hexdigest(), clear)
    notes = [CACHE / f"manifest-{name}.json" for name in ("all", "clear")]
    notes[int(clear)].write_text(json.dumps(manifest), encoding="utf-8")
    other = notes[1 - int(clear)]
    beside = json.loads(other.read_text(encoding="utf-8")) if other.exists() else {}
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(weights)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    text = speech_card.card(heard, waves, manifest, beside)
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)


def dealt(clips: Sequence[Clip], clear: bool) -> NDArray[np.int64]:
    """Fold of each clip, -1 where it may not be trained on; material and packages are dealt one by one."""
    found = np.full(len(clips), -1)
    for packages in (False, True):
        rows = [n for n, c in enumerate(clips) if packaged(c) == packages and (c.clear or not clear)]
        found[rows] = folds([clips[row] for row in rows], FOLDS)
    return found


def _judge(
    clips: Sequence[Clip], waves: Waves, fold: NDArray[np.int64], number: int, found: NDArray[np.float32]
) -> Judge:
    """The network of a fold with its second opinion, fitted on the same clips."""
    rows = np.flatnonzero((fold >= 0) & (fold != number))
    labels = np.array([clips[int(row)].synthetic for row in rows], dtype=np.int64)
    groups = np.array([clips[int(row)].group for row in rows])
    contrast = speech_contrast.discriminant(found[rows], labels, groups)
    return Judge(_network(clips, waves, fold, number), contrast).eval()


def _network(clips: Sequence[Clip], waves: Waves, fold: NDArray[np.int64], number: int) -> VoiceNet:
    """Train without the sources of fold ``number``, or take the network from ``.cache/speech``."""
    rows, recipe = np.flatnonzero((fold >= 0) & (fold != number)), Recipe(seed=number)
    labels, groups = np.array([c.synthetic for c in clips], int), np.array([c.group for c in clips])
    key = hashlib.sha256(json.dumps([asdict(recipe), [clips[int(row)].name for row in rows]]).encode())
    heard = f"{len(rows)} clips of {len(set(groups[rows]))} sources"
    print(f"network of seed {recipe.seed}, {recipe.steps} steps, on {heard}", flush=True)
    return fit(waves, labels, groups, rows, recipe, CACHE / f"network-{key.hexdigest()[:12]}.pt")


def measure(clips: Sequence[Clip], waves: Waves, judges: list[Judge], fold: NDArray[np.int64]) -> Heard:
    """Score every clip by the judges that have not heard its source."""
    every = np.arange(len(clips))
    clean = scores(judges, waves, every, CLEAN, WINDOW)

    def judged(version: int, change: Any = None) -> NDArray[np.float64]:
        found = np.zeros(len(clips))
        for number in range(-1, FOLDS):
            mine = np.flatnonzero(fold == number)
            nets = judges if number < 0 else [judges[number]]
            if len(mine):
                found[mine] = scores(nets, waves, mine, version, WINDOW, change).mean(axis=1)
        return found

    own = np.where(fold < 0, clean.mean(axis=1), clean[every, fold]).astype(np.float64)
    raw = {"clean": own, "telephone": judged(TELEPHONE), "mp3": judged(MP3)}
    for name, change in DISTURBANCES.items():
        raw[f"probe_{name}"] = judged(CLEAN, change)
    return Heard(clips, fold, raw, clean.std(axis=1).astype(np.float64))
