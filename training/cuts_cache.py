"""Measurements of made recordings, kept: making them takes minutes, fitting on them seconds."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.audio_splice.detector import LIMITS
from bonafide_inference.detectors.audio_splice.features import HOP_S, NAMES, SEGMENT_S, measure
from bonafide_inference.speech import Limits
from numpy.typing import NDArray

from training import recordings
from training.recordings import GENUINE, JOINS, SPLICES
from training.speech_material import RATE_HZ, Clip, heard, read_sound

__all__ = ["Made", "Sounds", "hosts_of", "kept", "make", "of", "sounds"]

SHORTEST_S = 2.6
LONGEST = int(4.5 * RATE_HZ)
MOST = 40
"""Clips of a source."""
HOSTS = replace(LIMITS, speech_s=1.0)
"""Clips end after 4.5 s, and few hold the 3 s of speech that the detector wants: its other gates and 1 s."""
TAKES = 3
"""Genuine and cut recordings of a clip, each."""
RECIPE = 3
"""To be raised when `recordings` or the measurements change: what lies in the cache is then made again."""


@dataclass(frozen=True)
class Made:
    """All segments of all recordings."""

    rows: NDArray[np.float32]
    """(segments, measurements)."""
    recording: NDArray[np.int64]
    """Number of the recording of each segment."""
    near: NDArray[np.float64]
    """Seconds from the middle of each segment to the nearest cut; inf when there is none."""
    kind: NDArray[np.str_]
    join: NDArray[np.str_]
    group: NDArray[np.str_]
    clear: NDArray[np.bool_]
    seconds: NDArray[np.float64]
    """Of each recording, as are kind, join, group and clear."""

    @property
    def spliced(self) -> NDArray[np.bool_]:
        """Whether each recording was cut."""
        return self.join != ""

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Whether each segment holds a cut, with 50 ms to spare."""
        return self.near < SEGMENT_S / 2 - 0.05

    @property
    def between(self) -> NDArray[np.bool_]:
        """Segments that are neither: a cut lies at their rim or just beyond it."""
        return ~self.holds & (self.near < SEGMENT_S / 2 + 0.25)


@dataclass(frozen=True)
class Sounds:
    """Made recordings end to end in one int16 array, and what each is."""

    samples: NDArray[np.int16]
    ends: NDArray[np.int64]
    cuts: NDArray[np.float64]
    """(recordings, 2) seconds, inf where there is none."""
    kind: NDArray[np.str_]
    join: NDArray[np.str_]
    group: NDArray[np.str_]
    clear: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ends)

    def sound(self, number: int) -> NDArray[np.float32]:
        """Samples of one recording."""
        first = self.ends[number - 1] if number else 0
        return np.asarray(self.samples[first : self.ends[number]] / 32768, dtype=np.float32)


def of(clips: Sequence[Clip], folder: Path, most: int = MOST, seed: int = 11) -> Made:
    """Measurements of the recordings of `sounds`, from the cache or made."""
    found = sounds(clips, folder, most, seed)
    file = folder / f"cuts-rows-{_key(f'{RECIPE}/{len(NAMES)}', clips, most, seed)}.npz"

    def measured() -> dict[str, NDArray[Any]]:
        rows = [measure(found.sound(number)) for number in range(len(found))]
        return {"rows": np.concatenate(rows), "counts": np.array([len(part) for part in rows])}

    rows, counts = kept(file, measured).values()
    recording = np.repeat(np.arange(len(found)), counts)
    middles = np.concatenate([np.arange(count) * HOP_S + SEGMENT_S / 2 for count in counts])
    near = np.abs(middles[:, None] - found.cuts[recording]).min(axis=1)
    seconds = np.diff(found.ends, prepend=0) / RATE_HZ
    return Made(rows, recording, near, found.kind, found.join, found.group, found.clear, seconds)


