"""Measurements of simulated replays and of genuine recordings, kept once made."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bonafide_inference.detectors.audio_replay.detector import LEAST_SPEECH
from bonafide_inference.detectors.audio_replay.features import measure
from bonafide_inference.speech import Limits
from numpy.typing import NDArray

from training import replays
from training.cuts_cache import hosts_of, kept
from training.speech_material import RATE_HZ, Clip, heard

__all__ = ["Taken", "declined", "of"]

MOST = 36
"""Clips of a source; each is taken three times as genuine (twice far off) and replayed three times."""
WINDOW = 4 * RATE_HZ
RECIPE = 3
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
        if declined(sound[:WINDOW]):
            continue
        kept.append(clip)
        rng = np.random.default_rng((seed, number))
        close = str(rng.choice(["near", "headset"], p=[0.7, 0.3]))
        for kind in ("far", "far", close, *replays.REPLAYS):
            rows.append(measure(replays.made(kind, sound[:WINDOW], rng)))
            kinds.append(kind)
        if number % 20 == 0:
            print(f"\rrecordings of clip {number}/{len(hosts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Taken(
        np.stack(rows), np.array(kinds), np.repeat([clip.group for clip in kept], 6),
        np.repeat([clip.clear for clip in kept], 6),
    )  # fmt: skip


def declined(sound: NDArray[np.float32]) -> bool:
    """Whether the detector declines this window: by a gate, or for too little speech in it.

    The gate for less than 3 s of speech in all is left open, as few clips of the material have so much.
    """
    found = heard(sound)
    return found.gate(Limits(speech_s=0)) is not None or found.speech_s < LEAST_SPEECH * found.seconds
