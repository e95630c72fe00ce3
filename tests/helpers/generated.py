"""A picture that declares its generator, judged by the real detector: what dialects are tried with."""

from __future__ import annotations

from pathlib import Path

from bonafide.fuse import fuse_operation
from bonafide.model import MediaFacts, Operation, OperationResult, Options, WorkItem
from bonafide.policy import policy
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item
from PIL import Image, PngImagePlugin

from tests.unit.inference import makers

__all__ = ["PROMPT", "declared"]

PROMPT = "a duck on a pond"
SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: v1-5-pruned"


def declared(folder: Path, rule: str, picture: Image.Image | None = None) -> OperationResult:
    """Return the fused result of `synthetic_image` for a PNG as A1111 saves it, its artifacts as if kept."""
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", f"{PROMPT}\nNegative prompt: blurry\n{SETTINGS}")
    path = folder / "made.png"
    (picture or makers.texture(512, 512)).save(path, pnginfo=told)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    item = WorkItem(id="i", detector="image", operations=(Operation.SYNTHETIC_IMAGE,))
    (finding,) = run_item(str(path), media, item, Options(), str(folder))
    kept = tuple(a.model_copy(update={"key": f"artifacts/{a.name}", "path": None}) for a in finding.artifacts)
    return fuse_operation(
        Operation.SYNTHETIC_IMAGE, [finding.model_copy(update={"artifacts": kept})], policy(rule)
    )
