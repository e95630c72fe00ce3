"""What kind of sound it is, measured as it streams by: the figures that quality gates ask for.

`Meter` takes samples as decoded (level, clipping, faults) and frames at 16 kHz with their probability of
speech (band, noise, tones). Nothing but sums and one number a frame is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonafide_inference.spectra import power
from bonafide_inference.vad import FRAME

__all__ = ["Meter", "SoundStats"]

FULL_SCALE = 0.999
SILENT_DBFS = -65.0
"""A frame below this is silence."""
BAND_DB = 65.0
"""The band ends where the long-term spectrum has fallen by this much below its peak."""
UNRECORDED_DBFS = -90.0
"""A frame below this was written by a program: 16 bits alone round off more than a microphone's noise has."""
QUIET = 0.1
"""The noise is as loud as the loudest of the quietest tenth of frames (minimum statistics, Martin 2001)."""
LEAST_FRAMES = 8
LAG = 6
"""Frames (192 ms) over which music holds its notes and speech does not."""
WINDOW = np.hanning(FRAME).astype(np.float32)


@dataclass(frozen=True)
class SoundStats:
    """Figures of one channel. Levels are in dB of full scale, shares 0..1."""

    rate_hz: int
    """As decoded, before resampling."""
    channels: int
    samples: int
    """As decoded."""
    peak: float
    """Largest absolute value; float formats may exceed 1."""
    level_dbfs: float
    """Of all samples, -120 for silence."""
    dc: float
    """Mean of the samples."""
    clipped_share: float
    """Share at full scale or within a flat top."""
    zero_share: float
    """Share of exact zeros."""
    non_finite_share: float
    """Share of NaN and infinity; they are taken as 0 from then on."""
    silent_share: float
    """Share of 32 ms frames below -65 dBFS."""
    bandwidth_hz: float
    """Where the spectrum of the speech (of all sound if there is none) ends; 8000 at most."""
    snr_db: float | None
    """Speech over the quietest tenth of what was recorded, -20 at least; none without speech."""
    tone_share: float
    """Share of the energy in the strongest 80 Hz."""
    flatness: float
    """Geometric over arithmetic mean of the long-term spectrum: 1 for white noise, near 0 for tones."""
    steadiness: float
    """Mean likeness of spectra 192 ms apart, 0..1: notes held, or stationary noise."""


class Meter:
    """Sums over a stream. ``native`` and ``frames`` may be called in any order, ``stats`` once at the end."""

    def __init__(self) -> None:
        self.rate_hz = self.channels = self.samples = 0
        self._peak = self._sum = self._squares = 0.0
        self._clipped = self._zeros = self._broken = 0
        self._spectra = np.zeros((2, FRAME // 2 + 1))  # of speech, of the rest that sounds
        self._counts = np.zeros(2, np.int64)
        self._levels: list[NDArray[np.float32]] = []
        self._speech: list[NDArray[np.float32]] = []
        self._likeness = self._compared = 0.0

    def native(self, block: NDArray[np.float32], rate_hz: int, channels: int) -> NDArray[np.float32]:
        """Count samples as decoded; returns them with what is no number made 0."""
        self.rate_hz, self.channels = rate_hz, channels
        self.samples += block.size
        if not np.isfinite(block.sum(dtype=np.float64)):
            self._broken += int(block.size - np.isfinite(block).sum())
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        size = np.abs(block)
        self._peak = max(self._peak, float(size.max(initial=0.0)))
        self._sum += float(block.sum(dtype=np.float64))
        self._squares += float(np.dot(block, block))
        self._zeros += int(block.size - np.count_nonzero(block))
        loud = size >= FULL_SCALE
        if block.size > 2:
            same = block[1:] == block[:-1]
            loud[1:-1] |= same[1:] & same[:-1] & (size[1:-1] > 0.25)
        self._clipped += int(np.count_nonzero(loud))
        return block

    def frames(self, frames: NDArray[np.float32], speech: NDArray[np.float32]) -> None:
        """Count frames (n, 512) at 16 kHz with their probabilities of speech (n,)."""
        if not len(frames):
            return
        flat = frames - frames.mean(axis=1, keepdims=True)
        spectra = power(flat, WINDOW)
        level = 10 * np.log10(np.maximum((flat**2).mean(axis=1), 1e-12))
        sounding, voiced = level > SILENT_DBFS, speech >= 0.5
        self._levels.append(level)
        self._speech.append(speech)
        for place, chosen in enumerate((voiced & sounding, ~voiced & sounding)):
            self._spectra[place] += spectra[chosen].sum(axis=0)
            self._counts[place] += int(chosen.sum())
        self._compare(spectra, sounding)

    def _compare(self, spectra: NDArray[np.float32], sounding: NDArray[np.bool_]) -> None:
        if len(spectra) <= LAG:
            return
        bands = np.log(spectra[:, 2:130].reshape(len(spectra), 64, 2).sum(axis=2) + 1e-9)
        bands -= bands.mean(axis=1, keepdims=True)
        bands /= np.linalg.norm(bands, axis=1, keepdims=True) + 1e-9
        both = sounding[LAG:] & sounding[:-LAG]
        likeness = (bands[LAG:] * bands[:-LAG]).sum(axis=1)[both]
        self._likeness += float(np.clip(likeness, 0, 1).sum())
        self._compared += likeness.size

    def stats(self) -> SoundStats:
        """The figures of all that was fed."""
        count = max(1, self.samples)
        levels = np.concatenate(self._levels) if self._levels else np.zeros(0, np.float32)
        every = self._spectra.sum(axis=0)[1:]
        total = float(every.sum()) or 1e-30
        running = np.convolve(every, np.ones(3), "same") / total
        mean = self._squares / count
        return SoundStats(
            rate_hz=self.rate_hz, channels=self.channels, samples=self.samples, peak=self._peak,
            level_dbfs=float(10 * np.log10(max(mean, 1e-12))), dc=self._sum / count,
            clipped_share=self._clipped / count, zero_share=self._zeros / count,
            non_finite_share=self._broken / count,
            silent_share=float((levels <= SILENT_DBFS).mean()) if levels.size else 1.0,
            bandwidth_hz=self._bandwidth(), snr_db=self._snr(levels),
            tone_share=float(running.max(initial=0)),
            flatness=float(np.exp(np.log(every + 1e-9).mean()) / (every.mean() + 1e-9)),
            steadiness=self._likeness / self._compared if self._compared else 0.0,
        )  # fmt: skip

    def _bandwidth(self) -> float:
        which = 0 if self._counts[0] >= 8 else 1
        spectrum = self._spectra[which][1:]
        if not spectrum.max(initial=0.0) > 0:
            return 0.0
        smooth = np.convolve(spectrum, np.ones(5) / 5, "same")
        heard = np.flatnonzero(smooth > smooth.max() * 10 ** (-BAND_DB / 10))
        return min(float((heard[-1] + 1) * 16_000 / FRAME), self.rate_hz / 2)

    def _snr(self, levels: NDArray[np.float32]) -> float | None:
        speech = np.concatenate(self._speech) if self._speech else np.zeros(0, np.float32)
        heard = levels > UNRECORDED_DBFS
        voiced = levels[heard & (speech >= 0.5)]
        if voiced.size < LEAST_FRAMES:
            return None
        noise = float(10 ** (np.quantile(levels[heard], QUIET) / 10))
        loud = float((10 ** (voiced / 10)).mean())
        return float(10 * np.log10(max(loud - noise, 0.01 * noise) / noise))
