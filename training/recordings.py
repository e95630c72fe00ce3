"""Recordings with a known history: genuine ones as people make them, and the same cut, shortened, added to.

Both classes come from the same clips, through the same rooms, noises, mains hum and coders, so that none of
these tells them apart; what is left is that something *changes* where no microphone was moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.channels import CODECS, band_limit, codec, coloured_noise, room
from training.speech_material import RATE_HZ, Clip

__all__ = ["GENUINE", "JOINS", "SPLICES", "Recording", "Scene", "cut", "genuine", "guests", "sent", "speaker"]

Sound = NDArray[np.float32]
GENUINE = ("as it was", "fader moved", "two speakers", "pauses gated")
SPLICES = ("other voice, other room", "same voice, other room", "other voice, same room",
           "same voice, same room", "words left out")  # fmt: skip
JOINS = {"hard": 0.0, "5 ms fade": 0.005, "50 ms fade": 0.05}
CODED = ("mp3", "mp3", "aac", "opus")
"""Opus takes five times as long to make as the others."""


@dataclass(frozen=True)
class Recording:
    """Sound at 16 kHz, the seconds where it was cut (none: genuine), and how it was made."""

    sound: Sound
    cuts: tuple[float, ...]
    kind: str
    join: str = ""


@dataclass(frozen=True)
class Scene:
    """Where something was recorded; ``None`` leaves the clip as it is in that respect."""

    room_seed: int | None
    noise_db: float | None
    noise_slope: float
    hum_db: float | None
    mains_hz: float
    band_hz: float | None
    coder: tuple[str, int] | None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Scene:
        """A random place; every second one is the clip's own, but for hum."""
        changed = rng.random() < 0.6
        name = str(rng.choice(CODED))
        return cls(
            int(rng.integers(1 << 30)) if changed and rng.random() < 0.5 else None,
            float(rng.uniform(12, 45)) if changed and rng.random() < 0.6 else None,
            float(rng.uniform(0, 2)),
            float(rng.uniform(20, 45)) if rng.random() < 0.25 else None,
            float(rng.choice([50.0, 60.0])) + float(rng.normal(0, 0.02)),
            float(rng.uniform(3800, 7500)) if changed and rng.random() < 0.15 else None,
            (name, int(rng.choice(CODECS[name][3]))) if changed and rng.random() < 0.25 else None,
        )

    def record(self, sound: Sound, rng: np.random.Generator) -> Sound:
        """The clip as this place gives it; noise and the hum's phase are new each time."""
        level = float(np.sqrt(np.mean(sound**2))) + 1e-6
        if self.room_seed is not None:
            sound = room(sound, np.random.default_rng(self.room_seed))
        if self.noise_db is not None:
            sound = sound + coloured_noise(len(sound), self.noise_slope, rng) * np.float32(
                level * 10 ** (-self.noise_db / 20)
            )
        if self.hum_db is not None:
            sound = sound + _hum(len(sound), self.mains_hz, rng) * np.float32(
                level * 10 ** (-self.hum_db / 20)
            )
        if self.band_hz is not None:
            sound = band_limit(sound, 0, self.band_hz)
        if self.coder is not None:
            sound = codec(sound * np.float32(0.5 / (np.abs(sound).max() + 1e-6)), *self.coder)
        return np.asarray(sound, np.float32)


def _hum(size: int, hertz: float, rng: np.random.Generator) -> Sound:
    """Mains hum with harmonics that fall off, at a phase of its own; unit variance."""
    moments = np.arange(size) / RATE_HZ + rng.uniform(0, 1)
    parts = [np.cos(2 * np.pi * hertz * k * moments + k) / k for k in (1, 2, 3, 4, 6)]
    hum = np.sum(parts, axis=0)
    return np.asarray(hum / (hum.std() + 1e-9), np.float32)


def speaker(clip: Clip) -> str:
    """Who speaks, as far as the file's name says so; else the repository."""
    stem = clip.path.stem
    if "SPEAKER" in stem:
        return stem.split("SPEAKER")[1].split("_")[0]
    return stem.split("-")[0] if clip.path.parent.name == "librispeech" else clip.group


def genuine(kind: str, host: Sound, guest: Sound, rng: np.random.Generator) -> Recording:
    """An unedited recording: one of `GENUINE`. ``guest`` is who answers, where two speak."""
    scene = Scene.draw(rng)
    if kind == "two speakers":
        gap = np.zeros(int(rng.uniform(0, 0.4) * RATE_HZ), np.float32)
        host = host * np.float32(10 ** (rng.uniform(-8, 8) / 20) * _rms(guest) / (_rms(host) + 1e-6))
        both = np.concatenate((_faded(host), gap, _faded(guest)))[: 7 * RATE_HZ]
        masked = Scene(int(rng.integers(1 << 30)), float(rng.uniform(10, 25)), float(rng.uniform(0, 2)),
                       scene.hum_db, scene.mains_hz, scene.band_hz, scene.coder)  # fmt: skip
        sound = masked.record(both, rng)
    else:
        sound = scene.record(host, rng)
    if kind == "fader moved":
        sound = sound * _fader(len(sound), rng)
    if kind == "pauses gated":
        sound = _gated(sound, rng)
    return Recording(sent(sound, rng), (), kind)


