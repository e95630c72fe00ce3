"""The ``analysis`` objects: what was seen, beside the verdict (VER-19 … VER-21, VER-38 … VER-43, VER-51).

A member is null where no detector has spoken to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bonafide.model import Analysis, FrameScore, MediaFacts, Operation, OperationResult, Outcome, Verdict
from bonafide.policy import percent

from veriplus.scores import judged, leaning, result_of, suspicious

__all__ = ["of_audio", "of_picture", "of_video", "suspicious_frames", "video_facts"]

Json = dict[str, Any]

SEEN = {
    "inconsistent_lighting": "Inconsistent lighting on face",
    "blending_boundary": "Blending artifacts around jawline",
    "generator_fingerprint": "GAN fingerprint detected",
    "irregular_blinking": "Irregular blinking",
    "micro_jitter": "Micro-jitter",
    "face_lost": "Face detection dropped",
}
"""The vendor's sentences for flags and frame notes (VER-21, VER-38, VER-43); others speak for themselves."""

_SUSPECT_FRAME = "Suspicious frame"
_PICTURE = (Operation.SYNTHETIC_IMAGE, Operation.IMAGE_FORGERY, Operation.FILE_FORENSICS)


# ---- pictures and documents --------------------------------------------------------------------------


def of_picture(analysis: Analysis) -> Json:
    """Return ``analysis`` of a picture or a document, in detail."""
    face = result_of(analysis, Operation.FACE_MANIPULATION)
    regions = face.evidence.regions if face and face.outcome is Outcome.SCORED else ()
    seen = _sentences([face] if face else [])
    return {
        "faceRegions": [
            {
                "bbox": [region.x, region.y, region.width, region.height],
                "deepfakeScore": percent(min(max(region.score, 0.0), 1.0)),
                "artifacts": seen,
            }
            for region in regions
        ],
        "metadata": _metadata(analysis),
        "artifacts": _sentences(result for result in analysis.results if result.operation in _PICTURE),
    }


def _sentences(results: Iterable[OperationResult]) -> list[str]:
    flags = (flag for result in results for flag in result.evidence.flags)
    return list(dict.fromkeys(SEEN.get(flag.code, flag.message) for flag in flags))


def _metadata(analysis: Analysis) -> Json:
    media = analysis.media
    traces = result_of(analysis, Operation.FILE_FORENSICS)
    has_exif = traces.evidence.values.get("exif") if traces else None
    found: Json = {
        "resolution": _resolution(media),
        "format": media.format.upper() if media else None,
        "exifStripped": None if has_exif is None else not has_exif,
    }
    return found | ({"pages": media.pages} if media and media.pages is not None else {})


def _resolution(media: MediaFacts | None) -> str | None:
    return f"{media.width}x{media.height}" if media and media.width and media.height else None


# ---- sound -------------------------------------------------------------------------------------------


def of_audio(analysis: Analysis) -> Json:
    """Return ``analysis`` of a recording (VER-51, VER-52)."""
    speech = result_of(analysis, Operation.SYNTHETIC_SPEECH)
    return {
        "spectralAnomalies": _spectral(analysis),
        "unnaturalProsody": _value(speech, "unnatural_prosody"),
        "modelFingerprint": speech.attribution if speech else None,
        "voicePrintMatch": _value(speech, "voice_match"),
    }


def _spectral(analysis: Analysis) -> bool | None:
    """Whether some stretch has another band than the rest, or a detector names its spectrum."""
    said = _value(result_of(analysis, Operation.SYNTHETIC_SPEECH), "spectral_anomalies")
    file = result_of(analysis, Operation.FILE_FORENSICS)
    if said is not None or file is None or not file.models:
        return said
    return any(flag.code in ("cutoff_changes", "poor_band_for_bitrate") for flag in file.evidence.flags)


def _value(result: OperationResult | None, name: str) -> bool | None:
    found = result.evidence.values.get(name) if result else None
    return found if isinstance(found, bool) else None


