"""The operation ``temporal_coherence``: what is unsteady over time, in words, with frames and times.

The measurements do not tell fakes from genuine clips on sources they have not seen (card), so there is no
calibrated score: the answer is ``inconclusive``, and the issues are its evidence.
"""

from __future__ import annotations

from typing import Any

from bonafide.model import Artifact, Evidence, Finding, Flag, FrameScore, MediaFacts, Operation, Outcome
from bonafide_inference.detectors.temporal_coherence.measure import Coherence, Moment, measure
from bonafide_inference.faces import FacesFound
from bonafide_inference.registry import Job
from bonafide_inference.video_report import cut_flags, node, sheet_artifact, timeline_artifact

__all__ = ["TemporalCoherence", "issues_of"]

MOST_ISSUES = 20
APART_S = 0.4
"""Issues of one kind nearer than this are one."""
ISSUES = {
    "jitter": "The parts of the face tremble against each other",
    "drift": "The face changes its look from one moment to the next",
    "flicker": "The brightness of the face flickers more than the picture does",
}
CODES = {"jitter": "micro_jitter", "drift": "identity_drift", "flicker": "face_flicker"}
WORDS = {
    "no_video": "There is no picture track.",
    "no_frames": "There is no frame in this stretch.",
    "too_few_frames": "Fewer than three frames: nothing can be compared over time.",
    "no_face": "No face was followed; only cuts were looked for.",
    "no_calibrated_score": "What was measured does not separate fakes from genuine video reliably; "
    "the issues are shown as evidence only.",
}


class TemporalCoherence:
    """Compares neighbouring frames; see the card for what the limits rest on."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a picture track."""
        return None if any(track.type == "video" for track in media.tracks) else "no_video"

    def score(self, job: Job) -> Finding:
        """Return the issues; never a score."""
        reel, flags = job.piece.reel(), cut_flags(job)
        if not reel.frames:
            return _silent(Outcome.NOT_APPLICABLE, "no_frames", Evidence(flags=flags))
        if len(reel.frames) + sum(len(burst.frames) for burst in reel.bursts) < 3:
            return _silent(Outcome.INCONCLUSIVE, "too_few_frames", Evidence(flags=flags))
        found = job.piece.faces()
        seen = measure(reel.frames, reel.bursts, found, job.piece.burst_faces())
        issues = issues_of(seen, job.manifest.thresholds)
        reason = "no_calibrated_score" if found.tracks else "no_face"
        finding = _silent(Outcome.INCONCLUSIVE, reason, _evidence(seen, issues, found, flags))
        return finding.model_copy(update={"artifacts": _pictures(job, seen, issues)})


def issues_of(seen: Coherence, limits: dict[str, float]) -> list[dict[str, Any]]:
    """Moments beyond the range of genuine clips, at most `MOST_ISSUES`, in time order.

    ``value`` is how many times its limit the moment reaches.
    """
    found: list[dict[str, Any]] = []
    for name, code in CODES.items():
        last = -APART_S
        for moment in seen.moments:
            value = getattr(moment, name)
            if value is not None and value > limits[name] and moment.time_s - last >= APART_S:
                last = moment.time_s
                found.append(_issue(code, ISSUES[name], moment, value / limits[name]))
    worst = sorted(found, key=lambda issue: -issue["value"])[:MOST_ISSUES]
    return sorted(worst, key=lambda issue: issue["timestamp"])


def _issue(code: str, words: str, moment: Moment, value: float) -> dict[str, Any]:
    place = f"frame {moment.index}, {moment.time_s:.2f} s"
    return {
        "code": code, "words": f"{words} ({place}).", "frame": moment.index,
        "timestamp": round(moment.time_s, 3), "value": round(value, 2),
    }  # fmt: skip


