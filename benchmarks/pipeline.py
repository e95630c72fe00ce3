"""One analysis from the first byte sent to the recorded verdict: how long, and where the time goes.

The split is read from the execution's history (when each state began and ended) and from the functions'
own accounts (``usage``; Lambda's REPORT line for Conclude). *Orchestration* is what is left between the
acceptance of the request and the end: start of the run, state transitions, calls, hand-overs.
The floor is the same file decoded and nothing else, in this process, on one thread.
"""

from __future__ import annotations

import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import pikepdf
from PIL import Image

from benchmarks import media
from benchmarks.report import Table, note
from localcloud.cloud import ROOT
from tests.helpers.cloud import Api, Cloud, until

__all__ = ["BUDGET_S", "files", "measure"]

BUDGET_S = 1.5
_ENDED = ("completed", "failed")
_PARTS = ("upload", "request", "start", "inspect", "detectors", "conclude", "orchestration")


def files(quick: bool = False) -> dict[str, bytes]:
    """Make the files that the issue names (with ``quick``, smaller ones)."""
    makers: dict[str, Callable[[], bytes]] = {
        "1 MB JPEG": media.jpeg,
        "30 s MP3": media.mp3,
        "10 s 1080p MP4": media.mp4,
        "20-page PDF": media.pdf,
    }
    if quick:
        makers |= {
            "5 s MP3": lambda: media.mp3(5),
            "2 s 360p MP4": lambda: media.mp4(2, width=640, height=360),
        }
        del makers["30 s MP3"], makers["10 s 1080p MP4"]
    made = {}
    for name, make in makers.items():
        note(f"making a {name}")
        made[name] = make()
    return made


def measure(cloud: Cloud, made: dict[str, bytes], runs: int) -> list[Table]:
    """Return the table of times and the table of floors and memory; p50 of ``runs`` after one warm-up."""
    api = cloud.tenant()
    times = Table(
        f"End to end, seconds, warm, p50 of {runs} runs, and its split",
        ("file", "MB", "end to end", *_PARTS),
        footer=f"orchestration: neither upload, request nor a function's own time (budget {BUDGET_S} s); "
        "start, from acceptance to the first state, is part of it.\n"
        "detectors: the slowest work item. The end is when Conclude has recorded and published.",
    )
    depth = Table(
        "The same files without any cloud",
        ("file", "decode s", "detectors s", "peak MB", "of it decoders MB"),
    )
    for name, data in made.items():
        found = []
        for number in range(runs + 1):
            note(f"{name}, run {number} of {runs}" if number else f"{name}, warm-up")
            found.append(_run(cloud, api, data))
        splits = {part: statistics.median(one[part] for one in found[1:]) for part in ("total", *_PARTS)}
        times.rows.append((name, len(data) / 1e6, splits["total"], *(splits[part] for part in _PARTS)))
        depth.rows.append((name, *_alone(name, data, runs)))
    depth.footer = (
        "peak: of a fresh process that does what the cell's worker does; decoders: before any detector."
    )
    return [times, depth]


def _run(cloud: Cloud, api: Api, data: bytes) -> dict[str, float]:
    """Take one file the whole way."""
    begun = time.time()
    upload_id = api.upload(data)
    uploaded = time.time()
    answer = api("POST", "/v1/analyses", json={"upload_id": upload_id})
    accepted = time.time()
    if answer.status != 202:
        raise SystemExit(f"the local cloud answered {answer.status}: {answer.body[:300]!r}")
    analysis_id = str(answer.json["id"])
    row = until(lambda: _ended(cloud, api, analysis_id), "the end of the analysis", timeout_s=300)
    if row["state"]["S"] != "completed":
        raise SystemExit(f"the analysis failed: {row.get('failure')}")
    until(lambda: cloud.execution(analysis_id)["status"] != "RUNNING", "the end of the run")
    history = _history(cloud, analysis_id)
    ended = max(event["timestamp"] for event in history if _leaves(event, "Conclude")).timestamp()
    own = _own_seconds(cloud, history, begun)
    entered = min(
        event["timestamp"] for event in history if event["type"].endswith("StateEntered")
    ).timestamp()
    return {
        "total": ended - begun,
        "upload": uploaded - begun,
        "request": accepted - uploaded,
        "start": max(0.0, entered - accepted),
        **own,
        "orchestration": max(0.0, ended - accepted - sum(own.values())),
    }


def _ended(cloud: Cloud, api: Api, analysis_id: str) -> dict[str, Any] | None:
    """Return the row at rest; the row is asked, not the API, so that polling takes little from the run."""
    row = cloud.row(api.tenant, analysis_id)
    return row if row["state"]["S"] in _ENDED else None


def _history(cloud: Cloud, analysis_id: str) -> list[dict[str, Any]]:
    arn = cloud.execution(analysis_id)["executionArn"]
    pages = cloud.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def _leaves(event: dict[str, Any], state: str) -> bool:
    return bool(event.get("stateExitedEventDetails", {}).get("name") == state)


def _own_seconds(cloud: Cloud, history: Iterable[dict[str, Any]], since: float) -> dict[str, float]:
    """Return the seconds that inspect, the slowest detector and conclude account for themselves."""
    outputs = [
        json.loads(event["stateExitedEventDetails"]["output"])
        for event in history
        if event["type"] == "SucceedStateExited"
    ]
    (final,) = outputs
    detections = [one["usage"]["seconds"] for one in final["detections"] if one["usage"]]
    return {
        "inspect": float(final["plan"]["usage"]["seconds"]),
        "detectors": max(detections, default=0.0),
        "conclude": _reported(cloud, "conclude", since),
    }


def _reported(cloud: Cloud, name: str, since: float) -> float:
    """Return the duration of a function's last call, as Lambda reports it."""

    def look() -> list[str]:
        pages = (
            cloud.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{cloud.function(name)}", startTime=int(since * 1000))
        )
        said = [event["message"] for page in pages for event in page["events"]]
        return [found[1] for line in said if (found := re.search(r"REPORT .*?Duration: ([\d.]+) ms", line))]

    return float(until(look, f"the report of {name}")[-1]) / 1000


# ---- without the cloud ------------------------------------------------------------------------------
def _alone(name: str, data: bytes, runs: int) -> tuple[float, float, float, float]:
    note(f"{name}, decoded and detected without a cloud")
    times = []
    for _ in range(max(1, runs)):
        begun = time.perf_counter()
        _decode(data)
        times.append(time.perf_counter() - begun)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "media"
        path.write_bytes(data)
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.child", str(path)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = json.loads(said.stdout)
    return statistics.median(times), found["seconds"], found["peak_mb"], found["before_mb"]


def _decode(data: bytes) -> None:
    """Decode everything there is, once, and keep nothing."""
    if data.startswith(b"%PDF-"):
        with pikepdf.open(io.BytesIO(data)) as document:
            for item in document.objects:
                if isinstance(item, pikepdf.Stream):
                    item.read_bytes()
    elif data.startswith(b"\xff\xd8\xff"):
        Image.open(io.BytesIO(data)).load()
    else:
        with av.open(io.BytesIO(data), "r") as file:
            wanted = [*file.streams.video, *file.streams.audio]
            for stream in wanted:
                stream.codec_context.thread_count = 1
            for _ in file.decode(*wanted):
                pass
