"""Broken files through every forensic detector: ``python -m benchmarks.hostile``.

All of ``DIR/forensic/malformed``, and mutations of small files of the material (bytes changed, runs zeroed,
doubled, cut off), each with all forensic operations, in cells of 20 s and 1 GB. Prints how they ended; exit
status 1 when a detector raised, a cell died or a limit was reached.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bonafide.model import Operation, Options, WorkItem
from bonafide_inference import registry
from bonafide_inference.inspect import Refusal, inspect

from benchmarks.forensics_documents import MEMORY_MB, SECONDS
from benchmarks.known_media import ROOT

__all__ = ["main", "mutated"]

ASKED = (
    Operation.IMAGE_FORGERY, Operation.FILE_FORENSICS, Operation.PROVENANCE, Operation.KNOWN_FAKE_SEARCH,
)  # fmt: skip
WRONG = ("detector_error", "timed_out", "out_of_memory", "unreadable", "inspection_timed_out")
LARGEST = 300_000
"""Bytes of a file that is mutated."""
SUFFIXES = (".jpg", ".png", ".webp", ".gif", ".tiff", ".pdf", ".wav", ".mp3", ".flac", ".mp4", ".mkv", ".mov")


_EXTREME = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")


def mutated(data: bytes, seed: int) -> bytes:
    """A file with one to forty random faults."""
    rng = np.random.default_rng(seed)
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 40))):
        at, size = int(rng.integers(0, len(out))), int(2 ** rng.uniform(0, 9))
        match int(rng.integers(0, 6)):
            case 0 | 1:
                out[at] = int(rng.integers(0, 256))
            case 2:
                out[at : at + 4] = _EXTREME[int(rng.integers(0, len(_EXTREME)))]
            case 3:
                out[at : at + size] = bytes(len(out[at : at + size]))
            case 4:
                out[at:at] = out[at : at + size]
            case 5:
                del out[at : at + size]
        if len(out) < 16:
            break
    return bytes(out[: int(rng.integers(len(out) // 2, len(out))) or None] if rng.random() < 0.1 else out)


def endings(path: Path) -> Iterator[str]:
    """How one file ended: the refusal, or ``operation: reason`` of all detectors."""
    media = inspect(str(path))
    if isinstance(media, Refusal):
        yield media.code
        return
    for kind in ("image", "audio", "video", "file"):
        item = WorkItem(id="h", detector=kind, operations=ASKED)
        if not registry.wanted(media, item):
            continue
        with tempfile.TemporaryDirectory() as workdir:
            found = registry.run_item(
                str(path), media, item, Options(), workdir, seconds=SECONDS, memory_mb=MEMORY_MB
            )
        yield from (one.reason or one.outcome for one in found if one.reason != "no_detector")


def _files(data: Path, mutations: int, folder: Path) -> Iterator[Path]:
    yield from sorted(p for p in (data / "forensic" / "malformed").rglob("*") if p.is_file())
    folders = [data / name for name in ("forensic", "image/genuine", "speech/genuine", "video")]
    every = [path for folder_ in folders for path in folder_.rglob("*") if path.is_file()]
    seeds = [path for path in every if 64 < path.stat().st_size < LARGEST]
    by_suffix: dict[str, list[Path]] = {}
    for one in sorted(seeds):
        if one.suffix.lower() in SUFFIXES:
            by_suffix.setdefault(one.suffix.lower(), []).append(one)
    for number in range(mutations):
        group = by_suffix[sorted(by_suffix)[number % len(by_suffix)]]
        source = group[(number * 31) % len(group)]
        target = folder / f"{number}{source.suffix}"
        target.write_bytes(mutated(source.read_bytes(), number))
        yield target


def main() -> int:
    """Print the table; 1 when anything ended as it must not."""
    reader = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    reader.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    reader.add_argument("--mutations", type=int, default=300)
    wish = reader.parse_args()
    ends: Counter[str] = Counter()
    wrong, slowest, count = [], 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for path in _files(wish.data, wish.mutations, Path(folder)):
            started = time.monotonic()
            mine = list(endings(path))
            slowest, count = max(slowest, time.monotonic() - started), count + 1
            ends.update(mine)
            print(f"\r{count} files", end="", file=sys.stderr, flush=True)
            wrong += [f"{path.name}: {end}" for end in mine if end in WRONG]
    print("| end | detectors |\n|---|---|")
    for end, number in ends.most_common():
        print(f"| {end} | {number} |")
    print(f"\n{count} files; slowest {slowest:.1f} s; crashes, hangs, errors: {len(wrong)}")
    for line in wrong:
        print("  " + line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
