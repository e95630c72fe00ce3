"""The front end of every speech detector: one channel at 16 kHz, where somebody speaks, and of what quality.

``job.piece.speech()`` gives a `Speech`; the sound is decoded once for all detectors of a work item. It is
streamed: blocks of a second are measured, resampled and written to an unnamed file, and ``samples`` is a
view of that file, so that twenty minutes take tens of megabytes. A detector begins with its gate::

    speech = job.piece.speech()
    gate = speech.gate()
    if gate is not None:
        return gate.finding(job.manifest.operation, speech)
    for window in speech.windows(job.options.frame_length_s):
        ...  # window.samples, window.start_s, window.end_s, window.speech_share
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, TYPE_CHECKING

import av
import numpy as np
from bonafide.model import Evidence, Finding, Operation, Outcome
from numpy.typing import NDArray

from bonafide_inference.nativesound import NativeSound
from bonafide_inference.soundstats import Meter, SoundStats
from bonafide_inference.vad import FRAME, Vad, stretches

if TYPE_CHECKING:
    from bonafide_inference.piece import Piece

__all__ = ["RATE_HZ", "Gate", "Limits", "Speech", "SpeechWindow", "read_speech"]

RATE_HZ = 16_000
BLOCK = 512 * FRAME
"""Samples (16.4 s) that are given to the voice detector at once."""
LOUDEST = 8.0
"""Float samples beyond this (full scale is 1) are bounded, lest a sum overflows."""


@dataclass(frozen=True)
class Limits:
    """What a detector asks of the sound; one that can do with less passes its own."""

    speech_s: float = 3.0
    """Seconds of speech (PHX-6)."""
    bandwidth_hz: float = 4200.0
    """Above the telephone's band, and above all that a file of 8 kHz can hold."""
    snr_db: float = 3.0
    clipped_share: float = 0.02
    non_finite_share: float = 0.01


@dataclass(frozen=True)
class Gate:
    """Why a sound is not scored."""

    outcome: Outcome
    reason: str
    detail: str

    def finding(self, operation: Operation, speech: Speech) -> Finding:
        """The finding that says so, with the figures it rests on."""
        return Finding(
            operation=operation, outcome=self.outcome, reason=self.reason, detail=self.detail,
            channel=speech.channel, evidence=Evidence(values=speech.values()),
        )  # fmt: skip


@dataclass(frozen=True)
class SpeechWindow:
    """A stretch to be scored: seconds of the media, samples at 16 kHz, share of it that is speech."""

    start_s: float
    end_s: float
    samples: NDArray[np.float32]
    speech_share: float


@dataclass(frozen=True)
class Speech:
    """One channel of a piece, ready for a detector."""

    samples: NDArray[np.float32] = field(repr=False)
    """(n,) float32 at 16 kHz, finite, without DC; a view of a file: slice it, do not copy it whole."""
    start_s: float
    """Time of the first sample in the media."""
    segments: tuple[tuple[float, float], ...]
    """Stretches of speech, (start, end) in seconds of the media, in order."""
    probabilities: NDArray[np.float32] = field(repr=False)
    """Probability of speech, one a frame of 32 ms."""
    stats: SoundStats
    channel: int | None = None
    """0-based; none for a mix of all."""
    same_as: int | None = None
    """The lower channel that carries the same sound, if one does."""
    native: NativeSound | None = None
    """The sound at the file's own rate, where the item asks for an operation that looks there."""

    @cached_property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return sum(end - start for start, end in self.segments)

    @property
    def seconds(self) -> float:
        """Length of the piece."""
        return self.samples.size / RATE_HZ

    def windows(
        self, seconds: float, hop_s: float | None = None, least_share: float = 0.25
    ) -> Iterator[SpeechWindow]:
        """Windows that hold speech.

        Parameters
        ----------
        seconds, hop_s
            Length and step; by default they do not overlap. The last one is as long as the others and
            overlaps its forerunner; only a piece that is shorter gives a shorter one.
        least_share
            Windows with a smaller share of speech are left out.
        """
        length, hop = round(seconds * RATE_HZ), max(1, round((hop_s or seconds) * RATE_HZ))
        size = self.samples.size
        starts = list(range(0, max(1, size - length + 1), hop))
        if size > length and starts[-1] + length < size:
            starts.append(size - length)
        for first in starts:
            last = min(size, first + length)
            share = self._share(first, last)
            if last > first and share >= least_share:
                begun = self.start_s + first / RATE_HZ
                ended = self.start_s + last / RATE_HZ
                yield SpeechWindow(begun, ended, np.asarray(self.samples[first:last]), share)

    def _share(self, first: int, last: int) -> float:
        start, end = self.start_s + first / RATE_HZ, self.start_s + last / RATE_HZ
        spoken = sum(max(0.0, min(end, b) - max(start, a)) for a, b in self._near(start, end))
        return spoken / max(end - start, 1e-9)

    def _near(self, start: float, end: float) -> tuple[tuple[float, float], ...]:
        ends = np.array([b for _, b in self.segments])
        starts = np.array([a for a, _ in self.segments])
        return self.segments[int(np.searchsorted(ends, start)) : int(np.searchsorted(starts, end))]

    def voiced(self, most_s: float = 60.0) -> NDArray[np.float32]:
        """The speech alone, its stretches joined, ``most_s`` seconds at most."""
        parts, room = [], round(most_s * RATE_HZ)
        for start, end in self.segments:
            first, last = (round((moment - self.start_s) * RATE_HZ) for moment in (start, end))
            parts.append(np.asarray(self.samples[first : min(last, first + room)]))
            room -= parts[-1].size
            if room <= 0:
                break
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def values(self) -> dict[str, float | int | str | bool | None]:
        """The figures for `Evidence.values`, rounded."""
        stats = self.stats
        found: dict[str, float | int | str | bool | None] = {
            "speech_s": round(self.speech_s, 3), "measured_s": round(self.seconds, 3),
            "rate_hz": stats.rate_hz, "channels": stats.channels,
            "level_dbfs": round(stats.level_dbfs, 1), "bandwidth_hz": round(stats.bandwidth_hz),
            "snr_db": None if stats.snr_db is None else round(stats.snr_db, 1),
            "clipped_share": round(stats.clipped_share, 5), "silent_share": round(stats.silent_share, 3),
        }  # fmt: skip
        return found if self.same_as is None else found | {"same_as_channel": self.same_as}

    def gate(self, limits: Limits = Limits()) -> Gate | None:
        """None when the sound can be scored, else the first reason why not.

        ``not_applicable``: ``same_as_channel``. ``inconclusive``: ``no_such_channel``, ``no_samples``,
        ``non_finite_samples``, ``silence``, ``dc_only``, ``out_of_scale``, ``tone``, ``music``, ``noise``,
        ``too_little_speech``, ``narrow_band``, ``clipped``, ``low_snr``.
        """
        return _gate(self, limits)


