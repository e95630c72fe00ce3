"""``python -m benchmarks.video --data DIR``: speed, memory and accuracy of the operations on video.

Speed: 1080p clips of 10 s, 2 min and 30 min, made here (10 s of moving texture and noise, its packets
repeated). Each window runs in a process of its own, as in the cell; seconds are of the processor (all
threads) and of the clock, for a busy machine stretches the latter. Wall time at fan-out n is the longest
of n queues of windows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from bonafide.cost import PRICES
from bonafide.model import MediaFacts, Operation, Options
from bonafide.plan import catalogue, plan
from bonafide_inference.inspect import inspect
from PIL import Image

from benchmarks.report import Table, note
from benchmarks.video_accuracy import accuracy, liveness

__all__ = ["main"]

SIDE = (1920, 1080)
FPS = 30
CLIP_S = 10
LENGTHS = (10, 120, 1800)
FAN_OUT = (1, 8, 64)
MOST_ITEMS = 40
"""As deployed: an inline Map runs no more at once."""
MEMORY_MB = 3008
MOST_RATIO = 2.0
"""End to end over pure decoding, in processor seconds."""


@dataclass(frozen=True)
class Cost:
    """One run: processor and clock seconds, and the process's peak memory in MB."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when the speed holds, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks.video", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--parts", nargs="*", default=["speed", "accuracy"], choices=["speed", "accuracy"])
    parser.add_argument("--per-source", type=int, default=6, help="clips measured of each source")
    parser.add_argument("--windows", type=int, default=2, help="windows measured of each length")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.job:
        print(json.dumps(_job(**json.loads(arguments.job))))
        return 0
    held = _speed(arguments.windows) if "speed" in arguments.parts else True
    if "accuracy" in arguments.parts:
        if not (arguments.data / "SOURCES.csv").is_file():
            parser.error(f"{arguments.data} has no SOURCES.csv")
        for table in (*liveness(arguments.data), *accuracy(arguments.data, arguments.per_source)):
            print(f"\n{table.text()}", flush=True)
    return 0 if held else 1


def _speed(windows: int) -> bool:
    table = Table(
        "Video 1920 x 1080 at 30 frames a second, 2 sampled a second: per window, and whole",
        ("length", "windows", "frames", "decode cpu s", "decode fps", "ours cpu s", "ours fps", "ratio",
         "clock s", "peak MB", "cost $", *(f"wall {n} s" for n in FAN_OUT)),
    )  # fmt: skip
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        clip = _encoded(Path(folder) / "clip.mp4")
        for length in LENGTHS:
            note(f"{length} s of 1080p")
            path = _repeated(clip, Path(folder) / f"{length}.mp4", length // CLIP_S)
            row, ratio = _measured(path, length, windows)
            table.rows.append(row)
            ratios.append(ratio)
            path.unlink()
    table.footer = (
        f"ratio: ours over pure decoding, processor seconds (at most {MOST_RATIO}); cost: Lambda alone"
    )
    print(table.text(), flush=True)
    return max(ratios) <= MOST_RATIO


def _measured(path: Path, length: int, windows: int) -> tuple[tuple[Any, ...], float]:
    media = inspect(str(path))
    if not isinstance(media, MediaFacts):
        raise SystemExit(f"{path}: {media}")
    operations = [Operation(d["operation"]) for d in catalogue() if d["kind"] == "video"]
    items = [item for item in plan(media, operations, Options(), catalogue(), max_items=MOST_ITEMS)
             if item.detector == "video"]  # fmt: skip
    chosen = [items[i] for i in np.unique(np.linspace(0, len(items) - 1, windows).astype(int))]
    words = {"path": str(path), "media": media.model_dump(mode="json")}
    ours = [_child(words | {"item": item.model_dump(mode="json")}) for item in chosen]
    plain = [_child(words | {"item": item.model_dump(mode="json"), "plain": True}) for item in chosen]
    cpu, decode = (float(np.mean([cost.cpu_s for cost in costs])) for costs in (ours, plain))
    wall = float(np.mean([cost.wall_s for cost in ours]))
    frames = length * FPS / len(items)
    dollars = len(items) * (wall * MEMORY_MB / 1024 * PRICES["lambda_gb_second"] + PRICES["lambda_request"])
    fan = [wall * -(-len(items) // min(n, MOST_ITEMS)) for n in FAN_OUT]
    row = (
        f"{length} s", len(items), length * FPS, decode, frames / decode, cpu, frames / cpu, cpu / decode,
        wall, max(cost.peak_mb for cost in ours), round(dollars, 5), *fan,
    )  # fmt: skip
    return row, cpu / decode


def _child(words: dict[str, Any]) -> Cost:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.video", "--job", json.dumps(words)],
        check=True, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _job(path: str, media: dict[str, Any], item: dict[str, Any], plain: bool = False) -> dict[str, float]:
    """In a fresh process: decode a window's frames only, or run all detectors of the window."""
    from bonafide.model import WorkItem
    from bonafide_inference.registry import wanted
    from bonafide_inference.runner import run_item_task

    facts, piece = MediaFacts.model_validate(media), WorkItem.model_validate(item)
    cpu, wall = time.process_time(), time.perf_counter()
    if plain:
        window = item.get("window") or {"start_s": 0.0, "end_s": facts.duration_s}
        with av.open(path) as container:
            container.streams.video[0].thread_type = "AUTO"
            container.seek(int(window["start_s"] * 1e6))
            for frame in container.decode(video=0):
                if (frame.time or 0.0) >= window["end_s"]:
                    break
    else:
        with tempfile.TemporaryDirectory() as workdir:
            run_item_task({
                "path": path, "workdir": workdir, "media": media, "item": item,
                "options": Options().model_dump(mode="json"),
                "folders": [{"path": f.path, "shipped": f.shipped} for f in wanted(facts, piece)],
            })  # fmt: skip
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return {
        "cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall, "peak_mb": round(peak, 1)
    }  # fmt: skip


def _encoded(path: Path) -> Path:
    """Ten seconds of 1080p with the motion and grain of a hand-held clip; one key frame, at its start."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIDE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "24", "g": str(CLIP_S * FPS)}
        for picture in _pictures():
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def _pictures() -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 255, (200, 300, 3), dtype=np.uint8))
    big = np.asarray(coarse.resize((SIDE[0] + 200, SIDE[1] + 200), Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-6, 7, (16, SIDE[1], SIDE[0], 1), dtype=np.int16)
    for number in range(CLIP_S * FPS):
        x, y = round(100 + 90 * np.sin(number / 30)), round(100 + 90 * np.cos(number / 37))
        part = big[y : y + SIDE[1], x : x + SIDE[0]] + grain[number % 16]
        yield np.clip(part, 0, 255).astype(np.uint8)


def _repeated(clip: Path, path: Path, times: int) -> Path:
    """The clip's packets ``times`` over: as long a video as is wanted, without encoding it."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        stream = source.streams.video[0]
        copied = out.add_stream_from_template(stream)
        length = round(CLIP_S / (stream.time_base or Fraction(1, 90_000)))
        for turn in range(times):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts, packet.dts = packet.pts + turn * length, packet.dts + turn * length
                packet.stream = copied
                out.mux(packet)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
