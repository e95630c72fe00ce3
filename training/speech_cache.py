"""Every clip decoded once and sent through random channels once: int16 in one file, for cheap epochs."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.channels import codec, disturb, telephone
from training.speech_material import RATE_HZ, Clip, read_sound

__all__ = ["CLEAN", "DISTURBED", "MP3", "TELEPHONE", "Waves"]

LONGEST = int(4.5 * RATE_HZ)
CLEAN, TELEPHONE, MP3, DISTURBED = 0, 1, 2, 3
"""Versions of a clip: as it is, over a telephone, MP3 at 32 kbit/s, and from here on random ones."""


@dataclass(frozen=True)
class Waves:
    """int16 (clips, versions, samples) on disk, and how many samples each clip has."""

    samples: NDArray[np.int16]
    lengths: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        clips: Sequence[Clip],
        folder: Path,
        versions: int = 5,
        seed: int = 5,
        rows: NDArray[np.int64] | None = None,
    ) -> Waves:
        """Open the cache, making what is missing of it; an interrupted making goes on where it stopped.

        Parameters
        ----------
        folder
            Where it lies; its name holds a hash of the clips, the number of versions and the seed.
        versions
            Random versions of each clip.
        rows
            The clips that are needed; all by default.
        """
        key = "\n".join(clip.name for clip in clips) + f"{versions}/{seed}"
        place = folder / f"waves-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        place.mkdir(parents=True, exist_ok=True)
        file = place / "waves.npy"
        shape = (len(clips), DISTURBED + versions, LONGEST)
        if not file.exists():
            np.lib.format.open_memmap(file, "w+", np.int16, shape)
            np.save(place / "lengths.npy", np.zeros(len(clips), np.int64))
        lengths = np.load(place / "lengths.npy")
        missing = np.flatnonzero(lengths == 0)
        missing = missing if rows is None else np.intersect1d(missing, rows)
        samples = np.lib.format.open_memmap(file, "r+")
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            tasks = [(clips[int(row)].path, int(row), versions, seed) for row in missing]
            for number, (row, made) in enumerate(pool.imap(_make, tasks, chunksize=4), 1):
                samples[row, :, : made.shape[1]], lengths[row] = made, made.shape[1]
                if number % 50 == 0 or number == len(missing):
                    np.save(place / "lengths.npy", lengths)
                    print(f"\rsound {number}/{len(missing)}", end="", file=sys.stderr, flush=True)
        return cls(np.load(file, mmap_mode="r"), lengths)

    def windows(self, clip: int, version: int, size: int) -> list[NDArray[np.float32]]:
        """The clip cut into stretches of ``size`` samples, the last one overlapping; a short one whole."""
        length = max(int(self.lengths[clip]), 1)
        sound = self.samples[clip, version, :length].astype(np.float32) / np.float32(32768)
        starts = list(range(0, max(1, length - size + 1), size))
        if length > size and starts[-1] + size < length:
            starts.append(length - size)
        return [sound[first : first + size] for first in starts]

    def crop(
        self, clip: int, version: int, size: int, rng: np.random.Generator | None
    ) -> NDArray[np.float32]:
        """``size`` samples from a random place (the middle without ``rng``); a short clip is repeated."""
        length = int(self.lengths[clip])
        sound = self.samples[clip, version, :length]
        if length < size:
            sound = np.resize(np.roll(sound, -int(rng.integers(0, length)) if rng else 0), size)
        first = (
            0 if length <= size else int(rng.integers(0, length - size + 1)) if rng else (length - size) // 2
        )
        return np.asarray(sound[first : first + size], np.float32) / np.float32(32768)


def _make(task: tuple[Path, int, int, int]) -> tuple[int, NDArray[np.int16]]:
    path, row, versions, seed = task
    rng = np.random.default_rng((seed, row))
    sound = read_sound(path)[:LONGEST]
    made = [sound, telephone(sound, rng), codec(sound, "mp3", 32000)]
    made += [disturb(sound, rng) for _ in range(versions)]
    whole = np.stack([np.pad(one[: len(sound)], (0, max(0, len(sound) - len(one)))) for one in made])
    return row, np.clip(np.round(whole * 32767), -32768, 32767).astype(np.int16)
