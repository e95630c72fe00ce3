"""``temporal_coherence``: the range of genuine clips, and whether the measurements separate anything.

Limits are the 99.5 % quantile of all comparisons in genuine clips; the card shows how often each genuine
source passes the limit that the other sources set, and the AUC of each measurement beside trivial ones.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference.detectors.temporal_coherence.blinks import LEAST_EYE_PX, SHUT
from bonafide_inference.detectors.temporal_coherence.measure import Coherence, measure
from bonafide_inference.faces import follow, follow_burst
from bonafide_inference.frames import Stretch, read_reel

from training.clips import figure, seconds, words
from training.logistic import fit
from training.metrics import auc, bootstrap

__all__ = ["Clip", "clips", "train"]

MEASURES = ("jitter", "drift", "flicker")
EYES = ("blinks_per_minute", "eyes_shut_share", "eyes_open")
TRIVIAL = ("face_px", "rate", "softness")
FACES = ("faceswap", "reenactment", "lipsync")
"""Fakes of faces: what the combined figure is about; whole clips that were generated are not."""
LONGEST_S = 12.0
QUANTILE = 99.5


@dataclass(frozen=True)
class Clip:
    """One clip with a face: its source, whether it is genuine, what was measured, and trivial variables."""

    source: str
    genuine: bool
    seen: Coherence
    face_px: float
    rate: float
    softness: float

    @property
    def blinks_per_minute(self) -> float | None:
        """None where the eyes are not seen long enough."""
        return self.seen.blinks.per_minute if self.seen.blinks else None

    @property
    def eyes_shut_share(self) -> float | None:
        """Share of the looks at which the eyes are shut."""
        return self.seen.blinks.shut_share if self.seen.blinks else None

    @property
    def eyes_open(self) -> float | None:
        """Height over width of the open eyes."""
        return self.seen.blinks.open if self.seen.blinks else None


def clips(data: Path) -> Iterator[Clip]:
    """Every clip of the material in which a face is followed, its first `LONGEST_S` seconds."""
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("video/")]
    for row in sorted(rows, key=lambda row: row["path"]):
        family = "matroska" if row["path"].endswith(".mkv") else "mov"
        path = data / row["path"]
        length = seconds(path, LONGEST_S)
        reel = read_reel(str(path), family, Stretch(end_s=LONGEST_S, length_s=length))
        found = follow(reel.frames)
        if not found.tracks:
            continue
        through = [follow_burst(burst, reel.frames, found.tracks) for burst in reel.bursts]
        seen = measure(reel.frames, reel.bursts, found, through)
        folder = "/".join(row["path"].split("/")[1:3])
        sides = [face.side for face in found.tracks[0].faces]
        grey = reel.frames[0].rgb.mean(-1)
        soft = float(np.log(np.diff(grey, 2, axis=1).var() / max(float(grey.var()), 1.0)))
        yield Clip(folder, row["label"] == "genuine", seen, float(np.median(sides)), reel.rate, soft)


def train(data: Path, target: Path) -> None:
    """Measure, and write manifest and card."""
    every = list(clips(data))
    genuine = [clip for clip in every if clip.genuine]
    limits = {name: round(_limit(genuine, name), 4) for name in MEASURES}
    joined = _left_out(every, ("jitter", "flicker")), _left_out(every, TRIVIAL)
    figures = {f"{name}_auc": round(_auc(every, name)[0], 3) for name in (*MEASURES, *EYES[:2])}
    figures |= {
        "left_out_auc": round(joined[0][0][0], 3), "left_out_low": round(joined[0][0][1], 3),
        "left_out_false_alarms": round(joined[0][1], 3), "left_out_trivial_auc": round(joined[1][0][0], 3),
    }  # fmt: skip
    manifest = {
        "name": "temporal_coherence", "title": "Steadiness of faces over time", "version": "1.0.0",
        "operation": "temporal_coherence", "type": "rule", "kind": "video", "media_kinds": ["video"],
        "entry": "detector:TemporalCoherence", "input": {"bursts": "native rate, 4 s"}, "preprocessing": {},
        "calibration": None, "thresholds": limits, "licence": "Apache-2.0",
        "data": "limits of the genuine clips of the material", "figures": {"clips": len(every)} | figures,
    }  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (target / "card.md").write_text(_card(every, limits, _said(*joined)))


def _series(chosen: list[Clip], name: str) -> list[float]:
    return [x for clip in chosen for m in clip.seen.moments if (x := getattr(m, name)) is not None]


def _limit(chosen: list[Clip], name: str) -> float:
    return float(np.percentile(_series(chosen, name), QUANTILE))


def _auc(every: list[Clip], name: str) -> tuple[float, str]:
    """AUC of the clips' medians (or trivial variable), and the words with interval and counts."""
    values = [(_value(clip, name), not clip.genuine, clip.source) for clip in every]
    kept = [(v, fake, source) for v, fake, source in values if v is not None]
    scores, fakes = np.array([v for v, _, _ in kept]), np.array([fake for _, fake, _ in kept])
    middle = auc(scores, fakes)
    low, high = bootstrap(lambda i: auc(scores[i], fakes[i]), [source for _, _, source in kept])
    return middle, f"{middle:.3f} ({low:.3f}–{high:.3f}) | {int((~fakes).sum())} | {int(fakes.sum())}"