def _silent(outcome: Outcome, reason: str, evidence: Evidence) -> Finding:
    return Finding(
        operation=Operation.TEMPORAL_COHERENCE, outcome=outcome, reason=reason, detail=WORDS[reason],
        evidence=evidence,
    )  # fmt: skip


def _evidence(
    seen: Coherence, issues: list[dict[str, Any]], found: FacesFound, flags: tuple[Flag, ...]
) -> Evidence:
    with_face = [faces for faces in found.by_frame if faces]
    scores = [faces[0].score for faces in with_face]
    leaves = [
        node("face", issue["timestamp"], None, frame=issue["frame"], issue=issue["code"]) for issue in issues
    ]
    tracks = [
        node("track", track.span_s[0], None, leaves if track.id == 0 else (), id=track.id,
             stability=round(track.stability, 3), until=round(track.span_s[1], 3), faces=len(track.faces))
        for track in found.tracks[:12]
    ]  # fmt: skip
    start = seen.moments[0].time_s if seen.moments else 0.0
    return Evidence(
        flags=flags,
        frames=tuple(
            FrameScore(index=issue["frame"], time_s=issue["timestamp"], note=issue["words"])
            for issue in issues
        ),
        values={name: None if x is None else round(x, 5) for name, x in seen.values.items()}
        | _eyes(seen)
        | {"tracks": len(found.tracks), "faces_left_out": found.left_out, "cuts": len(seen.cuts)},
        details={
            "issues": issues,
            "cuts": [{"timestamp": round(cut.time_s, 3), "frame": cut.index} for cut in seen.cuts[:60]],
            "blinks": [round(moment, 3) for moment in seen.blinks.times] if seen.blinks else None,
            "coherence": {"compared": len(seen.moments), "unsteady": len(issues)},
            "face_detection": {
                "frames": len(found.by_frame), "with_face": len(with_face),
                "mean_score": round(sum(scores) / len(scores), 4) if scores else None,
                "stable": len(with_face) >= 0.9 * len(found.by_frame) and bool(with_face),
            },
            "tree": node("video", start, None, tracks),
        },
    )  # fmt: skip


def _eyes(seen: Coherence) -> dict[str, float | int | None]:
    """What was seen of the eyelids; None for what was not."""
    if seen.blinks is None:
        return {"blinks": None, "blinks_per_minute": None, "eyes_shut_share": None, "eyes_seen_s": 0.0}
    return {
        "blinks": len(seen.blinks.times), "blinks_per_minute": round(seen.blinks.per_minute, 1),
        "eyes_shut_share": round(seen.blinks.shut_share, 4), "eyes_seen_s": round(seen.blinks.seconds, 2),
    }  # fmt: skip


def _pictures(job: Job, seen: Coherence, issues: list[dict[str, Any]]) -> tuple[Artifact, ...]:
    limits = job.manifest.thresholds
    rows = [
        (CODES[name].replace("_", " "), [
            (moment.time_s, min(1.0, value / limits[name] / 2))
            for moment in seen.moments if (value := getattr(moment, name)) is not None
        ])
        for name in CODES
    ]  # fmt: skip
    times = [time for _, points in rows for time, _ in points]
    if not times:
        return ()
    frames = [*job.piece.frames(), *(frame for burst in job.piece.reel().bursts for frame in burst.frames)]
    worst = sorted(issues, key=lambda issue: -issue["value"])[:12]
    sheet = [
        (
            f"{issue['timestamp']:.2f} s {issue['code']}",
            min(frames, key=lambda f: abs(f.index - issue["frame"])),
        )
        for issue in sorted(worst, key=lambda issue: issue["timestamp"])
    ]
    title = "Steadiness over time (half height: limit of genuine clips; green: cuts)"
    return timeline_artifact(
        job,
        "coherence-timeline.png",
        title,
        rows,
        (min(times), max(times)),
        [cut.time_s for cut in seen.cuts],
    ) + sheet_artifact(job, "coherence-frames.jpg", "Least steady moments", sheet)
