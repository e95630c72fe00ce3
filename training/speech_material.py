"""The speech rows of the material, their source groups, and folds that hold whole sources out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from bonafide_inference.soundstats import Meter
from bonafide_inference.speech import Speech
from bonafide_inference.vad import FRAME, Vad, stretches
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "Clip", "folds", "heard", "read_sound", "speech"]

RATE_HZ = 16000
CODECS_NOT_VOICES = {"codec2-1300", "WORLD-copysynth"}
"""Generators that carry a real person's own words: a radio codec is no synthetic voice. Left out."""


@dataclass(frozen=True)
class Clip:
    """One recording: where it lies, its repository (the group held out together), and what made it."""

    path: Path
    group: str
    generator: str
    synthetic: bool
    clear: bool

    @property
    def name(self) -> str:
        """Path within the material."""
        return "/".join(self.path.parts[-4:])

    @property
    def kind(self) -> str:
        """Name of its row in the tables: the repository of genuine speech, the generator of synthetic."""
        return self.generator if self.synthetic else self.group


def speech(data: Path) -> list[Clip]:
    """All clips, sorted by path; ``test-only`` rows have no use here and are left out.

    Raises
    ------
    FileNotFoundError
        If ``data`` has no SOURCES.csv.
    """
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["path"].startswith("speech/")]
    clips = [
        Clip(
            data / line["path"],
            line["source"].removeprefix("github:") if ":" in line["source"] else line["source"],
            line["generator"],
            line["label"] != "genuine",
            line["release"] == "clear",
        )
        for line in lines
        if line["release"] in ("clear", "unstated") and line["generator"] not in CODECS_NOT_VOICES
    ]
    return sorted((clip for clip in clips if clip.path.exists()), key=lambda clip: clip.path)


def folds(clips: Sequence[Clip], count: int) -> NDArray[np.int64]:
    """Fold number of each clip: whole groups, the two classes spread as evenly as groups allow.

    Greedy: the largest group first, each to the fold where the worse of the two classes' loads stays least.
    """
    totals = np.array([sum(not c.synthetic for c in clips), sum(c.synthetic for c in clips)], float) + 1e-9
    sizes: dict[str, NDArray[np.float64]] = {}
    for clip in clips:
        sizes.setdefault(clip.group, np.zeros(2))[int(clip.synthetic)] += 1
    load = np.zeros((count, 2))
    chosen: dict[str, int] = {}
    for group in sorted(sizes, key=lambda name: (-float((sizes[name] / totals).sum()), name)):
        cost = ((load + sizes[group]) / totals).max(axis=1) + 0.01 * (load / totals).sum(axis=1)
        chosen[group] = int(cost.argmin())
        load[chosen[group]] += sizes[group]
    return np.array([chosen[clip.group] for clip in clips], dtype=np.int64)


def read_sound(path: Path) -> NDArray[np.float32]:
    """Mono float32 samples at `RATE_HZ`."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as container:
        parts = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    parts += resampler.resample(None)
    return np.concatenate([part.to_ndarray().ravel() for part in parts]).astype(np.float32)


def heard(sound: NDArray[np.float32]) -> Speech:
    """A mono sound at 16 kHz as the front end gives it (`bonafide_inference.speech.read_speech`)."""
    meter, vad = Meter(), Vad()
    block = meter.native(sound, RATE_HZ, 1)
    frames = np.pad(block, (0, -block.size % FRAME)).reshape(-1, FRAME)
    found = vad.feed(frames)
    meter.frames(frames, found)
    end = block.size / RATE_HZ
    return Speech(block, 0.0, tuple((a, min(b, end)) for a, b in stretches(found)), found, meter.stats())
