"""One picture for all localisers of a piece: where any of them sees something, whose region it is, how sure.

Half of a map's scale is where its regions begin, so that is where the colour begins. Those in shadow decide
nothing and are not drawn.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from bonafide.model import Artifact, Finding, Outcome
from PIL import Image

from bonafide_inference.models import ModelFolder
from bonafide_inference.piece import Piece
from bonafide_inference.plots import heat_overlay, label_boxes

__all__ = ["NAME", "with_heatmap"]

NAME = "heatmap.png"
LONG_SIDE = 1280
_TITLE = "What the localisers see together (yellow: most), their regions by method"


def with_heatmap(
    folders: Sequence[ModelFolder], findings: Sequence[Finding], piece: Piece, workdir: str
) -> list[Finding]:
    """The findings; the first of an operation of which a localiser spoke carries the picture, before others.

    Nothing is drawn when all are silent or the client wants no pictures. The picture is the one the
    localisers drew on: it is not decoded again.
    """
    out = list(findings)
    if not piece.options.visualize:
        return out
    for operation in dict.fromkeys(finding.operation for finding in findings):
        heard = [
            (folder, finding)
            for folder, finding in zip(folders, findings, strict=True)
            if finding.operation is operation and finding.outcome is Outcome.SCORED
            and folder.path in piece.maps and not folder.shadow
        ]  # fmt: skip
        if heard:
            place = next(i for i, finding in enumerate(out) if finding.operation is operation)
            drawn = _draw(heard, piece, os.path.join(workdir, NAME))
            out[place] = out[place].model_copy(update={"artifacts": (drawn, *out[place].artifacts)})
    return out


def _draw(heard: Sequence[tuple[ModelFolder, Finding]], piece: Piece, path: str) -> Artifact:
    picture = piece.picture()
    scale = min(1.0, LONG_SIDE / max(picture.size))
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    level = np.zeros(size[::-1], dtype=np.float32)
    for folder, _ in heard:
        heat = np.clip(2 * np.nan_to_num(piece.maps[folder.path]) - 1, 0, 1).astype(np.float32)
        level = np.maximum(level, np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR)))
    image = heat_overlay(picture, level, LONG_SIDE)
    label_boxes(
        image,
        (
            (
                f"{folder.manifest.title}, p {finding.p_fake:.2f}",
                tuple(scale * edge for edge in (box.x, box.y, box.x + box.width, box.y + box.height)),
            )
            for folder, finding in heard
            for box in finding.evidence.regions
        ),
    )
    image.save(path)
    return Artifact(name=NAME, media_type="image/png", title=_TITLE, path=path)
