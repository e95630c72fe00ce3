"""``lip_sync``: whether sound in sync is told from the same sound moved, or from somebody else's.

Three things are measured: how often mouths seem to be in or out of step with strangers' speech, which is
what the detector's p-values promise; what it says of the clips that do speak; and the same with their sound
moved by 0.3 to 0.5 s. The detector is a rule without a score: one genuine clip speaks here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from bonafide_inference.detectors.lip_sync.chance import ALPHA, EARLY_S, LATE_S, RELATED, SURROGATES
from bonafide_inference.detectors.lip_sync.detector import POWER, RATE
from bonafide_inference.detectors.lip_sync.measure import BAND_HZ, MAX_LAG_S, NEAR_S, STEP_S, Lips
from bonafide_inference.vad import FRAME, Vad

from training.clips import Clip, clips, figure, words
from training.lip_chance import Sound, Trial, asked, mouths_of, recordings, strangers, table

__all__ = ["train"]

VERSION = "1.1.0"
SHIFTS = (-0.5, -0.4, -0.3, 0.3, 0.4, 0.5)
LEAST_SPEECH = 0.3
RENDERED = "generated/"
"""Clips without people who speak."""


@dataclass(frozen=True)
class Speaker:
    """A clip with a mouth and speech: its longest burst with a mouth, and its sound."""

    clip: Clip
    lips: Lips
    sound: Sound


def train(data: Path, target: Path) -> None:
    """Measure, and write manifest and card."""
    every = [clip for clip in clips(data) if not clip.source.startswith(RENDERED)]
    mouths = {str(clip.path): found for clip in every if (found := mouths_of(clip))}
    sounds = {str(clip.path): read(clip.path) for clip in every if _has_sound(clip.path)}
    speaking = {path: sound for path, sound in sounds.items() if _speaks(sound)}
    trials = [
        trial for path, own in mouths.items()
        for trial in strangers({path: own}, [s for other, s in speaking.items() if other != path])
    ]  # fmt: skip
    trials += strangers(mouths, recordings(data, read))
    null, figures = table(trials)
    speakers = [
        Speaker(clip, max(mouths[path], key=lambda lips: len(lips.times)), speaking[path])
        for clip in every if (path := str(clip.path)) in mouths and path in speaking
    ]  # fmt: skip
    rows = [(one, "as it is", _trial(one, one.sound, 0.0)) for one in speakers]
    rows += [(one, "moved", _trial(one, one.sound, shift)) for one in speakers for shift in SHIFTS]
    said = figure(
        [-trial.sync.margin for *_, trial in rows], [how != "as it is" for _, how, _ in rows],
        [one.clip.path.name for one, *_ in rows],
    )  # fmt: skip
    figures |= {
        "unrelated_trials": len(trials), "unrelated_clips": len(mouths), "moved_auc": round(said[0], 3),
        "moved_auc_low": round(said[1], 3), "moved_auc_high": round(said[2], 3),
        "clips_with_sound": len(sounds), "speaking_clips": len(speakers),
        "genuine_speaking_clips": sum(one.clip.label == "genuine" for one in speakers),
    }  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(_manifest(figures), indent=2) + "\n", encoding="utf-8")
    card = _card(null, rows, figures, words(said))
    (target / "card.md").write_text(card, encoding="utf-8")
    print(card)


def _manifest(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "lip_sync", "title": "Mouth and speech", "version": VERSION, "operation": "lip_sync",
        "type": "rule", "kind": "video", "media_kinds": ["video"], "entry": "detector:LipSync",
        "input": {"bursts": "native rate, 4 s", "rate_hz": RATE},
        "preprocessing": {"step_s": STEP_S, "most_lag_s": MAX_LAG_S}, "calibration": None,
        "licence": "Apache-2.0", "data": "measured on clips of the material that speak; nothing is trained",
        "figures": figures,
    }  # fmt: skip


def read(path: Path) -> Sound:
    """The sound of a file."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as container:
        origin, begun, parts = (container.start_time or 0) / 1e6, None, []
        for frame in container.decode(audio=0):
            begun = (frame.time or 0.0) - origin if begun is None else begun
            parts += [part.to_ndarray().ravel() for part in resampler.resample(frame)]
    samples = np.concatenate(parts) if parts else np.zeros(0)
    return Sound(path.name, samples.astype(np.float32), begun or 0.0)