def _gate(speech: Speech, limits: Limits) -> Gate | None:
    if speech.same_as is not None:
        return Gate(Outcome.NOT_APPLICABLE, "same_as_channel", f"The same sound as channel {speech.same_as}.")
    found = _fault(speech, limits) or _absence(speech, limits) or _quality(speech, limits)
    return Gate(Outcome.INCONCLUSIVE, *found) if found else None


def _fault(speech: Speech, limits: Limits) -> tuple[str, str] | None:
    """What is wrong with the samples themselves."""
    stats = speech.stats
    if speech.channel is not None and speech.channel >= stats.channels > 0:
        return "no_such_channel", f"The sound has {stats.channels} channels."
    if not stats.samples:
        return "no_samples", "Nothing could be decoded in this stretch."
    if stats.non_finite_share > limits.non_finite_share:
        return "non_finite_samples", f"{stats.non_finite_share:.0%} of the samples are no numbers."
    moving = max(10 ** (stats.level_dbfs / 10) - stats.dc**2, 0.0)
    if stats.silent_share > 0.999 or moving < 1e-8:
        if abs(stats.dc) > 0.01:
            return "dc_only", "The sound is a constant, not a sound."
        return "silence", "There is nothing to be heard."
    if stats.peak > LOUDEST:
        return "out_of_scale", f"Samples reach {stats.peak:.3g} times full scale."
    return None


def _absence(speech: Speech, limits: Limits) -> tuple[str, str] | None:
    """Too little speech, and what is heard in its place."""
    if speech.speech_s >= limits.speech_s:
        return None
    stats, words = speech.stats, f"{speech.speech_s:.1f} s of speech; {limits.speech_s:g} s are needed."
    if speech.speech_s < min(1.0, 0.1 * speech.seconds):
        if stats.tone_share > 0.9:
            return "tone", f"A single tone; {words}"
        if stats.flatness > 0.25:
            return "noise", f"Noise; {words}"
        if stats.steadiness > 0.6 and stats.silent_share < 0.5:
            return "music", f"Held notes, as in music; {words}"
    return "too_little_speech", words


def _quality(speech: Speech, limits: Limits) -> tuple[str, str] | None:
    stats = speech.stats
    if stats.bandwidth_hz < limits.bandwidth_hz:
        return "narrow_band", f"The sound ends at {stats.bandwidth_hz / 1000:.1f} kHz."
    if stats.clipped_share > limits.clipped_share:
        return "clipped", f"{stats.clipped_share:.1%} of the samples are clipped."
    if stats.snr_db is not None and stats.snr_db < limits.snr_db:
        return "low_snr", f"Speech is {stats.snr_db:.0f} dB above what surrounds it."
    return None


# ---- reading -----------------------------------------------------------------------------------------


