"""Is the chance that `lip_sync` gives right? Mouths beside speech that is not theirs.

Every mouth of the material, also of clips without sound, beside other people's speech, cut as a window of
video is: one burst of 4 or 6 s, or two of 4 s.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.lip_sync.chance import Chance, chance
from bonafide_inference.detectors.lip_sync.detector import RATE, STILL, lips_of, relation
from bonafide_inference.detectors.lip_sync.measure import (
    MAX_LAG_S,
    STEP_S,
    Lips,
    Pair,
    Sync,
    curves,
    envelope,
    paired,
    synchrony,
)
from bonafide_inference.faces import follow, follow_burst
from bonafide_inference.frames import Stretch, read_reel
from numpy.typing import NDArray

from training.clips import Clip, seconds
from training.metrics import bootstrap

__all__ = ["CUTS", "Sound", "Trial", "asked", "mouths_of", "recordings", "strangers", "table"]

STRETCH_S, MOST_STRETCHES = 6.0, 3
"""Bursts of a clip that are looked at: its first three times 6 s."""
CUTS = ((4.0,), (6.0,), (4.0, 4.0))
"""Seconds of the bursts of one window: of clips up to 20 s, up to 6 s, and of longer ones."""
JOINED, PER_KIND, LEAST_S = 3, 8, 8.0
"""Recordings that make one sound, sounds of each kind, and how long one must be."""


@dataclass(frozen=True)
class Sound:
    """Sound at `RATE` from ``begun`` seconds on; ``name``: of whose it is."""

    name: str
    samples: NDArray[np.float32]
    begun: float = 0.0


@dataclass(frozen=True)
class Trial:
    """One window beside one sound."""

    clip: str
    cut: tuple[float, ...]
    sync: Sync
    odds: Chance
    said: str = field(default="")


def mouths_of(clip: Clip) -> list[Lips]:
    """The moving mouths of a clip's first stretches."""
    found, length = [], seconds(clip.path, STRETCH_S * MOST_STRETCHES)
    for start in np.arange(0.0, length - 1.5, STRETCH_S):
        end = min(start + STRETCH_S, length)
        reel = read_reel(str(clip.path), clip.family, Stretch(float(start), end, length_s=end - start))
        tracks = follow(reel.frames).tracks
        for burst in reel.bursts:
            track = follow_burst(burst, reel.frames, tracks)
            lips = lips_of(burst, track) if track else None
            if lips is not None and lips.opening.std() >= STILL:
                found.append(lips)
    return found


def recordings(data: Path, read: Callable[[Path], Sound]) -> list[Sound]:
    """Genuine speech of the material, three recordings of a kind joined, a few of each kind."""
    kinds: dict[str, list[str]] = defaultdict(list)
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["path"].startswith("speech/genuine/") and row["release"] != "test-only":
                kinds[row["path"].split("/")[2]].append(row["path"])
    sounds = []
    for kind, paths in sorted(kinds.items()):
        for first in range(0, min(len(paths), JOINED * PER_KIND) - JOINED + 1, JOINED):
            parts = [read(data / path).samples for path in sorted(paths)[first : first + JOINED]]
            joined = Sound(f"{kind} {first // JOINED}", np.concatenate(parts))
            if joined.samples.size >= LEAST_S * RATE:
                sounds.append(joined)
    return sounds


def asked(name: str, mouths: Sequence[Lips], sound: Sound, shifts: Sequence[float]) -> Trial:
    """What the detector says of these mouths beside this sound, moved by ``shifts`` seconds (one a mouth)."""
    pairs: list[Pair] = []
    for lips, shift in zip(mouths, shifts, strict=True):
        grid = np.arange(lips.times[0] - MAX_LAG_S, lips.times[-1] + MAX_LAG_S, STEP_S)
        pairs.append(paired(lips, envelope(sound.samples, RATE, sound.begun, grid + shift), grid))
    weights = [float(lips.times[-1] - lips.times[0]) for lips in mouths]
    sync = synchrony([curves(pair.mouth[None], pair.loud[None])[0] for pair in pairs], weights)
    odds = chance(pairs, weights)
    return Trial(name, tuple(np.round(weights, 1).tolist()), sync, odds, relation(sync, odds))


def strangers(mouths: dict[str, list[Lips]], sounds: Sequence[Sound], seed: int = 3) -> Iterator[Trial]:
    """Each clip's mouths beside each of these sounds, each time another cut of both."""
    rng = np.random.default_rng(seed)
    for name, every in mouths.items():
        for sound in sounds:
            wanted = CUTS[int(rng.integers(len(CUTS)))]
            chosen = [every[int(place)] for place in rng.integers(0, len(every), len(wanted))]
            parts = [_part(lips, length, rng) for lips, length in zip(chosen, wanted, strict=True)]
            spans = [float(lips.times[-1] - lips.times[0]) for lips in parts]
            room = sound.samples.size / RATE - max(spans) - 2 * MAX_LAG_S
            if room > 0:
                starts = MAX_LAG_S + rng.uniform(0, room, len(parts)) + sound.begun
                moved = [float(s - lips.times[0]) for s, lips in zip(starts, parts, strict=True)]
                yield asked(name, parts, sound, moved)


def _part(lips: Lips, length: float, rng: np.random.Generator) -> Lips:
    start = lips.times[0] + rng.uniform(0, max(0.0, lips.times[-1] - lips.times[0] - length))
    inside = (lips.times >= start - 1e-6) & (lips.times <= start + length + 1e-6)
    return Lips(lips.times[inside], lips.opening[inside])


def table(trials: Sequence[Trial]) -> tuple[str, dict[str, Any]]:
    """Shares of small p-values and of what was said, by length, with 95 % intervals that draw clips again."""
    lines = [
        "| bursts | trials | all lags: p ≤ .01 | ≤ .05 | ≤ .10 | in step: p ≤ .01 | ≤ .05 | ≤ .10 | power |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for label, some in _groups(trials):
        cells = [
            _share([float(getattr(one.odds, name) <= limit) for one in some], [one.clip for one in some])
            for name in ("any_lag", "in_step") for limit in (0.01, 0.05, 0.10)
        ]  # fmt: skip
        power = float(np.median([one.odds.power for one in some]))
        lines.append(f"| {label} | {len(some)} | {' | '.join(cells)} | {power:.2f} |")
    figures = {
        f"unrelated_{said}": round(float(np.mean([one.said == said for one in trials])), 4)
        for said in ("in_step", "out_of_step", "none")
    }
    return "\n".join(lines), figures


def _groups(trials: Sequence[Trial]) -> Iterator[tuple[str, list[Trial]]]:
    yield "all", list(trials)
    yield "one, up to 3 s", [one for one in trials if len(one.cut) == 1 and sum(one.cut) < 3]
    yield "one, 3 to 4 s", [one for one in trials if len(one.cut) == 1 and 3 <= sum(one.cut) < 4.5]
    yield "one, 5 to 6 s", [one for one in trials if len(one.cut) == 1 and sum(one.cut) >= 4.5]
    yield "two of 4 s", [one for one in trials if len(one.cut) == 2]


def _share(hits: Sequence[float], clips: Sequence[str]) -> str:
    if not hits:
        return "–"
    values = np.array(hits)
    low, high = bootstrap(lambda rows: float(values[rows].mean()), list(clips))
    return f"{values.mean():.3f} ({low:.3f}–{high:.3f})"
