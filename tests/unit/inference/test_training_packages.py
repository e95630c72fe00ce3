"""Genuine speech out of Debian packages: what is taken of one, and what is refused."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.unit.inference.makers import voice, wav
from training import speech_packages
from training.speech_material import RATE_HZ, read_sound
from training.speech_packages import package_speech, packaged

TONE = (0.3 * np.sin(np.arange(3 * RATE_HZ) * 0.2)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where clips go; "apt-get" has a package of two sentences, one too short, a tone and a broken file."""
    sounds = tmp_path / "archive" / "usr" / "share" / "sounds"
    sounds.mkdir(parents=True)
    for name, sound in {
        "one": voice(3.0),
        "two": voice(6.0, seed=2),
        "short": voice(1.0),
        "tone": TONE,
    }.items():
        (sounds / f"{name}.g722").write_bytes(wav(sound))
    (sounds / "broken.g722").write_bytes(b"RIFF")

    def pretend(command: list[str], cwd: Path, check: bool) -> None:
        assert check
        if command[0] == "apt-get":
            assert command[-1] == "asterisk-core-sounds-it-g722=1.6.1-1"
            (cwd / "prompts.deb").write_bytes(b"archive")
        else:
            sounds.rename(cwd / "sounds")

    monkeypatch.setattr(subprocess, "run", pretend)
    monkeypatch.setattr(speech_packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(speech_packages, "PROMPTS", {"it": hashlib.sha256(b"archive").hexdigest()})
    monkeypatch.setattr(speech_packages, "SPEECH", 0.05)  # a made voice is less sure than a real one
    return tmp_path / "made"


def test_sentences_are_cut_and_kept(folder: Path) -> None:
    clips = package_speech(folder)
    assert {clip.path.stem.split("-")[1] for clip in clips} == {"one", "two"}
    assert {len(read_sound(clip.path)) for clip in clips} == {3 * RATE_HZ, int(4.5 * RATE_HZ)}
    assert all(packaged(clip) and clip.clear and not clip.synthetic for clip in clips)
    assert package_speech(folder) == clips  # made once: there is nothing left to unpack


def test_another_archive_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_packages, "PROMPTS", {"it": "0" * 64})
    with pytest.raises(ValueError, match="has the hash"):
        package_speech(folder)


def test_without_apt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speech_packages.shutil, "which", lambda _: None)
    assert package_speech(tmp_path) == []
