"""``python -m benchmarks.speech_gates --data DIR [--write]``: what the gates of sound refuse.

First the share of the material's genuine and synthetic clips that each gate refuses. Then clips made worse
step by step (noise, band, clipping, less speech), both classes alike, are scored with the gates off by the
network of the shipped `synthetic_speech` that has not heard their source: AUC, verdicts and errors on either
side of each limit. Intervals are of 95 %, drawing sources. ``--write`` puts the tables into
``docs/speech-gates.md``.
"""

from __future__ import annotations

import argparse
import collections
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bonafide_inference
import numpy as np
from bonafide.model import Verdict
from bonafide.policy import POLICIES, judge
from bonafide_inference.detectors.synthetic_speech import detector
from bonafide_inference.models import LoadedModel, load
from bonafide_inference.speech import Limits, Speech
from numpy.typing import NDArray

from benchmarks.report import Table
from localcloud.cloud import ROOT
from training.channels import band_limit, coloured_noise
from training.metrics import auc, bootstrap
from training.speech_material import RATE_HZ, Clip, heard, read_sound, speech

__all__ = ["main", "spoilt", "tables"]

DOCUMENT = ROOT / "docs" / "speech-gates.md"
LIMITS = Limits()
OPEN = Limits(speech_s=0.5, bandwidth_hz=0, snr_db=float("-inf"), clipped_share=1, non_finite_share=1)
"""Nothing is refused for its quality, only for what is no speech at all."""
SECONDS = 2.0
MOST = 6
"""Clips of a source and class."""
GATES = ("too_little_speech", "narrow_band", "low_snr", "clipped")
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """A version of a clip, scored with the gates off."""

    clip: Clip
    what: str
    """The gate that this version is to try."""
    version: str
    value: float
    """What that gate looks at."""
    refused: bool
    raw: float
    verdict: Verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="benchmarks.speech_gates", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--most", type=int, default=MOST, help="clips of a source and class that are spoilt")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}, too")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    found = tables(arguments.data, lambda _, make: make(), arguments.most)
    print("\n\n".join(table.text() for table in found))
    if arguments.write:
        DOCUMENT.write_text(_document(_model(), found), encoding="utf-8")
    return 0


def tables(data: Path, get: Callable[[str, Callable[[], Any]], Any], most: int = MOST) -> list[Table]:
    """The three tables; ``get`` keeps what was measured of a clip under a name."""
    model, clips = _model(), speech(data)
    rows = [
        Row(clip, **one | {"verdict": Verdict(one["verdict"])})
        for number, clip in enumerate(_few(clips, most))
        for one in get(f"spoilt {clip.name}", partial(_versions, model, clip, number))
    ]
    return [_refusals(clips, get), _sides(rows), _steps(rows)]


def _model() -> LoadedModel:
    return load(str(Path(bonafide_inference.__file__).parent / "detectors" / "synthetic_speech"), threads=1)


def spoilt(sound: Sound, rng: np.random.Generator) -> Iterator[tuple[str, str, Sound]]:
    """(gate, version, sound): the clip as it is for every gate, and made worse for one of them."""
    for gate in GATES:
        yield gate, "as it is", sound
    for seconds in (3.0, 2.0, 1.0):
        yield "too_little_speech", f"first {seconds:g} s", sound[: round(seconds * RATE_HZ)]
    for hertz in (6000.0, 4000.0, 3400.0):
        yield "narrow_band", f"up to {hertz:g} Hz", band_limit(sound, 0, hertz, order=12)
    noise = coloured_noise(len(sound), 1.0, rng) * np.float32(np.sqrt(np.mean(sound**2)))
    for decibel in (20, 10, 5, 0):
        yield "low_snr", f"noise at {decibel} dB", sound + noise * np.float32(10 ** (-decibel / 20))
    size = np.abs(sound)
    for share in (0.005, 0.02, 0.1):
        top = max(float(np.quantile(size, 1 - share)), 1e-6)
        yield "clipped", f"{share:.1%} of it", np.clip(sound / np.float32(top), -1, 1)


