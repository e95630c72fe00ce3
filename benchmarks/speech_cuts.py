"""``python -m benchmarks.speech_cuts --data DIR``: audio_splice and audio_replay, measured leave-source-out.

Makes the recordings that they are trained on (or opens ``.cache/speech``) and judges each by a model without
its source. Prints, for cuts: F1 of segments, false stretches a minute, by kind of cut, join, genuine
recording and source; for replays, all simulated: what scores above 0, far-off genuine speech apart; the
trivial variables beside them; speed. Exit status 1 when a required figure is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.audio_replay import features as replay_features
from bonafide_inference.detectors.audio_splice import features as splice_features

from benchmarks.report import Table
from training import audio_replay, audio_splice, audio_splice_card, cuts_cache, replays_cache
from training.speech_material import RATE_HZ, Clip, speech

__all__ = ["main", "measure"]

CACHE = Path(".cache/speech")
MOST_FALSE_A_MINUTE = 1.0
MOST_FAR = 0.05
MOST_WINDOW_MS = 20.0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when the required figures hold, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks.speech_cuts", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    return 0 if measure(speech(arguments.data), CACHE) else 1


def measure(clips: Sequence[Clip], cache: Path, most: int | None = None) -> bool:
    """Print all tables; whether the required figures hold.

    Parameters
    ----------
    most
        Clips of a source at most, for a quick look.
    """
    bound = {} if most is None else {"most": most}
    cuts, _ = audio_splice.judge(cuts_cache.of(clips, cache, **bound))
    _print("audio_splice", audio_splice_card.tables(cuts, cuts_cache.sounds(clips, cache, **bound)))
    figures = audio_splice_card.headline(cuts)
    _figures("audio_splice, leave-source-out", figures)
    replayed, _ = audio_replay.judge(replays_cache.of(clips, cache, **bound))
    _print("audio_replay, simulated", audio_replay.tables(replayed))
    far = audio_replay.headline(replayed)
    _figures("audio_replay, leave-source-out, simulated", far)
    return (
        _speed()
        and figures["false_stretches_a_minute"] <= MOST_FALSE_A_MINUTE
        and far["far_above_0"] <= MOST_FAR + 0.005
    )


def _print(name: str, tables: list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]) -> None:
    for title, columns, rows in tables:
        print(Table(f"{name}: {title}", ("", *columns), rows).text(), end="\n\n")


def _figures(title: str, figures: dict[str, float]) -> None:
    print(
        Table(title, ("", ""), [(name, f"{value:.3f}") for name, value in figures.items()]).text(), end="\n\n"
    )


def _speed() -> bool:
    """Milliseconds to measure four seconds on one core, the least of nine: what else runs only adds to it."""
    sound = np.random.default_rng(1).normal(0, 0.1, 4 * RATE_HZ).astype(np.float32)
    rows = []
    for name, work in (("audio_splice", splice_features.measure), ("audio_replay", replay_features.measure)):
        rows.append((name, f"{_milliseconds(work, sound):.1f}", f"{MOST_WINDOW_MS:g}"))
    print(
        Table("Processor time of a window of 4 s, ms", ("", "measured", "at most"), rows).text(), end="\n\n"
    )
    return all(float(row[1]) <= MOST_WINDOW_MS for row in rows)


def _milliseconds(work: Callable[[Any], Any], sound: Any, times: int = 9) -> float:
    work(sound)
    spent = []
    for _ in range(times):
        begun = time.process_time()
        work(sound)
        spent.append(1000 * (time.process_time() - begun))
    return min(spent)


if __name__ == "__main__":
    sys.exit(main())
