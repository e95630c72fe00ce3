"""Probe of a sound or video container: whitelisted demuxers, one demux pass, one decoded frame a kind."""

from __future__ import annotations

import time
from typing import Any

import av
import av.logging

from bonafide_inference.containers import (
    ANY,
    RECOGNISED,
    describe,
    family_of,
    open_container,
    real_streams,
)
from bonafide_inference.probe import Refused, over
from bonafide_inference.riff import length_warning

__all__ = ["probe_av"]

_SHORT = {"mpegts": "ts", "mpegps": "mpg"}
"""Formats that are not called as their family is."""
_SUBTYPES = {
    "mp3": "mpeg", "mp2": "mpeg", "mpg": "mpeg", "ts": "mp2t", "flv": "x-flv", "avi": "x-msvideo",
    "au": "basic", "caf": "x-caf", "w64": "x-w64", "wv": "x-wavpack", "tta": "x-tta", "ape": "x-ape",
    "mpc": "x-musepack", "tak": "x-tak", "dsf": "x-dsf", "voc": "x-voc",
}  # fmt: skip
"""Media types that are not the format's own name (IANA's where there is one)."""
_UNSURE = "detected only with low score"
"""libavformat's warning of a guess (AVPROBE_SCORE_RETRY, 25 of 100, or less)."""
DEMUX_BUDGET_S = 8.0
"""How long packets are counted; a file that takes longer keeps its declared duration."""