def _few(clips: Sequence[Clip], most: int) -> list[Clip]:
    """At most so many of each source and class, spread over it."""
    by: dict[tuple[str, bool], list[Clip]] = collections.defaultdict(list)
    for clip in clips:
        by[clip.group, clip.synthetic].append(clip)
    return [clip for some in by.values() for clip in some[:: -(-len(some) // most)]]


def _versions(model: LoadedModel, clip: Clip, number: int) -> list[dict[str, Any]]:
    """`Row` as tables, without the clip."""
    rows: list[dict[str, Any]] = []
    for gate, version, sound in spoilt(read_sound(clip.path), np.random.default_rng(number)):
        found = heard(sound.astype(np.float32))
        if found.gate(OPEN) is None:
            value, refused = _tried(found, gate)
            raw, verdict = _scored(model, found, clip.group)
            rows.append({
                "what": gate, "version": version, "value": float(value), "refused": bool(refused), "raw": raw,
                "verdict": str(verdict.value),
            })  # fmt: skip
    return rows


def _tried(found: Speech, gate: str) -> tuple[float, bool]:
    stats = found.stats
    match gate:
        case "too_little_speech":
            return found.speech_s, found.speech_s < LIMITS.speech_s
        case "narrow_band":
            return stats.bandwidth_hz, stats.bandwidth_hz < LIMITS.bandwidth_hz
        case "low_snr":
            return stats.snr_db or 0.0, stats.snr_db is not None and stats.snr_db < LIMITS.snr_db
        case _:
            return stats.clipped_share, stats.clipped_share > LIMITS.clipped_share


def _scored(model: LoadedModel, found: Speech, group: str) -> tuple[float, Verdict]:
    """Raw score and verdict by the network that has not heard the source, else by all (default policy).

    The stability probe, which refuses more, is left out.
    """
    fold = model.manifest.input["held_out"].get(group)
    judges = slice(None) if fold is None else slice(fold, fold + 1)
    windows = list(found.windows(SECONDS)) or list(found.windows(SECONDS, least_share=0.0))
    scores = np.stack([detector.member_scores(model, window.samples) for window in windows])
    raw, spread = float(scores[:, judges].mean()), float(scores.mean(axis=0).std())
    told = detector.calibrated(model.manifest, raw)
    if detector.doubt(model.manifest, raw, spread, {}) is not None:
        return raw, Verdict.INCONCLUSIVE
    return raw, judge(POLICIES["default"], told.p_fake, told.interval)


def _refusals(clips: Sequence[Clip], get: Callable[[str, Callable[[], Any]], Any]) -> Table:
    """Share of all clips, as they are, that the default gates refuse; most are shorter than 4.5 s."""
    counted: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    reasons = get(f"gates of {len(clips)} clips", lambda: [_reason(clip) for clip in clips])
    for clip, reason in zip(clips, reasons, strict=True):
        counted[reason][clip.synthetic] += 1
    both = [sum(clip.synthetic is kind for clip in clips) for kind in (False, True)]
    rows = [
        (reason, *(f"{n / max(1, total):.1%}" for n, total in zip(found, both, strict=True)))
        for reason, found in sorted(counted.items(), key=lambda pair: -sum(pair[1]))
    ]
    return Table(
        f"First gate that refuses: of {both[0]:,} genuine and {both[1]:,} synthetic clips",
        ("gate", "genuine", "synthetic"), rows,
    )  # fmt: skip


def _reason(clip: Clip) -> str:
    gate = heard(read_sound(clip.path)).gate(LIMITS)
    return gate.reason if gate else "none"


def _sides(rows: Sequence[Row]) -> Table:
    shapes = ("{speech_s:g} s", "{bandwidth_hz:g} Hz", "{snr_db:g} dB", "{clipped_share:.0%}")
    limits = dict(zip(GATES, shapes, strict=True))
    lines = []
    for gate in GATES:
        for refused in (False, True):
            some = [row for row in rows if row.what == gate and row.refused is refused]
            side = "refused" if refused else "let through"
            lines.append((f"{gate}, {limits[gate].format(**vars(LIMITS))}: {side}", *_figures(some)))
    return Table("Either side of each limit, all versions", ("", *COLUMNS), lines)


def _steps(rows: Sequence[Row]) -> Table:
    lines = []
    for gate, version in dict.fromkeys((row.what, row.version) for row in rows):
        some = [row for row in rows if (row.what, row.version) == (gate, version)]
        value = float(np.median([row.value for row in some]))
        share = float(np.mean([row.refused for row in some]))
        lines.append((f"{gate}: {version}", f"{value:.3g}", f"{share:.0%}", *_figures(some)))
    return Table("Each version", ("", "measured (median)", "refused", *COLUMNS), lines)


COLUMNS = ("clips", "AUC", "95 %", "decided", "wrong of these", "genuine called fake")


def _figures(rows: Sequence[Row]) -> tuple[str, ...]:
    if not rows:
        return ("0", *["-"] * (len(COLUMNS) - 1))
    raw, labels = np.array([row.raw for row in rows]), np.array([row.clip.synthetic for row in rows])
    low, high = bootstrap(lambda some: auc(raw[some], labels[some]), [row.clip.group for row in rows], 200)
    fake, true = (
        np.array([row.verdict is one for row in rows]) for one in (Verdict.MANIPULATED, Verdict.GENUINE)
    )
    decided = fake | true
    wrong = float((fake[decided] != labels[decided]).mean()) if decided.any() else None
    alarms = float(fake[~labels].mean()) if (~labels).any() else 0.0
    return (
        f"{len(rows)}", f"{auc(raw, labels):.2f}", f"{low:.2f}–{high:.2f}", f"{decided.mean():.1%}",
        "-" if wrong is None else f"{wrong:.1%} of {int(decided.sum())}", f"{alarms:.1%}",
    )  # fmt: skip


def _document(model: LoadedModel, tables: Sequence[Table]) -> str:
    text = INTRODUCTION.format(version=model.manifest.version, sha=str(model.manifest.sha256)[:12])
    for table in tables:
        text += f"\n{table.title}:\n\n| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns)
        text += "".join("\n| " + " | ".join(str(cell) for cell in row) + " |" for row in table.rows) + "\n"
    return text


INTRODUCTION = """# What the quality gates of sound refuse

Written by `python -m benchmarks.speech_gates --write`, with `synthetic_speech` {version} ({sha}). The gates
are `bonafide_inference.speech.Limits`. Clips of both classes are spoilt alike and scored, with the gates off
and without the stability probe, by that one of the three judges which has not heard their source: what a
limit keeps out should be worse than what it lets through. An AUC's interval is of 95 %, drawing sources.
"""


if __name__ == "__main__":
    sys.exit(main())