def cut(kind: str, join: str, host: Sound, guest: Sound, rng: np.random.Generator) -> Recording:
    """A cut recording: one of `SPLICES` with one of `JOINS`; ``guest`` is whose words are put in."""
    scene = Scene.draw(rng)
    sound = scene.record(host, rng)
    least = RATE_HZ // 2
    if kind == "words left out":
        size = int(rng.uniform(0.3, min(1.5, len(sound) / RATE_HZ - 1.5)) * RATE_HZ)
        first = _place(sound, least, len(sound) - size - least, rng)
        second = _place(
            sound, first + size - least // 4, min(first + size + least // 4, len(sound) - least), rng
        )
        pieces = [sound[:first], sound[second:]]
    else:
        other = Scene.draw(rng) if kind.endswith("other room") else scene
        words = other.record(guest, rng)
        words = words * np.float32(10 ** (rng.normal(0, 2) / 20) * _rms(sound) / (_rms(words) + 1e-6))
        size = int(rng.uniform(0.5, min(1.8, len(words) / RATE_HZ - 0.2)) * RATE_HZ)
        begin = _place(words, 0, len(words) - size, rng)
        first = _place(sound, least, len(sound) - least, rng)
        skipped = min(len(sound) - least // 2, first + int(rng.choice([0, size])))
        pieces = [sound[:first], words[begin : begin + size], sound[skipped:]]
    joined, cuts = _joined(pieces, JOINS[join])
    if rng.random() < 0.15:
        joined = joined * _fader(len(joined), rng)
    if rng.random() < 0.1:
        joined = _gated(joined, rng)
    return Recording(sent(joined, rng), cuts, kind, join)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def _place(sound: Sound, low: int, high: int, rng: np.random.Generator) -> int:
    """A place to cut: half of them anywhere, half in the quietest 20 ms of 0.6 s around."""
    place = int(rng.integers(low, max(low + 1, high)))
    if rng.random() < 0.5:
        return place
    near = sound[max(low, place - 4800) : min(high, place + 4800)]
    if len(near) < 640:
        return place
    power = np.convolve(near**2, np.ones(320), "valid")
    return max(low, place - 4800) + int(power.argmin()) + 160


def _joined(pieces: list[Sound], fade_s: float) -> tuple[Sound, tuple[float, ...]]:
    whole, cuts = pieces[0], []
    for piece in pieces[1:]:
        size = min(round(fade_s * RATE_HZ), len(piece) // 2, len(whole) // 2)
        ramp = np.linspace(0, 1, size, dtype=np.float32)
        mixed = whole[len(whole) - size :] * (1 - ramp) + piece[:size] * ramp
        cuts.append((len(whole) - size / 2) / RATE_HZ)
        whole = np.concatenate((whole[: len(whole) - size], mixed, piece[size:]))
    return whole.astype(np.float32), tuple(cuts)


def _faded(sound: Sound) -> Sound:
    size = RATE_HZ // 20
    ramp = np.ones(len(sound), np.float32)
    ramp[:size], ramp[-size:] = np.linspace(0, 1, size), np.linspace(1, 0, size)
    return sound * ramp


def _fader(size: int, rng: np.random.Generator) -> Sound:
    """Gain that moves by up to 12 dB over 0.2 to 1.5 s, as people and automatic controls do."""
    middle, width = rng.uniform(0.2, 0.8) * size, rng.uniform(0.2, 1.5) * RATE_HZ
    share = np.clip((np.arange(size) - middle) / width + 0.5, 0, 1)
    return np.asarray(10 ** (share * rng.uniform(-12, 12) / 20), np.float32)


def _gated(sound: Sound, rng: np.random.Generator) -> Sound:
    """Pauses lowered, as call software does: 6 to 40 dB, opening in 10 ms, closing in 150 ms."""
    hop = 160
    power = np.sqrt(np.convolve(sound**2, np.ones(320) / 320, "same"))[::hop]
    open_ = power > np.quantile(power, 0.95) * 10 ** (-float(rng.uniform(26, 40)) / 20)
    gain, state, low = np.empty(len(power)), 1.0, 10 ** (-float(rng.uniform(6, 40)) / 20)
    for place, speaks in enumerate(open_):
        state = max(state, 1.0) if speaks else max(low, state * 0.86)
        gain[place] = state
    return (sound * np.interp(np.arange(len(sound)), np.arange(len(gain)) * hop, gain)).astype(np.float32)


def sent(sound: Sound, rng: np.random.Generator, coded: float = 0.3) -> Sound:
    """What happens to a finished file of either class: coded again with that chance; some level."""
    sound = sound * np.float32(10 ** (rng.uniform(-14, 0) / 20) / (np.abs(sound).max() + 1e-6))
    if rng.random() < coded:
        name = str(rng.choice(CODED))
        sound = codec(sound, name, int(rng.choice(CODECS[name][3])))
    return np.asarray(sound, np.float32)


def guests(clips: Sequence[Clip], row: int, same: bool, rng: np.random.Generator) -> int:
    """Another clip: of the same speaker (of the same repository if there is none), or of another speaker."""
    who = speaker(clips[row])
    others = [k for k, clip in enumerate(clips) if k != row and (speaker(clip) == who) is same]
    if same and not others:
        others = [k for k, clip in enumerate(clips) if k != row and clip.group == clips[row].group]
    return int(rng.choice(others)) if others else row