# ---- video -------------------------------------------------------------------------------------------


def video_facts(analysis: Analysis) -> Json:
    """Return ``video``: what the file is (VER-36, X-12)."""
    media = analysis.media
    track = next((t for t in media.tracks if t.type == "video"), None) if media else None
    fps = track.fps if track else None
    seconds = media.duration_s if media else None
    return {
        "filename": analysis.source.filename,
        "duration": None if seconds is None else f"{round(seconds, 2):g} seconds",
        "frameCount": None if seconds is None or fps is None else round(seconds * fps),
        "resolution": _resolution(media),
        "fps": None if fps is None else (int(fps) if fps == int(fps) else round(fps, 3)),
    }


def of_video(analysis: Analysis, *, liveness: bool) -> Json:
    """Return ``analysis`` of a video (VER-38 … VER-42)."""
    coherence = result_of(analysis, Operation.TEMPORAL_COHERENCE)
    sync = result_of(analysis, Operation.LIP_SYNC)
    face = result_of(analysis, Operation.FACE_MANIPULATION)
    values = face.evidence.values if face else {}
    certain = values.get("face_confidence")
    found: Json = {
        "temporalCoherence": {
            "score": _intact(coherence),
            "issues": _sentences([coherence] if coherence else []),
        },
        "faceDetection": {
            "averageConfidence": percent(certain) if isinstance(certain, int | float) else None,
            "stableDetection": _value(face, "face_stable"),
        },
        "audioVisualSync": {"lipSyncScore": _intact(sync), "verdict": _sync(analysis, sync)},
        "screenReplay": {"detected": leaning(analysis, result_of(analysis, Operation.PRESENTATION_ATTACK))},
    }
    return found | ({"liveness": _liveness(analysis)} if liveness else {})


def _intact(result: OperationResult | None) -> int | None:
    """Return how intact something is: the rest of P(fake), in percent."""
    return None if result is None or result.p_fake is None else 100 - percent(result.p_fake)


def _sync(analysis: Analysis, result: OperationResult | None) -> str | None:
    if result is None or result.p_fake is None:
        return None
    return {True: "POOR_SYNC", False: "GOOD_SYNC", None: "UNCERTAIN"}[leaning(analysis, result)]


def _liveness(analysis: Analysis) -> Json:
    """FAIL for a screen or a deepfake, PASS if all is said to be genuine, else INCONCLUSIVE (VER-45)."""
    screen = leaning(analysis, result_of(analysis, Operation.PRESENTATION_ATTACK))
    if screen:
        return {"result": "FAIL", "spoofingType": "SCREEN_REPLAY"}
    if judged(analysis).fake:
        return {"result": "FAIL", "spoofingType": "DEEPFAKE_VIDEO"}
    passed = screen is False and judged(analysis).fake is False and _genuine(analysis)
    return {"result": "PASS" if passed else "INCONCLUSIVE", "spoofingType": None}


def _genuine(analysis: Analysis) -> bool:
    return analysis.verdict is not None and analysis.verdict.label is Verdict.GENUINE


def suspicious_frames(analysis: Analysis) -> list[Json]:
    """Return the frames that the policy finds suspicious, or whose note is one of the vendor's (VER-43)."""
    frames: dict[int, Json] = {}
    for result in analysis.results:
        for frame in result.evidence.frames:
            if suspicious(analysis, frame.p_fake) or frame.note in SEEN:
                frames.setdefault(frame.index, _frame(frame))
    return [frames[index] for index in sorted(frames)]


def _frame(frame: FrameScore) -> Json:
    return {
        "frameNumber": frame.index,
        "timestamp": f"{round(frame.time_s, 2):g}s",
        "issue": SEEN.get(frame.note or "", frame.note or _SUSPECT_FRAME),
        "confidence": None if frame.p_fake is None else percent(frame.p_fake),
    }
