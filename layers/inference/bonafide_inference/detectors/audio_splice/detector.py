"""Was this sound cut, shortened or added to? Every 400 ms is compared with the second before and after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from bonafide.model import (
    Evidence,
    Finding,
    Flag,
    Interval,
    MediaFacts,
    Operation,
    Outcome,
    Segment,
)
from bonafide_inference.calibration import Calibrated, probability
from bonafide_inference.detectors.audio_splice.features import HOP_S, NAMES, SEGMENT_S, measure
from bonafide_inference.detectors.audio_splice.framegrid import Jump, follow
from bonafide_inference.models import LoadedModel, ModelError, load
from bonafide_inference.nativesound import NativeSound
from bonafide_inference.registry import Job
from bonafide_inference.soundplot import plotted
from bonafide_inference.speech import Limits, Speech
from numpy.typing import NDArray

__all__ = ["LIMITS", "AudioSplice", "either", "file_score", "joined", "segment_llrs"]

LIMITS = Limits(snr_db=float("-inf"))
"""A cut is heard in the background as well: loud noise is no reason to decline."""


SPARE_S = 0.05
"""Beyond the frames between which a grid jumps, segments still hold the cut."""
MOST_FLAGS = 10


class AudioSplice:
    """See the card: ``scored`` with a segment every 200 ms, or ``inconclusive`` with the reason."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Look for cuts in one channel."""
        speech = job.piece.speech()
        gate = speech.gate(LIMITS)
        if gate is not None:
            return gate.finding(Operation.AUDIO_SPLICE, speech)
        model = load(job.folder)
        if model.manifest.calibration is None:
            raise ModelError("model_invalid", "audio_splice has no calibration")
        rows = measure(speech.samples)
        llrs = segment_llrs(model, rows)
        raw = file_score(llrs)
        found = model.manifest.calibration.apply(raw)
        grid = follow(speech.native or NativeSound(), _codec(job.media))
        jumps = grid.jumps()
        sure = calibrated_jump(model) if jumps else None
        segments = _segments(speech, llrs, jumps, sure)
        suspicious = joined(segments)
        values = speech.values() | {
            "raw_score": round(raw, 4), "segments": len(segments), "suspicious_stretches": len(suspicious),
            "coding_grid": grid.found, "coding_grid_of": grid.coder or None, "coding_grid_jumps": len(jumps),
        }  # fmt: skip
        found = found if sure is None else either(found, sure)
        track = _voice_track(job.findings)
        values |= track
        if len(rows):
            worst = rows[int(llrs.argmax())]
            values |= {f"worst_{name}": round(float(x), 3) for name, x in zip(NAMES, worst, strict=True)}
        return Finding(
            operation=Operation.AUDIO_SPLICE, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
            interval=found.interval,
            evidence=Evidence(segments=segments, values=values, flags=_flags(jumps, grid.coder)),
            artifacts=plotted(job, speech, segments, suspicious, "cuts", "Possible cuts"),
            channel=speech.channel, detail=_words(track, model.manifest.thresholds["voice_track_change"]),
        )  # fmt: skip


def segment_llrs(model: LoadedModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """LLR of a cut within each segment, less what genuine speech reaches in two minutes, (segments,).

    A likelihood ratio alone would be above 0 at many places of every recording, there being 300 a minute
    (decision 0047).
    """
    if not len(rows):
        return np.zeros(0)
    return np.asarray(model.run({"rows": rows})[0], np.float64).ravel()


def file_score(llrs: NDArray[np.float64]) -> float:
    """The raw score of a channel: the strongest segment, less what chance alone adds in a longer sound."""
    if not llrs.size:
        return 0.0
    return float(np.log(np.exp(llrs).sum() + 1e-9) - np.log(max(llrs.size, 20) / 20))


def joined(segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """Stretches of overlapping segments with an LLR above 0, (start, end) in seconds of the media."""
    found: list[tuple[float, float]] = []
    for segment in segments:
        if (segment.llr or 0.0) <= 0:
            continue
        if found and segment.start_s <= found[-1][1]:
            found[-1] = (found[-1][0], segment.end_s)
        else:
            found.append((segment.start_s, segment.end_s))
    return found


def calibrated_jump(model: LoadedModel) -> Calibrated:
    """What a jump of the grid is worth, as `training.grid_cuts` measured it."""
    told = model.manifest.thresholds
    llr, low, high = (told[f"grid_jump_{name}"] for name in ("llr", "low", "high"))
    return Calibrated(
        llr=llr, p_fake=probability(llr), interval=Interval(low=probability(low), high=probability(high))
    )


def either(one: Calibrated, other: Calibrated) -> Calibrated:
    """Two traces, of which a cut leaves one or the other: the mean of likelihood ratios (decision 0014)."""
    ends = [
        probability(_either(*(_logit(p) for p in side)))
        for side in ((one.interval.low, other.interval.low), (one.interval.high, other.interval.high))
    ]
    llr = _either(one.llr, other.llr)
    return Calibrated(llr=llr, p_fake=probability(llr), interval=Interval(low=ends[0], high=ends[1]))


def _either(one: float, other: float) -> float:
    return float(np.logaddexp(one, other) - math.log(2))


def _logit(p: float) -> float:
    return math.log(max(p, 1e-6) / max(1 - p, 1e-6))


def _voice_track(findings: Sequence[Finding]) -> dict[str, float]:
    """Lowest and highest LLR of the windows of `synthetic_speech`, if it looked at this sound before."""
    llrs = [
        segment.llr
        for finding in findings
        for segment in finding.evidence.segments
        if segment.llr is not None
    ]
    return {"voice_track_low": min(llrs), "voice_track_high": max(llrs)} if llrs else {}


def _words(track: Mapping[str, float], limit: float) -> str | None:
    """A sentence about a track that changes as those of genuine recordings seldom do; it weighs nothing."""
    if not track or track["voice_track_high"] - track["voice_track_low"] <= limit:
        return None
    low, high = (track[f"voice_track_{end}"] for end in ("low", "high"))
    return (
        f"The score track of synthetic_speech goes from {low:g} to {high:g} within this sound; one genuine"
        " recording in a hundred does that, so it moves no score here (see the card)."
    )


def _codec(media: MediaFacts) -> str:
    return next((track.codec or "" for track in media.tracks if track.type == "audio"), "")


def _flags(jumps: Sequence[Jump], coder: str) -> tuple[Flag, ...]:
    return tuple(
        Flag(
            code="coding_grid_jumps", value=jump.samples, where=f"{jump.start_s:.2f}-{jump.end_s:.2f} s",
            message=f"The frame grid of an earlier {coder} coding starts anew here.",
            caveat="Any editing of decoded sound does this, removed silence and joined takes as well.",
        )
        for jump in jumps[:MOST_FLAGS]
    )  # fmt: skip


def _segments(
    speech: Speech, llrs: NDArray[np.float64], jumps: Sequence[Jump], sure: Calibrated | None
) -> tuple[Segment, ...]:
    starts = speech.start_s + HOP_S * np.arange(len(llrs))
    if sure is not None:
        for jump in jumps:
            near = (starts < jump.end_s + SPARE_S) & (starts + SEGMENT_S > jump.start_s - SPARE_S)
            llrs = np.where(near, np.maximum(llrs, sure.llr), llrs)
    return tuple(
        Segment(
            start_s=round(float(start), 3), llr=round(float(llr), 3), channel=speech.channel,
            end_s=round(float(start) + SEGMENT_S, 3),
        )
        for start, llr in zip(starts, llrs, strict=True)
    )  # fmt: skip
