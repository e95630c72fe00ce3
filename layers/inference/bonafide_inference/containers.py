"""Opening a sound or video container safely, and one sequential pass over what is in it.

libavformat is told which demuxers it may use, and is handed one open file in place of a name: whatever is
inside an upload can open no other file and no URL, and nothing is guessed from what a file is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
from av.stream import Disposition

__all__ = ["ANY", "Said", "describe", "encoders", "family_of", "open_container", "real_streams", "said"]

_BY_CONTENT = """
3dostr 4xm aa aax ac4 ace acm ads adx aea afc aix alp anm apac apc apm argo_asf argo_brp argo_cvg ast avr
avs bethsoftvid bfi bfstm bink binka bmv boa bonk brstm c93 cdxl cine codec2 dcstr derf dfa dhav dsicin dss
dts dtshd dv dxa ea ea_cdata epaf film_cpk flic frm fsb fwse gdv genh gxf hca hcom hnm hxvs iamf idcin iff
ifv ilbc ipmovie ircam iss iv8 ivf ivr jv kux kvag laf lc3 lmlm4 loas luodat lvf lxf mca mgsts mlp mm mmf
mods moflex msf msnwctcp mtaf mtv musx mv mvi mxf mxg nc nistsphere nsp nsv nut nuv oma osq paf pdv pmp
pp_bnk psxstr pva pvf qcp qoa r3d redspark rka rl2 rm roq rpl rsd s337m scd sdns sdr2 sds sdx ser sga shn
siff simbiosis_imx smjpeg smk smush sol sox spdif svag svs swf thp tiertexseq tmv truehd ty usm vag vc1test
vividas vivo vmd vpk vqf wady wavarc wc3movie wsaud wsd wsvqa wtv wve xa xmd xmv xvag xwma yop yuv4mpegpipe
"""
RECOGNISED = tuple(_BY_CONTENT.split())
"""Demuxers that only libavformat's own look at the bytes leads to (decision 0102); each is a family."""

DEMUXERS = {
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska": "matroska,webm",
    "flv": "flv,live_flv",
    "avi": "avi",
    "asf": "asf",
    "wav": "wav,act",
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
    **{name: name for name in RECOGNISED},
}
"""Family (of `bonafide.sniff`, or one of `RECOGNISED`) → the demuxers that may look at it."""

ANY = "any"
"""Family of what `bonafide.sniff` does not know: the demuxer that libavformat names, if it is one of ours."""
_NEVER_GUESSED = ("mov",)  # sniff knows all of these, and that a camera's raw picture, in such boxes, is none

FAMILIES = {
    "mp4": "mov", "mov": "mov", "m4a": "mov", "3gp": "mov", "mkv": "matroska", "webm": "matroska",
    "flv": "flv", "avi": "avi", "wmv": "asf", "wma": "asf", "wav": "wav", "ogg": "ogg", "flac": "flac",
    "mp3": "mpegaudio", "mp2": "mpegaudio", "aac": "mpegaudio", "ts": "mpegts", "mpg": "mpegps",
    "amr": "amr", "aiff": "aiff", "caf": "caf", "au": "au", "w64": "w64", "ac3": "ac3", "eac3": "ac3",
    "wv": "wv", "tta": "tta", "ape": "ape", "mpc": "mpc", "tak": "tak", "dsf": "dsf", "voc": "voc",
    **{name: name for name in RECOGNISED},
}  # fmt: skip
"""`MediaFacts.format` → demuxer family."""

PROBED = {"wav": 32768, "w64": 32768}
"""Bytes that are searched for another coding (DTS) inside what says it is PCM: 5 MB otherwise, 20 ms."""


def open_container(path: str, family: str, *, max_streams: int = 65) -> Any:
    """Open ``path`` with the demuxers of ``family`` only and no protocol but the open file itself.

    Raises
    ------
    OSError
        If the file cannot be read.
    av.FFmpegError, ValueError
        If it is no such container.
    MemoryError
        If it has more than ``max_streams`` streams (libavformat reports so), or memory ran out.
    """
    with open(path, "rb") as file:  # libavformat takes a duplicate of its own
        return av.open(
            "fd:",
            mode="r",
            options={
                "fd": str(file.fileno()),
                "format_whitelist": _allowed(family),
                "protocol_whitelist": "fd",
                "max_streams": str(max_streams),
                "enable_drefs": "0",
                **({"probesize": str(PROBED[family])} if family in PROBED else {}),
            },
            metadata_errors="replace",
        )


def _allowed(family: str) -> str:
    if family != ANY:
        return DEMUXERS[family]
    return ",".join(names for own, names in DEMUXERS.items() if own not in _NEVER_GUESSED)


def family_of(container: Any) -> str:
    """The family of an open container, by its demuxer."""
    name = container.format.name.split(",")[0]
    return next(family for family, names in DEMUXERS.items() if name in names.split(","))


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
