"""``python -m training.train MODEL --data DIR``: make a model's manifest, card and weights."""

from __future__ import annotations

import argparse
import importlib
import inspect
from pathlib import Path

__all__ = ["MODELS", "main"]

MODELS = {
    name: f"training.{name}"
    for name in (
        "audio_replay",
        "audio_splice",
        "double_quantisation",
        "error_level",
        "face_manipulation",
        "jpeg_ghosts",
        "jpeg_grid",
        "lip_sync",
        "moved_copies",
        "presentation_attack",
        "synthetic_image",
        "synthetic_speech",
        "synthetic_video",
        "temporal_coherence",
    )
}
"""Model name → module with ``train(data: Path, target: Path) -> None``.

A learned one takes ``unstated: bool`` too: also train on material whose licence nobody stated.
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; 0 when the model folder was written."""
    parser = argparse.ArgumentParser(prog="training.train", description=__doc__)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--out", type=Path, help="model folder; by default the shipped one")
    parser.add_argument("--unstated", action="store_true", help="train on rows without a stated licence too")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    import bonafide_inference
    from bonafide_inference import catalogue

    shipped = Path(bonafide_inference.__file__).parent / "detectors" / arguments.model
    make = importlib.import_module(MODELS[arguments.model]).train
    if arguments.unstated and "unstated" not in inspect.signature(make).parameters:
        parser.error(f"{arguments.model} has no use for --unstated")
    make(arguments.data, arguments.out or shipped, **({"unstated": True} if arguments.unstated else {}))
    if arguments.out is None:
        catalogue.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
