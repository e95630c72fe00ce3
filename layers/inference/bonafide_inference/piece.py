"""The decoded piece of a work item: decoded once, on demand, shared by all detectors of the item.

Lives in the cell. Sound is streamed; pictures and sampled video frames are kept, within stated bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from bonafide.model import MediaFacts, Options, WorkItem
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from bonafide_inference.containers import FAMILIES, open_container, real_streams
from bonafide_inference.jpegdct import Luma, read_luma
from bonafide_inference.speech import Speech, read_speech

__all__ = ["Frame", "Piece"]

MAX_FRAMES = 240
"""Sampled video frames kept in memory at most."""
BAD_PACKETS = 50
"""After so many undecodable packets in one pass the rest is left."""
GAP_S = 0.1
"""Timestamps that jump by more than this are believed."""
SEEK_BEYOND_S = 10.0
"""A window that starts later than this is sought, not decoded through."""


@dataclass(frozen=True)
class Frame:
    """One sampled frame: 0-based index at the declared rate, seconds, uint8 RGB (height, width, 3)."""

    index: int
    time_s: float
    rgb: NDArray[np.uint8]


class Piece:
    """Decoding of one work item. Errors are those of the decoder (`OSError`, `av.FFmpegError`)."""

    def __init__(self, path: str, media: MediaFacts, item: WorkItem, options: Options) -> None:
        self.path, self.media, self.item, self.options = path, media, item, options
        self.bad_packets = 0
        self._picture: Image.Image | None = None
        self._luma: list[Luma | None] = []
        self._frames: dict[tuple[float, int], list[Frame]] = {}
        self._waveforms: dict[tuple[int, float], NDArray[np.float32]] = {}
        self._speech: Speech | None = None

    @property
    def span(self) -> tuple[float, float]:
        """(start, end) in seconds of what is to be looked at; end is ``inf`` when open."""
        if self.item.window is not None:
            return self.item.window.start_s, self.item.window.end_s
        start = self.options.start_s or 0.0
        end = self.options.end_s if self.options.end_s is not None else float("inf")
        return start, end

    @property
    def is_first(self) -> bool:
        """Whether this piece holds the start of what was asked for: facts of the whole file go there."""
        return self.item.window is None or self.item.window.start_s <= (self.options.start_s or 0.0)

    def picture(self) -> Image.Image:
        """The first frame of a picture file, upright, RGB. A truncated one has grey below."""
        if self._picture is None:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            Image.MAX_IMAGE_PIXELS = None  # inspect has checked the pixels
            with Image.open(self.path) as image:
                self._picture = ImageOps.exif_transpose(image).convert("RGB")
        return self._picture

    def luma(self) -> Luma | None:
        """The luma of a JPEG as stored (`jpegdct.read_luma`), decoded once; None for other colour models."""
        if not self._luma:
            self._luma.append(read_luma(self.path))
        return self._luma[0]

    def sound(self) -> Iterator[tuple[float, int, NDArray[np.float32]]]:
        """Stream the piece's sound: (seconds at its start, rate in Hz, float32 mono samples) block by block.

        The item's channel is taken, or the mean of those asked for. Values are as decoded: full scale is ±1,
        and float formats may hold NaN or exceed it.
        """
        for begun, rate, planes in self.planes():
            yield begun, rate, self.pick(planes)

    def planes(self) -> Iterator[tuple[float, int, NDArray[np.float32]]]:
        """Stream all channels, a second a block: (seconds at its start, Hz, float32 (channels, n))."""
        start, end = self.span
        for begun, rate, block in self._blocks():
            first = max(0, round((start - begun) * rate))
            last = block.shape[1] if end == float("inf") else max(0, round((end - begun) * rate))
            if first < min(last, block.shape[1]):
                yield begun + first / rate, rate, block[:, first:last]
            if begun + block.shape[1] / rate >= end:
                return

    def _blocks(self) -> Iterator[tuple[float, int, NDArray[np.float32]]]:
        """The first sound track as float32 (channels, n), from a little before the start on.

        Frames are collected to a second before Python looks at them; a gap or another format ends a block.
        """
        with open_container(self.path, FAMILIES[self.media.format]) as container:
            stream = real_streams(container)[1][0]
            if self.span[0] > SEEK_BEYOND_S:
                container.seek(int(self.span[0] * 1e6))
            begun, form, block = 0.0, None, _Block()
            for frame in self._decode(container, stream):
                now = (frame.sample_rate, frame.layout.name, frame.format.name)
                due = begun + block.seconds
                moment = due if frame.time is None else frame.time
                if now != form or abs(moment - due) > GAP_S or block.seconds >= 1:
                    if block.seconds:
                        yield begun, block.rate, block.take()
                    if now != form:
                        block, form = _Block(), now
                    begun = moment
                block.add(frame)
            if block.seconds:
                yield begun, block.rate, block.take()

    def pick(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """The item's channel of a block of `planes`; without one the mean of the channels asked for.

        A channel that there is not is silent: see `Speech.gate`.
        """
        channel = self.item.channel
        if channel is not None:
            return planes[channel] if channel < len(planes) else np.zeros(planes.shape[1], np.float32)
        chosen = [k for k in self.options.channels or () if k < len(planes)]
        return np.asarray((planes[chosen] if chosen else planes).mean(axis=0), dtype=np.float32)

    def speech(self) -> Speech:
        """The piece's sound as every speech detector takes it, read once."""
        if self._speech is None:
            self._speech = read_speech(self)
        return self._speech

    def waveform(self, rate_hz: int, max_s: float = 600.0) -> NDArray[np.float32]:
        """The piece's sound at ``rate_hz``, mono float32, at most ``max_s`` seconds; NaN becomes 0."""
        key = (rate_hz, max_s)
        if key not in self._waveforms:
            parts: list[NDArray[Any]] = []
            have, resampler = 0, av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
            for _, rate, block in self.sound():
                clean = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)[None, :]
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(clean), format="flt", layout="mono")
                frame.sample_rate = rate
                parts += [part.to_ndarray().ravel() for part in resampler.resample(frame)]
                have = sum(part.size for part in parts[-1:]) + have
                if have >= max_s * rate_hz:
                    break
            parts += [part.to_ndarray().ravel() for part in resampler.resample(None)]
            joined = np.concatenate(parts) if parts else np.zeros(0, np.float32)
            self._waveforms[key] = joined[: int(max_s * rate_hz)].astype(np.float32)
        return self._waveforms[key]

    def frames(self, fps: float = 2.0, long_side: int = 512) -> list[Frame]:
        """Frames sampled in one sequential pass over the piece, ``fps`` a second at most.

        Honours the window, ``max_video_fps`` and ``max_video_s``; thinned so that no more than `MAX_FRAMES`
        are kept. Frames are upright and scaled to ``long_side`` pixels when larger.
        """
        if (fps, long_side) not in self._frames:
            self._frames[fps, long_side] = list(self._sample(fps, long_side))
        return self._frames[fps, long_side]

    def _sample(self, fps: float, long_side: int) -> Iterator[Frame]:
        start, end = self.span
        length = min(end, self.media.duration_s or end) - start
        if self.options.max_video_s is not None and self.item.window is None:
            end = min(end, start + self.options.max_video_s)
            length = min(length, self.options.max_video_s)
        fps = min(fps, self.options.max_video_fps or fps)
        step = max(1 / fps, length / MAX_FRAMES if 0 < length < float("inf") else 0.0)
        with open_container(self.path, FAMILIES[self.media.format]) as container:
            stream = real_streams(container)[0][0]
            stream.thread_type = "AUTO"
            if start > SEEK_BEYOND_S:
                container.seek(int(start * 1e6))
            rate = float(stream.average_rate or 25)
            due, kept = start, 0
            for frame in self._decode(container, stream):
                moment = frame.time if frame.time is not None else due
                if moment >= end or kept >= MAX_FRAMES:
                    return
                if moment >= due - 1e-6:
                    due, kept = max(due + step, moment + step / 2), kept + 1
                    yield Frame(max(0, round(moment * rate)), max(0.0, moment), _upright(frame, long_side))

    def _decode(self, container: Any, stream: Any) -> Iterator[Any]:
        """Frames of a stream; single bad packets are counted and left out."""
        try:
            for packet in container.demux(stream):
                try:
                    yield from packet.decode()
                except av.FFmpegError:
                    self.bad_packets += 1
                    if self.bad_packets > BAD_PACKETS:
                        return
        except av.FFmpegError:
            self.bad_packets += 1  # the container ends in the middle of a packet


class _Block:
    """Frames of one format, collected by the decoder's own library."""

    def __init__(self) -> None:
        self.rate = 1
        self._fifo = av.AudioFifo()
        # Packed: PyAV reads beyond its planes (and dies) in planar frames of more than eight channels.
        self._unify = av.AudioResampler(format="flt")

    @property
    def seconds(self) -> float:
        """How much there is."""
        return float(self._fifo.samples) / self.rate

    def add(self, frame: Any) -> None:
        """Add a frame."""
        self.rate, frame.pts = frame.sample_rate, None
        self._fifo.write(frame)

    def take(self) -> NDArray[np.float32]:
        """Take all of it, (channels, n)."""
        parts = [
            part.to_ndarray().reshape(part.samples, part.layout.nb_channels)
            for part in self._unify.resample(self._fifo.read())
        ]
        return np.ascontiguousarray(np.concatenate(parts).T, dtype=np.float32)


def _upright(frame: Any, long_side: int) -> NDArray[np.uint8]:
    scale = min(1.0, long_side / max(frame.width, frame.height, 1))
    width, height = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    rgb = frame.reformat(width, height, format="rgb24").to_ndarray()
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
