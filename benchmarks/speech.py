"""``python -m benchmarks.speech --data DIR``: all that is claimed of the operations on speech, measured.

Five parts (``--parts voices gates grid cuts speed``), all by default: synthetic voices leave-source-out
(`speech_voices`), what the gates refuse (`speech_gates`), the frame grid of an earlier coding
(`training.grid_cuts`), cuts and replays leave-source-out (`speech_cuts`), speed and memory (`speech_speed`).
Each prints as it goes. What is measured of a clip is kept under ``.cache/bench-speech`` by the state of the
code, so that an interrupted run goes on where it stopped; ``--again`` measures afresh. At the end stands
every figure that is asked for. Exit status 1 when one of them is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import speech_cuts, speech_gates, speech_speed, speech_voices
from benchmarks.report import Asked, Table
from benchmarks.video import Kept
from training import grid_cuts
from training.speech_material import speech

__all__ = ["main"]

PARTS = ("voices", "gates", "grid", "cuts", "speed")
CACHE = Path(".cache/speech")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when every figure that is asked for holds, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks.speech", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--every", type=int, default=1, help="voices: only every n-th clip, for a quick look")
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench-speech"))
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    kept, asked = Kept(arguments.cache, arguments.again), list[Asked]()
    for part in arguments.parts:
        begun = time.monotonic()
        print(f"==== {part} ====\n", flush=True)
        asked += _part(part, arguments.data, kept, arguments.every)
        print(f"({part}: {time.monotonic() - begun:.0f} s)\n", flush=True)
    if asked:
        print(Table("What is asked for", ("", "measured", "asked", ""), [one.row() for one in asked]).text())
    missed = [one.what for one in asked if not one.held]
    print(f"\nmissed: {'; '.join(missed) or 'nothing'}")
    return 1 if missed else 0


def _part(part: str, data: Path, kept: Kept, every: int) -> list[Asked]:
    match part:
        case "voices":
            return speech_voices.measure(data, CACHE, kept.get, every)
        case "gates":
            for table in speech_gates.tables(data, kept.get):
                print(table.text(), end="\n\n", flush=True)
        case "grid":
            print(grid_cuts.section(grid_cuts.measured(data)), end="\n\n", flush=True)
        case "cuts":
            return speech_cuts.measure(speech(data), CACHE)
        case _:
            tables, asked = speech_speed.measure(kept.get)
            print("\n\n".join(table.text() for table in tables), end="\n\n", flush=True)
            return asked
    return []


if __name__ == "__main__":
    sys.exit(main())
