"""What a video file tells of its making: writers, clocks, edit lists, and a look at its frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, FrameScore, MediaFacts, Operation, Outcome
from bonafide_inference.base_rates import counted
from bonafide_inference.detectors.video_container.headers import stream_encoders
from bonafide_inference.frames import Frame, Packets
from bonafide_inference.recordings import Recording, read_recording, recording_details, recording_flags
from bonafide_inference.registry import Job
from bonafide_inference.video_report import sheet_artifact

__all__ = ["VideoContainer"]

SHEET = 24
"""Frames on the contact sheet at most."""


class VideoContainer:
    """See the card: always ``inconclusive`` with evidence."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a video track."""
        return None if any(track.type == "video" for track in media.tracks) else "no_video"

    def score(self, job: Job) -> Finding:
        """What the packets' clock, the file's own words and the sampled frames say."""
        clock = job.piece.reel().packets
        frames = job.piece.frames(1.0)
        values = _clock_values(clock)
        flags = _clock_flags(values, job)
        details = {}
        if job.piece.is_first:  # facts of the whole file, told once
            recording = read_recording(job, job.piece.reel().words)
            recording.writers += [("video stream", name) for name in stream_encoders(clock.head)]
            flags += _file_flags(recording, values, job)
            details = {"document_details": recording_details(job, recording)}
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
                flags=tuple(flags), values=values, details=details,
                frames=tuple(FrameScore(index=f.index, time_s=round(f.time_s, 3)) for f in shown),
            ),
            artifacts=_sheet(shown, job),
        )  # fmt: skip


def _clock_values(clock: Packets) -> dict[str, Any]:
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
        flags.append(counted(
            "irregular_frame_times", value=values["irregular_share"],
            message="Frames do not come at a steady rate.",
            caveat="Phones and screen recorders vary their rate; dropped frames and cuts look the same.",
        ))  # fmt: skip
    longest, rate = values.get("longest_gap_s", 0.0), values.get("frames_per_s", 0.0)
    if rate and longest > max(1.0, 10 / rate):
        flags.append(counted(
            "gap_in_frame_times", value=longest,
            message=f"For {longest:.1f} s there is no frame.",
            caveat="Screen recorders write no frame while nothing moves; recorders drop frames.",
        ))  # fmt: skip
    if values["backward_timestamps"]:
        flags.append(counted(
            "timestamps_run_backward", value=values["backward_timestamps"],
            message="Decoding times run backward, as when pieces are joined without re-encoding.",
            caveat="Broken recorders and stream captures do this too.",
        ))  # fmt: skip
    return flags


def _file_flags(found: Recording, values: dict[str, Any], job: Job) -> list[Flag]:
    flags = recording_flags(found)
    values["writer"] = next((name for _, name in found.writers), None)
    if found.iso is not None:
        values["edit_lists"] = sum(len(track.edits) for track in found.iso.tracks)
        cut = sum(1 for track in found.iso.tracks if track.played_pieces > 1)
        if cut:
            flags.append(counted(
                "edit_list_with_cuts", value=cut,
                message="An edit list plays a track in several pieces: there is material that is not shown.",
                caveat="Trimming on a phone does this without touching the content.",
            ))  # fmt: skip
        joined = max((len(t.entries) for t in found.iso.tracks if t.handler in ("vide", "soun")), default=0)
        if joined > 1:
            flags.append(counted(
                "several_sample_descriptions", value=joined,
                message="One track holds pieces with different codec settings: joined without re-encoding.",
                caveat="Some cameras and broadcasts change settings in the middle.",
            ))  # fmt: skip
    return flags + _duration_flags(values, job) + _track_flags(job)


def _track_flags(job: Job) -> list[Flag]:
    """Sound and picture that do not last alike."""
    lasting = {
        kind: max((t.duration_s or 0 for t in job.media.tracks if t.type == kind), default=0.0)
        for kind in ("video", "audio")
    }
    gap = abs(lasting["video"] - lasting["audio"])
    if not all(lasting.values()) or gap <= max(1.0, 0.05 * lasting["video"]):
        return []
    return [counted(
        "tracks_differ_in_length", value=round(gap, 3),
        message=f"Sound and picture differ in length by {gap:.1f} s.",
        caveat="Interrupted recordings, added music and careless cutting do this.",
    )]  # fmt: skip


def _duration_flags(values: dict[str, Any], job: Job) -> list[Flag]:
    declared = [track.duration_s for track in job.media.tracks if track.duration_s]
    measured = job.media.duration_s
    if not declared or measured is None:
        return []
    values |= {"declared_s": round(max(declared), 3), "measured_s": round(measured, 3)}
    gap = max(declared) - measured
    if abs(gap) <= max(job.manifest.thresholds["duration_gap_s"], 0.02 * measured):
        return []
    return [counted(
        "duration_mismatch", value=round(gap, 3),
        message="A track's header and its packets disagree about the duration.",
        caveat="Interrupted recordings, edit lists and careless writers do this.",
    )]  # fmt: skip


def _sheet(shown: list[Frame], job: Job) -> tuple[Artifact, ...]:
    name = "frames.jpg" if job.piece.is_first else f"frames-{round(job.piece.span[0])}s.jpg"
    return sheet_artifact(job, name, "Sampled frames", [(f"{frame.time_s:.2f} s", frame) for frame in shown])