def _has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def _speaks(sound: Sound) -> bool:
    frames = sound.samples[: sound.samples.size // FRAME * FRAME].reshape(-1, FRAME)
    return bool(len(frames)) and float((Vad().feed(frames) > 0.5).mean()) >= LEAST_SPEECH


def _trial(one: Speaker, sound: Sound, shift: float) -> Trial:
    return asked(str(one.clip.path), [one.lips], sound, [shift])


def _own(rows: Sequence[tuple[Speaker, str, Trial]]) -> str:
    lines = [
        "| clip of | seconds | offset (s) | r | in step | p, all lags | p, in step | power | said | moved |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one, how, trial in rows:
        if how != "as it is":
            continue
        moved = Counter(other.said for who, kind, other in rows if who is one and kind == "moved")
        sync, odds = trial.sync, trial.odds
        cells = (
            f"{one.clip.source} ({one.clip.label})", f"{trial.cut[0]:.1f}", f"{sync.offset_s:.2f}",
            f"{sync.peak:.2f}", f"{sync.near:.2f}", f"{odds.any_lag:.3f}", f"{odds.in_step:.3f}",
            f"{odds.power:.2f}", trial.said, ", ".join(f"{said} {n}" for said, n in sorted(moved.items())),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _asks() -> str:
    return f"""Written by `python -m training.train lip_sync --data ../shared/data`; do not edit.

**Asks** whether the mouth moves with the sound. The distance of the inner lips (a mesh of 468 points,
decision 0080) is correlated with the loudness of the sound from {BAND_HZ[0]:.0f} to {BAND_HZ[1]:.0f} Hz at
lags up to {MAX_LAG_S} s either way, over the bursts of the window (4 s; one below 20 s, two above; a clip up
to 6 s whole). `offset_s` is positive when the sound is late; `margin` is the best correlation within
{NEAR_S} s less the best beyond.

**How likely is that by chance?** (decision 0098) Mouth and loudness are each replaced by {SURROGATES}
surrogates with their spectrum and other phases; the larger of the two p-values counts: `p_any_lag` of the
peak wherever it is, `p_in_step` of the best lag that viewers do not notice (sound {EARLY_S:.3f} s early to
{LATE_S:.3f} s late, ITU-R BT.1359-1, and one step of {STEP_S} s). `power`: how often a mouth that does follow
this sound with r = {RELATED} would have `p_in_step` ≤ {ALPHA}. `relation`: `in_step` where that is so
(flag `lips_in_step`); `out_of_step` where `p_any_lag` ≤ {ALPHA} at a lag beyond (flag `sound_out_of_step`:
most often careless muxing or dubbing); else `none` if the power is {POWER} or more, `unknown` if not. No flag
comes of `none`."""


def _card(null: str, rows: Sequence[tuple[Speaker, str, Trial]], figures: dict[str, Any], moved: str) -> str:
    return f"""# lip_sync {VERSION}

{_asks()}

A rule, no learned weights, **and no score**: the answer is `inconclusive`. Being in step is no sign of being
genuine: the lip-sync fakes here (Loopy) are driven by their sound. Being out of step is none of a fake. The
material has {figures["genuine_speaking_clips"]} genuine clip in which a seen face speaks, among
{figures["clips_with_sound"]} with sound, so no likelihood ratio of anything can be known.

**Silent** without sound (`no_audio`), consecutive frames (`no_frames`), a face (`no_face`), speech while it
is seen (`no_speech`); `mouth_not_visible` when it is too small, dark, blurred or turned, `mouth_still` when
it does not move (somebody else may be speaking); `too_little_to_tell` and `no_relation_found` are `unknown`
and `none`. The largest face is looked at, which need not be the speaker's.
**Shown**: opening and loudness over time, and a contact sheet of the faces where the two differ most, which
is a ranking and no suspicion.

**Is the chance right?** Mouths of {figures["unrelated_clips"]} clips (also of such without sound) beside
other people's speech: p should be ≤ .01 in 1 % of the trials. Intervals (95 %) draw clips again.

{null}

Of these trials {100 * figures["unrelated_in_step"]:.1f} % are called in step,
{100 * figures["unrelated_out_of_step"]:.1f} % out of step, {100 * figures["unrelated_none"]:.1f} % `none`.

**What is found on clips that speak**, on their own sound, and on the same moved by 0.3 to 0.5 s either way:

{_own(rows)}

The margin tells own sound from moved sound with AUC {moved}, by clip.

Figures: {json.dumps(figures)}.
"""
