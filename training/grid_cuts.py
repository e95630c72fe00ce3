"""What a jump of an earlier coding's frame grid is worth: ``python -m training.grid_cuts [--write]``.

Genuine clips are coded as AAC or MP3 at 16 or 44.1 kHz, or not at all, decoded, and cut or left whole; both
are then saved with 16 bits at another level, or coded once more. Nothing is fitted to them, so no source can
be learnt. ``--write`` puts the likelihood ratio and the table into the manifest and the card of
``audio_splice``.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import bonafide_inference
import numpy as np
from bonafide_inference.detectors.audio_splice.framegrid import follow
from bonafide_inference.nativesound import NativeSound
from numpy.typing import NDArray
from scipy import stats

from training.channels import resample
from training.cuts_cache import hosts_of
from training.speech_material import RATE_HZ, Clip, speech

__all__ = ["Watched", "main", "measured", "section", "watch", "worth", "write"]

MOST = 4
"""Clips of a source."""
NEAR_S = 0.15
MOST_LLR = 4.6
KINDS = ("whole", "words left out", "words put in")
CODED: dict[str, tuple[str, str, dict[int, tuple[int, ...]]]] = {
    "AAC": ("aac", "adts", {16_000: (24, 32, 48), 44_100: (64, 96, 128)}),
    "MP3": ("libmp3lame", "mp3", {16_000: (24, 32, 48, 64), 44_100: (64, 96, 128, 192)}),
}  # fmt: skip
"""Encoder, container and kbit/s at each rate."""
NEVER = "nothing"
SAVED = ("16 bits", "16 bits, another level", "MP3")
HEADING = "**The frame grid.**"
FOLDER = Path(bonafide_inference.__file__).parent / "detectors" / "audio_splice"
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Watched:
    """One recording: how it was made, and what was seen of its grid."""

    group: str
    coder: str
    """Name in `CODED`, or `NEVER`."""
    rate: int
    kbits: int
    kind: str
    saved: str
    seconds: float
    grid: bool
    jumps: int
    right: bool
    """Whether a jump is within `NEAR_S` of each cut's place."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="training.grid_cuts", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--most", type=int, default=MOST, help="clips of a source")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args(argv)
    seen = measured(arguments.data, arguments.most)
    print(section(seen))
    if arguments.write:
        write(seen, FOLDER)
    return 0


def measured(data: Path, most: int = MOST) -> list[Watched]:
    """`watch` over ``most`` clips of every source of the material."""
    return list(watch(*hosts_of(speech(data), most)))


def watch(hosts: Sequence[Clip], sounds: Sequence[Sound], seed: int = 31) -> Iterator[Watched]:
    """Each clip with each coder whole and cut in two ways, saved in one of the ways of `SAVED`."""
    for row, (clip, sound) in enumerate(zip(hosts, sounds, strict=True)):
        for number, coder in enumerate((*CODED, NEVER)):
            rng = np.random.default_rng((seed, row) if not number else (seed, row, number))
            rate, saved = int(rng.choice([16_000, 44_100])), str(rng.choice(SAVED))
            guest = sounds[int(rng.integers(len(sounds)))]
            kbits, (whole, other) = _earlier(coder, (sound, guest), rate, rng)
            for kind in KINDS if coder != NEVER else KINDS[:1]:
                made, cuts = _cut(kind, whole, other, rate, rng)
                made = _saved(made, saved, rate, rng)
                seen = follow(NativeSound.of(made, rate), "mp3" if saved == "MP3" else "")
                jumps, seconds = seen.jumps(), made.size / rate
                right = bool(cuts) and any(
                    j.start_s - NEAR_S <= cut <= j.end_s + NEAR_S for cut in cuts for j in jumps
                )
                yield Watched(
                    clip.group, coder, rate, kbits, kind, saved, seconds, seen.found, len(jumps), right
                )
        if row % 5 == 0:
            print(f"\rgrids of clip {row}/{len(hosts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _earlier(
    coder: str, sounds: Sequence[Sound], rate: int, rng: np.random.Generator
) -> tuple[int, list[Sound]]:
    """kbit/s, and the sounds as an editor has them: coded and decoded."""
    if coder == NEVER:
        return 0, [_at(sound, rate, rng) for sound in sounds]
    encoder, container, choice = CODED[coder]
    kbits = int(rng.choice(choice[rate]))
    return kbits, [_coded(_at(sound, rate, rng), rate, encoder, container, kbits * 1000) for sound in sounds]


