"""How fast video is judged: processor seconds against pure decoding, memory, cost, wall time at a fan-out.

1080p clips of 10 s, 2 min and 30 min, made here: 10 s are encoded (a moving picture with grain, and the
same with a face of the material in it), their packets repeated. A window runs in a process of its own, with
what the cell's zygote has imported; seconds are of the processor (all threads), for a busy machine
stretches those of the clock. Wall time at fan-out n is that of the longest of n queues of windows, at one
core each.
"""

from __future__ import annotations

import compileall
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from bonafide.cost import PRICES
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide.plan import catalogue, plan
from bonafide_inference import runner
from bonafide_inference.inspect import inspect
from numpy.typing import NDArray
from PIL import Image

from benchmarks.child import peak_mb
from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.video import Kept

__all__ = ["job", "speed"]

SIDE = (1920, 1080)
FPS = 30
CLIP_S = 10
LENGTHS = (10, 120, 1800)
SHORT_TURNS = 5
"""The shortest clip is run so often and the least counts: a second of it is soon spoilt by a neighbour."""
FAN_OUT = (1, 8, 64)
MOST_ITEMS = 40
"""As deployed: an inline Map runs no more at once."""
MEMORY_MB = 3008
MOST_RATIO = 2.0
"""End to end over pure decoding, in processor seconds."""
FACE = "video/genuine/driving/"
FACE_SIDE = 640


def speed(data: Path, cache: Path, kept: Kept, windows: int) -> bool:
    """Print the table; whether the ratio holds everywhere."""
    table = Table(
        "Video 1920 x 1080 at 30 frames a second, 2 sampled a second (processor seconds)",
        ("clip", "windows", "frames", "decode s", "decode fps", "ours s", "ours fps", "ratio",
         "clock s", "peak MB", "$ per 1000", *(f"wall {n} s" for n in FAN_OUT)),
    )  # fmt: skip
    compileall.compile_dir(Path(runner.__file__).parent, quiet=1)  # as the image does
    ratios = []
    for what, folder in (("no face", None), ("a face", data / FACE)):
        clip = _encoded(cache / f"{what.replace(' ', '-')}.mp4", folder)
        for length in LENGTHS:
            name = f"{length} s, {what}"
            row = kept.get(f"speed: {name}, {windows} windows", lambda: _measured(clip, length, windows))  # noqa: B023
            table.rows.append((name, *row))
            ratios.append(row[6])
    table.footer = (
        f"ratio: ours over pure decoding (at most {MOST_RATIO}); clock: of one window; $: Lambda alone, "
        f"at {MEMORY_MB} MB; wall: windows over that many cores"
    )
    print(f"\n{table.text()}", flush=True)
    return bool(max(ratios) <= MOST_RATIO)


def _measured(clip: Path, length: int, windows: int) -> list[Any]:
    """A row of the table, without its name."""
    with tempfile.TemporaryDirectory(dir=clip.parent) as folder:
        path = _repeated(clip, Path(folder) / f"{length}.mp4", length // CLIP_S)
        media = inspect(str(path))
        if not isinstance(media, MediaFacts):
            raise SystemExit(f"{path}: {media}")
        operations = [Operation(d["operation"]) for d in catalogue() if d["kind"] == "video"]
        items = [
            item for item in plan(media, operations, Options(), catalogue(), max_items=MOST_ITEMS)
            if item.detector == "video"
        ]  # fmt: skip
        chosen = [
            items[i] for i in np.unique(np.linspace(0, len(items) - 1, windows + 1).astype(int))[-windows:]
        ]
        turns = SHORT_TURNS if length == CLIP_S else 1
        words = {"path": str(path), "media": media.model_dump(mode="json")}
        costs = [_best(words | {"item": item.model_dump(mode="json")}, turns) for item in chosen]
    decode, cpu, wall = (
        float(np.mean([pair[which][key] for pair in costs]))
        for which, key in ((0, "cpu_s"), (1, "cpu_s"), (1, "wall_s"))
    )
    frames = length * FPS / len(items)
    dollars = len(items) * (cpu * MEMORY_MB / 1024 * PRICES["lambda_gb_second"] + PRICES["lambda_request"])
    fan = [cpu * -(-len(items) // min(n, MOST_ITEMS)) for n in FAN_OUT]
    return [
        len(items), length * FPS, decode, frames / decode, cpu, frames / cpu, cpu / decode, wall,
        max(ours["peak_mb"] for _, ours in costs), 1000 * dollars, *fan,
    ]  # fmt: skip


def _best(words: dict[str, Any], turns: int) -> tuple[dict[str, float], dict[str, float]]:
    """The least of plain decoding and the least of ours, measured in turn."""
    pairs = [[_child(words | {"plain": alone}) for alone in (True, False)] for _ in range(turns)]
    plain, ours = (min(costs, key=lambda cost: cost["cpu_s"]) for costs in zip(*pairs, strict=True))
    return plain, ours


def _child(words: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.video", "--job", json.dumps(words)],
        check=True, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


def job(path: str, media: dict[str, Any], item: dict[str, Any], plain: bool) -> dict[str, float]:
    """In a fresh process: decode a window's frames only, or run all detectors of the window."""
    from bonafide_inference.cell import PRELOAD
    from bonafide_inference.registry import wanted
    from bonafide_inference.runner import run_item_task

    for name in PRELOAD:
        with suppress(ImportError):
            importlib.import_module(name)
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
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return spent | {"peak_mb": round(peak_mb(), 1)}


def _encoded(path: Path, faces: Path | None) -> Path:
    """Ten seconds of 1080p with the motion and grain of a hand-held clip; one key frame, at its start."""
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part.mp4")
    with av.open(str(half), "w") as out:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIDE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "24", "g": str(CLIP_S * FPS)}
        for picture in _pictures(faces):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return half.replace(path)


def _pictures(faces: Path | None) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 255, (200, 300, 3), dtype=np.uint8))
    big = np.asarray(coarse.resize((SIDE[0] + 200, SIDE[1] + 200), Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-6, 7, (16, SIDE[1], SIDE[0], 1), dtype=np.int16)
    people = _people(faces) if faces else None
    for number in range(CLIP_S * FPS):
        x, y = round(100 + 90 * np.sin(number / 30)), round(100 + 90 * np.cos(number / 37))
        part = big[y : y + SIDE[1], x : x + SIDE[0]] + grain[number % 16]
        if people is not None:
            part[300 : 300 + FACE_SIDE, 600 : 600 + FACE_SIDE] = next(people)
        yield np.clip(part, 0, 255).astype(np.uint8)


def _people(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Frames of a clip of one person, over and over."""
    path = min(folder.glob("*.mp4"))
    while True:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.reformat(FACE_SIDE, FACE_SIDE, format="rgb24").to_ndarray().astype(np.uint8)


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
