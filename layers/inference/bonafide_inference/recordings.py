"""What sound and video files say of themselves: tags, writers, dates, declarations, structure.

Shared by `codec_history` (sound) and `video_container` (video).
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import av
from bonafide.model import Flag

from bonafide_inference import generators, metadata
from bonafide_inference.base_rates import counted, rate
from bonafide_inference.chunks import Layout, zip_at_end
from bonafide_inference.containers import FAMILIES, Said, open_container, said
from bonafide_inference.generators import Declaration
from bonafide_inference.isofile import IsoFile, read_iso
from bonafide_inference.metadata import Metadata, Text
from bonafide_inference.registry import Job

__all__ = ["Recording", "fit", "read_recording", "recording_details", "recording_flags"]

LATER = timedelta(days=1)
MOST = 80

_EDITORS = re.compile(
    r"premiere|after effects|media encoder|final cut|imovie|davinci|resolve|vegas|capcut|kinemaster|inshot|"
    r"filmora|avidemux|shotcut|kdenlive|openshot|movie maker|clipchamp|camtasia|power ?director|lightworks|"
    r"ezgif|videopad|audacity|audition|reaper|pro tools|logic pro|garageband|wavelab|sound forge|goldwave|"
    r"ableton|fl studio|"
    r"cubase|wavosaur|ocenaudio|izotope|adobe (?:pr|ae|au)",
    re.IGNORECASE,
)
_LIBRARY = re.compile(
    r"lavf|lavc|x26[45]|handbrake|libx26|ffmpeg|gpac|mp4box|mkvmerge|gstreamer", re.IGNORECASE
)
_CAMERA = ("com.apple.quicktime.make", "com.android.manufacturer", "make", "com.apple.quicktime.model",
           "com.android.version", "samsung.android", "manufacturer", "model")  # fmt: skip
_FORMS = (
    (b"PK\x03\x04", "zip"),
    (b"%PDF-", "pdf"),
    (b"\x7fELF", "linux program"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf", "7z"),
    (b"<?php", "php"),
    (b"<html", "html"),
    (b"This program cannot be run in DOS mode", "windows program"),
)


@dataclass
class Recording:
    """Facts of the whole file: ``tags`` as (where, key, value), ``writers`` as (where, name)."""

    tags: list[tuple[str, str, str]] = field(default_factory=list)
    writers: list[tuple[str, str]] = field(default_factory=list)
    declared: list[Declaration] = field(default_factory=list)
    iso: IsoFile | None = None
    meta: Metadata = field(default_factory=Metadata)
    bext: dict[str, str] = field(default_factory=dict)
    tail: tuple[int, int, str] | None = None

    @property
    def camera(self) -> str | None:
        """The make or model of a recording device that the tags name."""
        return next((value for _, key, value in self.tags if key.lower() in _CAMERA), None)


def read_recording(job: Job, words: Said | None = None) -> Recording:
    """Read everything but the streams' content; ``words``: what the container says, if it was open before."""
    form = job.media.format
    if words is None:
        with suppress(av.FFmpegError), open_container(job.path, FAMILIES[form]) as container:
            words = said(container)  # inspect could open it; what is lost is only tags
    words = words or Said()
    found = Recording(tags=list(words.tags), writers=list(words.writers))
    found.meta = metadata.read(job.path, form)
    if form in ("mp4", "mov", "m4a", "3gp"):
        found.iso = read_iso(job.path)
        found.writers += [
            (f"track {n}", track.compressor)
            for n, track in enumerate(found.iso.tracks)
            if _LIBRARY.search(track.compressor) or _EDITORS.search(track.compressor)
        ]
    if form == "wav":
        found.bext = _broadcast(job.path, found.meta.layout)
    found.tail = _tail(job, found)
    found.declared = generators.in_texts(Text("tag", k.lower(), v) for _, k, v in found.tags)
    found.declared += generators.declarations(found.meta)
    return found


