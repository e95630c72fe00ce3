"""Opening a sound or video container safely, and one sequential pass over what is in it.

libavformat is told which demuxers and protocols it may use: a playlist inside an upload must not open
another file or a URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
from av.stream import Disposition

__all__ = ["Said", "describe", "encoders", "open_container", "real_streams", "said"]

DEMUXERS = {
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska": "matroska,webm",
    "flv": "flv",
    "avi": "avi",
    "asf": "asf",
    "wav": "wav",
    "ogg": "ogg",
    "flac": "flac",
    "mpegaudio": "mp3,aac,flac",
    "mpegts": "mpegts",
    "mpegps": "mpeg",
    "amr": "amr",
    "aiff": "aiff",
    "caf": "caf",
    "au": "au",
    "w64": "w64",
    "ac3": "ac3,eac3",
    "wv": "wv",
    "tta": "tta",
    "ape": "ape",
    "mpc": "mpc,mpc8",
    "tak": "tak",
    "dsf": "dsf",
    "voc": "voc",
}
"""Family (of `bonafide.sniff`) → the demuxers that may look at it."""

FAMILIES = {
    "mp4": "mov", "mov": "mov", "m4a": "mov", "3gp": "mov", "mkv": "matroska", "webm": "matroska",
    "flv": "flv", "avi": "avi", "wmv": "asf", "wma": "asf", "wav": "wav", "ogg": "ogg", "flac": "flac",
    "mp3": "mpegaudio", "mp2": "mpegaudio", "aac": "mpegaudio", "ts": "mpegts", "mpg": "mpegps",
    "amr": "amr", "aiff": "aiff", "caf": "caf", "au": "au", "w64": "w64", "ac3": "ac3", "eac3": "ac3",
    "wv": "wv", "tta": "tta", "ape": "ape", "mpc": "mpc", "tak": "tak", "dsf": "dsf", "voc": "voc",
}  # fmt: skip
"""`MediaFacts.format` → demuxer family."""

PROBED = {"wav": 32768, "w64": 32768}
"""Bytes that are searched for another coding (DTS) inside what says it is PCM: 5 MB otherwise, 20 ms."""


def open_container(path: str, family: str, *, max_streams: int = 65) -> Any:
    """Open ``path`` with the demuxers of ``family`` only and no protocol but files.

    Raises
    ------
    av.FFmpegError, ValueError
        If it is no such container.
    MemoryError
        If it has more than ``max_streams`` streams (libavformat reports so), or memory ran out.
    """
    return av.open(
        path,
        mode="r",
        options={
            "format_whitelist": DEMUXERS[family],
            "protocol_whitelist": "file",
            "max_streams": str(max_streams),
            "enable_drefs": "0",
            **({"probesize": str(PROBED[family])} if family in PROBED else {}),
        },
        metadata_errors="replace",
    )


def real_streams(container: Any) -> tuple[list[Any], list[Any]]:
    """Video streams without cover pictures, and audio streams, that this build can decode."""
    video = [
        s for s in container.streams.video if not s.disposition & Disposition.attached_pic and _decodable(s)
    ]
    return video, [s for s in container.streams.audio if _decodable(s)]


def _decodable(stream: Any) -> bool:
    return stream.codec_context is not None


def describe(stream: Any) -> dict[str, Any]:
    """One `bonafide.model.Track` as a dict, from headers only."""
    context = stream.codec_context
    kind = stream.type if stream.type in ("video", "audio", "subtitle") else "data"
    track: dict[str, Any] = {"index": stream.index, "type": kind, "codec": _codec(context)}
    if stream.duration is not None and stream.duration >= 0 and stream.time_base:
        track["duration_s"] = round(float(stream.duration * stream.time_base), 3)
    if kind == "video" and context:
        rate = stream.average_rate
        track |= {
            "width": context.width,
            "height": context.height,
            "fps": round(float(rate), 3) if rate else None,
        }
    if kind == "audio" and context:
        track |= {"rate_hz": context.sample_rate or None, "channels": context.channels or None}
    return track


def _codec(context: Any) -> str:
    """The format's name, not that of the decoder at hand (mp3, not mp3float)."""
    return str(context.codec.canonical_name) if context else "unknown"


MOST_TAGS = 80


@dataclass(frozen=True)
class Said:
    """What a container says of itself: ``tags`` (where, key, value), ``writers`` (where, name)."""

    tags: tuple[tuple[str, str, str], ...] = ()
    writers: tuple[tuple[str, str], ...] = ()


def said(container: Any) -> Said:
    """The tags of a container and its tracks, `MOST_TAGS` of each at most."""
    places = [("container", container.metadata)]
    places += [(f"track {stream.index}", stream.metadata) for stream in container.streams]
    tags = [
        (where, str(key)[:80], str(value)[:20_000])
        for where, pairs in places
        for key, value in list(pairs.items())[:MOST_TAGS]
    ]
    return Said(tuple(tags), tuple(encoders(container)))


def encoders(container: Any) -> list[tuple[str, str]]:
    """Every writer's string of the container and its streams: (where, string of 300 characters at most)."""
    wanted = (
        "encoder",
        "encoded_by",
        "writing_application",
        "software",
        "com.apple.quicktime.software",
        "tsse",
    )
    found = []
    places = [("container", container.metadata)] + [
        (f"track {s.index}", s.metadata) for s in container.streams
    ]
    for where, metadata in places:
        for key, value in metadata.items():
            if key.lower() in wanted and value.strip():
                found.append((where, value.strip()[:300]))
    return found
