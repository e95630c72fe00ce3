"""The decoded piece of a work item: decoded once, on demand, shared by all detectors of the item.

Lives in the cell. Sound is streamed; pictures and sampled video frames are kept, within stated bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import av
import numpy as np
from bonafide.model import MediaFacts, MediaKind, Operation, Options, WorkItem
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from bonafide_inference.containers import FAMILIES, open_container, real_streams
from bonafide_inference.faces import PICTURE_SIDE, FacesFound, FaceTrack, follow, follow_burst
from bonafide_inference.frames import (
    BAD_PACKETS,
    SAMPLE_FPS,
    SEEK_BEYOND_S,
    Frame,
    Reel,
    Stretch,
    read_reel,
    thinned,
)
from bonafide_inference.jpegdct import Luma, read_luma
from bonafide_inference.pictures import open_picture
from bonafide_inference.speech import Speech, read_speech

__all__ = ["Frame", "Piece"]

GAP_S = 0.1
"""Timestamps that jump by more than this are believed."""
STILLS = frozenset({Operation.KNOWN_FAKE_SEARCH, Operation.FILE_FORENSICS})
"""Operations that look at single frames only: for them alone no bursts are kept."""


class Piece:
    """Decoding of one work item. Errors are those of the decoder (`OSError`, `av.FFmpegError`)."""

    def __init__(self, path: str, media: MediaFacts, item: WorkItem, options: Options) -> None:
        self.path, self.media, self.item, self.options = path, media, item, options
        self.bad_packets = 0
        self.maps: dict[str, NDArray[Any]] = {}
        """Upright maps (0..1) of the localisers that spoke, by their folders (see `heatmap`)."""
        self._picture: Image.Image | None = None
        self._luma: list[Luma | None] = []
        self._reel: Reel | None = None
        self._faces: FacesFound | None = None
        self._burst_faces: list[FaceTrack | None] | None = None
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
        """The first frame of a picture file, upright, RGB; 16 bits become 8. A truncated one has grey below.

        What lies under transparency is shown: it is part of the file.
        """
        if self._picture is None:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            Image.MAX_IMAGE_PIXELS = None  # inspect has checked the pixels
            with open_picture(self.path, self.media.format) as image:
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                shown = eight_bits(image)
                self._picture = shown.copy() if shown is image else shown
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
            stream = next(iter(real_streams(container)[1]), None)
            if stream is None:  # a sound track that no decoder here knows
                return
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

    def reel(self) -> Reel:
        """The video of the piece, read in one pass and shared: sampled frames and bursts.

        Honours the window, ``max_video_fps`` and ``max_video_s``.
        """
        if self._reel is None:
            start, end = self.span
            if self.options.max_video_s is not None and self.item.window is None:
                end = min(end, start + self.options.max_video_s)
            declared = self.media.duration_s
            self._reel = read_reel(
                self.path,
                FAMILIES[self.media.format],
                Stretch(
                    start, end, max_fps=self.options.max_video_fps,
                    length_s=max(0.0, min(end, declared) - start) if declared else None,
                    bursts=any(operation not in STILLS for operation in self.item.operations),
                ),
            )  # fmt: skip
            self.bad_packets += self._reel.bad_packets
        return self._reel

    def frames(self, fps: float = SAMPLE_FPS, long_side: int | None = None) -> list[Frame]:
        """The sampled frames (see `reel`), ``fps`` a second at most, scaled to ``long_side`` when larger."""
        found = thinned(self.reel().frames, fps)
        return found if long_side is None else [scaled(frame, long_side) for frame in found]

    def faces(self) -> FacesFound:
        """Faces and tracks of the sampled frames, or of a picture as one frame; found once a piece."""
        if self._faces is None:
            if self.media.kind is MediaKind.IMAGE:
                rgb = np.asarray(self.picture())
                self._faces = follow([Frame(0, 0.0, rgb)], PICTURE_SIDE)
            else:
                self._faces = follow(self.frames())
        return self._faces

    def burst_faces(self) -> list[FaceTrack | None]:
        """The largest face through each burst of `reel`, None where there is none (found once)."""
        if self._burst_faces is None:
            tracks = self.faces().tracks
            self._burst_faces = [follow_burst(burst, self.frames(), tracks) for burst in self.reel().bursts]
        return self._burst_faces

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

    SCALES: ClassVar = {"s16": 2**-15, "s32": 2**-31, "flt": 1.0}
    MOST_PLANES = 8
    """PyAV reads beyond its planes (and dies) in planar frames of more channels."""

    def __init__(self) -> None:
        self.rate = 1
        self._fifo = av.AudioFifo()
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
        """Take all of it, (channels, n); the resampler, which is dearer, sees to rare formats only."""
        frame: Any = self._fifo.read()
        scale = self.SCALES.get(frame.format.packed.name)
        if scale is not None and not (frame.format.is_planar and frame.layout.nb_channels > self.MOST_PLANES):
            return _planes(frame) * np.float32(scale)
        return np.concatenate([_planes(part) for part in self._unify.resample(frame)], axis=1)


def _planes(frame: Any) -> NDArray[np.float32]:
    """(channels, n) float32, contiguous."""
    found = frame.to_ndarray()
    if frame.format.is_packed:
        found = found.reshape(frame.samples, -1).T
    return np.ascontiguousarray(found, dtype=np.float32)


def eight_bits(image: Image.Image) -> Image.Image:
    """As RGB of 8 bits a channel. Pillow clips deeper grey to white instead of scaling it.

    Floating point is taken as 0..1, or as 0..255 when it goes beyond 1.
    """
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        deep = np.nan_to_num(np.asarray(image, dtype=np.float32))
        most = float(deep.max(initial=0.0))
        deeper = most > 255 or image.mode.startswith("I;16")  # however dark it is
        scale = (255.0 if most <= 1 else 1.0) if image.mode == "F" else (1 / 257 if deeper else 1.0)
        grey = np.clip(np.rint(deep * scale), 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    return image.convert("RGB")


def scaled(frame: Frame, long_side: int) -> Frame:
    """The frame with its longer side at most ``long_side`` pixels."""
    height, width = frame.rgb.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return frame
    size = max(2, round(width * scale)), max(2, round(height * scale))
    small = Image.fromarray(frame.rgb).resize(size, Image.Resampling.BILINEAR)
    return Frame(frame.index, frame.time_s, np.asarray(small))
