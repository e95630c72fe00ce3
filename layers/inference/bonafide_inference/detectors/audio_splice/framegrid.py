"""The frame grid of an earlier compression, and where it jumps.

A transform coder sets weak coefficients of each frame to zero. Where decoded sound is cut into frames at the
very places where the coder cut it, these zeros come back; a sample beside it, they do not. So the grid of an
earlier coding can be read from the samples, and where something was left out or put in, the grid behind the
cut starts at another place (Yang, Qu & Huang 2008 for MP3; Gärtner et al., AES 2014, across coders). What the
transforms of the coders are is in `coders` and `layer3`; here is the search, and how a grid is followed
(decision 0094).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from bonafide_inference.detectors.audio_splice.coders import Aac, Coder
from bonafide_inference.detectors.audio_splice.layer3 import Mp3
from bonafide_inference.nativesound import NativeSound
from numpy.typing import NDArray

__all__ = ["Grid", "Jump", "follow"]

SET = 6 * 1024
"""Samples that are verified together."""
BLOCK = 1024
"""Samples whose liveliness is one figure."""
HOLDS = 6.0
"""Standard deviations: a grid at a given place is there."""
LIVELY = 1.5
"""Mean change from sample to sample, in steps of 16 bits, below which nothing is looked for."""
CONFIRMED = 2
"""Sets that must show a grid at the same place: one alone may be chance."""
MOST_SEARCHES = 24
"""Searches of a piece once there is a grid somewhere."""
TRIES = 3
"""Searches of one stretch that the known grid does not cover."""
STRIDE_S = 0.4
"""A known grid is verified this often; what lies between two places where it holds is taken to hold."""


@dataclass(frozen=True)
class Jump:
    """The grid changes between two moments (seconds of the media)."""

    start_s: float
    end_s: float
    samples: int
    """How far the grid moved, 1..period - 1."""


@dataclass(frozen=True)
class Grid:
    """What was found: for each set of samples the place of the grid that holds there."""

    coder: str
    period: int
    places: NDArray[np.int64]
    """(sets,): 0..period - 1 from the start of the sound; -1 where none is known."""
    rate_hz: int
    start_s: float

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        """(place, first set, last set), one for each stretch that shows a grid often enough."""
        runs: list[list[int]] = []
        for number in np.flatnonzero(self.places >= 0).tolist():
            place = int(self.places[number]) % self.period
            if runs and runs[-1][0] == place:
                runs[-1][2:] = [number, runs[-1][3] + 1]
            else:
                runs.append([place, number, number, 1])
        return [(place, first, last) for place, first, last, seen in runs if seen >= CONFIRMED]

    @property
    def found(self) -> bool:
        """Whether there is a grid anywhere."""
        return bool(self._runs)

    def jumps(self) -> list[Jump]:
        """Where the grid changed: within the last frames of the one or the first of the other, or between."""
        found, spare = [], SET / self.rate_hz
        for (one, _, last), (other, first, _) in pairwise(self._runs):
            if one != other:
                begun = self.start_s + (last * SET + BLOCK) / self.rate_hz
                end = self.start_s + first * spare + spare / 2
                found.append(Jump(begun, max(begun + spare, end), (other - one) % self.period))
        return found


def follow(sound: NativeSound, own: str = "") -> Grid:
    """Look for the grid of an earlier coding and follow it through the sound.

    Parameters
    ----------
    own
        Codec of the file itself: its own grid is no news, hides those before it, and is not looked for.
    """
    found = Grid("", 1, np.zeros(0, np.int64), 1, 0.0)
    for coder in (Mp3(), Aac()):
        if own.startswith(coder.name.lower()):
            continue
        grid = _Watch(sound, coder).grid()
        if grid.jumps():
            return grid
        found = grid if grid.found and not found.found else found
    return found


class _Watch:
    """One coder's grid in one sound."""

    def __init__(self, sound: NativeSound, coder: Coder) -> None:
        self.sound, self.coder = sound, coder
        self.sets = max(0, (len(sound) - coder.reach) // SET)
        self.places = np.full(self.sets, -1, np.int64)
        self.lively, self.frame = _liveliness(sound, self.sets)
        self.tried = self.lively < LIVELY

    def grid(self) -> Grid:
        """Found and followed."""
        if self._first():
            for _ in range(MOST_SEARCHES):
                run = self._uncovered()
                if not run.size:
                    break
                self._find(run, run)
        return Grid(self.coder.name, self.coder.period, self.places, self.sound.rate_hz, self.sound.start_s)

    def _first(self) -> bool:
        """Look in the liveliest set of each of a few equal parts, more of them in a longer sound."""
        seconds = len(self.sound) / max(1, self.sound.rate_hz)
        every = np.arange(self.sets)
        for part in np.array_split(every, max(2, round(math.log2(max(1.0, seconds / 4))))):
            if part.size and self._find(part, every):
                return True
        return False

    def _uncovered(self) -> NDArray[np.int64]:
        """The longest stretch of sets that no grid covers and that was not looked at often enough."""
        runs = np.split(np.arange(self.sets), np.flatnonzero(np.diff(self.places >= 0)) + 1)
        open_ = [
            run for run in runs
            if run.size >= CONFIRMED and self.places[run[0]] < 0 and not self.tried[run].all()
            and (self.tried & (self.lively >= LIVELY))[run].sum() < TRIES
        ]  # fmt: skip
        return max(open_, key=len, default=np.zeros(0, np.int64))

    def _find(self, run: NDArray[np.int64], over: NDArray[np.int64]) -> bool:
        """Search the liveliest set of ``run``; what is found there is followed ``over`` sets."""
        fresh = run[~self.tried[run]]
        if not fresh.size:
            return False
        number = int(fresh[self.lively[fresh].argmax()])
        self.tried[number] = True
        begin = int(self.frame[number]) * BLOCK
        for place in self.coder.candidates(self.sound, begin):
            sets = (number, *self._near(number, run))
            if self._holds(sets[0], place) and any(self._holds(near, place) for near in sets[1:]):
                self._spread(place, over)
                return True
        return False

    def _near(self, number: int, run: NDArray[np.int64]) -> list[int]:
        """The three liveliest of the six sets next to it."""
        some = [near for near in run.tolist() if 0 < abs(near - number) <= 3 and self.lively[near] >= LIVELY]
        return sorted(some, key=lambda near: -self.lively[near])[:3]

    def _holds(self, number: int, place: int) -> bool:
        begin = number * SET
        return self.coder.strength(self.sound, begin, place) > HOLDS

    def _spread(self, place: int, over: NDArray[np.int64]) -> None:
        """Mark the sets where the grid holds."""
        stride = max(1, round(STRIDE_S * self.sound.rate_hz / SET))
        some = [number for number in over.tolist() if self.places[number] < 0]
        holds = {number: self._holds(number, place) for number in some[::stride]}
        for one, other in pairwise([*some[::stride], -1]):
            between = [number for number in some if one < number < (other if other >= 0 else self.sets)]
            sure = other >= 0 and holds[one] and holds[other]
            holds |= {number: sure or self._holds(number, place) for number in between}
        for number, held in holds.items():
            if held:
                self.places[number] = place


def _liveliness(sound: NativeSound, sets: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(sets,): how lively the liveliest three blocks in a row are throughout, and which block they begin at.

    Of every fourth pair of neighbouring samples: high frequencies have the many small coefficients.
    """
    blocks = len(sound) // BLOCK
    change = np.empty(blocks)
    for first in range(0, blocks, 64):
        some = sound.read(first * BLOCK, min(blocks, first + 64) * BLOCK).reshape(-1, BLOCK // 4, 4)
        change[first : first + 64] = np.abs(some[..., 1] - some[..., 0]).mean(axis=1)
    if not sets:
        return np.zeros(0), np.zeros(0, np.int64)
    least = np.lib.stride_tricks.sliding_window_view(change, 3).min(axis=1)
    least[:1] = 0
    rows = least[: sets * 6].reshape(-1, 6)
    best = rows.argmax(axis=1)
    return rows[np.arange(sets), best], best + 6 * np.arange(sets)
