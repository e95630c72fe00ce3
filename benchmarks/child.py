"""Run as a program in a fresh interpreter: inspect and run all detectors on one file, without cell and cloud.

``python -m benchmarks.child FILE`` prints JSON: peak memory of this process before and after (MB), seconds of
the detectors. The process does what the cell's worker does, so its peak is the worker's.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bonafide.model import MediaFacts, Options
from bonafide.plan import catalogue, plan
from bonafide_inference.cell import PRELOAD
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import wanted
from bonafide_inference.runner import run_item_task

__all__ = ["main", "peak_mb"]


def peak_mb() -> float:
    """Return the high-water mark of this process image (``ru_maxrss`` would remember the parent's, too)."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(path: str) -> None:
    """Measure one file."""
    for name in PRELOAD:
        with suppress(ImportError):
            importlib.import_module(name)
    facts = inspect(path)
    if not isinstance(facts, MediaFacts):
        raise SystemExit(f"{path}: {facts}")
    before, begun = peak_mb(), time.perf_counter()
    for item in plan(facts, (), Options(), catalogue(), max_items=4):
        with tempfile.TemporaryDirectory() as workdir:
            run_item_task({
                "path": path, "workdir": workdir, "media": facts.model_dump(mode="json"),
                "item": item.model_dump(mode="json"), "options": Options().model_dump(mode="json"),
                "folders": [{"path": f.path, "shipped": f.shipped} for f in wanted(facts, item)],
            })  # fmt: skip
    spent = time.perf_counter() - begun
    print(json.dumps({"before_mb": before, "peak_mb": peak_mb(), "seconds": spent}))


if __name__ == "__main__":
    main(sys.argv[1])
