"""Figures and card of ``audio_splice``, all from leave-source-out scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bonafide_inference.calibration import Platt
from bonafide_inference.detectors.audio_splice.features import HOP_S, SEGMENT_S
from numpy.typing import NDArray

from training.calibrate import balanced_weights, confidence, expected_calibration_error, leave_out
from training.cards import compared, listed
from training.cuts_cache import Sounds
from training.metrics import auc, bootstrap
from training.platt import fit_platt
from training.recordings import GENUINE, JOINS, SPLICES
from training.speech_material import RATE_HZ

if TYPE_CHECKING:
    from training.audio_splice import Judged

__all__ = ["card", "found_cuts", "headline", "stretches", "tables"]

NEAR_S = 0.3
"""A stretch that reaches this near to a cut has found it."""


def stretches(llrs: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Joined segments above 0, (start, end) in seconds, as the detector joins them."""
    found: list[tuple[float, float]] = []
    for k in np.flatnonzero(llrs > 0):
        start, end = k * HOP_S, k * HOP_S + SEGMENT_S
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def found_cuts(judged: Judged, sounds_cuts: NDArray[np.float64]) -> NDArray[np.int64]:
    """(recordings, 3): cuts found, cuts there are, stretches that are near none of them."""
    rows = []
    for number, cuts in enumerate(sounds_cuts):
        marked = stretches(judged.llr[judged.made.recording == number])
        real = cuts[np.isfinite(cuts)]
        near = [any(a - NEAR_S <= cut <= b + NEAR_S for a, b in marked) for cut in real]
        wrong = [not any(a - NEAR_S <= cut <= b + NEAR_S for cut in real) for a, b in marked]
        rows.append((sum(near), len(real), sum(wrong)))
    return np.array(rows)


def headline(judged: Judged) -> dict[str, float]:
    """The few figures that the manifest holds."""
    made, labels = judged.made, judged.labels
    groups = list(made.group)
    low, high = bootstrap(lambda rows: auc(judged.raw[rows], labels[rows]), groups)
    usable = ~made.between
    inside = made.holds[usable]
    marked = judged.llr[usable] > 0
    hits = int((marked & inside).sum())
    calibrated = leave_out(judged.raw, labels, groups, fit=fit_platt)
    verdicts = confidence(calibrated, labels, groups)
    found = {
        "auc": auc(judged.raw, labels), "auc_low": low, "auc_high": high,
        "segment_auc": auc(judged.llr[usable], inside),
        "segment_precision": hits / max(1, int(marked.sum())),
        "segment_recall": hits / max(1, int(inside.sum())),
        "segment_f1": 2 * hits / max(1, int(marked.sum()) + int(inside.sum())),
        "false_stretches_a_minute": false_a_minute(judged, ~made.spliced),
        "decided": verdicts.decided, "error_decided": verdicts.error, "detected": verdicts.detected,
        "worst_alarm": max(verdicts.false_alarms.values()),
        "ece": expected_calibration_error(calibrated.p, labels, balanced_weights(labels, groups)),
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in found.items()}


def false_a_minute(judged: Judged, recordings: NDArray[np.bool_]) -> float:
    """Stretches marked in genuine recordings, a minute."""
    made = judged.made
    count = sum(len(stretches(judged.llr[made.recording == k])) for k in np.flatnonzero(recordings))
    return 60 * count / max(1e-9, float(made.seconds[recordings].sum()))


def tables(judged: Judged, sounds: Sounds) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """(title, columns, rows) of each table: by kind of cut, of join, of genuine recording, source; probes."""
    made, labels = judged.made, judged.labels
    counts = found_cuts(judged, sounds.cuts)
    verdicts = leave_out(judged.raw, labels, list(made.group), fit=fit_platt)
    accused = (verdicts.p >= 0.85) & (verdicts.low > 0.5)

    def cut_row(name: str, mine: NDArray[np.bool_]) -> tuple[Any, ...]:
        rows = mine | ~made.spliced
        return (name, int(mine.sum()), auc(judged.raw[rows], labels[rows]),
                float(counts[mine, 0].sum() / max(1, counts[mine, 1].sum())), float(accused[mine].mean()),
                float(np.median(verdicts.p[mine])))  # fmt: skip

    def true_row(name: str, mine: NDArray[np.bool_]) -> tuple[Any, ...]:
        minutes = float(made.seconds[mine].sum()) / 60
        return (name, int(mine.sum()), minutes, false_a_minute(judged, mine), float(accused[mine].mean()),
                float(np.median(verdicts.p[mine])))  # fmt: skip

    genuine = ~made.spliced
    cut = ("recordings", "AUC", "cuts found", "called cut", "median p")
    whole = ("recordings", "minutes", "false stretches a minute", "called cut", "median p")
    edge = SEGMENT_S / 2
    return [
        ("kind of cut", cut, [cut_row(kind, made.kind == kind) for kind in SPLICES if kind in made.kind]),
        ("join", cut, [cut_row(join, made.join == join) for join in JOINS if join in made.join]),
        ("genuine recording", whole,
         [true_row(kind, made.kind == kind) for kind in GENUINE if kind in made.kind]),
        ("source of genuine speech", whole,
         [true_row(name, genuine & (made.group == name)) for name in np.unique(made.group)]),
        (f"trivial variable alone (a cut is {edge:g} s from a segment's middle at most)", ("AUC",),
         list(_probes(sounds, labels))),
    ]  # fmt: skip


