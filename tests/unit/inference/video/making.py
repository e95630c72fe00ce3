"""Video with a drawn face that CenterFace takes for one, and media that lies."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide_inference.inspect import inspect
from bonafide_inference.piece import Piece
from PIL import Image, ImageDraw, ImageFilter

SIZE = (320, 240)


def face(x: float = 160, y: float = 120, radius: float = 70, light: float = 1.0, seed: int = 1) -> np.ndarray:
    """A drawn face of ``radius`` pixels with its middle at (x, y): uint8 RGB of `SIZE`."""
    wide, tall = SIZE
    image = Image.new("RGB", (2 * wide, 2 * tall), (110, 125, 135))
    draw = ImageDraw.Draw(image)
    x, y, unit = 2 * x, 2 * y, 2 * radius

    def oval(right: float, down: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        middle = x + right * unit, y + down * unit
        reach = width * unit, height * unit
        draw.ellipse(
            (middle[0] - reach[0], middle[1] - reach[1], middle[0] + reach[0], middle[1] + reach[1]), colour
        )

    hair, skin = (40, 28, 20), (215, 165, 138)
    oval(0, 2.3, 1.5, 1.0, (45, 55, 80))
    draw.rectangle((x - 0.38 * unit, y + 0.6 * unit, x + 0.38 * unit, y + 1.5 * unit), (170, 120, 95))
    oval(0, -0.3, 0.95, 1.0, hair)
    oval(0, 0.02, 0.74, 0.98, skin)
    oval(0, -0.62, 0.66, 0.3, skin)
    oval(0, -1.0, 0.7, 0.3, hair)
    for side in (-1, 1):
        oval(side * 0.76, 0.02, 0.12, 0.2, (195, 140, 115))
        oval(side * 0.32, -0.12, 0.22, 0.13, (175, 122, 100))
        oval(side * 0.32, -0.1, 0.16, 0.075, (235, 230, 225))
        oval(side * 0.32, -0.1, 0.075, 0.075, (45, 30, 25))
        oval(side * 0.33, -0.3, 0.2, 0.045, (60, 42, 30))
        oval(side * 0.45, 0.28, 0.2, 0.15, (222, 160, 138))
    nose = [(-0.07, -0.1), (-0.15, 0.3), (0.15, 0.3), (0.07, -0.1)]
    draw.polygon([(x + a * unit, y + b * unit) for a, b in nose], (200, 148, 122))
    oval(0, 0.3, 0.15, 0.07, (196, 142, 118))
    for side in (-1, 1):
        oval(side * 0.08, 0.33, 0.045, 0.03, (110, 65, 55))
    oval(0, 0.6, 0.28, 0.1, (165, 80, 78))
    oval(0, 0.59, 0.27, 0.025, (105, 45, 45))
    soft = image.filter(ImageFilter.GaussianBlur(unit / 15)).resize(SIZE, Image.Resampling.LANCZOS)
    noise = np.random.default_rng(seed).normal(0, 3, (tall, wide, 3))
    return np.clip(np.asarray(soft, np.float64) * light + noise, 0, 255).astype(np.uint8)


def scene(seed: int) -> np.ndarray:
    """A picture without a face: coarse colours."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC))


def film(
    path: Path, pictures: Iterable[np.ndarray], *, fps: int = 10, pixels: str = "yuv420p",
    codec: str = "libx264", times: Callable[[int], int] | None = None, every_key: bool = False,
) -> Path:  # fmt: skip
    """Encode pictures; ``times`` maps the frame's number to its time in milliseconds (variable rate)."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fps)
        stream.codec_context.thread_count = 1  # with more, x264 writes other bytes each time
        if every_key:
            stream.codec_context.gop_size = 1
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.width, stream.height = picture.shape[1], picture.shape[0]
                stream.pix_fmt = pixels
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times(number), Fraction(1, 1000)
                stream.codec_context.time_base = Fraction(1, 1000)
            else:
                frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def quarter_turn(path: Path) -> Path:
    """Let the track header of an mp4 say a quarter turn: the top edge is to be shown at the right."""
    data = bytearray(path.read_bytes())
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(plain, data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, SIZE[1] << 16, 0, 1 << 30)
    path.write_bytes(data)
    return path


def piece(path: Path, *, window: tuple[float, float] | None = None, **options: object) -> Piece:
    """The piece that a work item of kind video has of the file, after a real inspection."""
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    plain = {"start_s": window[0], "end_s": window[1]} if window else None
    item = WorkItem.model_validate(
        {"id": "video-0", "detector": "video", "operations": [Operation.TEMPORAL_COHERENCE], "window": plain}
    )
    return Piece(str(path), media, item, Options.model_validate(options))
