"""A long video through the whole workflow: its windows side by side, their pictures in time order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.aws import Aws
from tests.unit.inference.video.making import film, scene
from tests.workflow.test_analysis import begin, end


def test_windows_of_a_video_keep_their_order(aws_running: Aws, tmp_path: Path) -> None:
    """Two windows of 65 s; a timeline and a sheet of each are kept, and the tree is in time order."""
    rng = np.random.default_rng(1)
    base = scene(3)[:96, :128].astype(float)
    pictures = (
        np.clip(np.roll(base, n // 2, 1) + rng.normal(0, 3, base.shape), 0, 255).astype(np.uint8)
        for n in range(8 * 130)
    )
    path = film(tmp_path / "x.mp4", pictures, fps=8)
    analysis = begin(aws_running, inline=path.read_bytes(), operations=("synthetic_video",))
    status, done = end(aws_running, analysis)
    assert (status, done.items_total) == ("SUCCEEDED", 2)
    (result,) = done.results
    assert (result.outcome, result.reason) == ("inconclusive", "no_calibrated_score")
    tree: Any = result.evidence.details["tree"]
    times = [leaf["timestamp"] for part in tree["children"] for leaf in part.get("children", ())]
    assert times == sorted(times)
    assert min(times) < 65 < max(times)
    pictures_of = [artifact for artifact in result.artifacts if artifact.media_type.startswith("image/")]
    assert [artifact.name for artifact in pictures_of] == [
        f"video-{number}-{name}" for number in (0, 1)
        for name in ("synthetic-timeline.png", "synthetic-frames.jpg")
    ]  # fmt: skip
    assert all(artifact.key and artifact.bytes for artifact in pictures_of), "kept, and so listed by the API"
