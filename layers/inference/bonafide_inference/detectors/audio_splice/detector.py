"""Was this sound cut, shortened or added to? Every 400 ms is compared with the second before and after it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, MediaFacts, Operation, Outcome, Segment
from bonafide_inference.detectors.audio_splice.features import HOP_S, NAMES, SEGMENT_S, measure
from bonafide_inference.models import LoadedModel, ModelError, load
from bonafide_inference.registry import Job
from bonafide_inference.soundplot import sound_plot
from bonafide_inference.speech import Limits, Speech
from numpy.typing import NDArray

__all__ = ["LIMITS", "AudioSplice", "file_score", "joined", "segment_llrs"]

LIMITS = Limits(speech_s=1.0, snr_db=float("-inf"))
"""A cut is heard in the background as well: loud noise and little speech are no reason to decline."""


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
        segments = _segments(speech, llrs)
        suspicious = joined(segments)
        values = speech.values() | {
            "raw_score": round(raw, 4), "segments": len(segments), "suspicious_stretches": len(suspicious),
        }  # fmt: skip
        if len(rows):
            worst = rows[int(llrs.argmax())]
            values |= {f"worst_{name}": round(float(x), 3) for name, x in zip(NAMES, worst, strict=True)}
        return Finding(
            operation=Operation.AUDIO_SPLICE, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
            interval=found.interval, evidence=Evidence(segments=segments, values=values),
            artifacts=_picture(job, speech, segments, suspicious), channel=speech.channel,
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


def _segments(speech: Speech, llrs: NDArray[np.float64]) -> tuple[Segment, ...]:
    return tuple(
        Segment(
            start_s=round(speech.start_s + k * HOP_S, 3), llr=round(float(llr), 3), channel=speech.channel,
            end_s=round(speech.start_s + k * HOP_S + SEGMENT_S, 3),
        )
        for k, llr in enumerate(llrs)
    )  # fmt: skip


def _picture(
    job: Job, speech: Speech, segments: Sequence[Segment], suspicious: Sequence[tuple[float, float]]
) -> tuple[Artifact, ...]:
    if not job.options.visualize or not segments:
        return ()
    channel = "" if speech.channel is None else f" of channel {speech.channel}"
    start = round(1000 * speech.start_s)
    name, title = f"cuts-{speech.channel or 0}-{start}.png", f"Possible cuts{channel}"
    path = os.path.join(job.workdir, name)
    sound_plot(speech, segments, suspicious, title).save(path, "PNG")
    return (Artifact(name=name, media_type="image/png", title=title, path=path),)
