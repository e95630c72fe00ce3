"""What changes at a cut, measured for every segment of 400 ms: background, band, room, phase, mains hum.

A segment is compared with up to two seconds of sound on either side of it. What people do all the time
(speaking up, pausing, another speaker) changes the loud parts; a cut changes the quiet ones as well, and
at once. At the ends of the sound its own mirror image stands for what is missing, and so shows no
change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from bonafide_inference.spectra import power
from numpy.typing import NDArray

__all__ = ["HOP_S", "NAMES", "SEGMENT_S", "measure"]

Array = NDArray[np.float32]
RATE_HZ = 16_000
SEGMENT_S, HOP_S = 0.4, 0.2
"""Length and step of the segments (PHX-7)."""
FRAME, HOP = 512, 200
PER_SEGMENT, STEP, CONTEXT, NEAR = 32, 16, 160, 24
"""Frames of 12.5 ms: in a segment, between segments, on either side, and close to a moment."""
FINE, FINE_HOP, FINE_STEP = 96, 32, 100
CHUNK = 300
"""Segments (a minute) that are measured at once."""
SOME = 32
"""Segments whose surroundings are sorted at once: what fits into a cache costs less."""
EDGE = 5
"""Segments at either end where the hum's phase is unknown: a mirror image turns it."""
MAINS_HZ = (50.0, 60.0)
HARMONICS = (1, 2, 3, 4, 6)
BESIDE_HZ = (-9, -6, 0, 6, 9)
"""A line and what it must stand out from."""
EDGES = np.array([2, 4, 6, 8, 11, 14, 18, 22, 27, 33, 40, 48, 57, 67, 79, 93, 109, 128, 150, 175, 205, 257])
FINE_EDGES = np.array([1, 4, 8, 13, 19, 26, 34, 49])

NAMES = (
    "floor_shape", "floor_level", "floor_most", "floor_high", "floor_own", "floor_peak",
    "mean_shape", "mean_high", "loud_shape", "loud_high", "loud_own",
    "spread_shape", "decay_change", "band_edge",
    "rise", "rise_all", "fall", "fall_all", "step_rank", "click", "click_rank",
    "hum_turn", "hum_level", "quiet", "contrast",
    "far_floor_shape", "far_floor_high", "far_floor_level", "far_mean_shape", "far_loud_shape", "far_own",
    "near_floor", "near_floor_high", "near_mean", "near_apart", "near_rank",
)  # fmt: skip
"""Names of the measurements, in their order; the card says what each is."""


