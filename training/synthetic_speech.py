"""Make ``synthetic_speech``: a few networks of different seeds, shipped together, and others that judge them.

The shipped members hear every clip that may be trained on. What they would have said of a source that they
had not heard is measured with further networks of the same recipe, each without a quarter of the sources;
clips that nobody may train on are judged by the shipped members. So every figure is leave-source-out, and the
calibration is fitted on such scores alone.
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

from training import speech_card
from training.speech_cache import CLEAN, MP3, TELEPHONE, Waves
from training.speech_export import export
from training.speech_fit import Recipe, fit, scores
from training.speech_material import Clip, folds, speech
from training.speech_net import VoiceNet

__all__ = ["FOLDS", "Heard", "train"]

MEMBERS = ((0, 2000), (0, 1000), (2, 1200))
"""(seed, steps) of what is shipped: longer training separates better, averaging steadies (decision 0043)."""
FOLDS = 4
CACHE = Path(".cache/speech")
WINDOW = 32000
"""Samples: the two seconds that are scored by default."""


@dataclass(frozen=True)
class Heard:
    """Leave-source-out scores of all clips, by what was done to them, and which member may judge each."""

    clips: Sequence[Clip]
    fold: NDArray[np.int64]
    """Number of the network that has not heard the clip's source; -1: the shipped members have not."""
    raw: dict[str, NDArray[np.float64]]
    """clean, telephone, mp3, and the probe's disturbances."""
    spread: NDArray[np.float64]
    """Standard deviation of the shipped members."""

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
    judges = train_judges(clips, waves, unstated)
    align(judges, members, waves, np.setdiff1d(np.arange(len(clips)), allowed(clips, unstated)))
    heard = measure(clips, waves, members, judges, unstated)
    weights = export(members)
    for number, judge in enumerate(judges):  # for benchmarks.speech
        (CACHE / f"judge-{number}.onnx").write_bytes(export([judge]))
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
    """The networks that are shipped."""
    rows = allowed(clips, unstated)
    return [_network(clips, waves, rows, Recipe(seed=seed, steps=steps)) for seed, steps in MEMBERS]


def train_judges(clips: Sequence[Clip], waves: Waves, unstated: bool) -> list[VoiceNet]:
    """One network a fold, which has not heard its sources."""
    rows = allowed(clips, unstated)
    fold = folds([clips[row] for row in rows], FOLDS)
    return [_network(clips, waves, rows[fold != number], Recipe(seed=number)) for number in range(FOLDS)]


def _network(clips: Sequence[Clip], waves: Waves, rows: NDArray[np.int64], recipe: Recipe) -> VoiceNet:
    """Train on these rows, or take it from ``.cache/speech`` where it is finished."""
    labels, groups = np.array([c.synthetic for c in clips], int), np.array([c.group for c in clips])
    key = hashlib.sha256(json.dumps([asdict(recipe), [clips[row].name for row in rows]]).encode())
    heard = f"{len(rows)} clips of {len(set(groups[rows]))} sources"
    print(f"network of seed {recipe.seed}, {recipe.steps} steps, on {heard}", flush=True)
    return fit(waves, labels, groups, rows, recipe, CACHE / f"network-{key.hexdigest()[:12]}.pt")


def align(judges: list[VoiceNet], members: list[VoiceNet], waves: Waves, rows: NDArray[np.int64]) -> None:
    """Bring every judge to the scale of the members, in place, for shorter training gives smaller logits.

    Mean and deviation over ``rows``, which neither has heard, become those of the members' mean; without
    such rows the judges stay as they are.
    """
    if len(rows) < 2:
        return
    wanted = scores(members, waves, rows, CLEAN, WINDOW).mean(axis=1)
    for judge in judges:
        found = scores([judge], waves, rows, CLEAN, WINDOW)[:, 0]
        slope = float(wanted.std() / max(found.std(), 1e-6))
        with torch.no_grad():
            judge.out.weight *= slope
            judge.out.bias.copy_(judge.out.bias * slope + float(wanted.mean() - slope * found.mean()))


def measure(
    clips: Sequence[Clip], waves: Waves, members: list[VoiceNet], judges: list[VoiceNet], unstated: bool
) -> Heard:
    """Score every clip by networks that have not heard its source."""
    rows = allowed(clips, unstated)
    fold = np.full(len(clips), -1)
    fold[rows] = folds([clips[row] for row in rows], FOLDS)
    spread = np.zeros(len(clips))

    def judged(version: int, change: Any = None) -> NDArray[np.float64]:
        found = np.zeros(len(clips))
        for number in range(-1, FOLDS):
            mine = np.flatnonzero(fold == number)
            nets = members if number < 0 else [judges[number]]
            if len(mine):
                table = scores(nets, waves, mine, version, WINDOW, change)
                found[mine] = table.mean(axis=1)
                spread[mine] = table.std(axis=1) if version == CLEAN and change is None else spread[mine]
        return found

    raw = {"clean": judged(CLEAN), "telephone": judged(TELEPHONE), "mp3": judged(MP3)}
    for name, change in DISTURBANCES.items():
        raw[f"probe_{name}"] = judged(CLEAN, change)
    return Heard(clips, fold, raw, spread)
