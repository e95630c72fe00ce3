"""Speech played by a loudspeaker and recorded again; and recorded once, near by, far off, by a headset.

All of it is simulation. What both classes share (rooms, microphones, noise, coders) is drawn alike, so that
far-off genuine speech is no replay; only the loudspeaker and the second passage through a room are the
replay's own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from training.channels import coloured_noise
from training.recordings import sent
from training.speech_material import RATE_HZ

__all__ = ["GENUINE", "REPLAYS", "impulse", "loudspeaker", "made", "microphone"]

Sound = NDArray[np.float32]
GENUINE = ("near", "far", "headset")
SPEAKERS = {"telephone": (350.0, 800.0), "laptop": (180.0, 400.0), "desk": (60.0, 140.0)}
"""Corner of each kind of loudspeaker in Hz, from and to."""
CODED = 0.15
"""Share that is coded afterwards."""
REPLAYS = tuple(f"{speaker} loudspeaker" for speaker in SPEAKERS)


def made(kind: str, sound: Sound, rng: np.random.Generator) -> Sound:
    """One recording of a clip: one of `GENUINE` or of `REPLAYS`."""
    if kind in REPLAYS:
        first = made(str(rng.choice(["near", "near", "far"])), sound, rng)
        played = loudspeaker(first, kind.split(maxsplit=1)[0], rng)
        return sent(_taken(played, rng.uniform(0.2, 1.5), rng, (18, 45)), rng, CODED)
    if kind == "far":
        return sent(_taken(sound, rng.uniform(1.0, 4.0), rng, (12, 40)), rng, CODED)
    if kind == "headset":
        return sent(
            _noisy(_equalised(_high_pass(sound, rng.uniform(100, 300), 2), 8, rng), (20, 45), rng), rng, CODED
        )
    return sent(microphone(sound, (25, 60), rng) if rng.random() < 0.6 else sound, rng, CODED)


def loudspeaker(sound: Sound, kind: str, rng: np.random.Generator) -> Sound:
    """A small driver: lows lost, resonances, and a cone that travels no further than it can."""
    low, high = SPEAKERS[kind]
    drive = float(rng.uniform(0.3, 2.0)) / (np.quantile(np.abs(sound), 0.999) + 1e-6)
    moved = np.tanh(sound * drive + rng.uniform(0, 0.15)) / drive
    played = _high_pass(moved.astype(np.float32), rng.uniform(low, high), int(rng.choice([2, 4])))
    if kind == "telephone" or rng.random() < 0.3:
        edge = float(rng.uniform(4500, 7600))
        played = signal.sosfilt(signal.butter(3, edge, fs=RATE_HZ, output="sos"), played)
    return _equalised(np.asarray(played, np.float32), 10, rng)


def _taken(sound: Sound, metres: float, rng: np.random.Generator, snr: tuple[float, float]) -> Sound:
    """Through a room to a microphone at this distance."""
    tail = impulse(float(rng.uniform(0.15, 0.9)), float(metres), rng)
    return microphone(signal.fftconvolve(sound, tail)[: len(sound)].astype(np.float32), snr, rng)


def impulse(rt60_s: float, metres: float, rng: np.random.Generator) -> Sound:
    """Response of a room: direct sound, a few early echoes, and noise that dies away, highs first.

    The direct sound is as loud as all the rest at the critical distance of a room of 30 to 150 m³
    (0.057 sqrt(V / RT60), Kuttruff), and falls with the distance.
    """
    size = int(rt60_s * RATE_HZ)
    moments = np.arange(size) / RATE_HZ
    noise = rng.standard_normal(size)
    dull = signal.lfilter([0.5], [1, -0.5], noise)
    tail = dull * np.exp(-6.9 * moments / rt60_s) + (noise - dull) * np.exp(-11 * moments / rt60_s)
    first = int(rng.uniform(0.002, 0.012) * RATE_HZ)
    tail[:first] = 0
    tail /= np.sqrt((tail**2).sum()) + 1e-9
    critical = 0.057 * np.sqrt(rng.uniform(30, 150) / rt60_s)
    response = tail * min(metres / critical, 8.0)
    for delay in rng.integers(first // 2 + 1, int(0.03 * RATE_HZ), 5):
        if delay < size:
            response[delay] += rng.uniform(-0.4, 0.4) * min(1.0, metres)
    response[0] += 1
    return np.asarray(response, np.float32)


def microphone(sound: Sound, snr: tuple[float, float], rng: np.random.Generator) -> Sound:
    """A microphone's corner, response and noise."""
    return _noisy(_equalised(_high_pass(sound, rng.uniform(20, 120), 1), 6, rng), snr, rng)


def _noisy(sound: Sound, snr: tuple[float, float], rng: np.random.Generator) -> Sound:
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-rng.uniform(*snr) / 20)
    return sound + coloured_noise(len(sound), float(rng.uniform(0, 2)), rng) * np.float32(level)


def _high_pass(sound: Sound, hertz: float, order: int) -> Sound:
    sections = signal.butter(order, hertz, "high", fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sections, sound), np.float32)


def _equalised(sound: Sound, most_db: float, rng: np.random.Generator) -> Sound:
    """A random smooth response within ± ``most_db``."""
    gains = 10 ** (np.interp(np.linspace(0, 11, 129), np.arange(12), rng.uniform(-most_db, most_db, 12)) / 20)
    taps = signal.firwin2(257, np.linspace(0, 1, 129), gains)
    return np.asarray(signal.fftconvolve(sound, taps, mode="same"), np.float32)
