"""``lip_sync``: whether sound in sync is told from the same sound moved, or from somebody else's.

Positives are simulated: the clip's own sound moved by 0.3 to 0.5 s, and other clips' sound. The detector is
a rule without a score as long as that is not told apart reliably on genuine speakers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from bonafide_inference.detectors.lip_sync.detector import RATE, lips_of
from bonafide_inference.detectors.lip_sync.measure import (
    BAND_HZ,
    MAX_LAG_S,
    NEAR_S,
    STEP_S,
    Lips,
    Sync,
    correlogram,
    envelope,
    synchrony,
)
from bonafide_inference.faces import follow, follow_burst
from bonafide_inference.frames import Stretch, read_reel
from bonafide_inference.vad import FRAME, Vad
from numpy.typing import NDArray

from training.clips import Clip, clips, figure, seconds, words

__all__ = ["train"]

SHIFTS = (-0.5, -0.4, -0.3, 0.3, 0.4, 0.5)
LONGEST_S = 8.0
LEAST_SPEECH = 0.3


@dataclass(frozen=True)
class Speaker:
    """A clip with a mouth and speech: its mouth and its sound, at `RATE`, from ``begun`` seconds on."""

    clip: Clip
    lips: Lips
    sound: NDArray[np.float32]
    begun: float


def train(data: Path, target: Path) -> None:
    """Measure, and write manifest and card."""
    talking = [clip for clip in clips(data) if _has_sound(clip.path)]
    speakers = [found for clip in talking if (found := _speaker(clip)) is not None]
    rows = [(one.clip, "as it is", _sync(one, one, 0.0)) for one in speakers]
    rows += [(one.clip, "moved", _sync(one, one, shift)) for one in speakers for shift in SHIFTS]
    rows += [
        (one.clip, "swapped", _sync(one, other, 0.0))
        for one in speakers
        for other in speakers
        if other is not one
    ]
    margins = np.array([-sync.margin for _, _, sync in rows])
    made = np.array([how != "as it is" for _, how, _ in rows])
    said = figure(margins, made, [clip.path.name for clip, _, _ in rows])
    figures = {
        "simulated_auc": round(said[0], 3), "simulated_auc_low": round(said[1], 3),
        "simulated_auc_high": round(said[2], 3), "clips_with_sound": len(talking),
        "speaking_clips": len(speakers),
        "genuine_speaking_clips": sum(one.clip.label == "genuine" for one in speakers),
    }  # fmt: skip
    manifest = {
        "name": "lip_sync", "title": "Mouth and speech", "version": "1.0.0", "operation": "lip_sync",
        "type": "rule", "kind": "video", "media_kinds": ["video"], "entry": "detector:LipSync",
        "input": {"bursts": "native rate, 4 s", "rate_hz": RATE},
        "preprocessing": {"step_s": STEP_S, "most_lag_s": MAX_LAG_S}, "calibration": None,
        "licence": "Apache-2.0", "data": "measured on clips of the material that speak; nothing is trained",
        "figures": figures,
    }  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (target / "card.md").write_text(_card(rows, figures, words(said)), encoding="utf-8")


def _has_sound(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def _speaker(clip: Clip) -> Speaker | None:
    """The longest burst with a mouth, if somebody speaks in the clip."""
    sound, begun = _sound(clip.path)
    frames = sound[: sound.size // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames) or float((Vad().feed(frames) > 0.5).mean()) < LEAST_SPEECH:
        return None
    length = seconds(clip.path, LONGEST_S)
    reel = read_reel(str(clip.path), clip.family, Stretch(end_s=LONGEST_S, length_s=length))
    tracks = follow(reel.frames).tracks
    for burst in reel.bursts:
        track = follow_burst(burst, reel.frames, tracks)
        lips = lips_of(burst, track) if track else None
        if lips is not None:
            return Speaker(clip, lips, sound, begun)
    return None


def _sound(path: Path) -> tuple[NDArray[np.float32], float]:
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as container:
        origin, begun, parts = (container.start_time or 0) / 1e6, None, []
        for frame in container.decode(audio=0):
            begun = (frame.time or 0.0) - origin if begun is None else begun
            parts += [part.to_ndarray().ravel() for part in resampler.resample(frame)]
    return (np.concatenate(parts) if parts else np.zeros(0, np.float32)), begun or 0.0


def _sync(face: Speaker, voice: Speaker, shift: float) -> Sync:
    times = face.lips.times
    grid = np.arange(times[0] - MAX_LAG_S, times[-1] + MAX_LAG_S, STEP_S)
    return synchrony(
        [correlogram(face.lips, envelope(voice.sound, RATE, voice.begun, grid + shift), grid)], [1.0]
    )


def _table(rows: list[tuple[Clip, str, Sync]]) -> str:
    lines = ["| clip of | sound | n | offset (s) | correlation | margin |", "|---|---|---|---|---|---|"]
    for path in dict.fromkeys(clip.path for clip, _, _ in rows):
        for how in ("as it is", "moved", "swapped"):
            mine = [(clip, sync) for clip, own, sync in rows if clip.path == path and own == how]
            if mine:
                middle = [
                    float(np.median([getattr(s, k) for _, s in mine])) for k in ("offset_s", "peak", "margin")
                ]
                cells = " | ".join(f"{value:.2f}" for value in middle)
                lines.append(f"| {mine[0][0].source} ({mine[0][0].label}) | {how} | {len(mine)} | {cells} |")
    return "\n".join(lines)


def _card(rows: list[tuple[Clip, str, Sync]], figures: dict[str, Any], simulated: str) -> str:
    own = [(clip.label, sync) for clip, how, sync in rows if how == "as it is"]
    near = {
        label: f"{sum(abs(sync.offset_s) <= NEAR_S for kind, sync in own if kind == label)} of "
        f"{sum(kind == label for kind, _ in own)}"
        for label in ("genuine", "lipsync")
    }
    return f"""# lip_sync 1.0.0

Written by `python -m training.train lip_sync --data ../shared/data`; do not edit.

**Asks** whether the mouth moves with the sound. The distance of the inner lips (a mesh of 468 points,
decision 0080) is correlated with the loudness of the sound from {BAND_HZ[0]:.0f} to {BAND_HZ[1]:.0f} Hz at
lags up to {MAX_LAG_S} s either way. `offset_s` is positive when the sound is late;
`margin` is the best correlation within {NEAR_S} s less the best beyond.

A rule, no learned weights, **and no score**: the answer is `inconclusive` (`no_calibrated_score`), offset
and correlation are evidence. **A single offset is not to be trusted**: on their own sound {near["genuine"]}
genuine clips measure within {NEAR_S} s, and {near["lipsync"]} lip-sync fakes (Loopy, driven by their sound,
so that being in sync is no sign of being genuine). The positives are **simulated** (the clip's sound moved,
and other clips' sound): AUC {simulated}, by clip, an interval that holds 0.5. The material has
{figures["genuine_speaking_clips"]} genuine clip with a face and speech among {figures["clips_with_sound"]}
with sound, so no false-alarm rate can be known.

**Silent** without sound (`no_audio`), consecutive frames (`no_frames`), a face (`no_face`), speech while it
is seen (`no_speech`); `mouth_not_visible` when it is too small, dark, blurred or turned, `mouth_still` when
it does not move (somebody else may be speaking). The largest face is looked at, which need not be the
speaker's.

Medians:

{_table(rows)}

Figures: {json.dumps(figures)}.
"""