def _broadcast(path: str, layout: Layout) -> dict[str, str]:
    """Description, originator and date of a Broadcast WAV's ``bext`` chunk."""
    chunk = next(iter(layout.all("bext")), None)
    if chunk is None:
        return {}
    with metadata.mapped(path) as data:
        block = chunk.data(data, 4096)
    parts = {"description": (0, 256), "originator": (256, 288), "date": (320, 330), "time": (330, 338),
             "history": (602, 1602)}  # fmt: skip
    texts = {k: block[a:b].split(b"\0")[0].decode("latin-1").strip()[:300] for k, (a, b) in parts.items()}
    return {name: text for name, text in texts.items() if text}


def _tail(job: Job, found: Recording) -> tuple[int, int, str] | None:
    """(offset, bytes, what) of bytes that belong to no part of the container."""
    size = job.media.bytes
    if found.iso is not None and found.iso.strange_at is not None:
        start, head = found.iso.strange_at, found.iso.strange
    elif job.media.format == "wav" and found.meta.end is not None and found.meta.end < size:
        start = found.meta.end
        with open(job.path, "rb") as file:
            file.seek(start)
            head = file.read(65536)
    else:
        with metadata.mapped(job.path) as data:  # formats whose end is not known: an archive tells its own
            archive = zip_at_end(data) if len(data) == size else None
        return (archive, size - archive, "zip") if archive is not None else None
    if not head.strip(b"\0 \r\n") or size - start < 16:
        return None
    # a tag at the end of a sound file belongs there; anything else does not
    known = next(
        (
            name
            for mark, name in ((b"ID3", "id3"), (b"TAG", "id3"), (b"APETAGEX", "ape"))
            if head.startswith(mark)
        ),
        "",
    )
    if known:
        return None
    return start, size - start, next((name for mark, name in _FORMS if mark in head), "unknown")


def recording_flags(found: Recording) -> list[Flag]:
    """Flags of the whole file, for sound and video alike."""
    flags = generators.as_flags(found.declared, rate("generator"))
    named = [(where, text) for where, text in _program_texts(found) if _EDITORS.search(text[:300])]
    if named:
        flags.append(counted(
            "editor_named", where=named[0][0], value=named[0][1][:160],
            message=f"An editing program wrote it: {named[0][1][:80]}.",
            caveat="Says that the program saved the file, not what it changed.",
        ))  # fmt: skip
    flags += _mixed(found) + _dates(found)
    if found.tail is not None:
        start, size, what = found.tail
        flags.append(counted(
            "trailing_data" if what == "unknown" else "polyglot", where=f"offset {start}", value=size,
            message=f"{size} bytes belong to no part of the container ({what}).",
            caveat="Careless tools append data; sound and picture are not concerned.",
        ))  # fmt: skip
    return flags


def _program_texts(found: Recording) -> list[tuple[str, str]]:
    """(where, text) of everything that may name the program that wrote the file."""
    keys = ("comment", "software", "encoded_by", "originator")
    texts = found.writers + [(where, value) for where, key, value in found.tags if key.lower() in keys]
    texts += [("bext", found.bext["originator"])] if "originator" in found.bext else []
    leaves = ("xmp:CreatorTool", "stEvt:softwareAgent")
    return texts + [(f"XMP {p.path}", p.value) for p in found.meta.xmp if p.leaf in leaves]


def _mixed(found: Recording) -> list[Flag]:
    flags = []
    families = {_family(text) for _, text in found.writers}
    if len(families) > 1:
        flags.append(counted(
            "mixed_writers", value=", ".join(sorted(families))[:200],
            message="Container and tracks name different programs: the file was put together or repackaged.",
            caveat="A platform's remuxing and a phone's sharing function do exactly this.",
        ))  # fmt: skip
    library = next(((w, t) for w, t in found.writers if _LIBRARY.search(t)), None)
    if found.camera and library:
        flags.append(counted(
            "camera_file_reencoded", where=library[0], value=f"{found.camera} | {library[1]}"[:200],
            message=f"It names a device ({found.camera[:60]}) but was written by {library[1][:60]}.",
            caveat="Converting, trimming or sending a clip does this; it is no longer the device's own file.",
        ))  # fmt: skip
    return flags


def _family(writer: str) -> str:
    """Name of a program without its version; ffmpeg's libraries and x264 in its service are one family."""
    word = (re.findall(r"[A-Za-z]+", writer) or ["?"])[0].lower()
    return "ffmpeg" if word in ("lavf", "lavc", "libx", "x", "hevc", "libavformat") else word


