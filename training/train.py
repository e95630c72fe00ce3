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

A learned one takes a choice of material too: ``unstated: bool`` trains also on what nobody stated a licence
of, ``clear: bool`` leaves that out where it is trained on by default.
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; 0 when the model folder was written."""
    parser = argparse.ArgumentParser(prog="training.train", description=__doc__)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--out", type=Path, help="model folder; by default the shipped one")
    parser.add_argument("--unstated", action="store_true", help="train on rows without a stated licence too")
    parser.add_argument("--clear", action="store_true", help="leave out rows without a stated licence")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    import bonafide_inference
    from bonafide_inference import catalogue

    shipped = Path(bonafide_inference.__file__).parent / "detectors" / arguments.model
    make = importlib.import_module(MODELS[arguments.model]).train
    chosen = {name: True for name in ("unstated", "clear") if getattr(arguments, name)}
    for name in chosen.keys() - inspect.signature(make).parameters.keys():
        parser.error(f"{arguments.model} has no use for --{name}")
    make(arguments.data, arguments.out or shipped, **chosen)
    if arguments.out is None:
        catalogue.write()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
