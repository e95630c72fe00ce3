"""What the score track of ``synthetic_speech`` adds to ``audio_splice``: ``python -m training.voice_track``.

Words of a synthetic voice are put into genuine recordings, as those of genuine ones are (`recordings.cut`).
Host and guest are of sources that one of the voice detector's networks has not heard; it alone scores the
windows of 2 s. What the track adds to the channel's score is weighed by a logistic fit without the host's
source. ``--write`` puts the table into the card of ``audio_splice`` and the limit into its manifest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bonafide_inference
import numpy as np
from bonafide_inference.detectors.audio_splice.detector import file_score
from bonafide_inference.detectors.audio_splice.features import measure
from bonafide_inference.detectors.synthetic_speech.detector import calibrated, member_scores
from bonafide_inference.models import LoadedModel, load
from numpy.typing import NDArray

from training import cuts_cache, cuts_fit, grid_cuts, logistic, recordings
from training.metrics import auc, bootstrap
from training.perceptron import Perceptron
from training.recordings import GENUINE, JOINS
from training.speech_material import RATE_HZ, Clip, heard, read_sound, speech

__all__ = ["HEADING", "Tracked", "main", "section", "tracked", "write"]

MOST = 15
"""Clips of a source."""
KINDS = (
    "genuine",
    "genuine words put in",
    "synthetic words put in",
    "synthetic words of the same source put in",
)
SHORTEST_S = 1.5
WINDOW_S = 2.0
RARE = 0.99
"""A change of the track that so many genuine recordings stay below is worth a sentence."""
HEADING = "**The score track of `synthetic_speech`.**"
FOLDER = Path(bonafide_inference.__file__).parent / "detectors" / "audio_splice"
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Tracked:
    """One recording: its kind and source, the channel's raw score, and the windows' log-likelihood ratios."""

    kind: str
    group: str
    raw: float
    track: tuple[float, ...]

    @property
    def change(self) -> float:
        """From the lowest window to the highest."""
        return max(self.track) - min(self.track) if self.track else 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="training.voice_track", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--most", type=int, default=MOST, help="clips of a source")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args(argv)
    clips = speech(arguments.data)
    seen = tracked(clips, cuts_cache.of(clips, cuts_fit.CACHE), arguments.most)
    print(section(seen))
    if arguments.write:
        write(seen, FOLDER)
    return 0


def tracked(clips: Sequence[Clip], made: cuts_cache.Made, most: int = MOST, seed: int = 53) -> list[Tracked]:
    """Every recording, judged by networks that know nothing of its sources.

    Parameters
    ----------
    made
        Cut and genuine recordings to fit the cut detector on, without the host's source each time.
    """
    model = load(str(FOLDER.parent / "synthetic_speech"))
    fold = model.manifest.input["held_out"]
    known = [clip for clip in clips if clip.group in fold]
    hosts, sounds = cuts_cache.hosts_of(known, most)
    cutters = cuts_fit.apart(made)
    found = []
    for row, host in enumerate(hosts):
        if host.group not in cutters:
            continue
        rng = np.random.default_rng((seed, row))
        for kind, sound in _made(hosts, sounds, row, known, fold, rng):
            raw = _raw(cutters[host.group], sound)
            found.append(Tracked(kind, host.group, raw, _track(model, sound, fold[host.group])))
        print(f"\rrecordings of clip {row}/{len(hosts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def _made(
    hosts: Sequence[Clip], sounds: Sequence[Sound], row: int, known: Sequence[Clip], fold: dict[str, int],
    rng: np.random.Generator,
) -> list[tuple[str, Sound]]:  # fmt: skip
    """A recording of each of `KINDS` that there are clips for."""
    host, sound, join = hosts[row], sounds[row], str(rng.choice(list(JOINS)))
    here = fold[host.group]
    others = [k for k, clip in enumerate(hosts) if fold[clip.group] == here and clip.group != host.group]
    guest = sounds[int(rng.choice(others))]
    voices = [clip for clip in known if clip.synthetic and fold[clip.group] == here]
    words: list[tuple[str, Sound | None]] = [(KINDS[1], guest)]
    words += [(KINDS[2], _long([clip for clip in voices if clip.group != host.group], rng))]
    words += [(KINDS[3], _long([clip for clip in voices if clip.group == host.group], rng))]
    scene = str(rng.choice(("other voice, other room", "other voice, same room")))
    made = [(KINDS[0], recordings.genuine(str(rng.choice(GENUINE)), sound, guest, rng).sound)]
    return made + [
        (kind, recordings.cut(scene, join, sound, some, rng).sound)
        for kind, some in words
        if some is not None
    ]


def _long(clips: Sequence[Clip], rng: np.random.Generator, tries: int = 8) -> Sound | None:
    for place in rng.permutation(len(clips))[:tries]:
        sound = read_sound(clips[int(place)].path)[: cuts_cache.LONGEST]
        if sound.size >= SHORTEST_S * RATE_HZ:
            return sound
    return None


def _raw(cutter: Perceptron, sound: Sound) -> float:
    rows = measure(sound)
    return file_score(np.asarray(cutter(rows), np.float64)) if len(rows) else 0.0


def _track(model: LoadedModel, sound: Sound, member: int) -> tuple[float, ...]:
    windows = [one for one in heard(sound).windows(WINDOW_S) if one.end_s - one.start_s >= 1]
    scores = [float(member_scores(model, window.samples)[member]) for window in windows]
    return tuple(calibrated(model.manifest, score).llr for score in scores)


def gain(seen: Sequence[Tracked], kind: str) -> tuple[float, float, float, float, float]:
    """AUC of the raw score, of the change alone, of both; and the 95 % interval of what both add.

    Both are weighed by a logistic fit on recordings of other sources.
    """
    some = [one for one in seen if one.kind in (KINDS[0], kind)]
    labels = np.array([one.kind == kind for one in some])
    table = np.array([[one.raw, one.change, max(one.track, default=0.0)] for one in some])
    groups = np.array([one.group for one in some])
    scores = np.zeros((2, len(some)))
    for name in np.unique(groups):
        inside = groups == name
        for row, columns in enumerate(([0], [0, 1, 2])):
            line = logistic.fit(table[~inside][:, columns], labels[~inside])
            scores[row, inside] = line(table[inside][:, columns])
    low, high = bootstrap(
        lambda rows: auc(scores[1][rows], labels[rows]) - auc(scores[0][rows], labels[rows]), groups.tolist()
    )
    return auc(scores[0], labels), auc(table[:, 1], labels), auc(scores[1], labels), low, high


def limit(seen: Sequence[Tracked]) -> float:
    """A change that `RARE` genuine recordings stay below."""
    return round(float(np.quantile([one.change for one in seen if one.kind == KINDS[0]], RARE)), 2)


def section(seen: Sequence[Tracked]) -> str:
    """The card's part."""
    lines = [INTRODUCTION.format(limit=limit(seen), sources=len({one.group for one in seen}))]
    lines += [
        "| put into genuine speech | recordings | AUC of the raw score | of the track's change | of both |"
    ]
    lines[-1] += " gain (95 %, drawing sources) |"
    lines += ["|---|---|---|---|---|---|"]
    for kind in KINDS[1:]:
        alone, change, both, low, high = gain(seen, kind)
        count = sum(one.kind == kind for one in seen)
        figures = f"{alone:.3f} | {change:.3f} | {both:.3f} | {both - alone:+.3f}"
        lines.append(f"| {kind} | {count} | {figures} ({low:+.3f} to {high:+.3f}) |")
    return "\n".join(lines) + "\n"


def write(seen: Sequence[Tracked], folder: Path) -> None:
    """Put the limit into the manifest of a folder, and the table into its card, before the frame grid's."""
    path, card = folder / "model.json", folder / "card.md"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["thresholds"] = manifest.get("thresholds", {}) | {"voice_track_change": limit(seen)}
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    before, grid, after = card.read_text("utf-8").partition(grid_cuts.HEADING)
    kept = before.partition(HEADING)[0].rstrip()
    card.write_text(f"{kept}\n\n{section(seen)}" + (f"\n{grid}{after}" if grid else ""), encoding="utf-8")


INTRODUCTION = (
    HEADING
    + """ Where that operation is asked for, too, the answer holds its
windows' lowest and highest LLR (`voice_track_low`, `voice_track_high`) and says in words when they differ by
more than {limit:g}, which one genuine recording in a hundred does. Its weight is 0: it moves no score.
Measured on hosts of {sources} sources by networks and models that have not heard them (`python -m
training.voice_track --write`; decision 0095):
"""
)


if __name__ == "__main__":
    sys.exit(main())
