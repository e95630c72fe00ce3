"""Speed and memory of the operations on speech, as the cell's worker runs them: one file, one fresh process.

Milliseconds of processor a window of 4 s of one channel on one thread, decoding, voice activity and pictures
not asked for; the least of several rounds, as what else runs on the machine only adds. Peak memory is that
of a process that runs all operations over twenty minutes of stereo MP3.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Asked, Table
from benchmarks.speech_front import BUDGET_MB, BUDGET_MS, WINDOW_S, child, stereo

__all__ = ["measure"]

OPERATIONS = ("synthetic_speech", "audio_splice", "audio_replay")
KINDS = {
    "4 s of WAV, 16 kHz": (4, "pcm_s16le", "wav", 16_000),
    "4 s of WAV, 44.1 kHz": (4, "pcm_s16le", "wav", 44_100),
    "30 s of MP3, 44.1 kHz": (30, "libmp3lame", "mp3", 44_100),
}
ASKED_OF = "30 s of MP3, 44.1 kHz"
"""What a window costs in a recording; what is paid once a file is shown by the others."""
LONG_S = 1200
ROUNDS = 7
_CHILD = """
import json, sys
from benchmarks.speech_speed import _read
print(json.dumps(_read(sys.argv[1])))
"""


def measure(get: Callable[[str, Callable[[], Any]], Any]) -> tuple[list[Table], list[Asked]]:
    """Tables, and the figures that are asked for; ``get`` keeps what was measured under a name."""
    rows, asked = [], []
    for name, kind in KINDS.items():
        spent = get(f"speed: {name}", lambda kind=kind: _file(*kind, "-c", _CHILD))  # type: ignore[misc]
        for operation in OPERATIONS:
            share = spent[operation]
            rows.append((name, operation, round(spent["front"], 1), round(share, 1)))
            if name == ASKED_OF:
                asked.append(Asked(f"{operation}: ms a window of 4 s, front end included", share, BUDGET_MS))
    title = f"Processor ms a window of {WINDOW_S} s of one of two channels, one core"
    note = "synthetic_speech scores up to eight windows twice more when its answer is near a verdict"
    tables = [Table(title, ("file", "operation", "front end alone", "in all"), rows, note)]
    whole = get(
        "memory of 20 minutes", lambda: _file(LONG_S, "libmp3lame", "mp3", 44_100, "-m", "benchmarks.child")
    )
    asked.append(Asked("peak MB, 20 min of stereo MP3, all operations", whole["peak_mb"], BUDGET_MB))
    return tables, asked


def _file(seconds: int, codec: str, container: str, rate: int, *program: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bonafide-bench-") as folder:
        path = Path(folder, "sound")
        stereo(path, seconds, codec, container, rate)
        return child(path, *program)


def _read(path: str) -> dict[str, float]:
    """Milliseconds a window on one core: the front end alone, and each operation with it."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # or the networks take a thread for each core
    from bonafide.model import MediaFacts, Operation, Options, WorkItem
    from bonafide_inference.inspect import inspect
    from bonafide_inference.piece import Piece
    from bonafide_inference.registry import wanted
    from bonafide_inference.runner import run_item_task

    facts = inspect(path)
    assert isinstance(facts, MediaFacts)
    share = WINDOW_S / (facts.duration_s or 1) * 1000
    found: dict[str, float] = {}
    options = Options(visualize=False)
    with tempfile.TemporaryDirectory() as workdir:
        for operation in OPERATIONS:
            item = WorkItem(id="a", detector="audio", operations=(Operation(operation),), channel=1)
            task = {
                "path": path, "workdir": workdir, "media": facts.model_dump(mode="json"),
                "item": item.model_dump(mode="json"), "options": options.model_dump(mode="json"),
                "folders": [{"path": f.path, "shipped": f.shipped} for f in wanted(facts, item)],
            }  # fmt: skip
            (said,) = run_item_task(task)
            if (
                said["outcome"] not in ("scored", "inconclusive")
                or "raw_score" not in said["evidence"]["values"]
            ):
                raise SystemExit(f"{operation} did not look at the sound: {said['reason']}")
            found[operation] = share * _least(lambda task=task: run_item_task(task))  # type: ignore[misc]
        found["front"] = share * _least(lambda: Piece(path, facts, item, options).speech())
    return found


def _least(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


if __name__ == "__main__":
    from benchmarks.speech import main

    sys.exit(main(["--parts", "speed", *sys.argv[1:]]))
