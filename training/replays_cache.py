"""Measurements of simulated replays and of genuine recordings, kept once made."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bonafide_inference.detectors.audio_replay.features import measure
from bonafide_inference.soundstats import Meter
from bonafide_inference.speech import Limits
from bonafide_inference.vad import FRAME
from numpy.typing import NDArray

from training import replays
from training.cuts_cache import hosts_of, kept
from training.speech_material import RATE_HZ, Clip

__all__ = ["Taken", "narrow", "of"]

MOST = 18
"""Clips of a source; each is taken twice as genuine (far off; near by or by a headset) and replayed twice."""
WINDOW = 4 * RATE_HZ
RECIPE = 2
"""To be raised when `replays` or the measurements change: what lies in the cache is then made again."""


@dataclass(frozen=True)
class Taken:
    """A row a recording."""

    rows: NDArray[np.float32]
    kind: NDArray[np.str_]
    group: NDArray[np.str_]
    clear: NDArray[np.bool_]

    @property
    def replayed(self) -> NDArray[np.bool_]:
        """Whether each was played by a loudspeaker."""
        return ~np.isin(self.kind, replays.GENUINE)


def of(clips: Sequence[Clip], folder: Path, most: int = MOST, seed: int = 21) -> Taken:
    """Open the cache, or make it."""
    key = hashlib.sha256((f"{RECIPE}" + "\n".join(c.name for c in clips) + f"{most}/{seed}").encode())
    file = folder / f"replays-{key.hexdigest()[:12]}.npz"
    return Taken(**kept(file, lambda: vars(_all(clips, most, seed))))


def _all(clips: Sequence[Clip], most: int, seed: int) -> Taken:
    hosts, sounds = hosts_of(clips, most)
    rows, kinds, kept = [], [], []
    for number, (clip, sound) in enumerate(zip(hosts, sounds, strict=True)):
        if narrow(sound):
            continue
        kept.append(clip)
        rng = np.random.default_rng((seed, number))
        chosen = ["far", str(rng.choice(["near", "headset"], p=[0.7, 0.3]))]
        for kind in [*chosen, *rng.choice(replays.REPLAYS, 2, replace=False).tolist()]:
            rows.append(measure(replays.made(kind, sound[:WINDOW], rng)))
            kinds.append(kind)
        if number % 20 == 0:
            print(f"\rrecordings of clip {number}/{len(hosts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Taken(
        np.stack(rows), np.array(kinds), np.repeat([clip.group for clip in kept], 4),
        np.repeat([clip.clear for clip in kept], 4),
    )  # fmt: skip


def narrow(sound: NDArray[np.float32]) -> bool:
    """Whether the detector's gate declines this clip for its band."""
    meter = Meter()
    block = meter.native(sound, RATE_HZ, 1)
    frames = block[: block.size // FRAME * FRAME].reshape(-1, FRAME)
    meter.frames(frames, np.ones(len(frames), np.float32))
    return meter.stats().bandwidth_hz < Limits().bandwidth_hz
