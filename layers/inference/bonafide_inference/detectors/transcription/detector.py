"""What is said, in English, by PocketSphinx (BSD): on this machine, without any service."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, MediaFacts, Operation, Outcome
from bonafide.transcript import Transcript, Utterance
from bonafide_inference.registry import Job
from bonafide_inference.speech import RATE_HZ, Speech

__all__ = ["PocketSphinx"]

MOST_S = 600.0
"""Speech is transcribed up to here; the answer says how much it was."""
PATIENCE_S = 150.0
"""Or as far as one comes in this time: a cell has 240 s for all it does."""
LONGEST_S = 20.0
"""An utterance is cut here: the search's memory grows with its length."""
FRAMES_A_SECOND = 100
_VARIANT = re.compile(r"\(\d+\)$")


class PocketSphinx:
    """See the card: text, never a score."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Transcribe the stretches of speech, in their order."""
        speech = job.piece.speech()
        if not speech.segments:
            gate = speech.gate()
            heard = gate is not None and gate.reason != "too_little_speech"
            return Finding(
                operation=Operation.TRANSCRIPTION, outcome=Outcome.NOT_APPLICABLE,
                reason=gate.reason if gate and heard else "no_speech",
                detail=gate.detail if gate else None, evidence=Evidence(values=speech.values()),
            )  # fmt: skip
        words, heard_s = _words(speech)
        said = Transcript(
            engine="pocketsphinx", engine_version=version("pocketsphinx"), language="en",
            language_identified=False, words=tuple(words), transcribed_s=round(heard_s, 3),
            complete=heard_s >= speech.speech_s - 0.1, translation_reason="no_translation_engine",
        )  # fmt: skip
        return said.finding()


def _words(speech: Speech) -> tuple[list[Utterance], float]:
    """The words, and how many seconds of speech were heard until the bounds were reached."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    until, heard, words = time.monotonic() + PATIENCE_S, 0.0, []
    for start, end in _utterances(speech):
        if heard >= MOST_S or time.monotonic() > until:
            break
        words += list(_decode(decoder, speech, start, end))
        heard += end - start
    return words, heard


def _utterances(speech: Speech) -> Iterator[tuple[float, float]]:
    for start, end in speech.segments:
        count = max(1, -int(-(end - start) // LONGEST_S))
        yield from pairwise(np.linspace(start, end, count + 1).tolist())


def _decode(decoder: Any, speech: Speech, start: float, end: float) -> Iterator[Utterance]:
    first, last = (round((moment - speech.start_s) * RATE_HZ) for moment in (start, end))
    sound = np.asarray(speech.samples[first:last])
    loud = 0.7 / max(float(np.abs(sound).max(initial=0.0)), 1e-3)
    decoder.start_utt()
    decoder.process_raw((np.clip(sound * loud, -1, 1) * 32_767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    for found in decoder.seg() or ():
        word = _VARIANT.sub("", found.word)
        if word.startswith(("<", "[", "+")):  # silence, noise
            continue
        yield Utterance(
            text=word, start_s=round(start + found.start_frame / FRAMES_A_SECOND, 3),
            end_s=round(start + (found.end_frame + 1) / FRAMES_A_SECOND, 3),
            confidence=round(min(1.0, decoder.logmath.exp(found.prob)), 3),
        )  # fmt: skip
