"""What happens to recordings on their way: the same random processing for both classes of any set.

Everything works on mono float32 at 16 kHz and keeps the length. Codecs run through PyAV in memory.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from scipy import signal

__all__ = ["CODECS", "band_limit", "codec", "coloured_noise", "disturb", "resample", "room", "telephone"]

Sound = NDArray[np.float32]
RATE_HZ = 16000
CODECS: dict[str, tuple[str, str, int, tuple[int, ...]]] = {
    # name: (container, encoder, rate in Hz, bit rates)
    "mp3": ("mp3", "libmp3lame", 16000, (16000, 24000, 32000, 48000, 64000)),
    "mp3-44k": ("mp3", "libmp3lame", 44100, (48000, 64000, 96000, 128000)),
    "opus": ("ogg", "libopus", 48000, (10000, 16000, 24000, 32000, 48000)),
    "aac": ("adts", "aac", 16000, (24000, 32000, 48000, 64000)),
    "amr": ("amr", "libopencore_amrnb", 8000, (7400, 10200, 12200)),
    "g726": ("wav", "g726", 8000, (24000, 32000)),
    "g722": ("wav", "g722", 16000, (64000,)),
    "mulaw": ("wav", "pcm_mulaw", 8000, (64000,)),
}


def resample(sound: Sound, source_hz: int, target_hz: int) -> Sound:
    """Polyphase resampling."""
    if source_hz == target_hz:
        return sound
    ratio = Fraction(target_hz, source_hz)
    return signal.resample_poly(sound, ratio.numerator, ratio.denominator).astype(np.float32)


def codec(sound: Sound, name: str, bit_rate: int) -> Sound:
    """Encode and decode with one of `CODECS`; length kept, coder delay removed by correlation."""
    container, encoder, rate, _ = CODECS[name]
    buffer = io.BytesIO()
    samples = np.clip(resample(sound, RATE_HZ, rate) * 32767, -32768, 32767).astype(np.int16)
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate)
        stream.layout = "mono"  # type: ignore[union-attr]
        stream.bit_rate = bit_rate  # type: ignore[union-attr]
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = rate
        shaper = av.AudioResampler(format=stream.format, layout="mono", rate=rate,  # type: ignore[union-attr]
                                   frame_size=stream.codec_context.frame_size or 320)  # fmt: skip
        for part in [*shaper.resample(frame), *shaper.resample(None), None]:
            output.mux(stream.encode(part))  # type: ignore[union-attr,arg-type]
    buffer.seek(0)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(buffer) as given:
        parts = [part for frame in given.decode(audio=0) for part in resampler.resample(frame)]
    parts += resampler.resample(None)
    back = np.concatenate([part.to_ndarray().ravel() for part in parts]).astype(np.float32)
    return _aligned(back, sound)


def _aligned(back: Sound, original: Sound) -> Sound:
    """Cut the coder's delay (up to 0.2 s) off and fit the length."""
    span = min(len(back), len(original), 2 * RATE_HZ)
    lags = signal.correlate(back[:span], original[:span], mode="full", method="fft")[span - 1 :]
    lag = int(lags[:3200].argmax()) if span > 3200 else 0
    moved = back[lag : lag + len(original)]
    return np.pad(moved, (0, len(original) - len(moved))).astype(np.float32)


def band_limit(sound: Sound, low_hz: float, high_hz: float, order: int = 6) -> Sound:
    """Butterworth band pass; an end at 0 or at Nyquist is open."""
    if high_hz < RATE_HZ / 2 - 50:
        sound = signal.sosfilt(signal.butter(order, high_hz, "low", fs=RATE_HZ, output="sos"), sound)
    if low_hz > 10:
        sound = signal.sosfilt(signal.butter(2, low_hz, "high", fs=RATE_HZ, output="sos"), sound)
    return np.asarray(sound, dtype=np.float32)