def sounds(clips: Sequence[Clip], folder: Path, most: int = MOST, seed: int = 11) -> Sounds:
    """`TAKES` genuine and cut recordings of every clip of 2.6 s that passes the gates (`HOSTS`); cached.

    Parameters
    ----------
    most
        Clips of a source.
    """
    file = folder / f"cuts-{_key(str(RECIPE), clips, most, seed)}.npz"
    return Sounds(**kept(file, lambda: vars(_all(clips, most, seed))))


def kept(file: Path, make: Callable[[], Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Arrays by name from ``file``, made and written there if there is none."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **make())  # type: ignore[arg-type]  # numpy takes the names for its own options
    with np.load(file) as found:
        return {name: found[name] for name in found.files}


def _key(source: str, clips: Sequence[Clip], most: int, seed: int) -> str:
    text = source + "\n".join(clip.name for clip in clips) + f"{most}/{seed}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _all(clips: Sequence[Clip], most: int, seed: int) -> Sounds:
    hosts, sounds = judged_by(HOSTS, *hosts_of(clips, most))
    made: list[recordings.Recording] = []
    for row in range(len(hosts)):
        made += [
            make(hosts, sounds, row, spliced, np.random.default_rng((seed, row, spliced, take)))
            for take in range(TAKES)
            for spliced in (False, True)
        ]
        if row % 20 == 0:
            print(f"\rrecordings of clip {row}/{len(hosts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    cuts = np.array([(*one.cuts, np.inf, np.inf)[:2] for one in made])
    whole = np.concatenate([np.clip(np.round(one.sound * 32767), -32768, 32767) for one in made])
    return Sounds(
        whole.astype(np.int16), np.cumsum([len(one.sound) for one in made]), cuts,
        np.array([one.kind for one in made]), np.array([one.join for one in made]),
        np.repeat([clip.group for clip in hosts], 2 * TAKES),
        np.repeat([clip.clear for clip in hosts], 2 * TAKES),
    )  # fmt: skip


def hosts_of(clips: Sequence[Clip], most: int) -> tuple[list[Clip], list[NDArray[np.float32]]]:
    """Genuine clips of at least `SHORTEST_S`, ``most`` of a source, spread over it, with their samples."""
    hosts: list[Clip] = []
    found: list[NDArray[np.float32]] = []
    for group in sorted({clip.group for clip in clips}):
        mine = [clip for clip in clips if clip.group == group and not clip.synthetic]
        order = np.random.default_rng(len(mine)).permutation(len(mine))
        kept = 0
        for place in order:
            sound = read_sound(mine[place].path)[:LONGEST] if kept < most else np.zeros(0, np.float32)
            if len(sound) >= SHORTEST_S * RATE_HZ:
                hosts.append(mine[place])
                found.append(sound)
                kept += 1
    return hosts, found


def judged_by(
    limits: Limits, hosts: Sequence[Clip], sounds: Sequence[NDArray[np.float32]]
) -> tuple[list[Clip], list[NDArray[np.float32]]]:
    """Without the clips that a detector with these limits declines to judge."""
    kept = [row for row, sound in enumerate(sounds) if heard(sound).gate(limits) is None]
    return [hosts[row] for row in kept], [sounds[row] for row in kept]


def make(
    hosts: Sequence[Clip], sounds: Sequence[NDArray[np.float32]], row: int, spliced: bool,
    rng: np.random.Generator,
) -> recordings.Recording:  # fmt: skip
    """One recording of clip ``row``, of a random kind."""
    if not spliced:
        kind = str(rng.choice(GENUINE, p=(0.4, 0.2, 0.25, 0.15)))
        guest = sounds[recordings.guests(hosts, row, False, rng)]
        return recordings.genuine(kind, sounds[row], guest, rng)
    kind = str(rng.choice(SPLICES))
    guest = sounds[recordings.guests(hosts, row, kind.startswith("same"), rng)]
    return recordings.cut(kind, str(rng.choice(list(JOINS))), sounds[row], guest, rng)
