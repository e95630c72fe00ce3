"""The operation ``lip_sync``: does the mouth move with the sound, and if not, by how much is it off.

A measurement without a calibrated score (card, decisions 0067, 0098): the answer is ``inconclusive``; offset,
correlation and the chance of as high a one between strangers are its evidence, and a flag where the chance is
small. It is silent without a face, a visible moving mouth, or speech.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.lip_sync.chance import ALPHA, Chance, chance, in_step
from bonafide_inference.detectors.lip_sync.measure import (
    MAX_LAG_S,
    STEP_S,
    Lips,
    Sync,
    curves,
    envelope,
    lags_s,
    paired,
    synchrony,
)
from bonafide_inference.detectors.lip_sync.pictures import Mouth, pictures
from bonafide_inference.faces import FaceTrack, assess
from bonafide_inference.frames import Burst
from bonafide_inference.registry import Job
from bonafide_inference.vad import FRAME, FRAME_S, Vad
from bonafide_inference.video_report import cut_flags, node
from numpy.typing import NDArray

__all__ = ["POWER", "WORDS", "LipSync", "lips_of", "relation"]

RATE = 16_000
LEAST_S = 1.5
"""Seconds of burst with a mouth, and of speech within them, that are needed."""
LEAST_RATE = 12.0
"""Frames a second: below that syllables are missed."""
STILL = 0.01
"""Spread of the opening (eye distances) below which the mouth does not move: the mesh's own noise is 0.01."""
MAX_SOUND_S = 960.0
POWER = 0.8
"""Below this power it says nothing that no relation was found."""
WORDS = {
    "no_video": "There is no picture track.",
    "no_audio": "There is no sound in this stretch.",
    "no_frames": "There are too few consecutive frames to follow a mouth.",
    "no_face": "No face was followed through consecutive frames.",
    "mouth_not_visible": "The mouth is too small, dark, blurred or turned away.",
    "no_speech": "There is not enough speech while the face is seen.",
    "mouth_still": "The mouth of the largest face does not move; somebody else may be speaking.",
    "no_calibrated_score": "Mouth and sound are related; what that says of manipulation is not known well "
    "enough for a score (a lip-sync fake is in step with its sound, too).",
    "no_relation_found": "Mouth and sound show no relation, where the usual one would have been seen; what "
    "that says of manipulation is not known.",
    "too_little_to_tell": "Mouth and sound show no relation, but so short a stretch would not show the usual "
    "one either.",
}
REASONS = {
    "in_step": "no_calibrated_score", "out_of_step": "no_calibrated_score", "none": "no_relation_found",
    "unknown": "too_little_to_tell",
}  # fmt: skip


class LipSync:
    """Correlates the opening of the mouth with the energy of the sound; see the card."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a picture track and a sound track."""
        types = {track.type for track in media.tracks}
        return "no_video" if "video" not in types else None if "audio" in types else "no_audio"

    def score(self, job: Job) -> Finding:
        """Return what was measured; never a score."""
        flags, reel = cut_flags(job), job.piece.reel()
        bursts = [burst for burst in reel.bursts if _fast(burst)]
        if not bursts:
            return _silent(Outcome.NOT_APPLICABLE, "no_frames", flags)
        pairs = [
            (burst, track) for burst, track in zip(reel.bursts, job.piece.burst_faces(), strict=True)
            if track is not None and _fast(burst)
        ]  # fmt: skip
        if not pairs:
            return _silent(Outcome.NOT_APPLICABLE, "no_face", flags)
        mouths = [
            Mouth(lips, burst, track)
            for burst, track in pairs if (lips := lips_of(burst, track)) is not None
        ]  # fmt: skip
        if not mouths:
            return _silent(Outcome.INCONCLUSIVE, "mouth_not_visible", flags)
        begun, sound = _sound(job)
        if not sound.size:
            return _silent(Outcome.NOT_APPLICABLE, "no_audio", flags)
        talking = [mouth for mouth in mouths if _speech_s(sound, begun, mouth.lips) >= LEAST_S]
        if not talking:
            return _silent(Outcome.NOT_APPLICABLE, "no_speech", flags)
        moving = [mouth for mouth in talking if mouth.lips.opening.std() >= STILL]
        if not moving:
            return _silent(Outcome.INCONCLUSIVE, "mouth_still", flags)
        return _measured(job, moving, begun, sound, flags)


def _silent(outcome: Outcome, reason: str, flags: tuple[Flag, ...]) -> Finding:
    return Finding(
        operation=Operation.LIP_SYNC, outcome=outcome, reason=reason, detail=WORDS[reason],
        evidence=Evidence(flags=flags),
    )  # fmt: skip


def _fast(burst: Burst) -> bool:
    times = [frame.time_s for frame in burst.frames]
    return (
        len(times) > 1
        and times[-1] - times[0] >= LEAST_S
        and len(times) / (times[-1] - times[0]) >= LEAST_RATE
    )


