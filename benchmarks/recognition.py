"""What libavformat takes other files for: ``python -m benchmarks.recognition [DIR …]`` (decision 0102).

Made bytes (random, sparse, raw sound, whole numbers, words) and, of each ending below the folders, a few
files. Printed: how many, and each demuxer that was sure (a score above 25) with the first file it took.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import av.logging
import numpy as np

__all__ = ["main", "taken_for"]

SIZES = (16, 64, 600, 2_048, 5_000, 20_000, 60_000, 300_000)
WORDS = ("the", "of", "a", "forensic", "<p>", "{", "}", "1", "23", "\n", "\t", ";", '"x":')
_SCORE = re.compile(r"Format (\S+) probed with size=\d+ and score=(\d+)")


def taken_for(path: Path) -> tuple[str, int] | None:
    """The demuxer that libavformat is sure of, and its score; nothing is opened by it."""
    av.logging.set_level(av.logging.DEBUG)
    try:
        with open(path, "rb") as file, av.logging.Capture(local=False) as log:
            options = {"fd": str(file.fileno()), "protocol_whitelist": "fd", "format_whitelist": "none"}
            with suppress(av.FFmpegError, ValueError):
                av.open("fd:", options=options).close()
    finally:
        av.logging.set_level(None)
    found = next((match for _, _, line in log if (match := _SCORE.search(line))), None)
    return (found[1], int(found[2])) if found else None


def made(seed: int) -> bytes:
    """One of five kinds of bytes that are no media."""
    rng, size = np.random.default_rng(seed), SIZES[seed % len(SIZES)]
    match seed // len(SIZES) % 5:
        case 0:
            return rng.bytes(size)
        case 1:
            return (rng.integers(0, 256, size) * (rng.random(size) < 0.1)).astype(np.uint8).tobytes()
        case 2:
            walk = np.cumsum(rng.normal(0, 300, size // 2 + 1))
            return np.clip(walk, -32_000, 32_000).astype("<i2").tobytes()
        case 3:
            return rng.integers(0, 2**12, size // 4 + 1).astype("<u4").tobytes()
        case _:
            return " ".join(rng.choice(WORDS, size // 3 + 2)).encode()


def files(folders: list[str], of_each: int) -> Iterator[Path]:
    """``of_each`` regular files of every ending, drawn by a fixed seed."""
    endings: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    endings[os.path.splitext(name)[1][:8]].append(path)
    rng = np.random.default_rng(1)
    for found in endings.values():
        ordered = sorted(found)
        yield from (Path(ordered[place]) for place in rng.permutation(len(ordered))[:of_each])


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--made", type=int, default=4_000)
    parser.add_argument("--of-each", type=int, default=60)
    args = parser.parse_args()
    seen, sure, first = Counter[str](), Counter[str](), dict[str, Path]()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "made"
        for seed in range(args.made):
            scratch.write_bytes(made(seed))
            seen["made"] += 1
            if (taken := taken_for(scratch)) is not None:
                sure[f"made: {taken[0]}"] += 1
    for path in files(args.folders, args.of_each):
        try:
            taken = taken_for(path)
        except OSError:
            continue
        seen["files"] += 1
        if taken is not None:
            sure[taken[0]] += 1
            first.setdefault(taken[0], path)
    print(", ".join(f"{count} {what}" for what, count in seen.items()))
    for name, count in sorted(sure.items()):
        print(f"{count:6} {name}  {first.get(name, '')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
