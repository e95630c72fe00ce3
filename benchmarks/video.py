"""``python -m benchmarks.video --data DIR``: speed, memory, cost and accuracy of the operations on video.

Three parts (``--parts speed accuracy liveness``), all by default; about ten minutes of one core. Every clip
and every run is kept under ``.cache/bench-video`` as soon as it is measured, by the state of the code, so
that an interrupted run goes on where it stopped; ``--again`` measures afresh. Each prints as it goes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bonafide
import bonafide_inference

from benchmarks import video_accuracy, video_speed
from benchmarks.report import note

__all__ = ["Kept", "main"]

PARTS = ("speed", "accuracy", "liveness")


class Kept:
    """What was measured before with the same code, one JSON file each."""

    def __init__(self, folder: Path, again: bool = False) -> None:
        self.folder, self.again = folder / _state(), again
        self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The value kept under ``name``, or made now and kept."""
        path = self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"
        if path.is_file() and not self.again:
            return json.loads(path.read_text(encoding="utf-8"))
        note(name)
        value = make()
        half = path.with_suffix(".part")
        half.write_text(json.dumps(value), encoding="utf-8")
        half.replace(path)
        return value


def _state() -> str:
    """A name for the code and the models that are measured."""
    digest = hashlib.sha256()
    for package in (bonafide, bonafide_inference):
        root = Path(str(package.__file__)).parent
        for path in sorted(path for path in root.rglob("*") if path.suffix in (".py", ".json", ".onnx")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when the speed holds, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks.video", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--per-source", type=int, default=6, help="clips measured of each source")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each clip, at most")
    parser.add_argument("--windows", type=int, default=1, help="windows measured of each length")
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench-video"))
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.job:
        print(json.dumps(video_speed.job(**json.loads(arguments.job))))
        return 0
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    kept, held = Kept(arguments.cache, arguments.again), True
    if "speed" in arguments.parts:
        held = video_speed.speed(arguments.data, arguments.cache, kept, arguments.windows)
    if "accuracy" in arguments.parts:
        for table in video_accuracy.accuracy(arguments.data, kept, arguments.per_source, arguments.seconds):
            print(f"\n{table.text()}", flush=True)
    if "liveness" in arguments.parts:
        for table in video_accuracy.liveness(arguments.data):
            print(f"\n{table.text()}", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
