"""Is this voice synthetic? A small network over windows of speech, calibrated, and slow to accuse."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, MediaFacts, Operation, Outcome, Segment
from bonafide_inference.calibration import Calibrated
from bonafide_inference.detectors.synthetic_speech.features import spectrogram
from bonafide_inference.detectors.synthetic_speech.probe import DISTURBANCES
from bonafide_inference.models import LoadedModel, Manifest, ModelError, load
from bonafide_inference.registry import Job
from bonafide_inference.soundplot import sound_plot
from bonafide_inference.speech import Speech, SpeechWindow
from numpy.typing import NDArray

__all__ = ["SyntheticSpeech", "calibrated", "doubt", "member_scores"]

MOST_WINDOWS = 900
"""Half an hour of windows of 2 s; more are thinned evenly."""
PROBED = 8
"""Windows that the stability probe disturbs, spread evenly."""
SHORTEST_S = 1.0
SUSPICIOUS_LLR = 1.735
"""Windows from here on are marked: p of 0.85."""


class SyntheticSpeech:
    """See the card: ``scored``, or ``inconclusive`` with the reason."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Score the speech of one channel, window by window, and try whether the answer is stable."""
        speech = job.piece.speech()
        gate = speech.gate()
        if gate is not None:
            return gate.finding(Operation.SYNTHETIC_SPEECH, speech)
        model = load(job.folder)
        windows = _windows(speech, job.options.frame_length_s)
        if not windows:
            return Finding(
                operation=Operation.SYNTHETIC_SPEECH, outcome=Outcome.INCONCLUSIVE, reason="scattered_speech",
                detail="There is speech, but nowhere enough of it together.", channel=speech.channel,
                evidence=Evidence(values=speech.values()),
            )  # fmt: skip
        scores = np.stack([member_scores(model, window.samples) for window in windows])
        raw, spread = float(scores.mean()), float(scores.mean(axis=0).std())
        found = calibrated(model.manifest, raw)
        disturbed = _probe(model, windows) if _decisive(model.manifest, found) else {}
        values = speech.values() | {
            "raw_score": round(raw, 4), "member_spread": round(spread, 4), "windows": len(windows),
        } | {f"raw_score_{name}": round(value, 4) for name, value in disturbed.items()}  # fmt: skip
        evidence = Evidence(segments=_segments(model, speech, windows, scores), values=values)
        artifacts = _plot(job, speech, evidence.segments)
        refused = doubt(model.manifest, raw, spread, disturbed)
        if refused is not None:
            return Finding(
                operation=Operation.SYNTHETIC_SPEECH, outcome=Outcome.INCONCLUSIVE, reason=refused[0],
                detail=refused[1], evidence=evidence, artifacts=artifacts, channel=speech.channel,
            )  # fmt: skip
        return Finding(
            operation=Operation.SYNTHETIC_SPEECH, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
            interval=found.interval, evidence=evidence, artifacts=artifacts, channel=speech.channel,
        )  # fmt: skip


def member_scores(model: LoadedModel, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Raw score (logit, higher = synthetic) of each member of the network for one window, (members,)."""
    (logits,) = model.run({"spectrogram": spectrogram(sound)[None]})
    return np.asarray(logits, np.float32).reshape(-1)


def calibrated(manifest: Manifest, raw: float) -> Calibrated:
    """The calibrated score. Raises `ModelError` (``model_invalid``) for a manifest without calibration."""
    if manifest.calibration is None:
        raise ModelError("model_invalid", "synthetic_speech has no calibration")
    return manifest.calibration.apply(raw)


def doubt(
    manifest: Manifest, raw: float, spread: float, disturbed: Mapping[str, float]
) -> tuple[str, str] | None:
    """(reason, detail) why a score is not to be believed, or None.

    Parameters
    ----------
    raw, spread
        Mean raw score, and how far the members lie apart (standard deviation of their means).
    disturbed
        Raw score after each disturbance; the shift that it causes on average is taken off.
    """
    limits = manifest.thresholds
    if spread > limits["member_spread"]:
        return "out_of_distribution", "The members of the network disagree as they do not on known media."
    side = calibrated(manifest, raw).llr
    for name, value in disturbed.items():
        after = calibrated(manifest, value - limits[f"shift_{name}"]).llr
        if side * after < 0:
            return "unstable", f"The answer turns over after a disturbance ({name}) that changes no voice."
    return None


def _decisive(manifest: Manifest, found: Calibrated) -> bool:
    """Whether it is near enough to a verdict to be probed: the probe costs twice the score."""
    return abs(found.llr) >= manifest.thresholds["probe_from_llr"]


def _windows(speech: Speech, seconds: float) -> list[SpeechWindow]:
    """Windows of at least a second of sound, thinned evenly when there are more than `MOST_WINDOWS`."""
    found = [window for window in speech.windows(seconds) if window.end_s - window.start_s >= SHORTEST_S]
    return [found[place] for place in _spread(len(found), MOST_WINDOWS)]


def _spread(count: int, most: int) -> list[int]:
    return [int(place) for place in np.unique(np.linspace(0, count - 1, min(count, most)).round())]


def _probe(model: LoadedModel, windows: Sequence[SpeechWindow]) -> dict[str, float]:
    sounds = [windows[place].samples for place in _spread(len(windows), PROBED)]
    return {
        name: float(np.mean([member_scores(model, disturb(sound)) for sound in sounds]))
        for name, disturb in DISTURBANCES.items()
    }


def _segments(
    model: LoadedModel, speech: Speech, windows: Sequence[SpeechWindow], scores: NDArray[np.float32]
) -> tuple[Segment, ...]:
    return tuple(
        Segment(
            start_s=round(window.start_s, 3), end_s=round(window.end_s, 3), channel=speech.channel,
            llr=round(calibrated(model.manifest, float(logits.mean())).llr, 3),
        )
        for window, logits in zip(windows, scores, strict=True)
    )  # fmt: skip


def _plot(job: Job, speech: Speech, segments: Sequence[Segment]) -> tuple[Artifact, ...]:
    if not job.options.visualize:
        return ()
    place = f"-{speech.channel}" if speech.channel is not None else ""
    path = os.path.join(job.workdir, f"synthetic-speech{place}.png")
    marked = [(s.start_s, s.end_s) for s in segments if (s.llr or 0.0) >= SUSPICIOUS_LLR]
    title = "Synthetic voice: P(fake) of each window" + (f", channel {speech.channel}" if place else "")
    sound_plot(speech, segments, marked, title).save(path)
    return (
        Artifact(
            name=os.path.basename(path),
            media_type="image/png",
            title="Waveform, spectrogram, scores",
            path=path,
        ),
    )
