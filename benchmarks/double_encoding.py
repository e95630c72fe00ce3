"""Is a video that was encoded twice known by its packets? ``python -m benchmarks.double_encoding``.

After Vázquez-Padín et al. 2012 (prediction footprint): where the first encoding had an I-frame, the second
one's P-frame is dearer, every so many frames. Here by packet sizes, which need no decoder of our own. Genuine
clips are made small (which forgets their history), encoded once, and encoded twice, by pairs of qualities and
key-frame distances; printed is the AUC of the strongest comb, and how many lie above 95 % of single ones.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.known_media import ROOT
from training.metrics import auc

__all__ = ["comb", "main"]

FRAMES, WIDTH = 150, 256
LEAST_TEETH = 4
PAIRS = ((12, 30, 23), (25, 23, 23), (250, 30, 23))
"""First key-frame distance, first and second CRF; the second distance is 250, x264's default."""


def pictures(path: Path, *, small: bool = False) -> list[av.VideoFrame]:
    """The first frames of a clip."""
    found = []
    with av.open(str(path)) as clip:
        for frame in clip.decode(video=0):
            height = round(frame.height * WIDTH / frame.width / 2) * 2
            found.append(frame.reformat(WIDTH, height, format="yuv420p") if small else frame)
            if len(found) == FRAMES:
                break
    return found


def encode(frames: list[av.VideoFrame], target: Path, distance: int, crf: int) -> None:
    """Write frames with x264."""
    options = {"preset": "veryfast", "crf": str(crf), "g": str(distance), "threads": "1"}
    with av.open(str(target), "w") as clip:
        stream = clip.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for number, frame in enumerate(frames):
            plain = frame.reformat(format="yuv420p")
            plain.pts, plain.time_base, plain.pict_type = number, Fraction(1, 25), 0
            clip.mux(stream.encode(plain))
        clip.mux(stream.encode(None))


def sizes(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logarithm of the packet sizes in the order of presentation, and each frame's type (I 1, P 2, B 3)."""
    with av.open(str(path)) as clip:
        length = {p.pts: p.size for p in clip.demux(video=0) if p.pts is not None}
    with av.open(str(path)) as clip:
        kinds = {f.pts: int(f.pict_type) for f in clip.decode(video=0)}
    order = sorted(length.keys() & kinds.keys())
    return np.log([length[pts] for pts in order]), np.array([kinds[pts] for pts in order])


def comb(values: NDArray[np.float64], kinds: NDArray[np.int64]) -> float:
    """The strongest comb of dear packets: standard errors above the mean, over all distances and starts.

    Each packet is compared with those of its own type around it, for B-frames come in a rhythm of their own.
    """
    excess = np.full(len(values), np.nan)
    for place in np.flatnonzero(kinds != 1):
        near = slice(max(0, place - 12), place + 13)
        excess[place] = max(0.0, values[place] - np.median(values[near][kinds[near] == kinds[place]]))
    known = np.isfinite(excess)
    mean, spread = excess[known].mean(), excess[known].std() + 1e-6
    best = 0.0
    for distance in range(6, len(values) // LEAST_TEETH + 1):
        for start in range(distance):
            teeth = excess[start::distance]
            teeth = teeth[np.isfinite(teeth)]
            if len(teeth) >= LEAST_TEETH:
                best = max(best, float((np.median(teeth) - mean) / spread * np.sqrt(len(teeth))))
    return best


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    reader.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    clips = sorted((reader.parse_args().data / "video" / "genuine").rglob("*.m*"))
    once: dict[int, list[float]] = {}
    twice: dict[tuple[int, int, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "1.mp4"), Path(folder, "2.mp4")
        for path in clips:
            frames = pictures(path, small=True)
            if len(frames) < 60:
                continue
            for crf in sorted({pair[2] for pair in PAIRS}):
                encode(frames, second, 250, crf)
                once.setdefault(crf, []).append(comb(*sizes(second)))
            for pair in PAIRS:
                encode(frames, first, pair[0], pair[1])
                encode(pictures(first), second, 250, pair[2])
                twice.setdefault(pair, []).append(comb(*sizes(second)))
    print(
        "| first: every, CRF | second: CRF | clips | AUC | above 95 % of single ones |\n|---|---|---|---|---|"
    )
    for (distance, before, after), found in twice.items():
        scores, labels = once[after] + found, [0] * len(once[after]) + [1] * len(found)
        above = float(np.mean(np.array(found) > np.quantile(once[after], 0.95)))
        area = auc(np.array(scores), np.array(labels))
        print(f"| {distance}, {before} | {after} | {len(found)} | {area:.2f} | {above:.0%} |")


if __name__ == "__main__":
    main()
