"""The operation ``lip_sync``: does the mouth move with the sound, and if not, by how much is it off.

A measurement without a calibrated score (card, decision 0067): the answer is ``inconclusive``, the offset and
the correlation are its evidence. It is silent without a face, a visible moving mouth, or speech.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.lip_sync.measure import (
    MAX_LAG_S,
    STEP_S,
    Lips,
    Sync,
    correlogram,
    envelope,
    synchrony,
)
from bonafide_inference.faces import FaceTrack, assess
from bonafide_inference.frames import Burst
from bonafide_inference.registry import Job
from bonafide_inference.vad import FRAME, FRAME_S, Vad
from bonafide_inference.video_report import cut_flags, node, timeline_artifact
from numpy.typing import NDArray

__all__ = ["WORDS", "LipSync", "lips_of"]

RATE = 16_000
LEAST_S = 1.5
"""Seconds of burst with a mouth, and of speech within them, that are needed."""
LEAST_RATE = 12.0
"""Frames a second: below that syllables are missed."""
STILL = 0.01
"""Spread of the opening (eye distances) below which the mouth does not move: the mesh's own noise is 0.01."""
MAX_SOUND_S = 960.0
WORDS = {
    "no_video": "There is no picture track.",
    "no_audio": "There is no sound in this stretch.",
    "no_frames": "There are too few consecutive frames to follow a mouth.",
    "no_face": "No face was followed through consecutive frames.",
    "mouth_not_visible": "The mouth is too small, dark, blurred or turned away.",
    "no_speech": "There is not enough speech while the face is seen.",
    "mouth_still": "The mouth of the largest face does not move; somebody else may be speaking.",
    "no_calibrated_score": "Offset and correlation were measured; what they say of manipulation is not known "
    "well enough for a score.",
}


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
        mouths = [lips for burst, track in pairs if (lips := lips_of(burst, track)) is not None]
        if not mouths:
            return _silent(Outcome.INCONCLUSIVE, "mouth_not_visible", flags)
        begun, sound = _sound(job)
        if not sound.size:
            return _silent(Outcome.NOT_APPLICABLE, "no_audio", flags)
        talking = [lips for lips in mouths if _speech_s(sound, begun, lips) >= LEAST_S]
        if not talking:
            return _silent(Outcome.NOT_APPLICABLE, "no_speech", flags)
        moving = [lips for lips in talking if lips.opening.std() >= STILL]
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
    job: Job, mouths: list[Lips], begun: float, sound: NDArray[np.float32], flags: tuple[Flag, ...]
) -> Finding:
    grids = [np.arange(lips.times[0] - MAX_LAG_S, lips.times[-1] + MAX_LAG_S, STEP_S) for lips in mouths]
    energies = [envelope(sound, RATE, begun, grid) for grid in grids]
    curves = [correlogram(*three) for three in zip(mouths, energies, grids, strict=True)]
    sync = synchrony(curves, [float(lips.times[-1] - lips.times[0]) for lips in mouths])
    lags = [round((n - len(sync.curve) // 2) * STEP_S, 2) for n in range(len(sync.curve))]
    curve: Any = [[lag, round(x, 3)] for lag, x in zip(lags, sync.curve.tolist(), strict=True)]
    evidence = Evidence(
        flags=flags,
        values=_values(sync, mouths),
        details={
            "correlation_by_lag": curve,
            "tree": _tree(mouths),
        },
    )  # fmt: skip
    return _silent(Outcome.INCONCLUSIVE, "no_calibrated_score", ()).model_copy(
        update={"evidence": evidence, "artifacts": _picture(job, mouths, grids, energies)}
    )


def _tree(mouths: list[Lips]) -> dict[str, Any]:
    """Video → mouth through a burst → the face at its widest opening."""
    tracks = []
    for lips in mouths:
        begun, ended, widest = (float(lips.times[place]) for place in (0, -1, int(lips.opening.argmax())))
        leaf = node("face", widest, None, opening=round(float(lips.opening.max()), 4))
        tracks.append(node("track", begun, None, [leaf], until=round(ended, 3)))
    return node("video", tracks[0]["timestamp"], None, tracks)


def _values(sync: Sync, mouths: list[Lips]) -> dict[str, float | int]:
    return {
        "offset_s": sync.offset_s, "correlation": round(sync.peak, 4),
        "correlation_in_sync": round(sync.near, 4), "margin": round(sync.margin, 4),
        "raw_score": round(-sync.margin, 4), "bursts": len(mouths),
        "seconds": round(sum(float(lips.times[-1] - lips.times[0]) for lips in mouths), 2),
    }  # fmt: skip


def _picture(
    job: Job, mouths: list[Lips], grids: list[NDArray[np.float64]], energies: list[NDArray[np.float64]]
) -> tuple[Artifact, ...]:
    def unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((x - x.min()) / max(float(np.ptp(x)), 1e-6))

    mouth = [
        (float(t), float(v)) for lips in mouths
        for t, v in zip(lips.times, unit(lips.opening), strict=True)
    ]  # fmt: skip
    sound = [
        (float(t), float(v)) for grid, energy in zip(grids, energies, strict=True)
        for t, v in zip(grid, unit(energy), strict=True)
    ]  # fmt: skip
    span = (float(grids[0][0]), float(grids[-1][-1]))
    title = "Opening of the mouth, and loudness, over time"
    return timeline_artifact(job, "lips-timeline.png", title, [("mouth", mouth), ("sound", sound)], span)
