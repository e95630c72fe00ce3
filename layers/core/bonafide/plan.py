"""Planning: what to run on which piece. Pure.

A work item is one piece of the media for one detector function, with all operations wanted on it, so that
a piece is fetched and decoded once. What is asked of a voice (`CHANNELWISE`) is asked of every channel by
itself, unless they are to be mixed; all else of the sound as a whole. Video is cut into windows, as long as
needed to stay within the number of items; sound only where it is longer than a detector should hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, get_args

from bonafide.model import DetectorKind, MediaFacts, MediaKind, Operation, Options, Window, WorkItem
from bonafide.store.table import loads

__all__ = ["CHANNELWISE", "MAX_SOUND_S", "MIN_WINDOW_S", "catalogue", "default_operations", "plan"]

MIN_WINDOW_S = 60.0
"""A video window is at least this long: shorter ones cost more in start-up than they win."""
MAX_SOUND_S = 1800.0
"""A piece of sound is no longer than this."""
MAX_CHANNELS = 64
CHANNELWISE = frozenset((Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE, Operation.AUDIO_REPLAY))
"""What is asked of a voice: an answer of its own for each channel and each long window (decision 0072)."""
ON_REQUEST = frozenset((Operation.TRANSCRIPTION, Operation.DESCRIPTION))
"""Operations that nobody gets who did not ask: they send the media to another service, or take long."""

KINDS: tuple[DetectorKind, ...] = get_args(DetectorKind)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Mapping[str, Any], ...]:
    """Return the shipped detectors' manifests in brief, as `bonafide_inference.catalogue` wrote them."""
    return tuple(loads((files("bonafide") / "catalogue.json").read_text()))


def default_operations(kind: MediaKind, detectors: Iterable[Mapping[str, Any]]) -> tuple[Operation, ...]:
    """Return every operation that some detector can run on media of this kind, but those `ON_REQUEST`."""
    able = dict.fromkeys(Operation(d["operation"]) for d in detectors if kind.value in d["media_kinds"])
    return tuple(operation for operation in able if operation not in ON_REQUEST)


def plan(
    media: MediaFacts,
    operations: Sequence[Operation],
    options: Options,
    detectors: Sequence[Mapping[str, Any]],
    *,
    max_items: int,
) -> tuple[WorkItem, ...]:
    """Return the work items for these facts and wishes; empty when nothing asked for applies."""
    wanted = tuple(operations) or default_operations(media.kind, detectors)
    items: list[WorkItem] = []
    for kind in KINDS:
        on_piece = tuple(
            op
            for op in wanted
            if any(
                d["operation"] == op and d["kind"] == kind and media.kind.value in d["media_kinds"]
                for d in detectors
            )
        )
        for own, channel, window in _pieces(kind, on_piece, media, options, max_items):
            number = sum(item.detector == kind for item in items)
            items.append(
                WorkItem(id=f"{kind}-{number}", detector=kind, operations=own, window=window, channel=channel)
            )
    return tuple(items)


def _pieces(
    kind: DetectorKind, wanted: tuple[Operation, ...], media: MediaFacts, options: Options, max_items: int
) -> Iterator[tuple[tuple[Operation, ...], int | None, Window | None]]:
    """Yield (operations, channel, window) of every piece for this detector function."""
    if not wanted:
        return
    if kind == "video":
        yield from ((wanted, None, window) for window in _windows(media, options, max_items))
    elif kind == "audio":
        windows = _stretches(media, options)
        channels = _channels(media, options)
        apart = tuple(op for op in wanted if op in CHANNELWISE)
        whole = tuple(op for op in wanted if op not in CHANNELWISE)
        if len(channels) == 1:  # one piece has it all
            yield from ((wanted, channels[0], window) for window in windows)
            return
        if whole:
            yield from ((whole, None, window) for window in windows)
        if apart:
            yield from ((apart, channel, window) for channel in channels for window in windows)
    else:
        yield wanted, None, None


def _channels(media: MediaFacts, options: Options) -> Sequence[int | None]:
    """Return the channels to look at one by one; ``[None]`` for one mix of them, or if nothing is known."""
    if options.mix_channels:
        return [None]
    count = next((track.channels for track in media.tracks if track.type == "audio"), None)
    if options.channels:
        return sorted(set(options.channels))
    return list(range(min(count, MAX_CHANNELS))) if count else [None]


def _stretches(media: MediaFacts, options: Options) -> list[Window | None]:
    """Cut long sound into equal windows of `MAX_SOUND_S` at most."""
    start = options.start_s or 0.0
    end = min(options.end_s or math.inf, media.duration_s or math.inf)
    if not math.isfinite(end) or end - start <= MAX_SOUND_S:
        return [None]
    return _cut(start, end, math.ceil((end - start) / MAX_SOUND_S))


def _windows(media: MediaFacts, options: Options, max_items: int) -> list[Window | None]:
    """Cut the wanted stretch into equal windows; an unknown or short duration is one piece."""
    start = options.start_s or 0.0
    end = min(options.end_s or math.inf, media.duration_s or math.inf)
    if options.max_video_s:
        end = min(end, start + options.max_video_s)
    if not math.isfinite(end) or end <= start:
        return [None]
    return _cut(start, end, max(1, min(max_items, int((end - start) // MIN_WINDOW_S))))


def _cut(start: float, end: float, count: int) -> list[Window | None]:
    step = (end - start) / count
    edges = [start + n * step for n in range(count)] + [end]
    return [Window(start_s=round(a, 3), end_s=round(b, 3)) for a, b in pairwise(edges)]
