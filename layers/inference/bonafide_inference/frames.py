"""One sequential pass over a stretch of video: sampled frames to look at, bursts of consecutive ones.

Only wanted frames are converted, and between bursts frames that no other frame refers to are not even
decoded (``skip_frame``), so the pass costs about what plain decoding costs. Nothing here raises on a
damaged stream: what could be read is returned, and `Reel.cut_s` says where it ended.

>>> reel = read_reel(path, "mov", Stretch(0.0, 60.0))
>>> [frame.time_s for frame in reel.frames]      # sampled, at most `SAMPLE_FPS` a second
>>> reel.bursts[0].frames, reel.bursts[0].luma   # consecutive frames, small; their native luma patches
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from bonafide_inference.containers import Said, open_container, real_streams, said

__all__ = ["SMALL_SIDE", "Burst", "Frame", "Packets", "Reel", "Scaler", "Stretch", "read_reel", "thinned"]

SAMPLE_FPS = 2.0
"""Sampled frames a second, unless the options ask for fewer."""
MAX_FRAMES = 240
"""Sampled frames kept at most; a longer stretch is sampled more thinly."""
FRAME_PIXELS = 960 * 540
"""Pixels of a sampled frame at most (240 of them are 373 MB)."""
SMALL_SIDE = 320
"""Longer side of `Frame.small`."""
BURST_PIXELS = 512 * 288
BURST_S = 4.0
WHOLE_S = 6.0
TWO_FROM_S = 20.0
BURST_FRAMES = 120
"""A burst is so long and holds so many frames at most. A stretch up to `WHOLE_S` is one burst
(of `WHOLE_FRAMES`), one up to `TWO_FROM_S` has one in its middle, a longer one has two."""
WHOLE_FRAMES = 180
BURST_LEAST_FPS = 8.0
"""Bursts are left out when the options allow fewer frames a second than this."""
PATCH = 256
"""Side of the native-resolution luma patch in the centre of each burst frame."""
BAD_PACKETS = 50
"""After so many undecodable packets in one pass the rest is left."""
SEEK_BEYOND_S = 10.0
"""A stretch that starts later than this is sought, not decoded through."""
SKIP_FROM_FPS = 15.0
"""Below this rate every frame is decoded: skipping would leave gaps longer than a sampling step."""
LEAD_S = 0.1
"""Full decoding begins so long before a burst and ends so long after it."""
HEAD_BYTES = 65536
SWSCALE_ODD = 2
"""Converted sizes are multiples of this."""


@dataclass(frozen=True)
class Frame:
    """One frame: 0-based index at the declared rate, seconds, uint8 RGB (height, width, 3), upright.

    The time is exact; the index is ``time × declared rate`` (of a variable-rate file: its average rate).
    """

    index: int
    time_s: float
    rgb: NDArray[np.uint8]

    @cached_property
    def small(self) -> Image.Image:
        """The frame within `SMALL_SIDE` pixels, made once for all who search, hash or show it."""
        whole = Image.fromarray(self.rgb)
        scale = SMALL_SIDE / max(whole.size)
        if scale >= 1:
            return whole
        width, height = (max(2, round(side * scale)) for side in whole.size)
        return whole.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)


@dataclass(frozen=True)
class Burst:
    """Consecutive frames, thinned only by ``max_video_fps``.

    ``luma[i]`` is a uint8 patch of native pixels from the centre of ``frames[i]``, as stored (not turned),
    at most `PATCH` a side; patches of one burst may differ in size only if the video changes its size.
    """

    frames: tuple[Frame, ...]
    luma: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True)
class Stretch:
    """What to read: ``[start_s, end_s)`` from the media's start (end may be ``inf``).

    ``fps`` and ``max_fps``: sampled frames a second, and the most that any frame may be taken
    (``Options.max_video_fps``). ``length_s``: what the headers promise of it, None when unknown; it only
    places the bursts.
    """

    start_s: float = 0.0
    end_s: float = math.inf
    fps: float = SAMPLE_FPS
    max_fps: float | None = None
    length_s: float | None = None
    bursts: bool = True


@dataclass
class Packets:
    """The track's packets in the stretch: seconds at which they are shown and decoded, in stored order.

    ``head``: the beginning of the first packet that was read (an encoder may name itself there).
    """

    shown: list[float] = field(default_factory=list)
    decoded: list[float] = field(default_factory=list)
    keyframes: int = 0
    head: bytes = b""


@dataclass
class Reel:
    """What one pass gave. ``decoded`` counts frames; ``rate`` is the declared rate (25 when none is).

    ``cut_s``: where reading broke off on damage (seconds), None when the end was reached.
    """

    rate: float = 25.0
    frames: list[Frame] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    packets: Packets = field(default_factory=Packets)
    words: Said = field(default_factory=Said)
    decoded: int = 0
    bad_packets: int = 0
    cut_s: float | None = None


def thinned(frames: list[Frame], fps: float) -> list[Frame]:
    """Those of ``frames`` that make at most ``fps`` a second."""
    kept: list[Frame] = []
    for frame in frames:
        if not kept or frame.time_s >= kept[-1].time_s + 0.9 / fps:
            kept.append(frame)
    return kept


def read_reel(path: str, family: str, stretch: Stretch) -> Reel:
    """Read a stretch in one pass.

    Raises
    ------
    av.FFmpegError, ValueError
        If the container cannot be opened at all.
    """
    reel = Reel()
    with open_container(path, family) as container:
        reel.words = said(container)
        streams = real_streams(container)[0]
        if not streams:
            return reel
        stream = streams[0]
        stream.thread_type = "AUTO"
        reel.rate = _rate(stream)
        reader = _Reader(reel, stretch, stream, (container.start_time or 0) / 1e6)
        reader.seek(container)
        try:
            for frame in reader.decode(container):
                if not reader.take(frame):
                    break
        except av.FFmpegError:  # the container ends in the middle of a packet
            reel.bad_packets += 1
            reader.broke()
        reader.finish()
    return reel


def _rate(stream: Any) -> float:
    """The declared frames a second: the average, or what the codec guesses; 25 without any."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0.01 < float(rate) <= 1000:
            return float(rate)
    return 25.0


