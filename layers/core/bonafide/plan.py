"""Planning: what to run on which piece. Pure.

A work item is one piece of the media for one detector function, with all operations wanted on it, so that
a piece is fetched and decoded once. Audio is one piece a channel only when a detector asks for it; video
is cut into windows, as long as needed to stay within the number of items.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, get_args

from bonafide.model import DetectorKind, MediaFacts, MediaKind, Operation, Options, Window, WorkItem
from bonafide.store.table import loads

__all__ = ["MIN_WINDOW_S", "catalogue", "default_operations", "plan"]

MIN_WINDOW_S = 60.0
"""A video window is at least this long: shorter ones cost more in start-up than they win."""

KINDS: tuple[DetectorKind, ...] = get_args(DetectorKind)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Mapping[str, Any], ...]:
    """Return the shipped detectors' manifests in brief, as `bonafide_inference.catalogue` wrote them."""
    return tuple(loads((files("bonafide") / "catalogue.json").read_text()))


def default_operations(kind: MediaKind, detectors: Iterable[Mapping[str, Any]]) -> tuple[Operation, ...]:
    """Return every operation that some detector can run on media of this kind."""
    return tuple(
        dict.fromkeys(Operation(d["operation"]) for d in detectors if kind.value in d["media_kinds"])
    )


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
        if on_piece:
            windows = _windows(media, options, max_items) if kind == "video" else [None]
            items += [
                WorkItem(id=f"{kind}-{n}", detector=kind, operations=on_piece, window=window)
                for n, window in enumerate(windows)
            ]
    return tuple(items)


def _windows(media: MediaFacts, options: Options, max_items: int) -> list[Window | None]:
    """Cut the wanted stretch into equal windows; an unknown or short duration is one piece."""
    start = options.start_s or 0.0
    end = min(options.end_s or math.inf, media.duration_s or math.inf)
    if options.max_video_s:
        end = min(end, start + options.max_video_s)
    if not math.isfinite(end) or end <= start:
        return [None]
    count = max(1, min(max_items, int((end - start) // MIN_WINDOW_S)))
    step = (end - start) / count
    edges = [start + n * step for n in range(count)] + [end]
    return [Window(start_s=round(a, 3), end_s=round(b, 3)) for a, b in pairwise(edges)]