def _at(sound: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """At this rate, with a microphone's noise over the whole band."""
    sound = resample(sound, RATE_HZ, rate) * np.float32(0.7 / (np.abs(sound).max() + 1e-6))
    return (sound + rng.normal(0, 3e-4, sound.size)).astype(np.float32)


def _cut(
    kind: str, sound: Sound, other: Sound, rate: int, rng: np.random.Generator
) -> tuple[Sound, tuple[float, ...]]:
    if kind == "whole":
        return sound, ()
    first = int(rng.uniform(0.35, 0.5) * sound.size)
    if kind == "words left out":
        gone = min(int(rng.uniform(0.2, 1.0) * rate), sound.size - first - rate)
        return np.concatenate((sound[:first], sound[first + max(gone, 100) :])), (first / rate,)
    size, begin = int(rng.uniform(0.8, 1.6) * rate), int(rng.uniform(0, 0.3) * other.size)
    words = other[begin : begin + size]
    cuts = (first / rate, (first + words.size) / rate)
    return np.concatenate((sound[:first], words, sound[first:])), cuts


def _saved(sound: Sound, how: str, rate: int, rng: np.random.Generator) -> Sound:
    if how == "MP3":
        return _coded(sound, rate, "libmp3lame", "mp3", 64_000 if rate == RATE_HZ else 128_000)
    level = 1.0 if how == "16 bits" else float(rng.uniform(0.4, 1.2))
    return (np.round(np.clip(sound * level, -1, 1) * 32767) / 32768).astype(np.float32)


def _coded(sound: Sound, rate: int, encoder: str, container: str, bits: int) -> Sound:
    """Coded and decoded, with the delay that the coder gives; 16 bits."""
    packed, buffer = (np.clip(sound, -1, 1) * 32767).astype(np.int16)[None], io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream: Any = out.add_stream(encoder, rate=rate, layout="mono")
        stream.bit_rate = bits
        sampler = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=1152)
        frame = av.AudioFrame.from_ndarray(packed, "s16", "mono")
        frame.sample_rate = rate
        for piece in (*sampler.resample(frame), *sampler.resample(None), None):
            out.mux(stream.encode(piece))
    buffer.seek(0)
    with av.open(buffer, "r") as coded:
        parts = [np.atleast_2d(piece.to_ndarray())[0] for piece in coded.decode(audio=0)]
    whole = np.concatenate(parts)
    return whole.astype(np.float32) if whole.dtype.kind == "f" else (whole / 32768).astype(np.float32)


def worth(seen: Sequence[Watched]) -> dict[str, float]:
    """LLR of a jump where there is a grid, and its 95 % interval (Jeffreys; both shares at their worst)."""
    grids = [one for one in seen if one.grid]
    cut = [one.jumps > 0 for one in grids if one.kind != "whole"]
    whole = [one.jumps > 0 for one in grids if one.kind == "whole"]
    hits, alarms = (stats.beta(sum(x) + 0.5, len(x) - sum(x) + 0.5) for x in (cut, whole))
    found = {
        "llr": np.log(hits.mean() / alarms.mean()), "low": np.log(hits.ppf(0.025) / alarms.ppf(0.975)),
        "high": np.log(hits.ppf(0.975) / alarms.ppf(0.025)),
    }  # fmt: skip
    return {f"grid_jump_{name}": round(float(min(value, MOST_LLR)), 3) for name, value in found.items()}


def section(seen: Sequence[Watched]) -> str:
    """The card's part."""
    lines = [INTRODUCTION.format(sources=len({one.group for one in seen}), **worth(seen))]
    lines += _table("coded as, then saved as", seen, _saving)
    cut = [one for one in seen if one.kind != "whole" and one.saved != "MP3"]
    lines += ["", "Cut, then saved with 16 bits, by bit rate:", ""]
    lines += _table("earlier coding", cut, _rate)
    whole = [one for one in seen if one.kind == "whole"]
    minutes = sum(one.seconds for one in whole) / 60
    false = sum(one.jumps for one in whole)
    lines.append(f"\nFalse jumps: {false} in {minutes:.1f} minutes of {len(whole)} uncut recordings.")
    return "\n".join(lines) + "\n"


def _table(
    title: str, seen: Sequence[Watched], row: Callable[[Watched], tuple[tuple[int, ...], str]]
) -> list[str]:
    """``row`` gives a recording's place in the order of rows, and the row's name."""
    columns = (title, "recordings", "grid found", "jumps", "at the cut")
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for place in sorted({row(one) for one in seen}):
        some = [one for one in seen if row(one) == place]
        shares = [np.mean([getattr(one, field) > 0 for one in some]) for field in ("grid", "jumps", "right")]
        lines.append(f"| {place[1]} | {len(some)} | " + " | ".join(f"{x:.0%}" for x in shares) + " |")
    return lines


def _saving(one: Watched) -> tuple[tuple[int, ...], str]:
    order = (*CODED, NEVER).index(one.coder), SAVED.index(one.saved), KINDS.index(one.kind)
    return order, f"{one.coder}, {one.saved}: {one.kind}"


def _rate(one: Watched) -> tuple[tuple[int, ...], str]:
    order = (*CODED, NEVER).index(one.coder), one.rate, one.kbits
    return order, f"{one.coder}, {one.rate / 1000:g} kHz, {one.kbits} kbit/s"


def write(seen: Sequence[Watched], folder: Path) -> None:
    """Put the likelihood ratio into the manifest of a folder, and the table into its card."""
    path, card = folder / "model.json", folder / "card.md"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["thresholds"] = manifest.get("thresholds", {}) | worth(seen)
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    kept = card.read_text("utf-8").partition(HEADING)[0].rstrip()
    card.write_text(f"{kept}\n\n{section(seen)}", encoding="utf-8")


INTRODUCTION = (
    HEADING
    + """ AAC and MP3 set weak coefficients of each frame to zero, and these zeros come back where
decoded sound is cut into frames at the same places (`framegrid.py`). Where the grid jumps, decoded sound was
edited: value `coding_grid_jumps` and a flag; the segments there rise to an LLR of {grid_jump_llr:g}
({grid_jump_low:g} to {grid_jump_high:g}), and the channel's is mixed with it (decisions 0073, 0094). A grid
that does not jump says nothing, nor does none. The grid of the file's own coding is not looked for. Opus,
Vorbis and other coders before the cut are unknown; one more coding after the cut hides most grids. Measured
on clips of {sources} sources, nothing fitted (`python -m training.grid_cuts --write`):
"""
)


if __name__ == "__main__":
    sys.exit(main())
