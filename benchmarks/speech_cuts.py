"""audio_splice and audio_replay, measured leave-source-out (a part of ``benchmarks.speech``).

Makes the recordings that they are trained on (or opens ``.cache/speech``) and judges each by a model without
its source. Prints, for cuts: F1 of segments, false stretches a minute, by kind of cut, join, genuine
recording and source; for replays, all simulated: what scores above 0, far-off genuine speech apart; the
trivial variables beside them; speed. Exit status 1 when a required figure is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Asked, Table
from training import audio_replay, audio_splice, audio_splice_card, cuts_cache, replays_cache
from training.speech_material import Clip

__all__ = ["measure"]

MOST_FALSE_A_MINUTE = 1.0
MOST_FAR = 0.05
MOST_ALARMS = 0.15
MOST_ERROR = 0.05


def measure(clips: Sequence[Clip], cache: Path, most: int | None = None) -> list[Asked]:
    """Print all tables; the figures that are asked for.

    Parameters
    ----------
    most
        Clips of a source at most, for a quick look.
    """
    bound = {} if most is None else {"most": most}
    cuts, _ = audio_splice.judge(cuts_cache.of(clips, cache, **bound))
    _print("audio_splice", audio_splice_card.tables(cuts, cuts_cache.sounds(clips, cache, **bound)))
    figures = audio_splice_card.headline(cuts)
    _figures("audio_splice, leave-source-out", figures)
    replayed, _ = audio_replay.judge(replays_cache.of(clips, cache, **bound))
    _print("audio_replay, simulated", audio_replay.tables(replayed))
    far = audio_replay.headline(replayed)
    _figures("audio_replay, leave-source-out, simulated", far)
    return [
        Asked("cuts: false stretches a minute", figures["false_stretches_a_minute"], MOST_FALSE_A_MINUTE),
        Asked("cuts: worst genuine source called cut", figures["worst_alarm"], MOST_ALARMS),
        Asked("cuts: error among verdicts", figures["error_decided"], MOST_ERROR),
        Asked("replays: far-off genuine speech above 0", far["far_above_0"], MOST_FAR),
        Asked("replays: worst genuine source above 0", far["worst_source_above_0"], MOST_ALARMS),
        Asked("replays: error among verdicts", far["error_decided"], MOST_ERROR),
    ]


def _print(name: str, tables: list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]) -> None:
    for title, columns, rows in tables:
        print(Table(f"{name}: {title}", ("", *columns), rows).text(), end="\n\n")


def _figures(title: str, figures: dict[str, float]) -> None:
    print(
        Table(title, ("", ""), [(name, f"{value:.3f}") for name, value in figures.items()]).text(), end="\n\n"
    )
