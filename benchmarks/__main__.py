"""``make bench``: tables of speed, size and memory.

``python -m benchmarks [--quick] [--only imports,size,speech,routes,media] [--runs N] [--json FILE]``. Tables
go to standard output as they are ready, progress to standard error; Ctrl-C stops cleanly. Routes and media
use an embedded cloud of their own, deployed for the purpose. Measure on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.report import Table, note

_SECTIONS = ("imports", "size", "speech", "routes", "media")


def main() -> int:
    """Measure and print; 0, or 130 after Ctrl-C."""
    options = _options()
    print(_machine(), end="\n\n")
    tables: list[Table] = []
    try:
        for table in _tables(options):
            tables.append(table)
            print(table.text(), end="\n\n", flush=True)
    except KeyboardInterrupt:
        note("interrupted")
        return 130
    finally:
        if options.json:
            document = {"machine": _machine(), "tables": {table.title: table.plain() for table in tables}}
            Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs, smaller media")
    parser.add_argument("--only", default=",".join(_SECTIONS), help=f"some of {','.join(_SECTIONS)}")
    parser.add_argument("--runs", type=int, help="runs of each file (default 5, quick 2)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(_SECTIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    options.runs = options.runs or (2 if options.quick else 5)
    return options


def _machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load before: {load}"


def _tables(options: argparse.Namespace) -> Iterator[Table]:
    from benchmarks import imports, size, speech_front

    if "imports" in options.only:
        yield imports.measure(3 if options.quick else 5)
    if "size" in options.only:
        yield size.measure()
    if "speech" in options.only:
        yield speech_front.measure(options.quick)
    if {"routes", "media"} & set(options.only):
        yield from _on_a_cloud(options)


def _on_a_cloud(options: argparse.Namespace) -> Iterator[Table]:
    from benchmarks import pipeline, routes
    from tests.helpers.cloud import Cloud
    from tests.helpers.embedded import session_cloud

    made = pipeline.files(options.quick) if "media" in options.only else {}
    note("starting and deploying a cloud of our own")
    with (
        tempfile.TemporaryDirectory(prefix="bonafide-bench-") as folder,
        session_cloud(Path(folder)) as running,
    ):
        cloud = Cloud(running.local, running.token)
        steps: list[Callable[[], list[Table]]] = []
        if "media" in options.only:
            steps.append(lambda: pipeline.measure(cloud, made, options.runs))
        if "routes" in options.only:
            steps.append(lambda: [routes.measure(cloud, 8 if options.quick else 30)])
        for step in steps:
            yield from step()


if __name__ == "__main__":
    sys.exit(main())