def _probes(sounds: Sounds, labels: NDArray[np.int64]) -> list[tuple[str, float]]:
    columns = []
    for number in range(len(sounds)):
        sound = sounds.sound(number)
        frames = sound[: sound.size // 160 * 160].reshape(-1, 160)
        level = 10 * np.log10((frames.astype(np.float64) ** 2).mean(1) + 1e-9)
        power = np.abs(np.fft.rfft(sound, 1 << 17)) ** 2
        share = np.cumsum(power) / max(float(power.sum()), 1e-12)
        floor, edge = float(np.percentile(level, 5) - level.max()), float(np.searchsorted(share, 0.999))
        columns.append((sound.size / RATE_HZ, float(np.mean(level)), floor, edge))
    names = ("duration", "level", "noise floor", "bandwidth")
    return [(name, auc(column, labels)) for name, column in zip(names, np.array(columns).T, strict=True)]


def card(judged: Judged, table: dict[str, Any], other: dict[str, float], sounds: Sounds) -> str:
    """``card.md``; ``other`` are the figures of a model on the other choice of rows."""
    figures = table["figures"]
    Platt.model_validate(table["calibration"])
    clear = not table["data"].count(ROWS[0])
    lines = [
        INTRODUCTION.format(version=table["version"], rows=ROWS[clear]),
        *compared((ROWS[clear], ROWS[not clear]), "AUC of the file", HEADLINE, figures, other),
        *listed(tables(judged, sounds)),
    ]
    return "\n".join([*lines, LIMITS]).rstrip() + "\n"


ROWS = ("clear and unstated", "clear")
"""What is trained on, by whether rows without a stated licence are left out."""

HEADLINE = {
    "segment_auc": "AUC of segments",
    "segment_f1": "segments above 0: F1",
    "segment_precision": "precision",
    "segment_recall": "recall",
    "false_stretches_a_minute": "false stretches a minute of genuine speech",
    "decided": "share of files with a verdict (default policy)",
    "error_decided": "error among these",
    "detected": "cut files called cut",
    "worst_alarm": "worst source of genuine speech, called cut",
    "ece": "ECE, sources weighed",
}

INTRODUCTION = """# audio_splice {version}

**Asks** whether a recording was cut, shortened or added to. **Says** `scored` with a calibrated LLR of
the channel and a segment of 400 ms every 200 ms, or `inconclusive` with the reason (the gates of the
sound). A segment's LLR is of a cut within it, less what chance reaches once in two minutes of genuine
speech (decision 0047). Segments above 0 that overlap are one suspicious stretch.

Thirty-six measurements compare a segment with the second before and after it (`far_*`: two seconds;
`near_*`: 0.3 s around the worst moment within): the background's level and spectrum (`floor_*`: the
quietest tenth, in 21 bands; `floor_own` is how much it moves within one side), loud and mean spectrum,
how deep pauses are, how fast sound dies away, where the band ends, sudden steps of all bands within 6
ms (`fall*`: a room does not let speech stop at once), clicks against their surroundings and against the
file's own, and the turn of the mains hum's phase where there is hum. A perceptron of three times 24
units judges them. Values `worst_*` are those of the strongest segment.

Trained on recordings made by code (`training/recordings.py`, seed 11) of genuine clips of release
{rows} that pass its gates: both classes with the same rooms, noises, hum, bands and coders, the
genuine ones with moved faders, gated pauses and two speakers. Each source was judged by a model without
it. Made again by `make train MODEL=audio_splice` (`ARGS=--clear`: rows with a stated licence alone), measured
by `make bench-speech`.
"""

LIMITS = """**Limits.** A cut in a pause of the same recording with a fade, and words put in from the
same room, leave little: see the rows above; there the score stays near 0, and a low score does not mean
that nothing was cut. A long recording has more places where chance looks like a cut; the channel's
score takes that off, and so a single weak cut in twenty minutes moves a segment and not the channel.
All cuts are made by code, in recordings of 4.5 s at most that hold a second of speech or more; less than
three seconds get no score (`too_little_speech`).
"""