def _moments(found: Recording) -> dict[str, datetime]:
    """Dates with a time zone or in UTC, by name."""
    known: dict[str, datetime] = {}
    if found.iso is not None:
        for name, moment in (("created", found.iso.created), ("modified", found.iso.modified)):
            if moment is not None:
                known[f"movie_{name}"] = moment
        for n, track in enumerate(found.iso.tracks):
            if track.media_created is not None:
                known[f"track_{n}_created"] = track.media_created
    for where, key, value in found.tags:
        if key.lower() in ("com.apple.quicktime.creationdate", "date", "creation_time"):
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                continue
            if at.tzinfo is not None:
                known.setdefault(f"{where} {key.lower()}", at)
    return known


def _dates(found: Recording) -> list[Flag]:
    flags, known = [], _moments(found)
    movie = known.get("movie_created")
    for name, at in known.items():
        if movie and name not in ("movie_created", "movie_modified") and abs(at - movie) > LATER:
            flags.append(counted(
                "creation_dates_differ", where=f"movie, {name}", value=f"{movie:%F %T} | {at:%F %T}",
                message="Parts of the file were made on different days.",
                caveat="Exporting or sharing a clip renews some of these dates only.",
            ))  # fmt: skip
            break
    later = known.get("movie_modified")
    if movie and later and later - movie > LATER:
        flags.append(counted(
            "container_saved_later", where="mvhd", value=f"{movie:%F %T} | {later:%F %T}",
            message="The container was written again after the day of recording.",
            caveat="Trimming, adding a title or importing into an album does this.",
        ))  # fmt: skip
    return flags


def recording_details(job: Job, found: Recording) -> dict[str, Any]:
    """The tree of facts (`Evidence.details["document_details"]`), bounded in length."""
    media = job.media
    with open(job.path, "rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    tree: dict[str, Any] = {
        "format": media.format, "mime": media.mime, "bytes": media.bytes, "duration_s": media.duration_s,
        "hashes": {"sha256": media.sha256, "md5": md5},
        "tracks": [track.model_dump(exclude_none=True) for track in media.tracks],
        "writers": [{"where": where, "name": name[:160]} for where, name in found.writers[:20]],
        "tags": [{"where": w, "key": k, "value": v[:200]} for w, k, v in found.tags[:MOST]],
        "dates": {name: at.isoformat() for name, at in list(_moments(found).items())[:20]},
        "device": found.camera, "broadcast": found.bext,
        "xmp": {p.path[:120]: p.value[:200] for p in found.meta.xmp[:MOST]},
        "structure": [
            {"block": c.kind, "offset": c.offset, "bytes": c.size} for c in found.meta.layout.chunks[:40]
        ],
    }  # fmt: skip
    if found.iso is not None:
        tree |= _iso_details(found.iso)
    return fit({name: value for name, value in tree.items() if value not in (None, [], {})})


def fit(tree: dict[str, Any], limit: int = 48 * 1024) -> dict[str, Any]:
    """Leave out the longest members, and name them, until the JSON has ``limit`` bytes at most."""
    sizes = {
        name: len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        for name, value in tree.items()
    }
    left_out = []
    while sum(sizes.values()) > limit:
        longest = max(sizes, key=lambda name: sizes[name])
        left_out.append(longest)
        del sizes[longest]
    kept = {name: value for name, value in tree.items() if name in sizes}
    return kept | {"left_out": left_out} if left_out else kept


def _iso_details(iso: IsoFile) -> dict[str, Any]:
    return {
        "brand": iso.brand, "compatible_brands": list(iso.compatible), "fragments": iso.fragments,
        "structure": [{"block": kind, "offset": at, "bytes": size} for kind, at, size in iso.boxes[:40]],
        "iso_tracks": [
            {
                "handler": track.handler, "name": track.name, "descriptions": track.entries[:8],
                "edits": [list(edit) for edit in track.edits[:16]], "samples": track.samples,
            }
            for track in iso.tracks[:16]
        ],
    }  # fmt: skip
