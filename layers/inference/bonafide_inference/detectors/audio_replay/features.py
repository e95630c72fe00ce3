"""What a loudspeaker and a second room leave on speech: band shape, lost lows, decay, smear, squeezed peaks.

All of them are of the channel as a whole, over what is spoken, and know no level.
"""

from __future__ import annotations

import numpy as np
from bonafide_inference.spectra import power
from numpy.typing import NDArray

__all__ = ["NAMES", "measure"]

Array = NDArray[np.float32]
RATE_HZ = 16_000
FRAME, HOP = 512, 160
MOST_S = 30.0
EDGES_HZ = np.array(
    [60, 120, 180, 250, 350, 500, 700, 1000, 1400, 2000, 2800, 3600, 4400, 5200, 6000, 6800, 7600], float
)
BANDS = len(EDGES_HZ) - 1

NAMES = (
    *(f"band_{round(low)}" for low in EDGES_HZ[:-1]),
    *(f"floor_{round(low)}" for low in EDGES_HZ[1:-1:3]),
    "low_loss", "high_loss", "ripple", "depth", "decay_low", "decay_high", "decay_fast", "smear",
    "crest", "kurtosis", "skew", "residual_kurtosis", "distortion", "squeezed",
)  # fmt: skip
"""Names of the measurements, in their order; the card says what each is."""


def measure(speech: Array) -> Array:
    """Measurements of one channel.

    Parameters
    ----------
    speech
        (n,) float32 at 16 kHz, n of at least a second; `MOST_S` seconds of it are looked at.

    Returns
    -------
    NDArray[np.float32]
        (`len(NAMES)`,), finite.
    """
    sound = np.asarray(speech[: round(MOST_S * RATE_HZ)], np.float32)
    sound = sound / (np.sqrt(np.mean(np.square(sound, dtype=np.float64))) + 1e-9).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    spectra = power(frames, np.hanning(FRAME).astype(np.float32))
    bins = np.round(EDGES_HZ / RATE_HZ * FRAME).astype(int)
    level = np.log10(
        np.add.reduceat(spectra[:, : bins[-1]], bins[:-1], axis=1) / np.diff(bins) / FRAME + 1e-7
    )
    loud = level[:, 4:10].mean(1) >= np.quantile(level[:, 4:10].mean(1), 0.5)
    shape = np.log10((10 ** level[loud]).mean(0))
    shape = shape - shape[4:10].mean()
    floor = np.quantile(level, 0.08, axis=0)
    table = [*shape, *(floor - floor[4:10].mean())[1::3], *_band(shape), _ripple(spectra[loud])]
    table += [*_decay(level, floor), *_peaks(sound)]
    return np.nan_to_num(np.array(table, np.float32), posinf=0.0, neginf=0.0)


def _band(shape: Array) -> tuple[float, float]:
    """Lows and highs against the middle."""
    return float(shape[:3].mean() - shape[3:7].mean()), float(shape[-4:].mean() - shape[-8:-4].mean())


def _ripple(spectra: Array) -> float:
    """How rough the mean spectrum is from bin to bin: resonances, and echoes as a comb."""
    mean = np.log10(spectra.mean(0)[8:220] + 1e-9)
    smooth = np.convolve(mean, np.ones(9) / 9, "same")
    return float((mean - smooth)[6:-6].std())


def _decay(level: Array, floor: Array) -> list[float]:
    """How deep pauses are, and how fast sound dies away: slopes in log10 power a frame of 10 ms.

    The steepest falls of speech are those of its mouth; a room adds its own tail to them, and two rooms more.
    """
    depth = np.quantile(level, 0.95, axis=0) - np.quantile(level, 0.1, axis=0)
    smooth = (level[:-2] + level[1:-1] + level[2:]) / 3
    fall = (smooth[6:] - smooth[:-6]) / 6
    heard = smooth[6:] > floor + 0.5
    steep = [
        float(np.quantile(fall[heard[:, band], band], 0.1)) if heard[:, band].sum() > 8 else 0.0
        for band in range(BANDS)
    ]
    fast = np.diff(level[:, 3:12].mean(1))
    middle = level[:, 3:12].mean(1) - level[:, 3:12].mean()
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    hertz = np.fft.rfftfreq(len(middle), HOP / RATE_HZ)
    slow, quick = (spectrum[(hertz >= a) & (hertz < b)].sum() + 1e-9 for a, b in ((2, 10), (10, 30)))
    return [
        float(depth.mean()), float(np.mean(steep[2:8])), float(np.mean(steep[8:])),
        float(np.quantile(fast, 0.05) / (np.quantile(fast, 0.95) + 1e-6)), float(np.log10(quick / slow)),
    ]  # fmt: skip


def _peaks(sound: Array) -> list[float]:
    """Shape of the distribution of samples, and of what linear prediction leaves of them."""
    size, square = np.abs(sound), sound * sound
    peak = float(_quantile(size, 0.9999)) + 1e-6
    fourth = float(np.dot(square, square)) / sound.size
    third = float(np.dot(square, sound)) / sound.size
    residual = _residual(sound)
    loud = size > 0.8 * peak
    slope = np.abs(np.diff(sound, prepend=np.float32(0)))
    low = _mean(sound)
    high, low = _mean(np.abs(sound - low)), np.abs(low)
    busy = low > _quantile(low, 0.5)
    swing = np.corrcoef(low[busy], high[busy])[0, 1] if busy.sum() > 16 else 0.0
    return [
        float(np.log10(peak)), float(np.log10(fourth + 1e-6)), abs(third), residual, float(swing),
        float(slope[loud].mean() / (slope.mean() + 1e-6)) if loud.any() else 0.0,
    ]  # fmt: skip


def _mean(sound: Array) -> Array:
    """Of each sample, the eight before and the seven after it, zeros beyond the ends."""
    sums = np.pad(sound, (8, 7))
    for step in (1, 2, 4, 8):
        sums = sums[:-step] + sums[step:]
    return sums / np.float32(16)


def _quantile(values: Array, q: float) -> np.float32:
    """As ``np.quantile`` of one dimension, at half its cost."""
    place = q * (values.size - 1)
    first = int(place)
    some = np.partition(values, (first, min(first + 1, values.size - 1)))[first : first + 2]
    return np.float32(some[0] + (some[-1] - some[0]) * (place - first))


def _residual(sound: Array) -> float:
    """Log10 kurtosis of the residual of linear prediction, of order 12, by frames of 32 ms.

    A voice close by has sharp pulses of the glottis; every room blurs them (Yegnanarayana & Murthy 2000).
    """
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[:: FRAME // 2]
    loudness = np.mean(frames**2, axis=1)
    frames = frames[loudness >= np.quantile(loudness, 0.5)] * np.hamming(FRAME).astype(np.float32)
    lags = np.stack([np.einsum("nt,nt->n", frames[:, : FRAME - k], frames[:, k:]) for k in range(13)], 1)
    lags[:, 0] = lags[:, 0] * 1.001 + 1e-6
    index = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    weights = np.linalg.solve(lags[:, index], lags[:, 1:, None])[..., 0]
    past = np.lib.stride_tricks.sliding_window_view(frames, 12, axis=1)[:, :-1, ::-1]
    left = np.square(frames[:, 12:] - np.einsum("ntk,nk->nt", past, weights.astype(np.float32)))
    fourth = np.square(left).mean(1) / (left.mean(1) ** 2 + 1e-12)
    return float(np.log10(np.median(fourth) + 1e-6))
