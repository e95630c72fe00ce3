"""Write manifest and card of ``error_level``: there is nothing to calibrate, and the card says why."""

from __future__ import annotations

import json
from pathlib import Path

from bonafide_inference.models import Manifest

__all__ = ["train"]

VERSION = "1.0.0"

CARD = f"""# error_level {VERSION}

Written by `python -m training.train error_level --data ../shared/data`; do not edit.

**Shows** error level analysis (Krawetz 2007): the picture saved again at quality 90, and the difference,
as a picture for people. A rule, no learned weights, **no score**: the outcome is always `inconclusive`,
reason `picture_only`.

**Why no score.** The difference follows edges and texture. Measured in November 2026 on synthetic
splices, the image AUC of its best statistic fell from .99 (last save Q95) to .58 (Q75, or resized), and
was .62 on real edits of the web.

**How to read it.** Compare like with like: edges with edges, flat parts with flat parts. A part that is
much brighter than others of the same kind may have another history; a logo or a caption is, too.
"""


def train(data: Path, target: Path) -> None:  # noqa: ARG001
    """Write ``model.json`` and ``card.md``; ``data`` is not needed."""
    manifest = {
        "name": "error_level", "title": "Error level picture", "version": VERSION,
        "operation": "image_forgery", "type": "rule", "kind": "image", "media_kinds": ["image"],
        "entry": "detector:ErrorLevel", "input": {}, "preprocessing": {"quality": 90},
        "calibration": None, "thresholds": {}, "licence": "Apache-2.0", "data": "none", "figures": {},
    }  # fmt: skip
    Manifest.model_validate(manifest)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (target / "card.md").write_text(CARD, encoding="utf-8")
    print(CARD)
