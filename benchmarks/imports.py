"""Cold import of each handler: a fresh interpreter, the path as in Lambda, everything compiled before.

What Lambda adds (starting the interpreter, fetching the package) is not in it; what it has faster
or slower (its processor share grows with memory) neither. The budget is for two idle cores.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.report import Table, note
from localcloud.cloud import ROOT
from localcloud.deploy import load_template

__all__ = ["BUDGET_MS", "handlers", "measure"]

BUDGET_MS = 400.0
_TIMED = "import time; t = time.perf_counter(); import handler; print((time.perf_counter() - t) * 1000)"
_NEEDED = {
    "TABLE_NAME": "bench",
    "MEDIA_BUCKET": "bench",
    "EVENT_BUS_NAME": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
}


def handlers() -> dict[str, bool]:
    """Return every function's folder in the template's order, and whether it is a container."""
    found = {}
    for resource in load_template(ROOT / "template.yaml")["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            name = properties["FunctionName"]["Fn::Sub"].partition("-")[2].replace("-", "_")
            found[name] = properties.get("PackageType") == "Image"
    return found


def measure(runs: int = 5) -> Table:
    """Return the median import time of each handler, and what takes longest in those over the budget."""
    rows = []
    for name, container in handlers().items():
        note(f"import of {name}")
        place = ROOT / "functions" / name
        _fresh(place, container)  # compiles
        times = [float(_fresh(place, container)) for _ in range(runs)]
        middle = statistics.median(times)
        slow = _slowest(place, container) if middle > BUDGET_MS else ""
        rows.append((name, "image" if container else "zip", middle, max(times), slow))
    footer = f"Budget {BUDGET_MS:g} ms (median of {runs}); the slowest parts are named where it is exceeded."
    return Table(
        "Cold import of each handler", ("function", "package", "ms", "worst", "over budget"), rows, footer
    )


def _run(place: Path, container: bool, *flags: str, script: str = _TIMED) -> subprocess.CompletedProcess[str]:
    shared = [ROOT / "layers" / "core"] + ([ROOT / "layers" / "inference"] if container else [])
    environment = _NEEDED | {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(map(str, [place, *shared])),
    }
    return subprocess.run(
        [sys.executable, *flags, "-c", script],
        cwd=place, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip


def _fresh(place: Path, container: bool) -> str:
    return _run(place, container).stdout.split()[-1]


def _slowest(place: Path, container: bool, count: int = 3) -> str:
    """Return the packages that take most of the time themselves, as the interpreter counts it."""
    said = _run(place, container, "-X", "importtime", script="import handler").stderr
    total: dict[str, int] = {}
    for own, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", said):
        package = module.partition(".")[0]
        total[package] = total.get(package, 0) + int(own)
    worst = sorted(total.items(), key=lambda item: -item[1])[:count]
    return ", ".join(f"{package} {microseconds / 1000:.0f}" for package, microseconds in worst)
