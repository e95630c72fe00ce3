"""The picture of a channel: what is marked, where, and that a long file costs no more."""

from __future__ import annotations

import tracemalloc

import numpy as np
from bonafide.model import Segment
from bonafide_inference.soundplot import LEFT, MARK, TOP, WIDTH, sound_plot
from bonafide_inference.soundstats import Meter
from bonafide_inference.speech import RATE_HZ, Speech

from tests.unit.inference.makers import voice


def heard(samples: np.ndarray, start_s: float = 0.0) -> Speech:
    seconds = samples.size / RATE_HZ
    told = np.zeros(0, np.float32)
    return Speech(samples, start_s, ((start_s + 1, start_s + seconds / 2),), told, Meter().stats(), 0)


def red(pixels: np.ndarray) -> np.ndarray:
    """Columns with a pixel of the mark's own colour."""
    return np.flatnonzero((pixels == MARK).all(axis=2).any(axis=0))


def test_suspicious_stretches_are_marked_where_they_are() -> None:
    picture = sound_plot(heard(voice(10), 20.0), (), ((22.0, 24.5),), "channel 0")
    top = np.asarray(picture)[TOP : TOP + 100]
    assert red(top).tolist() == [LEFT + WIDTH * 2 // 10, LEFT + WIDTH * 45 // 100]
    inside, outside = top[2, LEFT + 300], top[2, LEFT + 700]
    assert inside[0] > inside[1] and tuple(outside) == (255, 255, 255)


def test_scores_are_drawn_at_their_height_and_time() -> None:
    scores = [Segment(start_s=0, end_s=5, llr=4.0), Segment(start_s=5, end_s=10, llr=-4.0),
              Segment(start_s=0, end_s=10)]  # fmt: skip
    pixels = np.asarray(sound_plot(heard(voice(10)), scores))
    fake = np.argwhere((pixels == MARK).all(axis=2))
    genuine = np.argwhere((pixels[450:] == (60, 110, 160)).all(axis=2))
    assert fake[:, 1].max() <= LEFT + WIDTH // 2 + 2
    assert genuine[:, 1].min() >= LEFT + WIDTH // 2 - 2
    assert fake[:, 0].max() < genuine[:, 0].min() + 450


def test_without_sound_or_scores_there_is_a_picture() -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(100, np.float32), np.ones(RATE_HZ, np.float32)):
        assert sound_plot(heard(samples), ()).size == sound_plot(heard(voice(3)), ()).size


def test_a_long_file_costs_no_more_memory() -> None:
    long = np.tile(voice(10), 120)  # twenty minutes
    tracemalloc.start()
    try:
        sound_plot(heard(long), [Segment(start_s=n * 2, end_s=n * 2 + 2, llr=0.5) for n in range(600)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30 * 2**20