def _value(clip: Clip, name: str) -> float | None:
    if name in clip.seen.values:
        return clip.seen.values[name]
    value = getattr(clip, name)
    return None if value is None else float(value)


def _left_out(every: list[Clip], names: Sequence[str]) -> tuple[tuple[float, float, float], float]:
    """A regression over logs that never saw the source it judges: AUC, interval; false alarms at its zero."""
    some = [clip for clip in every if clip.genuine or clip.source.split("/")[0] in FACES]
    some = [clip for clip in some if all(_value(clip, name) is not None for name in names)]
    logs = np.array([[np.log(abs(_value(clip, name) or 0.0) + 1e-4) for name in names] for clip in some])
    fake, source = np.array([not clip.genuine for clip in some]), np.array([clip.source for clip in some])
    scores = np.zeros(len(some))
    for name in np.unique(source):
        own = source == name
        scores[own] = fit(logs[~own], fake[~own], ridge=3.0)(logs[own])
    return figure(scores, fake, list(source)), float(np.mean(scores[~fake] > 0))


def _said(
    own: tuple[tuple[float, float, float], float], trivial: tuple[tuple[float, float, float], float]
) -> str:
    return (
        "A regression over jitter and flicker that never saw the source it judges tells clips with a\n"
        f"fake face from genuine ones with AUC {words(own[0])}, over trivial variables\n"
        f"({', '.join(TRIVIAL)}) {words(trivial[0])}. At its zero it accuses\n"
        f"{own[1]:.0%} of the genuine clips, so it is not shipped (decision 0081)."
    )


def _table(every: list[Clip]) -> str:
    """What was measured, by measurement and by source."""
    lines = ["| measurement | AUC of clips (95 %, by source) | genuine | fake |", "|---|---|---|---|"]
    lines += [f"| {name} | {_auc(every, name)[1]} |" for name in (*MEASURES, *EYES)]
    lines += [f"| trivial: {name} | {_auc(every, name)[1]} |" for name in TRIVIAL]
    beyond = " | ".join(f"{n}: beyond limit" for n in MEASURES)
    lines += ["", f"| source | clips | cuts | {beyond} | blinks | seconds of eyes |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for source in dict.fromkeys(clip.source for clip in every):
        own = [clip for clip in every if clip.source == source]
        others = [clip for clip in every if clip.genuine and clip.source != source]
        cells = []
        for name in MEASURES:
            series = np.array(_series(own, name))
            cells.append(f"{np.mean(series > _limit(others, name)):.1%}" if series.size else "–")
        eyes = [clip.seen.blinks for clip in own if clip.seen.blinks]
        cells += [str(sum(len(one.times) for one in eyes)), f"{sum(one.seconds for one in eyes):.0f}"]
        lines.append(
            f"| {source} | {len(own)} | {sum(len(c.seen.cuts) for c in own)} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _card(every: list[Clip], limits: dict[str, Any], joined: str) -> str:
    return f"""# temporal_coherence 1.0.0

Written by `python -m training.train temporal_coherence --data ../shared/data`; do not edit.

**Asks** how steady a face is over time. A rule, no learned weights, **and no score**: the answer is
always `inconclusive` (`no_calibrated_score`), with issues as evidence. The first table says why: the
intervals are wide. {joined}

**Measures**, never across a cut: *jitter*, the second difference of ten points on bone (of a mesh of 468,
decision 0080) without the head's motion, in eye distances; *drift*, the change of the aligned face in half a
second, when the head is turned alike; *flicker*, how much more the face's brightness trembles than the
frame's; *blinks*, runs of 0.8 s or less in which the eyes are less than {SHUT} times as open as this
person's own open eyes. An **issue** is a moment beyond the {QUANTILE} %
quantile of all genuine comparisons ({json.dumps(limits)}), so genuine video has issues, too: five in a
thousand comparisons. `coherence` counts comparisons and issues.

**Limits.** Eyes are looked at during bursts only (4 s to 8), so few blinks are no sign of anything: people
blink every two to ten seconds, and an actor's wink counts. Eyes narrower than {LEAST_EYE_PX:.0f} pixels of a
burst's frame are not looked at. Jitter grows as the face gets smaller. Cuts are found by
thumbnails; a slow dissolve is none. Single hard flashes may be taken for a cut. Without a face only cuts are
reported.

{_table(every)}

The share beyond the limit is against the limit that the *other* genuine sources set.
"""
