"""Figures of a set of scored clips: by generator, by source of genuine speech, beside trivial variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics import auc, bootstrap
from training.speech_cache import CLEAN, Waves
from training.speech_material import RATE_HZ, Clip

__all__ = ["FEWEST", "by_generator", "eer", "pooled", "probes", "risk_coverage", "trivial", "within_sources"]

FEWEST = 5
"""Fewer clips of a kind make no row of a table."""
Array = NDArray[Any]


def eer(scores: Array, labels: Array) -> float:
    """Equal error rate: where misses and false alarms are as frequent."""
    order = np.argsort(scores)
    synthetic = np.asarray(labels).astype(bool)[order]
    misses = np.cumsum(synthetic) / max(1, synthetic.sum())
    alarms = 1 - np.cumsum(~synthetic) / max(1, (~synthetic).sum())
    place = int(np.abs(misses - alarms).argmin())
    return float((misses[place] + alarms[place]) / 2)


def pooled(scores: Array, labels: Array, groups: Sequence[str]) -> dict[str, float]:
    """AUC and EER of all clips, with 95 % intervals from drawing whole sources again."""
    low, high = bootstrap(lambda rows: auc(scores[rows], labels[rows]), groups, rounds=300)
    eer_low, eer_high = bootstrap(lambda rows: eer(scores[rows], labels[rows]), groups, rounds=300)
    return {
        "auc": auc(scores, labels), "auc_low": low, "auc_high": high,
        "eer": eer(scores, labels), "eer_low": eer_low, "eer_high": eer_high,
    }  # fmt: skip


def within_sources(scores: Array, labels: Array, groups: Sequence[str]) -> dict[str, float]:
    """AUC inside each source that has `FEWEST` clips of both classes."""
    names, labels = np.asarray(groups), np.asarray(labels).astype(bool)
    found = {}
    for name in np.unique(names):
        inside = names == name
        if min((labels & inside).sum(), (~labels & inside).sum()) >= FEWEST:
            found[str(name)] = auc(scores[inside], labels[inside])
    return found


def by_generator(scores: Array, clips: Sequence[Clip]) -> dict[str, tuple[float, float, float, int]]:
    """AUC of each generator against all genuine speech, its interval over clips, and their number."""
    kinds = np.array([clip.generator if clip.synthetic else "" for clip in clips])
    found = {}
    for kind in np.unique(kinds[kinds != ""]):
        rows = np.flatnonzero((kinds == kind) | (kinds == ""))
        some, truth = scores[rows], kinds[rows] == kind
        if truth.sum() >= FEWEST:
            members = [str(n) for n in range(len(rows))]
            low, high = bootstrap(lambda i, s=some, t=truth: auc(s[i], t[i]), members, rounds=60)  # type: ignore[misc]
            found[str(kind)] = (auc(some, truth), low, high, int(truth.sum()))
    return found


def trivial(waves: Waves, rows: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """What a score must beat: duration, leading silence, level, bandwidth, noise floor of each clip."""
    table = []
    for row in rows:
        sound = waves.samples[row, CLEAN, : int(waves.lengths[row])].astype(np.float64) / 32768
        frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
        level = 10 * np.log10((frames**2).mean(axis=1) + 1e-9)
        heard = np.flatnonzero(level > level.max() - 35)
        power = np.abs(np.fft.rfft(sound, 1 << 16)) ** 2
        share = np.cumsum(power) / max(power.sum(), 1e-12)
        table.append([
            len(sound) / RATE_HZ, heard[0] / 100, 10 * np.log10((sound**2).mean() + 1e-9),
            float(np.searchsorted(share, 0.999)) / (1 << 16) * RATE_HZ,
            float(np.percentile(level, 5) - level.max()),
        ])  # fmt: skip
    columns = np.array(table).T
    names = ("duration_s", "leading_silence_s", "level_db", "bandwidth_hz", "noise_floor_db")
    return dict(zip(names, columns, strict=True))


def probes(values: dict[str, Array], labels: Array) -> dict[str, float]:
    """AUC of each trivial variable alone, whichever way round it is better."""
    found = {name: auc(column, labels) for name, column in values.items()}
    return {name: max(value, 1 - value) for name, value in found.items()}


def risk_coverage(
    p: Array, labels: Array, shares: Sequence[float] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
) -> list[tuple[float, float]]:
    """(share kept, error among them) when the surest are kept: distance of p from one half."""
    order = np.argsort(-np.abs(np.asarray(p) - 0.5), kind="stable")
    wrong = ((np.asarray(p) > 0.5) != np.asarray(labels).astype(bool))[order]
    return [(share, float(wrong[: max(1, round(share * len(wrong)))].mean())) for share in shares]
