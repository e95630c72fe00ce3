"""Tiny models and labelled media for the tests of an owner's models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

from tests.unit.inference import makers

SIZE = 32


def manifest(**changes: Any) -> dict[str, Any]:
    """Return the manifest of a picture model for a question that nothing that ships asks of pictures."""
    return {
        "name": "brightness", "title": "Brightness", "version": "1.0.0", "operation": "lip_sync",
        "entry": "onnx_image", "input": {"size": SIZE}, "output": {"meaning": "score"},
        "licence": "Apache-2.0", "data": "none", "source": "made by a test",
    } | changes  # fmt: skip


def graph(
    nodes: list[Any], outputs: list[Any], *, shape: Any = (1, 3, SIZE, SIZE), kind: int = TensorProto.FLOAT,
    weights: list[Any] | None = None, more_inputs: list[Any] | None = None, domain: str | None = None,
) -> bytes:  # fmt: skip
    inputs = [helper.make_tensor_value_info("x", kind, list(shape)), *(more_inputs or [])]
    sets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    made = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, initializer=weights or []), opset_imports=sets
    )
    made.ir_version = 8
    return onnx.ModelProto.SerializeToString(made)


def out(name: str = "score", shape: tuple[int, ...] = ()) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def mean(**more: Any) -> bytes:
    """The score is the mean of the input."""
    return graph([helper.make_node("ReduceMean", ["x"], ["score"], keepdims=0)], [out()], **more)


def model(place: Path, weights: bytes | None = None, **changes: Any) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.onnx").write_bytes(mean() if weights is None else weights)
    (place / "model.json").write_text(json.dumps(manifest(**changes)))
    return place


def heard(place: Path) -> Path:
    """A model of half a second of sound, whose score is its mean."""
    wants = {"rate_hz": 8000, "seconds": 0.5}
    return model(
        place, mean(shape=(1, 4000)), name="loud", operation="audio_splice", entry="onnx_audio", input=wants
    )


def mapped(place: Path) -> Path:
    """A model whose map is the mean of the channels."""
    weights = graph(
        [helper.make_node("ReduceMean", ["x"], ["map"], axes=[1], keepdims=0)], [out("map", (1, SIZE, SIZE))]
    )
    changes = {"name": "lightmap", "operation": "image_forgery", "entry": "onnx_map"}
    return model(place, weights, **changes, output={"meaning": "probability"})


def watched(place: Path) -> Path:
    """A model of frames, whose score is their mean."""
    return model(place, name="bright_frames", operation="temporal_coherence", entry="onnx_frames")


def recordings(place: Path) -> Path:
    """Two sources a class, two files each: what is manipulated has an offset."""
    rng = np.random.default_rng(1)
    for folder, number in _files(place):
        level = 0.3 if folder.parent.name == "fake" else 0.0
        sound = (level + rng.normal(0, 0.05, 16_000)).astype(np.float32)
        makers.sound(folder / f"{number}.wav", "pcm_s16le", sound, rate=16_000)
    return place


def clips(place: Path) -> Path:
    """Two sources a class, two files each: what is manipulated is brighter."""
    for folder, number in _files(place):
        options: dict[str, Any] = {"audio": "aac"} if number else {}
        seconds = 1.0 + 0.2 * number
        clip = makers.video(folder / f"{number}.mp4", seconds=seconds, size=(96, 64), **options)
        if folder.parent.name == "fake":
            _brighter(clip)
    return place


def _brighter(clip: Path) -> None:
    with av.open(str(clip)) as file:
        frames = [np.minimum(f.to_ndarray(format="rgb24"), 195) + 60 for f in file.decode(video=0)]
    with av.open(str(clip), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame.astype(np.uint8), format="rgb24")))
        file.mux(stream.encode(None))


def _files(place: Path) -> Iterator[tuple[Path, int]]:
    for label in ("genuine", "fake"):
        for source in ("one", "two"):
            folder = place / label / f"{label}_{source}"
            folder.mkdir(parents=True)
            yield from ((folder, number) for number in range(2))


def pictures(place: Path, per_source: int = 6, seed: int = 0) -> Path:
    """Two dark genuine sources, two bright generated ones; some of each look like the other."""
    rng = np.random.default_rng(seed)
    for label, level in (("genuine", 90), ("fake", 150)):
        for source in ("one", "two"):
            folder = place / label / f"{label}_{source}"
            folder.mkdir(parents=True)
            for number in range(per_source):
                shade = float(np.clip(level + rng.normal(0, 25), 5, 250))
                pixels = np.clip(rng.normal(shade, 12, (72, 96, 3)), 0, 255).astype(np.uint8)
                ending = "png" if number % 2 else "jpg"
                Image.fromarray(pixels).save(folder / f"{number}.{ending}")
    return place
