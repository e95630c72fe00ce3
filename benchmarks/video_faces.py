"""What operations on video measure without a calibrated score: rows for `video_accuracy`.

A detector that abstains still says what it measured (``Evidence.values``); its AUC over the clips stands here
beside the control that has learnt nothing, the softness of the same faces or frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.report import Table
from training.clips import figure

__all__ = ["MEASURED", "measured"]

MEASURED: dict[str, tuple[str, ...]] = {
    "face_manipulation_video": ("raw_score", "softness"),
    "lip_sync": ("raw_score", "offset_s"),
    "synthetic_video": ("jerk", "still_noise", "detail", "persistence"),
}
"""Values looked at, by model; softness is the control of the faces."""


def measured(clips: Sequence[tuple[str, bool, dict[str, dict[str, Any]]]]) -> Table:
    """AUC of each value of `MEASURED` over clips of (source, genuine, values by model)."""
    table = Table(
        "What models without a calibrated score measure (AUC, 95 % by source; no verdict rests on it)",
        ("model", "value", "genuine", "fake", "AUC", "low", "high"),
    )
    for model, names in MEASURED.items():
        for name in names:
            rows = [
                (source, genuine, float(values[model][name]))
                for source, genuine, values in clips
                if isinstance(values.get(model, {}).get(name), int | float)
            ]
            fake = np.array([not genuine for _, genuine, _ in rows], bool)
            count = int((~fake).sum()), int(fake.sum())
            if not all(count):
                table.rows.append((model, name, *count, None, None, None))
                continue
            scores = np.array([value for *_, value in rows])
            table.rows.append((model, name, *count, *figure(scores, fake, [source for source, *_ in rows])))
    return table
