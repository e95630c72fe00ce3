"""What a video file tells of its making: writers, clocks, edit lists, and a look at its frames."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, FrameScore, MediaFacts, Operation, Outcome
from bonafide_inference.containers import FAMILIES, encoders, open_container, real_streams
from bonafide_inference.detectors.video_container.headers import count_edit_lists, stream_encoders
from bonafide_inference.plots import contact_sheet
from bonafide_inference.registry import Job

__all__ = ["VideoContainer"]

SHEET = 24
"""Frames on the contact sheet at most."""
NOT_MEASURED = "not measured on genuine video yet"


@dataclass
class Clock:
    """Packets of the video track in the window: presentation and decoding times in seconds."""

    shown: list[float] = field(default_factory=list)
    decoded: list[float] = field(default_factory=list)
    keyframes: int = 0
    writers: list[tuple[str, str]] = field(default_factory=list)


class VideoContainer:
    """See the card: always ``inconclusive`` with evidence."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a video track."""
        return None if any(track.type == "video" for track in media.tracks) else "no_video"

    def score(self, job: Job) -> Finding:
        """One pass over the packets, one over sampled frames."""
        clock = _read_clock(job)
        frames = job.piece.frames(fps=1.0, long_side=320)
        values = _clock_values(clock)
        flags = _clock_flags(values, job)
        if job.piece.is_first:
            flags += _file_flags(clock, values, job)
        values |= {"frames_shown": min(len(frames), SHEET), "bad_packets": job.piece.bad_packets}
        shown = (
            [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, SHEET).round().astype(int))]
            if frames
            else []
        )
        return Finding(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score",
            detail="These facts are evidence for a person; no score has been calibrated on them.",
            evidence=Evidence(
                flags=tuple(flags), values=values,
                frames=tuple(FrameScore(index=f.index, time_s=round(f.time_s, 3)) for f in shown),
            ),
            artifacts=_sheet(shown, job),
        )  # fmt: skip


def _read_clock(job: Job) -> Clock:
    """Timestamps of the video packets in the window, and every writer's name."""
    start, end = job.piece.span
    clock = Clock()
    with open_container(job.path, FAMILIES[job.media.format]) as container:
        stream = real_streams(container)[0][0]
        clock.writers = encoders(container)
        if start > 10:
            container.seek(int(start * 1e6))
        try:
            for packet in container.demux(stream):
                if packet.pts is None:
                    continue
                if not clock.shown and job.piece.is_first:
                    clock.writers += [("video stream", name) for name in stream_encoders(bytes(packet))]
                moment = float(packet.pts * packet.time_base)
                if moment >= end + 2:  # frames are stored out of order by less than that
                    break
                if start <= moment < end:
                    clock.shown.append(moment)
                    clock.keyframes += bool(packet.is_keyframe)
                    if packet.dts is not None:
                        clock.decoded.append(float(packet.dts * packet.time_base))
        except av.FFmpegError:
            pass  # a broken end is inspect's warning, not ours
    return clock


def _clock_values(clock: Clock) -> dict[str, Any]:
    values: dict[str, Any] = {"packets": len(clock.shown), "keyframes": clock.keyframes}
    values["backward_timestamps"] = int((np.diff(clock.decoded) < 0).sum()) if len(clock.decoded) > 1 else 0
    if len(clock.shown) > 8:
        gaps = np.diff(np.sort(clock.shown))
        middle = float(np.median(gaps))
        if middle > 0:
            values["frames_per_s"] = round(1 / middle, 3)
            values["irregular_share"] = round(float((np.abs(gaps - middle) > 0.5 * middle).mean()), 4)
            values["longest_gap_s"] = round(float(gaps.max()), 3)
    return values


def _clock_flags(values: dict[str, Any], job: Job) -> list[Flag]:
    flags = []
    if values.get("irregular_share", 0) > job.manifest.thresholds["irregular_share"]:
        flags.append(Flag(
            code="irregular_frame_times", value=values["irregular_share"], base_rate=NOT_MEASURED,
            message="Frames do not come at a steady rate.",
            caveat="Phones and screen recorders vary their rate; dropped frames and cuts look the same.",
        ))  # fmt: skip
    if values["backward_timestamps"]:
        flags.append(Flag(
            code="timestamps_run_backward", value=values["backward_timestamps"], base_rate=NOT_MEASURED,
            message="Decoding times run backward, as when pieces are joined without re-encoding.",
            caveat="Broken recorders and stream captures do this too.",
        ))  # fmt: skip
    return flags


def _file_flags(clock: Clock, values: dict[str, Any], job: Job) -> list[Flag]:
    flags = [
        Flag(
            code="writer", where=where, value=text, message=f"Written by {text}.",
            caveat="Names the last program that wrote this part, not the first; anyone can write the string.",
        )
        for where, text in clock.writers
    ]  # fmt: skip
    families = {_family(text) for _, text in clock.writers}
    if len(families) > 1:
        flags.append(Flag(
            code="mixed_writers", value=len(families), base_rate=NOT_MEASURED,
            message="Container and tracks name different programs: the file was put together or repackaged.",
            caveat="A platform's remuxing and a phone's sharing function do exactly this.",
        ))  # fmt: skip
    if job.media.format in ("mp4", "mov", "3gp"):
        total, cut = count_edit_lists(job.path)
        values["edit_lists"] = total
        if cut:
            flags.append(Flag(
                code="edit_list_with_cuts", value=cut, base_rate=NOT_MEASURED,
                message="An edit list plays a track in several pieces: there is material that is not shown.",
                caveat="Trimming on a phone does this without touching the content.",
            ))  # fmt: skip
    return flags + _duration_flags(values, job)


def _family(writer: str) -> str:
    """Name of a program without its version; ffmpeg's libraries and x264 in its service are one family."""
    word = (re.findall(r"[A-Za-z]+", writer) or ["?"])[0].lower()
    return "ffmpeg" if word in ("lavf", "lavc", "libx", "x", "hevc", "libavformat") else word


def _duration_flags(values: dict[str, Any], job: Job) -> list[Flag]:
    declared = [track.duration_s for track in job.media.tracks if track.duration_s]
    measured = job.media.duration_s
    if not declared or measured is None:
        return []
    values |= {"declared_s": round(max(declared), 3), "measured_s": round(measured, 3)}
    gap = max(declared) - measured
    if abs(gap) <= max(job.manifest.thresholds["duration_gap_s"], 0.02 * measured):
        return []
    return [Flag(
        code="duration_mismatch", value=round(gap, 3), base_rate=NOT_MEASURED,
        message="A track's header and its packets disagree about the duration.",
        caveat="Interrupted recordings, edit lists and careless writers do this.",
    )]  # fmt: skip


def _sheet(shown: list[Any], job: Job) -> tuple[Artifact, ...]:
    if not job.options.visualize or not shown:
        return ()
    name = "frames.png" if job.piece.is_first else f"frames-{round(job.piece.span[0])}s.png"
    path = os.path.join(job.workdir, name)
    contact_sheet([(f"{frame.time_s:.2f} s", frame.rgb) for frame in shown]).save(path)
    return (Artifact(name=name, media_type="image/png", title="Sampled frames", path=path),)
