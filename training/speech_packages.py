"""Genuine studio speech that Debian distributes: the prompts of a telephone exchange, in five languages.

The material has hardly any genuine speech read in a studio, and its sources are few. Asterisk's core sounds
(CC-BY-SA 3.0, G.722 at 16 kHz) are fetched by name and version, checked by hash, cut to short WAV files and
used as one more source (decision 0069).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
from bonafide_inference.vad import FRAME, Vad
from numpy.typing import NDArray

from training.speech_material import RATE_HZ, Clip, read_sound

__all__ = ["GROUP", "PROMPTS", "package_speech", "packaged"]

PROMPTS = {
    "en": "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806",
    "es": "e4e3b4281057d3b81b779298fd6be705f57411513955c518eed1bcaabbd615b8",
    "fr": "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0",
    "it": "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016",
    "ru": "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b",
}
"""Language to SHA-256 of ``asterisk-core-sounds-<language>-g722``."""
VERSION = "1.6.1-1"
GROUP = "debian:asterisk-core-sounds"
"""What is held out together: one project, whatever the language."""
MOST = 40
"""Clips of a language."""
SHORTEST_S, LONGEST_S = 2.0, 4.5
SPEECH = 0.5
"""Share of frames with speech that tells a sentence from a beep."""


def package_speech(folder: Path) -> list[Clip]:
    """Clips of every language, made in ``folder`` where missing; none where there is no ``apt-get``.

    Raises
    ------
    ValueError
        If a package is not the one that was tried.
    """
    if shutil.which("apt-get") is None:
        print("no apt-get: without the genuine speech of Debian packages", file=sys.stderr)
        return []
    clips: list[Clip] = []
    for language, sha256 in PROMPTS.items():
        target = folder / f"asterisk-core-sounds-{language}"
        if not (target / "done").exists():
            _make(f"{target.name}-g722", sha256, target)
        clips += [Clip(path, GROUP, "", False, True) for path in sorted(target.glob("*.wav"))]
    return clips


def packaged(clip: Clip) -> bool:
    """Whether a clip comes from such a package and not from the material."""
    return clip.group == GROUP


def _make(name: str, sha256: str, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    unpacked = target / "unpacked"
    unpacked.mkdir(exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", f"{name}={VERSION}"], cwd=unpacked, check=True)
    (archive,) = unpacked.glob("*.deb")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{name} {VERSION} has the hash {found}")
    subprocess.run(["dpkg", "-x", archive.name, "."], cwd=unpacked, check=True)
    _cut(sorted(unpacked.rglob("*.g722")), target)
    shutil.rmtree(unpacked)
    (target / "done").touch()


def _cut(paths: list[Path], target: Path) -> None:
    """The first `MOST` sentences, in an order that has nothing to do with their names."""
    made = 0
    for path in sorted(paths, key=lambda p: hashlib.sha256(p.name.encode()).digest()):
        try:
            sound = read_sound(path)[: int(LONGEST_S * RATE_HZ)]
        except (av.error.FFmpegError, ValueError):
            continue
        if len(sound) >= SHORTEST_S * RATE_HZ and _spoken(sound) >= SPEECH:
            _write(target / f"{made:02d}-{path.stem}.wav", sound)
            made += 1
        if made == MOST:
            return


def _spoken(sound: NDArray[np.float32]) -> float:
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    return float((Vad().feed(frames) > 0.5).mean())


def _write(path: Path, sound: NDArray[np.float32]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(np.clip(np.round(sound * 32767), -32768, 32767).astype("<i2").tobytes())