def telephone(sound: Sound, rng: np.random.Generator) -> Sound:
    """300-3400 Hz and one of the narrow-band codecs."""
    name = str(rng.choice(["amr", "g726", "mulaw"]))
    bits = int(rng.choice(CODECS[name][3]))
    return codec(band_limit(sound, 300, 3400), name, bits)


def coloured_noise(size: int, slope: float, rng: np.random.Generator) -> Sound:
    """Gaussian noise whose power falls by ``slope`` times 3 dB an octave; unit variance."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** (slope / 2)
    noise = np.fft.irfft(spectrum, size)
    return (noise / (noise.std() + 1e-12)).astype(np.float32)


def room(sound: Sound, rng: np.random.Generator) -> Sound:
    """A simulated room: a direct path and exponentially falling, low-passed noise (RT60 0.1-0.7 s)."""
    seconds = float(rng.uniform(0.1, 0.7))
    size = int(seconds * RATE_HZ)
    tail = rng.standard_normal(size) * np.exp(-6.9 * np.arange(size) / size)
    tail = signal.lfilter([1.0], [1.0, -float(rng.uniform(0, 0.6))], tail)
    tail[: int(rng.uniform(0.001, 0.008) * RATE_HZ)] = 0
    tail *= 10 ** (-float(rng.uniform(2, 18)) / 20) / np.sqrt((tail**2).sum() + 1e-9)
    tail[0] = 1.0
    return signal.fftconvolve(sound, tail)[: len(sound)].astype(np.float32)


def disturb(sound: Sound, rng: np.random.Generator) -> Sound:
    """One random path from mouth to file, blind to the class; peak between 0.03 and 1 at the end."""
    steps: list[Callable[[Sound], Sound]] = []
    if rng.random() < 0.25:
        steps.append(lambda x: room(x, rng))
    if rng.random() < 0.25:
        steps.append(lambda x: _equalise(x, rng))
    if rng.random() < 0.5:
        steps.append(lambda x: _noisy(x, rng))
    if rng.random() < 0.2:
        steps.append(lambda x: band_limit(x, float(rng.uniform(0, 200)), float(rng.uniform(3300, 7800))))
    if rng.random() < 0.15:
        steps.append(lambda x: _through_rate(x, rng))
    draw = rng.random()
    if draw < 0.1:
        steps.append(lambda x: telephone(x, rng))
    elif draw < 0.55:
        name = str(rng.choice(["mp3", "mp3-44k", "opus", "aac", "amr", "g722"],
                              p=[0.26, 0.18, 0.28, 0.16, 0.06, 0.06]))  # fmt: skip
        steps.append(lambda x: codec(x, name, int(rng.choice(CODECS[name][3]))))
    for step in steps:
        sound = step(_levelled(sound, 0.5))
    return _levelled(sound, float(10 ** rng.uniform(-1.5, 0)))


def _levelled(sound: Sound, peak: float) -> Sound:
    return (sound * (peak / (np.abs(sound).max() + 1e-9))).astype(np.float32)


def _noisy(sound: Sound, rng: np.random.Generator) -> Sound:
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-float(rng.uniform(8, 45)) / 20)
    return sound + coloured_noise(len(sound), float(rng.uniform(0, 2)), rng) * np.float32(level)


def _equalise(sound: Sound, rng: np.random.Generator) -> Sound:
    """A random smooth response of ±8 dB: microphones and loudspeakers."""
    knots = rng.uniform(-8, 8, 8)
    gains = 10 ** (np.interp(np.linspace(0, 7, 65), np.arange(8), knots) / 20)
    taps = signal.firwin2(129, np.linspace(0, 1, 65), gains)
    return signal.fftconvolve(sound, taps, mode="same").astype(np.float32)


def _through_rate(sound: Sound, rng: np.random.Generator) -> Sound:
    """Down to another rate and back, as players, phones and web pages do."""
    rate = int(rng.choice([8000, 11025, 12000, 14000, 22050, 24000, 44100]))
    back = resample(resample(sound, RATE_HZ, rate), rate, RATE_HZ)
    return np.pad(back, (0, max(0, len(sound) - len(back))))[: len(sound)].astype(np.float32)
