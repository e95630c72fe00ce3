"""A picture of one channel for people: waveform, spectrogram, scores over time, suspicious stretches marked.

Pillow and numpy only, as `plots`. Of the sound only one column of figures a pixel is kept, so that twenty
minutes cost no more than a minute does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from bonafide.model import Artifact, Segment
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bonafide_inference.calibration import probability
from bonafide_inference.plots import palette
from bonafide_inference.speech import RATE_HZ, Speech

if TYPE_CHECKING:
    from bonafide_inference.registry import Job

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

__all__ = ["MARK", "plotted", "sound_plot"]

WIDTH, LEFT, RIGHT, TOP, GAP = 1000, 62, 16, 30, 26
WAVE, SPECTRUM, TRACK = 110, 230, 130
FFT = 512
MOST_FRAMES = 4
"""Spectra averaged a column at most: a long file is sampled, not read whole."""
FLOOR_DB = 70.0
MARK = (200, 30, 40)
INK, FAINT, SPOKEN = (30, 30, 30), (205, 205, 205), (60, 110, 160)


@dataclass(frozen=True)
class _Panel:
    """A box of the picture; ``x`` and ``y`` map seconds and shares (0 below, 1 above) to pixels."""

    top: int
    height: int
    start_s: float
    seconds: float

    def x(self, moment: float) -> float:
        return LEFT + WIDTH * min(1.0, max(0.0, (moment - self.start_s) / max(self.seconds, 1e-6)))

    def y(self, share: float) -> float:
        return self.top + self.height * (1 - min(1.0, max(0.0, share)))


def plotted(
    job: Job, speech: Speech, segments: Sequence[Segment], suspicious: Sequence[tuple[float, float]],
    stem: str, title: str,
) -> tuple[Artifact, ...]:  # fmt: skip
    """`sound_plot` as an artifact; none where nobody wants it or nothing was scored."""
    if not job.options.visualize or not segments:
        return ()
    channel = "" if speech.channel is None else f" of channel {speech.channel}"
    name = f"{stem}-{speech.channel or 0}-{round(1000 * speech.start_s)}.png"
    path = os.path.join(job.workdir, name)
    sound_plot(speech, segments, suspicious, title + channel).save(path, "PNG")
    return (Artifact(name=name, media_type="image/png", title=title + channel, path=path),)


def sound_plot(
    speech: Speech, scores: Sequence[Segment], suspicious: Sequence[tuple[float, float]] = (), title: str = ""
) -> Image.Image:
    """Draw one channel.

    Parameters
    ----------
    speech
        The sound (`Piece.speech`).
    scores
        Windows with their LLR (nats) and times in seconds of the media; those without LLR are left out.
        They are drawn as P(fake) at even odds.
    suspicious
        Stretches to mark in red, (start, end) in seconds of the media.
    title
        One line above all; what was asked, and of which channel.
    """
    size = (LEFT + WIDTH + RIGHT, TOP + WAVE + SPECTRUM + TRACK + 3 * GAP + 14)
    image = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    span = (speech.start_s, max(speech.seconds, 1e-3))
    wave = _Panel(TOP, WAVE, *span)
    spectrum = _Panel(wave.top + WAVE + GAP, SPECTRUM, *span)
    track = _Panel(spectrum.top + SPECTRUM + GAP, TRACK, *span)
    draw.text((LEFT, 8), title, INK, font)
    _wave(draw, wave, speech, font)
    _spectrum(image, spectrum, speech, font)
    _track(draw, track, scores, font)
    for panel in (wave, spectrum, track):
        _mark(image, panel, suspicious)
        draw.rectangle((LEFT, panel.top, LEFT + WIDTH, panel.top + panel.height), outline=INK)
    _clock(draw, track, font)
    return image


def _columns(speech: Speech) -> NDArray[np.int64]:
    """First sample of every column, and one past the last."""
    return np.linspace(0, speech.samples.size, WIDTH + 1).astype(np.int64)


def _wave(draw: ImageDraw.ImageDraw, panel: _Panel, speech: Speech, font: Font) -> None:
    """Least and greatest value a column; darker where somebody speaks."""
    edges = _columns(speech)
    low, high = np.zeros(WIDTH), np.zeros(WIDTH)
    for column, (first, last) in enumerate(pairwise(edges.tolist())):
        part = speech.samples[first : max(last, first + 1)]
        if part.size:
            low[column], high[column] = float(part.min()), float(part.max())
    peak = max(float(np.abs(low).max()), float(high.max()), 1e-6)
    moments = speech.start_s + (edges[:-1] + edges[1:]) / 2 / RATE_HZ
    spoken = np.zeros(WIDTH, bool)
    for start, end in speech.segments:
        spoken |= (moments >= start) & (moments <= end)
    for column in range(WIDTH):
        ends = panel.y(0.5 + 0.5 * low[column] / peak), panel.y(0.5 + 0.5 * high[column] / peak)
        x = LEFT + column
        draw.line((x, ends[0], x, ends[1]), SPOKEN if spoken[column] else (150, 150, 150))
    for share, label in ((1.0, f"{peak:.2f}"), (0.5, "0"), (0.0, f"-{peak:.2f}")):
        draw.text((LEFT - 6, panel.y(share)), label, INK, font, anchor="rm")
    draw.text((LEFT + WIDTH, panel.top - 4), "blue: speech", SPOKEN, font, anchor="rb")


def _spectrum(image: Image.Image, panel: _Panel, speech: Speech, font: Font) -> None:
    """Power in dB below the loudest, up to 8 kHz."""
    window = np.hanning(FFT).astype(np.float32)
    power = np.zeros((WIDTH, FFT // 2), np.float32)
    edges = _columns(speech)
    for column, (first, last) in enumerate(pairwise(edges.tolist())):
        starts = np.unique(np.linspace(first, max(first, last - FFT), MOST_FRAMES).astype(np.int64))
        for start in starts:
            part = np.asarray(speech.samples[start : start + FFT])
            part = np.pad(part, (0, FFT - part.size)) * window
            power[column] += np.abs(np.fft.rfft(part)[1:]) ** 2 / starts.size
    level = 10 * np.log10(power + 1e-9)
    scaled = 1 + (level - level.max()) / FLOOR_DB
    picture = Image.fromarray(palette(scaled.T[::-1])).resize(
        (WIDTH, panel.height), Image.Resampling.BILINEAR
    )
    image.paste(picture, (LEFT, panel.top))
    draw = ImageDraw.Draw(image)
    for kilohertz in (0, 2, 4, 6, 8):
        draw.text((LEFT - 6, panel.y(kilohertz / 8)), f"{kilohertz} kHz", INK, font, anchor="rm")


def _track(draw: ImageDraw.ImageDraw, panel: _Panel, scores: Sequence[Segment], font: Font) -> None:
    """P(fake) of every window as a step; even odds are the line in the middle."""
    for share in (0.0, 0.5, 1.0):
        draw.line((LEFT, panel.y(share), LEFT + WIDTH, panel.y(share)), FAINT)
        draw.text((LEFT - 6, panel.y(share)), f"{share:g}", INK, font, anchor="rm")
    draw.text((LEFT + WIDTH, panel.top - 4), "P(fake) by window, at even odds", INK, font, anchor="rb")
    told = [segment for segment in scores if segment.llr is not None]
    for segment in told:
        height = panel.y(probability(segment.llr or 0.0))
        colour = MARK if (segment.llr or 0.0) > 0 else SPOKEN
        left, right = panel.x(segment.start_s), panel.x(segment.end_s)
        draw.line((left, height, max(right, left + 1), height), colour, 3)
    if not told:
        draw.text((LEFT + WIDTH / 2, panel.y(0.5) - 4), "no scores", INK, font, anchor="mb")


def _mark(image: Image.Image, panel: _Panel, suspicious: Sequence[tuple[float, float]]) -> None:
    """Redden the suspicious stretches, with a line at both ends."""
    for start, end in suspicious:
        left, right = round(panel.x(start)), round(panel.x(end))
        box = (left, panel.top, max(right, left + 2), panel.top + panel.height)
        part = image.crop(box)
        image.paste(Image.blend(part, Image.new("RGB", part.size, MARK), 0.22), box)
        draw = ImageDraw.Draw(image)
        for x in (left, max(right, left + 2)):
            draw.line((x, panel.top, x, panel.top + panel.height), MARK)


def _clock(draw: ImageDraw.ImageDraw, panel: _Panel, font: Font) -> None:
    """Times below, at round steps: eight of them or so."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
    step = next((s for s in steps if panel.seconds / s <= 9), 1200.0)
    bottom = panel.top + panel.height
    moment = np.ceil(panel.start_s / step) * step
    while moment <= panel.start_s + panel.seconds + 1e-9:
        x = panel.x(moment)
        draw.line((x, bottom, x, bottom + 4), INK)
        minutes, seconds = divmod(moment, 60)
        label = f"{int(minutes)}:{seconds:02.0f}" if panel.seconds >= 60 else f"{moment:g} s"
        draw.text((x, bottom + 6), label, INK, font, anchor="ma")
        moment = round(moment + step, 6)