class _Reader:
    """The state of one pass."""

    def __init__(self, reel: Reel, stretch: Stretch, stream: Any, origin_s: float) -> None:
        self.reel, self.stretch, self.stream, self.origin_s = reel, stretch, stream, origin_s
        fps = min(stretch.fps, stretch.max_fps or stretch.fps)
        self.step = 1 / fps
        self.due = self.burst_due = stretch.start_s
        self.last = stretch.start_s
        self.stretches = _burst_stretches(stretch)
        self.open: list[tuple[Frame, NDArray[np.uint8]]] = []
        self.may_skip = reel.rate >= SKIP_FROM_FPS
        aspect = _aspect(stream)
        self.sampled = Scaler(FRAME_PIXELS, aspect)
        self.consecutive = Scaler(BURST_PIXELS, aspect, halved_colour=True)

    def seek(self, container: Any) -> None:
        """Go to the key frame before the start; a container that cannot is read from its beginning."""
        if self.stretch.start_s <= SEEK_BEYOND_S:
            return
        try:
            container.seek(int((self.stretch.start_s + self.origin_s) * 1e6))
        except av.FFmpegError:
            container.seek(0)

    def decode(self, container: Any) -> Iterator[Any]:
        """Frames of the stream; single bad packets are counted and left out."""
        context, skipping = self.stream.codec_context, False
        for packet in container.demux(self.stream):
            if packet.pts is not None:
                moment = float(packet.pts * packet.time_base) - self.origin_s
                self._note(packet, moment)
                wish = self.may_skip and not self._near_burst(moment)
                if wish is not skipping:
                    skipping = wish
                    context.skip_frame = "NONREF" if skipping else "DEFAULT"
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.reel.bad_packets += 1
                if self.reel.bad_packets > BAD_PACKETS:
                    self.broke()
                    return

    def _note(self, packet: Any, moment: float) -> None:
        """Keep the clock of a packet, unless an edit list leaves it out."""
        kept = self.reel.packets
        kept.head = kept.head or bytes(packet)[:HEAD_BYTES]
        if not packet.is_discard and self.stretch.start_s <= moment < self.stretch.end_s:
            kept.shown.append(moment)
            kept.keyframes += bool(packet.is_keyframe)
            if packet.dts is not None:
                kept.decoded.append(float(packet.dts * packet.time_base) - self.origin_s)

    def _near_burst(self, moment: float) -> bool:
        return any(start - LEAD_S <= moment < end + LEAD_S for start, end in self.stretches)

    def take(self, frame: Any) -> bool:
        """Keep of one decoded frame what is wanted; False when the stretch is over."""
        guess = self.last + 1 / self.reel.rate if self.reel.decoded else self.stretch.start_s
        moment = frame.time - self.origin_s if frame.time is not None else guess
        self.reel.decoded += 1
        if moment >= self.stretch.end_s:
            return False
        self.last = moment
        if moment >= self.due - 1e-6:
            if len(self.reel.frames) == MAX_FRAMES:  # headers lie about lengths: thin out as it comes
                del self.reel.frames[1::2]
                self.step *= 2
            self.due = max(self.due + self.step, moment + self.step / 2)
            self.reel.frames.append(self._frame(frame, moment, self.sampled))
        self._into_burst(frame, moment)
        return True

    def _into_burst(self, frame: Any, moment: float) -> None:
        if self.stretches and moment >= self.stretches[0][1]:
            self._close_burst()
        if not self.stretches or moment < self.stretches[0][0] or len(self.open) >= self.burst_frames:
            return
        if moment >= self.burst_due - 1e-6:
            if self.stretch.max_fps:
                self.burst_due = (
                    max(self.burst_due, moment - 1 / self.stretch.max_fps) + 1 / self.stretch.max_fps
                )
            self.open.append((self._frame(frame, moment, self.consecutive), _patch(frame)))

    @property
    def burst_frames(self) -> int:
        """Frames that the running burst may hold."""
        start, end = self.stretches[0]
        return WHOLE_FRAMES if end - start > BURST_S + 1e-6 else BURST_FRAMES

    def _close_burst(self) -> None:
        self.stretches.pop(0)
        if self.open:
            self.reel.bursts.append(
                Burst(tuple(frame for frame, _ in self.open), tuple(patch for _, patch in self.open))
            )
            self.open = []

    def _frame(self, frame: Any, moment: float, scaler: Scaler) -> Frame:
        return Frame(max(0, round(moment * self.reel.rate)), max(0.0, moment), scaler(frame))

    def broke(self) -> None:
        """The stream is damaged from here on."""
        self.reel.cut_s = round(max(0.0, self.last), 3)

    def finish(self) -> None:
        """Close the last burst."""
        if self.stretches:
            self._close_burst()


