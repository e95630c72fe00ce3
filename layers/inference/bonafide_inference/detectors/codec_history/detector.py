"""What a sound file tells of its past: band limit, codec, writer, clipping. Evidence, no score."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, Flag, MediaFacts, Operation, Outcome, Segment
from bonafide_inference.base_rates import counted
from bonafide_inference.detectors.codec_history.spectrum import Spectrum, analyse
from bonafide_inference.plots import spectrogram
from bonafide_inference.recordings import read_recording, recording_details, recording_flags
from bonafide_inference.registry import Job

__all__ = ["CodecHistory"]

LOSSLESS = {"flac", "alac", "wavpack", "ape", "tta"}


class CodecHistory:
    """See the card: always ``inconclusive`` with evidence, ``not_applicable`` without a sound track."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a sound track."""
        return None if any(track.type == "audio" for track in media.tracks) else "no_audio"

    def score(self, job: Job) -> Finding:
        """Stream the sound once; collect values, flags, segments of another band, and a plot."""
        spectrum = analyse(job.piece.sound())
        if not spectrum.samples:
            return Finding(
                operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_samples",
                detail="Nothing could be decoded in this window.",
            )  # fmt: skip
        codec = next(track.codec for track in job.media.tracks if track.type == "audio")
        thresholds = job.manifest.thresholds
        segments = _segments(spectrum, thresholds, job.channel)
        flags = _spectral_flags(spectrum, codec, thresholds, segments) + _sample_flags(spectrum)
        flags += _bitrate_flag(spectrum, codec, job)
        values, details = _values(spectrum, codec, job), {}
        if job.piece.is_first:  # facts of the whole file, told once
            recording = read_recording(job)
            flags = recording_flags(recording) + flags
            details = {"document_details": recording_details(job, recording)}
            values["writer"] = next((name for _, name in recording.writers), None)
        return Finding(
            operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, reason="no_calibrated_score",
            detail="These facts are evidence for a person; no score has been calibrated on them.",
            evidence=Evidence(flags=tuple(flags), segments=segments, values=values, details=details),
            artifacts=_plot(spectrum, job),
        )  # fmt: skip


def _values(spectrum: Spectrum, codec: str, job: Job) -> dict[str, Any]:
    heard = spectrum.cutoff[np.isfinite(spectrum.cutoff)]
    values: dict[str, Any] = {
        "codec": codec, "format": job.media.format, "rate_hz": spectrum.rate,
        "measured_s": round(spectrum.seconds, 3), "bad_packets": job.piece.bad_packets,
        "peak_dbfs": round(20 * np.log10(max(spectrum.peak, 1e-6)), 2), "clipped_samples": spectrum.clipped,
        "silent_s": round(spectrum.silent / spectrum.rate, 3), "non_finite_samples": spectrum.non_finite,
    }  # fmt: skip
    if heard.size:
        p10, median, p90 = np.percentile(heard, [10, 50, 90])
        values |= {
            "cutoff_median_hz": round(float(median)), "cutoff_p10_hz": round(float(p10)),
            "cutoff_p90_hz": round(float(p90)), "edge_db": round(_edge(spectrum), 1),
        }  # fmt: skip
    return values


def _edge(spectrum: Spectrum) -> float:
    heard = spectrum.edge[np.isfinite(spectrum.cutoff)]
    return float(np.median(heard)) if heard.size else 0.0


def _spectral_flags(
    spectrum: Spectrum, codec: str, thresholds: dict[str, float], segments: tuple[Segment, ...]
) -> list[Flag]:
    heard = spectrum.cutoff[np.isfinite(spectrum.cutoff)]
    if heard.size < 3:
        return []
    median, nyquist = float(np.median(heard)), spectrum.rate / 2
    flags = []
    if median < thresholds["band_limit_share"] * nyquist and _edge(spectrum) >= thresholds["edge_db"]:
        lossless = codec.startswith("pcm") or codec in LOSSLESS
        code = "lossy_history" if lossless and spectrum.rate >= 32000 else "band_limited"
        flags.append(counted(
            code, value=round(median),
            message=f"The sound ends sharply at {median / 1000:.1f} of {nyquist / 1000:.1f} kHz possible.",
            caveat="Lossy codecs, telephones, resampling and some microphones all do this; it is no sign of "
            "synthesis by itself.",
        ))  # fmt: skip
    if segments:
        flags.append(counted(
            "cutoff_changes", value=len(segments),
            message="The upper end of the band changes in the course of the recording.",
            caveat="Variable bitrate, another microphone or speaker, and music do this as an insertion does.",
        ))  # fmt: skip
    return flags