def lips_of(burst: Burst, track: FaceTrack) -> Lips | None:
    """The mouth of the largest face through a burst; None when too little of it can be judged."""
    probe = track.faces[:: max(1, len(track.faces) // 8)]
    poor = sum(assess(burst.frames[face.frame].rgb, face).reason is not None for face in probe)
    if poor > len(probe) / 2 or track.span_s[1] - track.span_s[0] < LEAST_S:
        return None
    if len(track.faces) < 0.8 * (track.faces[-1].frame - track.faces[0].frame + 1):
        return None
    opening = [found.mouth_opening for found in track.meshes]
    return Lips(np.array([face.time_s for face in track.faces]), np.array(opening))


def _sound(job: Job) -> tuple[float, NDArray[np.float32]]:
    """When the sound of the piece begins (seconds), and the sound at `RATE`."""
    first = next(((moment, block) for moment, _, block in job.piece.sound() if block.size), None)
    return (0.0, np.zeros(0, np.float32)) if first is None else (
        first[0], job.piece.waveform(RATE, MAX_SOUND_S)
    )  # fmt: skip


def _speech_s(sound: NDArray[np.float32], begun: float, lips: Lips) -> float:
    """Seconds of speech while the mouth is seen."""
    first = max(0, int((lips.times[0] - begun) * RATE))
    part = sound[first : max(first, int((lips.times[-1] - begun) * RATE))]
    frames = part[: part.size // FRAME * FRAME].reshape(-1, FRAME)
    return float((Vad().feed(frames) > 0.5).sum()) * FRAME_S


def _measured(
    job: Job, mouths: list[Mouth], begun: float, sound: NDArray[np.float32], flags: tuple[Flag, ...]
) -> Finding:
    every = [mouth.lips for mouth in mouths]
    grids = [np.arange(lips.times[0] - MAX_LAG_S, lips.times[-1] + MAX_LAG_S, STEP_S) for lips in every]
    energies = [envelope(sound, RATE, begun, grid) for grid in grids]
    pairs = [paired(*three) for three in zip(every, energies, grids, strict=True)]
    weights = [float(lips.times[-1] - lips.times[0]) for lips in every]
    sync = synchrony([curves(pair.mouth[None], pair.loud[None])[0] for pair in pairs], weights)
    odds = chance(pairs, weights)
    found = relation(sync, odds)
    curve: Any = [
        [round(lag, 2), round(x, 3)] for lag, x in zip(lags_s().tolist(), sync.curve.tolist(), strict=True)
    ]
    evidence = Evidence(
        flags=(*flags, *_flags(job, found, sync, odds)),
        values=_values(sync, odds, found, weights),
        details={"correlation_by_lag": curve, "tree": _tree(every)},
    )
    return _silent(Outcome.INCONCLUSIVE, REASONS[found], ()).model_copy(
        update={"evidence": evidence, "artifacts": pictures(job, mouths, grids, energies, pairs)}
    )


def relation(sync: Sync, odds: Chance) -> str:
    """``in_step`` and ``out_of_step`` where chance hardly explains the peak; else ``none`` or ``unknown``.

    ``unknown``: a mouth that belongs to the sound would often have been missed, too.
    """
    if odds.in_step <= ALPHA:
        return "in_step"
    if odds.any_lag <= ALPHA and not in_step()[int(sync.curve.argmax())]:
        return "out_of_step"
    return "none" if odds.power >= POWER else "unknown"


def _flags(job: Job, found: str, sync: Sync, odds: Chance) -> tuple[Flag, ...]:
    """What is more than chance, and what it does not prove."""
    rate = job.manifest.figures.get(f"unrelated_{found}")
    often = None if rate is None else f"{100 * float(rate):.1f} % of mouths beside somebody else's speech"
    if found == "in_step":
        best = int(np.where(in_step(), sync.curve, -1.0).argmax())
        lag = round(float(lags_s()[best]), 2)
        words = f"The mouth moves with the sound (r = {sync.curve[best]:.2f}, p = {odds.in_step:.3f})."
        caveat = "A lip-sync fake is made from its sound and is in step, too: the video need not be genuine."
        return (Flag(code="lips_in_step", message=words, value=lag, where="seconds",
                     base_rate=often, caveat=caveat),)  # fmt: skip
    if found == "out_of_step":
        late = "late" if sync.offset_s > 0 else "early"
        words = (
            f"The sound fits the mouth best {abs(sync.offset_s):.2f} s {late}, which viewers notice "
            f"(r = {sync.peak:.2f}, p = {odds.any_lag:.3f})."
        )
        caveat = "Careless muxing, streaming and dubbing move sound; no face or voice need have been made."
        return (Flag(code="sound_out_of_step", message=words, value=sync.offset_s, where="seconds",
                     base_rate=often, caveat=caveat),)  # fmt: skip
    return ()


def _tree(mouths: list[Lips]) -> dict[str, Any]:
    """Video → mouth through a burst → the face at its widest opening."""
    tracks = []
    for lips in mouths:
        begun, ended, widest = (float(lips.times[place]) for place in (0, -1, int(lips.opening.argmax())))
        leaf = node("face", widest, None, opening=round(float(lips.opening.max()), 4))
        tracks.append(node("track", begun, None, [leaf], until=round(ended, 3)))
    return node("video", tracks[0]["timestamp"], None, tracks)


def _values(sync: Sync, odds: Chance, found: str, weights: list[float]) -> dict[str, float | int | str]:
    return {
        "offset_s": sync.offset_s, "correlation": round(sync.peak, 4),
        "correlation_in_sync": round(sync.near, 4), "margin": round(sync.margin, 4),
        "raw_score": round(-sync.margin, 4), "relation": found, "p_any_lag": odds.any_lag,
        "p_in_step": odds.in_step, "power": odds.power, "bursts": len(weights),
        "seconds": round(sum(weights), 2),
    }  # fmt: skip
