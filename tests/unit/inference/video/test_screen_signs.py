"""Signs of a screen: dark edges around a face, bands that wander."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from bonafide.model import Options, Outcome
from bonafide_inference import registry
from bonafide_inference.detectors.presentation_attack import detector
from bonafide_inference.detectors.presentation_attack.signs import (
    BAND_SHARE,
    banding,
    screen_edges,
    shown_on_screen,
)
from bonafide_inference.faces import find
from bonafide_inference.frames import Burst, Frame
from PIL import Image

from tests.unit.inference.video.making import face, film, piece, scene


def on_a_device(angle: float = 0.0, bezel: int = 14) -> np.ndarray:
    """The drawn face, shown by a device with a dark bezel before a scene."""
    shown = Image.fromarray(face())
    device = Image.new("RGB", (shown.width + 2 * bezel, shown.height + 2 * bezel), (22, 22, 25))
    device.paste(shown, (bezel, bezel))
    held = device.convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
    room = Image.fromarray(scene(4)).resize((720, 560))
    room = Image.eval(room, lambda value: 90 + value // 2)
    room.paste(held, (150, 100), held)
    return np.asarray(room)


@pytest.mark.parametrize("angle", [0.0, 3.0, -5.0])
def test_a_screen_around_a_face(angle: float) -> None:
    picture = on_a_device(angle)
    edges = screen_edges(picture, find(picture, 640)[0])
    assert {edge.side for edge in edges} == {"left", "right", "top", "bottom"}
    assert shown_on_screen(edges)


def test_a_face_without_a_screen() -> None:
    picture = face()
    assert not shown_on_screen(screen_edges(picture, find(picture)[0]))
    assert not shown_on_screen(screen_edges(on_a_device(bezel=0), find(on_a_device(bezel=0), 640)[0]))


def test_letterbox_is_no_bezel() -> None:
    boxed = np.zeros((400, 520, 3), np.uint8)
    boxed[80:320, 100:420] = face()
    assert not shown_on_screen(screen_edges(boxed, find(boxed, 640)[0]))


def burst(strength: float, count: int = 40) -> Burst:
    frames = []
    for number in range(count):
        rows = 3 * np.linspace(0, 1, 240) + 4 * number / 25
        light = 1 + strength * np.sin(2 * np.pi * rows)
        rgb = np.clip(face(x=150 + number / 3, seed=number) * light[:, None, None], 0, 255).astype(np.uint8)
        frames.append(Frame(number, number / 25, rgb))
    return Burst(tuple(frames), ())


def test_bands_that_wander() -> None:
    assert (banding([burst(0.04)]) or 0) >= BAND_SHARE
    assert (banding([burst(0.0)]) or 0) < BAND_SHARE


def test_too_short_for_bands() -> None:
    assert banding([burst(0.04, 10)]) is None
    assert banding([]) is None


def test_signs_are_said_where_the_score_abstains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A face unlike all that was measured gets no score, but the screen around it is still there."""
    monkeypatch.setattr(detector, "_strange", lambda *_: True)
    whole = piece(film(tmp_path / "x.mp4", [on_a_device()] * 20))
    shipped = next(f for f in registry.discover() if f.manifest.name == "presentation_attack_video")
    job = SimpleNamespace(piece=whole, media=whole.media, options=Options(), folder=shipped.path)
    found = detector.PresentationAttack().score(cast("registry.Job", job))
    assert (found.outcome, found.reason, found.p_fake) == (Outcome.INCONCLUSIVE, "out_of_distribution", None)
    assert [flag.code for flag in found.evidence.flags] == ["screen_edges"]
    details: Any = found.evidence.details
    assert details["liveness"] == {"result": "UNDETERMINED"}
    assert found.detail
