"""The front end of the speech detectors: milliseconds of processor a 4 s window, and peak memory.

``python -m benchmarks.speech_front`` prints the table alone. Each file is read in a fresh interpreter on one
thread, as the cell's worker reads it; its peak is the worker's. Two channels that differ, so that nothing is
left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.media import voice
from benchmarks.report import Table, note
from localcloud.cloud import ROOT

__all__ = ["child", "measure", "stereo"]

WINDOW_S = 4
BUDGET_MS = 20.0
"""Of processor a window, detectors included (issue 5)."""
BUDGET_MB = 400
"""Peak memory for twenty minutes (issue 5)."""

_CHILD = """
import json, sys
from benchmarks.child import peak_mb
from benchmarks.speech_front import _read
before = peak_mb()
print(json.dumps(_read(sys.argv[1]) | {"before_mb": before, "peak_mb": peak_mb()}))
"""


def measure(quick: bool = False) -> Table:
    """Read a short file and a long one of every kind."""
    long_s = 120 if quick else 1200
    rows: list[tuple[Any, ...]] = []
    kinds = (("4 s WAV 16 kHz", 4, "pcm_s16le", "wav", 16_000), ("30 s MP3", 30, "libmp3lame", "mp3", 44_100),
             ("30 s AAC", 30, "aac", "mp4", 48_000),
             (f"{long_s // 60} min MP3", long_s, "libmp3lame", "mp3", 44_100))  # fmt: skip
    for name, seconds, codec, container, rate in kinds:
        note(f"speech front end: {name}")
        with tempfile.TemporaryDirectory(prefix="bonafide-bench-") as folder:
            path = Path(folder, "sound")
            stereo(path, seconds, codec, container, rate)
            found = child(path, "-c", _CHILD)
            whole = child(path, "-m", "benchmarks.child") if seconds == long_s else {}
        spent = found["total_ms"]
        over = " *" if spent > BUDGET_MS or found["peak_mb"] > BUDGET_MB else ""
        rows.append((
            f"{name}, stereo{over}", round(found["decode_ms"], 2), round(found["vad_ms"], 2),
            round(spent - found["decode_ms"] - found["vad_ms"], 2), round(spent, 2), round(found["peak_mb"]),
        ))  # fmt: skip
        if whole:
            spent, peak = 1000 * whole["seconds"] * WINDOW_S / seconds / 2, whole["peak_mb"]
            rows.append((
                f"  all detectors, both channels{' *' if peak > BUDGET_MB else ''}", None, None, None,
                round(spent, 2), round(peak),
            ))  # fmt: skip
    return Table(
        f"Speech front end: processor ms a {WINDOW_S} s window of one channel, one thread; peak memory",
        ("file", "decoding", "voice activity", "resampling, figures", "ms in all", "peak MB"), rows,
        "All detectors: wall-clock time, all operations, their pictures too. "
        f"* over the budget of {BUDGET_MS:g} ms (with the detector's own share) or {BUDGET_MB} MB",
    )  # fmt: skip


def stereo(path: Path, seconds: int, codec: str, container: str, rate: int) -> None:
    """Write two different voices, which the detectors take for such; half a minute is made and repeated."""
    part = min(30, seconds)
    both = np.stack([voice(30, n, pitch_hz=20.0 + 20 * n) for n in (4, 5)])  # 28 and 30 s of it are speech
    both = (both[:, : part * 16_000] * 32767).astype(np.int16)
    packed = np.ascontiguousarray(both.T).reshape(1, -1)
    with av.open(str(path), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout="stereo")
        sampler = av.AudioResampler(stream.codec_context.format, "stereo", rate, frame_size=1024)
        for _ in range(seconds // part):
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
            frame.sample_rate = 16_000
            for piece in sampler.resample(frame):
                out.mux(stream.encode(piece))
        for piece in sampler.resample(None):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))


def child(path: Path, *program: str) -> dict[str, float]:
    """What a fresh interpreter on one thread prints about the file, as JSON."""
    places = [str(ROOT), str(ROOT / "layers/core"), str(ROOT / "layers/inference")]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    environment = os.environ | threads | {"PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [sys.executable, *program, str(path)], check=True, capture_output=True, text=True, env=environment
    )
    return {name: float(value) for name, value in json.loads(done.stdout).items()}


def _read(path: str) -> dict[str, float]:
    """Read the file three times at most (a long one once), the best counts; decoding alone is timed, too."""
    from bonafide.model import MediaFacts, Operation, Options, WorkItem
    from bonafide_inference import vad
    from bonafide_inference.inspect import inspect
    from bonafide_inference.piece import Piece

    facts = inspect(path)
    assert isinstance(facts, MediaFacts)
    item = WorkItem(id="a", detector="audio", operations=(Operation.SYNTHETIC_SPEECH,), channel=1)
    spent_in_vad = 0.0
    plain = vad.Vad.feed

    def timed(self: vad.Vad, frames: Any) -> Any:
        nonlocal spent_in_vad
        begun = time.process_time()
        found = plain(self, frames)
        spent_in_vad += time.process_time() - begun
        return found

    vad.Vad.feed = timed  # type: ignore[method-assign]
    vad._session()
    share = WINDOW_S / (facts.duration_s or 1) * 1000
    best: dict[str, float] = {}
    for _ in range(1 if (facts.duration_s or 0) > 100 else 3):
        spent_in_vad = 0.0
        total = _seconds(lambda: Piece(path, facts, item, Options()).speech())
        if not best or total * share < best["total_ms"]:
            best = {"total_ms": total * share, "vad_ms": spent_in_vad * share}
    decoded = _seconds(lambda: sum(1 for _ in Piece(path, facts, item, Options()).planes()))
    return best | {"decode_ms": decoded * share}


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    print(measure("--quick" in sys.argv).text())