def read_speech(piece: Piece) -> Speech:
    """Decode the piece's channel; use `Piece.speech`, which does so once.

    Raises
    ------
    OSError, av.FFmpegError
        Of the decoder. Damage after the first samples ends the sound there and raises nothing.
    ModelError
        If the voice detector's file is missing or another.
    """
    with tempfile.TemporaryFile() as file:
        reader = _Reader(piece, file)
        for begun, rate, planes in piece.planes():
            reader.take(begun, rate, planes)
        reader.finish()
        samples = _mapped(file, reader.written)
    stats = reader.meter.stats()
    samples -= np.float32(stats.dc)
    start = reader.start_s or 0.0
    found = stretches(reader.probabilities)
    limit = samples.size / RATE_HZ
    return Speech(
        samples, start, tuple((start + a, start + min(b, limit)) for a, b in found if a < limit),
        reader.probabilities, stats, piece.item.channel, reader.twins.found(), reader.native,
    )  # fmt: skip


def _mapped(file: IO[bytes], count: int) -> NDArray[np.float32]:
    if not count:
        return np.zeros(0, np.float32)
    file.flush()
    return np.memmap(file, np.float32, "r+", shape=(count,))


class _Reader:
    """Blocks as decoded in, 16 kHz on file out, measured on the way."""

    def __init__(self, piece: Piece, file: IO[bytes]) -> None:
        self.piece, self.file = piece, file
        self.meter, self.vad, self.twins = Meter(), Vad(), _Twins(piece)
        self.native = NativeSound() if Operation.AUDIO_SPLICE in piece.item.operations else None
        self.start_s: float | None = None
        self.written = 0
        self._rate = 0
        self._resampler: av.AudioResampler | None = None
        self._rest = np.zeros(0, np.float32)
        self._probabilities: list[NDArray[np.float32]] = []

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """One a frame so far."""
        return np.concatenate(self._probabilities) if self._probabilities else np.zeros(0, np.float32)

    def take(self, begun: float, rate: int, planes: NDArray[np.float32]) -> None:
        """Take a block, (channels, n)."""
        self.start_s = begun if self.start_s is None else self.start_s
        self.twins.take(planes)
        block = self.meter.native(self.piece.pick(planes), rate, len(planes))
        block = np.clip(block, -LOUDEST, LOUDEST)
        if self.native is not None:
            self.native.add(begun, rate, block)
        if rate != self._rate:
            self._flush()
            self._rate, self._resampler = rate, None
            if rate != RATE_HZ:
                self._resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        if self._resampler is None:
            self._keep(block)
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), "flt", "mono")
        frame.sample_rate = rate
        for part in self._resampler.resample(frame):
            self._keep(np.asarray(part.to_ndarray().ravel(), np.float32))

    def _flush(self) -> None:
        for part in self._resampler.resample(None) if self._resampler else ():
            self._keep(np.asarray(part.to_ndarray().ravel(), np.float32))

    def finish(self) -> None:
        """The end of the stream."""
        self._flush()
        short = -self._rest.size % FRAME
        self._judge(np.pad(self._rest, (0, short)))

    def _keep(self, samples: NDArray[np.float32]) -> None:
        self.file.write(samples.astype(np.float32, copy=False).tobytes())
        self.written += samples.size
        self._rest = np.concatenate((self._rest, samples))
        if self._rest.size >= BLOCK:
            self._judge(self._rest[:BLOCK])
            self._rest = self._rest[BLOCK:]

    def _judge(self, samples: NDArray[np.float32]) -> None:
        frames = samples.reshape(-1, FRAME)
        speech = self.vad.feed(frames)
        self.meter.frames(frames, speech)
        self._probabilities.append(speech)


class _Twins:
    """Whether the piece's channel carries the same sound as a lower one that is looked at too.

    The same but for gain and polarity, to -50 dB: a lossy codec may treat two equal channels apart.
    """

    ALIKE = 1 - 1e-5

    def __init__(self, piece: Piece) -> None:
        own, chosen = piece.item.channel, piece.options.channels
        self.own = own
        self.lower = [k for k in (chosen if chosen is not None else range(own or 0)) if k < (own or 0)]
        self.sums = {k: np.zeros(3) for k in self.lower}

    def take(self, planes: NDArray[np.float32]) -> None:
        """Count a block, (channels, n)."""
        if self.own is None or self.own >= len(planes):
            return
        mine = planes[self.own]
        for k in self.sums:
            if k < len(planes):
                other = planes[k]
                self.sums[k] += (np.dot(mine, mine), np.dot(other, other), np.dot(mine, other))

    def found(self) -> int | None:
        """The lowest such channel."""
        for k, (mine, other, both) in sorted(self.sums.items()):
            if mine > 0 < other and both * both >= self.ALIKE * mine * other:
                return k
        return None