def measure(samples: Array) -> Array:
    """Measurements of all segments.

    Parameters
    ----------
    samples
        (n,) float32 at 16 kHz; may be a view of a file, it is read a minute at a time.

    Returns
    -------
    NDArray[np.float32]
        (segments, `len(NAMES)`); segment k lasts from 0.2 k to 0.2 k + 0.4 s, and none goes beyond the end.
    """
    count = max(0, (samples.size - round(SEGMENT_S * RATE_HZ)) // (STEP * HOP) + 1)
    if not count:
        return np.zeros((0, len(NAMES)), np.float32)
    scale = np.float32(max(_loudness(samples), 1e-6))
    parts = [_chunk(sound / scale, first) for first, sound in _chunks(samples, count)]
    rows = np.concatenate(parts)[:count]
    for name, source in (("step_rank", "fall"), ("click_rank", "click"), ("near_rank", "near_floor")):
        column = rows[:, NAMES.index(source)]
        rows[:, NAMES.index(name)] = column - np.quantile(column, 0.9)
    rows[:EDGE, NAMES.index("hum_turn")] = rows[-EDGE:, NAMES.index("hum_turn")] = 0
    rows[:, NAMES.index("floor_peak")] = _peak(rows[:, NAMES.index("floor_shape")])
    return rows


def _loudness(samples: Array) -> float:
    """Root mean square of the louder tenth of seconds, so that the measurements know no level."""
    size = max(1, samples.size // RATE_HZ)
    edges = np.linspace(0, samples.size, size + 1).astype(int)
    levels = [
        float(np.sqrt(np.mean(np.square(samples[a:b], dtype=np.float64))))
        for a, b in pairwise(edges.tolist())
    ]
    return float(np.quantile(levels, 0.9))


def _chunks(samples: Array, count: int) -> Iterator[tuple[int, Array]]:
    """(number of its first segment, sound with its context) of every minute."""
    margin = (CONTEXT + 6) * HOP
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        begin = first * STEP * HOP - margin
        end = ((first + size - 1) * STEP + PER_SEGMENT) * HOP + margin
        inside = np.asarray(samples[max(0, begin) : min(samples.size, end)], np.float32)
        yield size, _mirrored(inside, max(0, -begin), max(0, end - samples.size))


def _mirrored(sound: Array, before: int, after: int) -> Array:
    """Pad with the sound's mirror image, again and again if it is short."""
    return np.pad(sound, (before, after), mode="symmetric")


def _chunk(sound: Array, count: int) -> Array:
    level = _bands(sound)
    starts = np.arange(count) * STEP + 6
    sides = [
        np.lib.stride_tricks.sliding_window_view(level, CONTEXT, axis=0)[starts + shift]
        for shift in (-3, CONTEXT + PER_SEGMENT)
    ]
    parts = [_contexts(*(side[k : k + SOME] for side in sides)) for k in range(0, count, SOME)]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table |= _near(level, count) | _steps(sound, count) | _hum(sound, count)
    table["contrast"] = table["floor_shape"] - table["floor_own"]
    empty = np.zeros(count, np.float32)
    return np.stack([table.get(name, empty) for name in NAMES], axis=1).astype(np.float32)


def _bands(sound: Array) -> Array:
    """Log10 power, (frames, bands): frames of 32 ms every 12.5 ms, 21 bands that widen with frequency."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    spectra = power(frames, np.hanning(FRAME).astype(np.float32))
    bands = np.add.reduceat(spectra, EDGES[:-1], axis=1) / np.diff(EDGES).astype(np.float32)
    return np.asarray(np.log10(bands / FRAME + 1e-8), np.float32)


def _near(level: Array, count: int) -> dict[str, Array]:
    """The largest change over any moment within the segment, from 0.3 s before it to 0.3 s after."""
    views = np.lib.stride_tricks.sliding_window_view(level, NEAR, axis=0)
    first = CONTEXT + 6 - NEAR - 2
    views = views[first : first + (count - 1) * STEP + PER_SEGMENT + NEAR + 3]
    floors, means, variances = (np.empty(views.shape[:2], np.float32) for _ in range(3))
    for k in range(0, len(views), 4 * SOME):
        some = views[k : k + 4 * SOME].copy()
        means[k : k + 4 * SOME], variances[k : k + 4 * SOME] = some.mean(-1), some.var(-1)
        some.sort(axis=-1)
        floors[k : k + 4 * SOME] = some[..., 2]
    floor, mean = (np.abs(x[NEAR + 3 :] - x[: -NEAR - 3]) for x in (floors, means))
    noise = np.sqrt(variances[NEAR + 3 :] + variances[: -NEAR - 3] + np.float32(0.05))
    found = {
        "near_floor": floor.mean(1), "near_floor_high": floor[:, 14:].mean(1), "near_mean": mean.mean(1),
        "near_apart": (mean / noise).mean(1),
    }  # fmt: skip
    return {
        name: np.lib.stride_tricks.sliding_window_view(values, PER_SEGMENT)[::STEP][:count].max(1)
        for name, values in found.items()
    }


@dataclass(frozen=True)
class _Side:
    """Floor, mean and loud level of stretches of sound, each (segments, bands)."""

    floor: Array
    mean: Array
    loud: Array

    @classmethod
    def of(cls, levels: Array) -> _Side:
        """Of (segments, bands, frames)."""
        size = levels.shape[-1]
        floor, loud = size // 10, size + -size // 12
        kept = np.sort(levels, axis=-1)
        return cls(kept[..., floor], levels.mean(axis=-1), kept[..., loud])


def _contexts(before: Array, after: Array) -> dict[str, Array]:
    """What differs between two seconds before and two after, and one and one; (segments, bands, frames)."""
    half, quarter = CONTEXT // 2, CONTEXT // 4
    far = [_Side.of(side) for side in (before, after)]
    near, other = (
        [_Side.of(side) for side in (before[..., first], after[..., second])]
        for first, second in ((slice(half, None), slice(half)), (slice(half), slice(half, None)))
    )
    parts = [
        [_Side.of(side[..., begin : begin + quarter]) for begin in (first, first + quarter)]
        for side, first in ((before, half), (after, 0))
    ]
    floor, mean, loud = (getattr(far[1], name) - getattr(far[0], name) for name in ("floor", "mean", "loud"))
    own = [_shape(near[0].floor - other[0].floor), _shape(other[1].floor - near[1].floor)]
    return _differences(near, parts, before[..., half:], after[..., :half]) | {
        "far_floor_shape": _shape(floor), "far_floor_high": np.abs(floor[:, 14:]).mean(1),
        "far_floor_level": np.abs(floor.mean(1)), "far_mean_shape": _shape(mean),
        "far_loud_shape": _shape(loud), "far_own": np.maximum(*own),
    }  # fmt: skip


def _differences(
    near: Sequence[_Side], parts: Sequence[Sequence[_Side]], before: Array, after: Array
) -> dict[str, Array]:
    """What differs between the second before and the second after; ``parts`` are the halves of each."""
    floors, louds = [side.floor for side in near], [side.loud for side in near]
    floor, loud, mean = floors[1] - floors[0], louds[1] - louds[0], near[1].mean - near[0].mean
    floor_own = np.maximum(*(_shape(two.floor - one.floor) for one, two in parts))
    loud_own = np.maximum(*(_shape(two.loud - one.loud) for one, two in parts))
    falls = [np.sort(np.diff(side[..., ::3].mean(1), axis=-1), axis=-1) for side in (before, after)]
    decays = [_sorted_quantile(fall, 0.1) for fall in falls]
    reach = [(side > side.max(axis=1, keepdims=True) - 4.5).sum(axis=1) for side in louds]
    spreads = louds[1] - floors[1] - louds[0] + floors[0]
    return {
        "floor_shape": np.abs(floor).mean(1), "floor_level": np.abs(floor.mean(1)),
        "floor_most": np.abs(floor).max(1), "floor_high": np.abs(floor[:, 14:]).mean(1),
        "floor_own": floor_own, "mean_shape": _shape(mean),
        "mean_high": np.abs(mean[:, 17:].mean(1) - mean[:, 6:14].mean(1)), "loud_shape": _shape(loud),
        "loud_high": np.abs(loud[:, 17:].mean(1) - loud[:, 6:14].mean(1)), "loud_own": loud_own,
        "spread_shape": np.abs(spreads).mean(1), "decay_change": np.abs(decays[1] - decays[0]),
        "band_edge": np.abs(reach[1] - reach[0]) / 4,
        "quiet": np.minimum(*floors).mean(1) - np.maximum(*louds).mean(1),
    }  # fmt: skip


def _shape(change: Array) -> Array:
    """How far the bands' changes lie apart: a change of level alone has no shape."""
    return np.asarray(change.std(axis=1))


def _steps(sound: Array, count: int) -> dict[str, Array]:
    """Sudden changes within the segment: all bands in 6 ms (rooms let nothing fall so fast), and clicks."""
    begin = (CONTEXT + 6) * HOP
    body = sound[begin - FINE_STEP * 4 : begin + (count - 1) * STEP * HOP + PER_SEGMENT * HOP + FINE_STEP * 4]
    frames = np.lib.stride_tricks.sliding_window_view(body, FINE)[::FINE_HOP]
    spectra = power(frames, np.hanning(FINE).astype(np.float32))
    level = np.log10(np.add.reduceat(spectra, FINE_EDGES[:-1], axis=1) / FINE + 1e-6)
    change = np.sort(level[4:] - level[:-4], axis=1)
    mean, least, most = change.mean(1), _sorted_quantile(change, 0.2), _sorted_quantile(change, 0.8)
    jerk = np.abs(np.diff(body, 4))
    jerk = jerk[: jerk.size // 16 * 16].reshape(-1, 16).max(1) + np.float32(1e-4)
    views = np.lib.stride_tricks.sliding_window_view(np.pad(jerk, 8, "symmetric"), 17)
    around = np.partition(views, 8, axis=1)[:, 8]
    clicks = np.log10(jerk / around)
    return {
        "rise": _within(mean, FINE_HOP, count), "rise_all": _within(least, FINE_HOP, count),
        "fall": _within(-mean, FINE_HOP, count), "fall_all": _within(-most, FINE_HOP, count),
        "click": _within(clicks, 16, count),
    }  # fmt: skip


def _sorted_quantile(values: Array, q: float) -> Array:
    """Of each row, which is sorted."""
    place = q * (values.shape[1] - 1)
    first = int(place)
    return np.asarray(
        values[:, first] + (values[:, first + 1] - values[:, first]) * np.float32(place - first)
    )


def _within(values: Array, hop: int, count: int) -> Array:
    """The largest value in each segment; ``values`` begin `FINE_STEP` * 4 samples before the first."""
    size, step, begin = PER_SEGMENT * HOP // hop, STEP * HOP // hop, FINE_STEP * 4 // hop
    values = np.pad(values, (0, max(0, begin + (count - 1) * step + size - values.size)), "edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(values[begin:], size)[::step][:count].max(1))


def _hum(sound: Array, count: int) -> dict[str, Array]:
    """How far the mains hum's phase turns over the segment, as far as there is hum (Grigoras 2005).

    Sound at 1 kHz is multiplied by each harmonic of 50 and 60 Hz over the second before and the second after;
    the turn that the mains' own deviation makes everywhere is taken off.
    """
    low = sound[: sound.size // 16 * 16].reshape(-1, 16).mean(1)
    size = 1000
    starts = np.arange(count) * STEP * HOP // 16 + (CONTEXT + 6) * HOP // 16 - size
    views = np.lib.stride_tricks.sliding_window_view(low, size)
    moments = [np.minimum(starts + shift, len(views) - 1) for shift in (0, size + 400)]
    sides = [(views[begun] @ _tones()).view(np.complex64).reshape(count, -1, 5) for begun in moments]
    best: tuple[NDArray[Any], NDArray[Any]] | None = None
    for first, mains in enumerate(MAINS_HZ):
        turn, weight = np.zeros(count), np.full(count, 1e-6)
        for place, harmonic in enumerate(HARMONICS):
            bins = [side[:, first * len(HARMONICS) + place] for side in sides]
            turned, heard = _line(bins, [begun / 1000 for begun in moments], mains * harmonic)
            turn += heard * turned
            weight += heard
        if best is None or weight.sum() > best[1].sum():
            best = turn / weight, weight / len(HARMONICS)
    assert best is not None
    return {"hum_turn": best[0] * np.minimum(1, best[1] * 3), "hum_level": best[1]}


@lru_cache(maxsize=1)
def _tones() -> Array:
    """(1000, 2 x 50): real and imaginary parts of each line and its neighbours, a second at 1 kHz."""
    hertz = np.array([mains * harmonic for mains in MAINS_HZ for harmonic in HARMONICS])
    tones = np.exp(-2j * np.pi * np.outer(np.arange(1000) / 1000, np.add.outer(hertz, BESIDE_HZ).ravel()))
    return np.asarray((tones * np.hanning(1000)[:, None]).astype(np.complex64).view(np.float32))


def _line(
    sides: list[NDArray[Any]], moments: list[NDArray[Any]], hertz: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(1 - cos of the turn, how audible 0..1) of one spectral line, a value a segment."""
    found = []
    for bins, seconds in zip(sides, moments, strict=True):
        line = bins[:, 2] * np.exp(-2j * np.pi * hertz * seconds)
        others = np.maximum(np.abs(bins[:, [0, 1, 3, 4]]).max(1), 1e-4)
        found.append((line, np.abs(line) / others))
    heard = np.clip(np.log10(np.minimum(found[0][1], found[1][1]) + 1e-6) / 1.0, 0, 1)
    cross = found[1][0] * np.conj(found[0][0])
    cross /= np.abs(cross) + 1e-12
    common = np.angle(np.median((heard * cross).real) + 1j * np.median((heard * cross).imag) + 1e-9)
    return 1 - np.cos(np.angle(cross) - common), heard


def _peak(values: Array) -> Array:
    """Each value less the largest one 0.6 to 1 s away: a cut stands out from what is near it."""
    padded = np.pad(values, 5, mode="symmetric")
    near = [padded[5 + shift : 5 + shift + values.size] for shift in (-5, -4, -3, 3, 4, 5)]
    return np.asarray(values - np.max(near, axis=0))