def probe_av(path: str, family: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Facts of the container at ``path``; cover pictures are no video.

    Of the family `ANY` only what libavformat is sure of is taken (decision 0102).

    Raises
    ------
    Refused
        ``media_limit_exceeded`` (tracks, seconds, pixels), ``unreadable_media`` (nothing decodes),
        ``empty_file`` (a whole container with nothing in it),
        ``unsupported_format`` (neither sound nor video in it; not recognised), ``unsupported_codec`` (no
        decoder for it).
    """
    container = _open(path, family, limits)
    guessed = family == ANY
    with container:
        family = family_of(container) if guessed else family
        if len(container.streams) > limits["tracks"]:
            raise over("tracks", len(container.streams), limits["tracks"])
        video, audio = real_streams(container)
        if not video and not audio:
            raise _nothing(container)
        for stream in video:
            _check_pixels(stream.width, stream.height, limits)
        declared = _seconds(container.duration, 1e-6)
        _check_seconds(declared, limits)
        tracks = [describe(stream) for stream in container.streams]
        measured, broken = _walk(container, limits)
    if guessed and not audio and declared is measured is None:
        raise Refused("unsupported_format", "A picture of a format that is not read.")
    empty = measured is None and not declared and not broken
    _decode_first(path, family, bool(video), "empty_file" if empty else "unreadable_media")
    facts = _facts(family, tracks, bool(video), video, container, declared, measured, broken)
    told = length_warning(path) if family == "wav" else None
    if told is not None and told not in facts["warnings"]:
        facts["warnings"].append(told)
    return facts


def _nothing(container: Any) -> Refused:
    kinds = sorted({stream.type for stream in container.streams} & {"audio", "video"})
    if not kinds:
        return Refused("unsupported_format", "The container holds neither sound nor video.")
    return Refused("unsupported_codec", f"No decoder here knows how the {' and '.join(kinds)} is coded.")


def _open(path: str, family: str, limits: dict[str, Any]) -> Any:
    """Open within the track limit. What libavformat stops at, and how sure it is, only its log tells."""
    av.logging.set_level(av.logging.WARNING)
    with av.logging.Capture(local=False) as log:
        try:
            container = open_container(path, family, max_streams=int(limits["tracks"]) + 1)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            if "max_streams" in str(error) or any("max_streams" in line for _, _, line in log):
                raise Refused("media_limit_exceeded", f"More than {limits['tracks']} tracks.") from error
            if isinstance(error, MemoryError):
                raise
            raise _unopened(family, error) from error
        finally:
            av.logging.set_level(None)
    if family == ANY and any(_UNSURE in line for _, _, line in log):
        container.close()
        raise _unopened(family, None)
    return container


def _unopened(family: str, error: Exception | None) -> Refused:
    if family == ANY:
        return Refused("unsupported_format", "The bytes are of no supported format.")
    words = getattr(error, "strerror", None) or error
    return Refused("unreadable_media", f"The container cannot be opened: {words}")


def _facts(
    family: str, tracks: list[dict[str, Any]], is_video: bool, video: list[Any], container: Any,
    declared: float | None, measured: float | None, broken: bool,
) -> dict[str, Any]:  # fmt: skip
    name, mime = name_format(family, is_video, container, tracks)
    warnings = []
    if broken or _falls_short(declared, measured):
        warnings.append("truncated")
    duration = measured if measured is not None else declared
    return {
        "kind": "video" if is_video else "audio", "format": name, "mime": mime, "tracks": tracks,
        "duration_s": round(duration, 3) if duration is not None else None, "warnings": warnings,
        "width": video[0].width if video else None, "height": video[0].height if video else None,
    }  # fmt: skip


def _falls_short(declared: float | None, measured: float | None) -> bool:
    """The end is missing: more than a second and more than 2 % of what the header promises."""
    if declared is None or measured is None:
        return False
    return declared - measured > max(1.0, 0.02 * declared)


def _walk(container: Any, limits: dict[str, Any]) -> tuple[float | None, bool]:
    """Count packets to the end: (seconds from first to last, the walk broke off). None when out of time."""
    stop = time.monotonic() + DEMUX_BUDGET_S
    first, last = float("inf"), 0.0
    try:
        for packet in container.demux():
            if packet.pts is None or packet.stream.type not in ("audio", "video"):
                continue
            start = float(packet.pts * packet.time_base)
            first = min(first, start)
            last = max(last, start + float((packet.duration or 0) * packet.time_base))
            _check_seconds(last - first, limits)
            if time.monotonic() > stop:
                return None, False
    except (av.FFmpegError, ValueError):
        return (last - first if last > first else None), True
    return (last - first if last > first else None), False


def _decode_first(path: str, family: str, is_video: bool, otherwise: str) -> None:
    """One frame must decode, or the file is beyond use; ``otherwise`` is the code when there is none."""
    wanted = "video" if is_video else "audio"
    try:
        with open_container(path, family) as container:
            video, audio = real_streams(container)
            for count, _ in enumerate(container.decode((video if is_video else audio)[0])):
                if count >= 0:
                    return
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise Refused("unreadable_media", f"The {wanted} cannot be decoded: {error}") from error
    raise Refused(otherwise, f"The {wanted} track is empty.")


def _check_pixels(width: int, height: int, limits: dict[str, Any]) -> None:
    if width * height > limits["pixels"]:
        raise over("pixels a frame", width * height, limits["pixels"])


def _check_seconds(seconds: float | None, limits: dict[str, Any]) -> None:
    if seconds is not None and seconds > limits["seconds"]:
        raise over("seconds", seconds, limits["seconds"])


def _seconds(value: int | None, unit: float) -> float | None:
    return None if value is None or value < 0 else value * unit


def name_format(family: str, is_video: bool, container: Any, tracks: list[dict[str, Any]]) -> tuple[str, str]:
    """Short name and media type of a container, from its demuxer, its brand and what it holds."""
    medium = "video" if is_video else "audio"
    brand = str(container.metadata.get("major_brand", "")).strip().lower()
    match family:
        case "mov" if brand == "qt" or (not brand and is_video):
            return "mov", "video/quicktime" if is_video else "audio/mp4"
        case "mov" if brand.startswith("3g"):
            return "3gp", f"{medium}/3gpp"
        case "mov":
            return ("mp4", "video/mp4") if is_video else ("m4a", "audio/mp4")
        case "matroska":
            codecs = {track["codec"] for track in tracks}
            webm = codecs <= {"vp8", "vp9", "av1", "opus", "vorbis", "webvtt"}
            return ("webm", f"{medium}/webm") if webm else ("mkv", f"{medium}/x-matroska")
        case "asf":
            return ("wmv", "video/x-ms-wmv") if is_video else ("wma", "audio/x-ms-wma")
        case "mpegaudio" | "ac3":
            short = "mp2" if tracks[0]["codec"] in ("mp1", "mp2") else str(container.format.name)
        case _:
            short = _SHORT.get(family, family)
    return short, f"{medium}/{_SUBTYPES.get(short, f'x-{short}' if short in RECOGNISED else short)}"