def _sample_flags(spectrum: Spectrum) -> list[Flag]:
    flags = []
    if spectrum.clipped > max(8, 1e-4 * spectrum.samples):
        flags.append(counted(
            "clipping", value=spectrum.clipped,
            message="Many samples stand at full scale.",
            caveat="Loud masters and bad gain do this; it hides traces, it does not show any.",
        ))  # fmt: skip
    if spectrum.silent > spectrum.rate * 0.5:
        flags.append(counted(
            "digital_silence", value=round(spectrum.silent / spectrum.rate, 3),
            message="There are stretches of exact zeros, which a microphone does not deliver.",
            caveat="Noise gates, voice chat, codecs and fades in any editor write them too.",
        ))  # fmt: skip
    if spectrum.non_finite:
        flags.append(counted(
            "non_finite_samples", value=spectrum.non_finite,
            message="The file holds samples that are no numbers.",
            caveat="A fault of the program that wrote it; it says nothing about the content.",
        ))  # fmt: skip
    return flags


def _bitrate_flag(spectrum: Spectrum, codec: str, job: Job) -> list[Flag]:
    """A lossy file whose bits would carry more band than it has was made from a poorer one."""
    heard = spectrum.cutoff[np.isfinite(spectrum.cutoff)]
    if codec not in ("mp3", "aac") or heard.size < 3 or spectrum.rate < 44100 or not job.media.duration_s:
        return []
    kbps = job.media.bytes * 8 / job.media.duration_s / 1000
    median = float(np.median(heard))
    limits = job.manifest.thresholds
    if kbps < limits["rich_kbps"] or median > limits["poor_band_hz"] or _edge(spectrum) < limits["edge_db"]:
        return []
    return [counted(
        "poor_band_for_bitrate", value=f"{kbps:.0f} kbit/s, {median:.0f} Hz",
        message=f"At {kbps:.0f} kbit/s it could carry more than {median / 1000:.1f} kHz: encoded twice?",
        caveat="Old recordings, telephone calls and some encoders' settings end there from the start.",
    )]  # fmt: skip


def _segments(spectrum: Spectrum, thresholds: dict[str, float], channel: int | None) -> tuple[Segment, ...]:
    """Stretches whose cut-off differs from the file's by more than the step, for long enough."""
    heard = spectrum.cutoff[np.isfinite(spectrum.cutoff)]
    if heard.size < 3:
        return ()
    median = float(np.median(heard))
    smooth = _running_median(spectrum.cutoff, max(1, round(0.5 / max(spectrum.column_s, 1e-6))))
    away = np.abs(smooth - median) > thresholds["cutoff_step_hz"]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], away.astype(np.int8), [0]))))
    found = []
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if (end - first) * spectrum.column_s >= thresholds["cutoff_step_s"] and end - first >= 2:
            hertz = float(np.nanmedian(smooth[first:end]))
            found.append(Segment(
                start_s=round(spectrum.start_s + first * spectrum.column_s, 3), channel=channel,
                end_s=round(spectrum.start_s + end * spectrum.column_s, 3),
                note=f"band ends at {hertz:.0f} Hz",
            ))  # fmt: skip
    return tuple(found[:50])


def _running_median(values: Any, radius: int) -> Any:
    """Median over 2·radius+1 columns, silence ignored (NaN where all is silent)."""
    padded = np.pad(values, radius, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1)
    ordered = np.sort(windows, axis=1)  # NaN sorts last
    count = np.isfinite(windows).sum(axis=1)
    middle = ordered[np.arange(len(ordered)), np.maximum(0, (count - 1) // 2)]
    return np.where(count > 0, middle, np.nan)


def _plot(spectrum: Spectrum, job: Job) -> tuple[Artifact, ...]:
    if not job.options.visualize:
        return ()
    name = f"spectrogram-{job.channel}.png" if job.channel is not None else "spectrogram.png"
    path = os.path.join(job.workdir, name)
    end = spectrum.start_s + spectrum.seconds
    title = "Level by frequency and time; the line is where the sound ends"
    spectrogram(spectrum.levels, spectrum.cutoff, spectrum.rate / 2, spectrum.start_s, end, title).save(path)
    return (Artifact(name=name, media_type="image/png", title="Spectrogram with its upper end", path=path),)
