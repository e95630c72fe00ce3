"""Was this voice played by a loudspeaker and recorded again? A second passage leaves its traces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bonafide.model import Evidence, Finding, MediaFacts, Operation, Outcome, Segment
from bonafide_inference.detectors.audio_replay.features import NAMES, measure
from bonafide_inference.models import LoadedModel, ModelError, load
from bonafide_inference.registry import Job
from bonafide_inference.soundplot import plotted
from bonafide_inference.speech import Limits, Speech, SpeechWindow
from numpy.typing import NDArray

__all__ = ["LIMITS", "WINDOW_S", "AudioReplay", "scores"]

LIMITS = Limits()
WINDOW_S = 4.0
SHORTEST_S = 2.5
MOST_WINDOWS = 60
LEAST_SPEECH = 0.4


class AudioReplay:
    """See the card: ``scored``, trained on simulation, or ``inconclusive`` with the reason."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Score the speech of one channel, four seconds at a time."""
        speech = job.piece.speech()
        gate = speech.gate(LIMITS)
        if gate is not None:
            return gate.finding(Operation.AUDIO_REPLAY, speech)
        model = load(job.folder)
        calibration = model.manifest.calibration
        if calibration is None:
            raise ModelError("model_invalid", "audio_replay has no calibration")
        windows = _windows(speech)
        if not windows:
            return _silent(speech, "scattered_speech", "There is speech, but nowhere enough of it together.")
        rows = np.stack([measure(window.samples) for window in windows])
        raw = scores(model, rows)
        found = calibration.apply(float(raw.mean()))
        if _strange(model, np.median(rows, axis=0)):
            return _silent(speech, "out_of_distribution", "Its spectrum is unlike all that was learnt from.")
        segments = tuple(
            Segment(
                start_s=round(window.start_s, 3), end_s=round(window.end_s, 3), channel=speech.channel,
                llr=round(calibration.apply(float(value)).llr, 3),
            )
            for window, value in zip(windows, raw, strict=True)
        )  # fmt: skip
        values = speech.values() | {"raw_score": round(float(raw.mean()), 4), "windows": len(windows)}
        values |= {n: round(float(x), 3) for n, x in zip(NAMES, np.median(rows, axis=0), strict=True)}
        heard = [(s.start_s, s.end_s) for s in segments if (s.llr or 0.0) > 0]
        return Finding(
            operation=Operation.AUDIO_REPLAY, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
            interval=found.interval, evidence=Evidence(segments=segments, values=values),
            artifacts=plotted(job, speech, segments, heard, "replays", "Played by a loudspeaker"),
            channel=speech.channel, detail="Learnt from simulated loudspeakers and rooms only.",
        )  # fmt: skip


def scores(model: LoadedModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Raw scores (logits, higher = replayed) of rows of measurements, (windows,)."""
    return np.asarray(model.run({"rows": rows.astype(np.float32)})[0], np.float64).ravel()


def _windows(speech: Speech) -> Sequence[SpeechWindow]:
    found = [
        window for window in speech.windows(WINDOW_S, least_share=LEAST_SPEECH)
        if window.end_s - window.start_s >= SHORTEST_S
    ]  # fmt: skip
    places = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_WINDOWS)).round().astype(int))
    return [found[place] for place in places] if found else []


def _strange(model: LoadedModel, row: NDArray[np.float32]) -> bool:
    """Whether the measurements lie beyond what the model was made with."""
    ood = model.manifest.ood
    return ood is not None and bool(np.any(np.abs(row - np.array(ood.mean)) > ood.limit * np.array(ood.std)))


def _silent(speech: Speech, reason: str, detail: str) -> Finding:
    return Finding(
        operation=Operation.AUDIO_REPLAY, outcome=Outcome.INCONCLUSIVE, reason=reason, detail=detail,
        channel=speech.channel, evidence=Evidence(values=speech.values()),
    )  # fmt: skip