def _burst_stretches(stretch: Stretch) -> list[tuple[float, float]]:
    """Where consecutive frames are kept: all of a short stretch, else around its middle or its quarters."""
    if not stretch.bursts or (stretch.max_fps or math.inf) < BURST_LEAST_FPS:
        return []
    start, length = stretch.start_s, min(stretch.end_s - stretch.start_s, stretch.length_s or math.inf)
    if not math.isfinite(length) or length <= WHOLE_S:
        return [(start, start + WHOLE_S)]
    shares = (1 / 2,) if length < TWO_FROM_S else (1 / 4, 3 / 4)
    middles = [start + share * length for share in shares]
    return [(middle - BURST_S / 2, middle + BURST_S / 2) for middle in middles]


def _aspect(stream: Any) -> float:
    """Width of a stored pixel over its height, 1 when it is not said or absurd."""
    aspect = stream.sample_aspect_ratio
    return float(aspect) if aspect and 0.25 <= float(aspect) <= 4 else 1.0


class Scaler:
    """Decoded frames as upright RGB of at most ``pixels``, their pixels square.

    Its filters are kept from frame to frame: setting them up takes longer than using them.
    ``halved_colour``: scale in 4:2:0 and convert what is left, in half the time (luma stays as it is).
    """

    def __init__(self, pixels: int, aspect: float = 1.0, *, halved_colour: bool = False) -> None:
        self.pixels, self.aspect, self.halved_colour = pixels, aspect, halved_colour
        self._first, self._second = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: Any) -> NDArray[np.uint8]:
        """A frame as uint8 RGB (height, width, 3), turned as its container says."""
        wide, tall = frame.width * self.aspect, frame.height
        scale = min(1.0, math.sqrt(self.pixels / max(wide * tall, 1)))
        width, height = (max(2, round(side * scale / SWSCALE_ODD) * SWSCALE_ODD) for side in (wide, tall))
        if scale == 1.0 and self.aspect == 1.0:
            width, height = frame.width, frame.height
        turns = round(getattr(frame, "rotation", 0) / 90) % 4
        if self.halved_colour and scale < 1:
            frame = self._first.reformat(frame, width, height, format="yuv420p", threads=1)
        rgb: NDArray[Any] = self._second.reformat(
            frame, width, height, format="rgb24", threads=1
        ).to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def _patch(frame: Any) -> NDArray[np.uint8]:
    """The native luma in the centre of a frame, uint8, at most `PATCH` a side."""
    plain = frame.format.name.startswith(("yuv", "nv", "gray")) and frame.format.components[0].bits == 8
    plane = (frame if plain and frame.format.is_planar else frame.reformat(format="gray")).planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    top, left = max(0, (frame.height - PATCH) // 2), max(0, (frame.width - PATCH) // 2)
    return rows[top : min(top + PATCH, frame.height), left : min(left + PATCH, frame.width)].copy()
