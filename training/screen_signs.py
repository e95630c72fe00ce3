"""How often the signs of a screen (`presentation_attack.signs`) are seen where there is one, and where not.

There: simulated, a picture with a dark bezel in another picture, and bands drawn over genuine video. Not
there: the genuine pictures and clips of the material, as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from bonafide_inference.detectors.presentation_attack.signs import (
    BAND_SHARE,
    banding,
    screen_edges,
    shown_on_screen,
)
from bonafide_inference.faces import find
from bonafide_inference.frames import Burst, Stretch, read_reel
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.clips import clips, seconds

__all__ = ["signs_table"]

SCENES = ("bsds500", "dreambooth", "ecuador", "ffhq1024", "imagenet", "raccoon")
SHOWN = ("ecuador", "ffhq1024")
SCREENS = 80
LONGEST_S = 8.0
STRENGTHS = (0.005, 0.01, 0.02, 0.04)
"""Amplitudes of the drawn bands, as a share of the brightness."""


def signs_table(data: Path) -> str:
    """Both signs, seen and falsely seen, as a table of the card."""
    rng = np.random.default_rng(3)
    pictures = {n: sorted((data / "image" / "genuine" / n).glob("*")) for n in SCENES}
    false = [
        seen for paths in pictures.values() for path in paths if (seen := _edges(_opened(path))) is not None
    ]
    shown = [path for name in SHOWN for path in pictures[name]]
    made = [
        seen for _ in range(SCREENS)
        if (seen := _edges(_screen(_pick(shown, rng), _pick(pictures["bsds500"], rng), rng))) is not None
    ]  # fmt: skip
    lines = [
        "| sign | where | looked at | seen |", "|---|---|---|---|",
        f"| screen_edges | genuine pictures with a face | {len(false)} | {np.mean(false):.1%} |",
        f"| screen_edges | simulated screens in a scene | {len(made)} | {np.mean(made):.1%} |",
    ]  # fmt: skip
    bursts = list(_bursts(data))
    for strength in (0.0, *STRENGTHS):
        shares = [banding([_banded(burst, strength, rng)]) for burst in bursts]
        beyond = [share >= BAND_SHARE for share in shares if share is not None]
        what = f"bands of {strength:.1%} drawn over them" if strength else "genuine clips"
        lines.append(f"| screen_bands | {what} | {len(beyond)} | {np.mean(beyond):.1%} |")
    return "\n".join(lines)


def _opened(path: Path) -> Image.Image:
    image = Image.open(path).convert("RGB")
    image.thumbnail((1280, 1280))
    return image


def _pick(paths: list[Path], rng: np.random.Generator) -> Image.Image:
    return _opened(paths[int(rng.integers(len(paths)))])


def _edges(image: Image.Image) -> bool | None:
    """Whether the largest face is surrounded by a screen's edges; None without a face."""
    rgb = np.asarray(image)
    faces = [face for face in find(rgb, 640) if face.side >= 36]
    return shown_on_screen(screen_edges(rgb, faces[0])) if faces else None


def _screen(shown: Image.Image, scene: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture on a device with a dark bezel, held before the scene."""
    scene = scene.resize((960, 640))
    width = int(rng.uniform(200, 460))
    shown = shown.resize((width, int(width * shown.height / shown.width)))
    bezel = int(width * rng.uniform(0.03, 0.12))
    colour = tuple(int(value) for value in rng.integers(5, 60, 3))
    device = Image.new("RGB", (shown.width + 2 * bezel, shown.height + 2 * bezel), colour)
    device.paste(shown, (bezel, bezel))
    held = device.convert("RGBA").rotate(float(rng.normal(0, 3)), Image.Resampling.BICUBIC, expand=True)
    left, top = (int(rng.uniform(0, max(1, room))) for room in (960 - held.width, 640 - held.height))
    scene.paste(held, (left, top), held)
    return scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))


def _bursts(data: Path) -> Iterator[Burst]:
    for clip in clips(data):
        if clip.label == "genuine":
            reel = read_reel(
                str(clip.path), clip.family, Stretch(end_s=LONGEST_S, length_s=seconds(clip.path, LONGEST_S))
            )
            yield from reel.bursts


def _banded(burst: Burst, strength: float, rng: np.random.Generator) -> Burst:
    """The burst with one band pattern that wanders over its frames."""
    cycles, hertz, phase = rng.uniform(1, 6), rng.uniform(1.5, 8), rng.uniform(0, 2 * np.pi)
    frames = []
    for frame in burst.frames:
        rows: NDArray[np.float64] = np.linspace(0, cycles, frame.rgb.shape[0]) + hertz * frame.time_s
        light = 1 + strength * np.sin(2 * np.pi * rows + phase)
        rgb = np.clip(frame.rgb * light[:, None, None] + rng.uniform(0, 1), 0, 255).astype(np.uint8)
        frames.append(replace(frame, rgb=rgb))
    return Burst(tuple(frames), burst.luma)
