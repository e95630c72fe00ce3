"""One picture through `synthetic_image` in this very process; as a program: prints its peak memory (MB)."""

from __future__ import annotations

import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import bonafide_inference
from bonafide.model import Finding, MediaFacts, MediaKind, Operation, Options, WorkItem
from bonafide_inference.detectors.synthetic_image.detector import SyntheticImage
from bonafide_inference.models import ModelFolder
from bonafide_inference.piece import Piece
from bonafide_inference.registry import Job
from PIL import Image

from benchmarks.child import peak_mb

__all__ = ["finding_of"]


@lru_cache(maxsize=1)
def _folder() -> ModelFolder:
    root = Path(bonafide_inference.__file__).parent
    return ModelFolder.read(str(root / "detectors" / "synthetic_image"), shipped=True)


def finding_of(path: Path, *, visualize: bool = True) -> Finding:
    """The detector's finding; no cell and no inspection, for these are our own files."""
    with Image.open(path) as image:
        form, sides = str(image.format).lower(), image.size
        if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
            sides = sides[1], sides[0]
    media = MediaFacts(
        kind=MediaKind.IMAGE, format="jpeg" if form == "mpo" else form, mime=f"image/{form}",
        bytes=path.stat().st_size, sha256="0" * 64, width=sides[0], height=sides[1], frames=1,
    )  # fmt: skip
    item = WorkItem(id="bench", detector="image", operations=(Operation.SYNTHETIC_IMAGE,))
    with tempfile.TemporaryDirectory() as workdir:
        job = Job(
            path=str(path), media=media, options=Options(visualize=visualize), window=None, channel=None,
            workdir=workdir, manifest=_folder().manifest, folder=_folder().path,
            piece=Piece(str(path), media, item, Options()),
        )  # fmt: skip
        return SyntheticImage().score(job)


if __name__ == "__main__":
    finding_of(Path(sys.argv[1]))
    print(peak_mb())
