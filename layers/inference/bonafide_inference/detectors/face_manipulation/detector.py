"""The operation ``face_manipulation``: a face that was pasted, swapped or re-rendered, in pictures and video.

A small network trained on self-blended faces. Whether its score is calibrated is in the manifest: without a
calibration the answer is ``inconclusive`` and what was measured is evidence only (card, decision 0065).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, FrameScore, MediaFacts, Operation, Outcome, Region
from bonafide_inference.calibration import Calibrated, probability
from bonafide_inference.detectors.face_manipulation.judged import Judged, Track, judge
from bonafide_inference.detectors.face_manipulation.pictures import pictures
from bonafide_inference.faces import FacesFound
from bonafide_inference.frames import Frame
from bonafide_inference.models import Manifest, load
from bonafide_inference.registry import Job
from bonafide_inference.video_report import cut_flags, node

__all__ = ["WORDS", "FaceManipulation"]

STABLE = 0.9
MOST_LOST = 20
MOST_REGIONS = 12
WORDS = {
    "no_video": "There is no picture track.",
    "too_small": "The picture is smaller than 64 pixels.",
    "no_frames": "There is no frame in this stretch.",
    "no_face": "No face was found.",
    "face_too_small": "The faces are too small to be judged.",
    "face_too_dark": "The faces are too dark to be judged.",
    "face_too_bright": "The faces are overexposed.",
    "face_too_blurred": "The faces are too blurred to be judged.",
    "pose_too_extreme": "The faces are turned too far away.",
    "no_calibrated_score": "What was measured does not tell manipulated faces from genuine ones; it is "
    "shown as evidence only.",
}


class FaceManipulation:
    """Every face of a picture; the faces of a video as tracks."""

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures of 64 pixels a side or more, and video."""
        if media.kind == "video" and not any(track.type == "video" for track in media.tracks):
            return "no_video"
        return None if min(media.width or 0, media.height or 0) >= 64 else "too_small"

    def score(self, job: Job) -> Finding:
        """Judge the faces; a score only if the manifest has a calibration."""
        video = job.media.kind == "video"
        frames = job.piece.frames() if video else [Frame(0, 0.0, np.asarray(job.piece.picture()))]
        evidence = Evidence(flags=cut_flags(job) if video else ())
        if not frames:
            return _silent(Outcome.NOT_APPLICABLE, "no_frames", evidence)
        found = job.piece.faces()
        if not found.tracks:
            return _silent(Outcome.NOT_APPLICABLE, "no_face", evidence)
        tracks, reason = judge(load(job.folder), frames, found)
        if not tracks:
            return _silent(Outcome.INCONCLUSIVE, reason or "no_face", evidence)
        seen = _evidence(job.manifest, frames, found, tracks, evidence, video)
        finding = _answer(job.manifest, tracks, seen)
        return finding.model_copy(update={"artifacts": pictures(job, frames, tracks)})


def _silent(outcome: Outcome, reason: str, evidence: Evidence) -> Finding:
    return Finding(
        operation=Operation.FACE_MANIPULATION, outcome=outcome, reason=reason, detail=WORDS[reason],
        evidence=evidence,
    )  # fmt: skip


def _answer(manifest: Manifest, tracks: tuple[Track, ...], evidence: Evidence) -> Finding:
    if manifest.calibration is None:
        return _silent(Outcome.INCONCLUSIVE, "no_calibrated_score", evidence)
    file = _of_file([manifest.calibration.apply(track.raw) for track in tracks])
    return Finding(
        operation=Operation.FACE_MANIPULATION, outcome=Outcome.SCORED, p_fake=file.p_fake, llr=file.llr,
        interval=file.interval, evidence=evidence,
        detail="Seams and mismatches of the inner face; the kind of manipulation is not known.",
    )  # fmt: skip


def _of_file(tracks: list[Calibrated]) -> Calibrated:
    """The mean of the tracks' likelihood ratios: any one of n faces may be the manipulated one."""

    def mean(chances: list[float]) -> float:
        ratios = [p / max(1 - p, 1e-9) for p in chances]
        return math.log(max(sum(ratios) / len(ratios), 1e-9))

    llr = mean([track.p_fake for track in tracks])
    low, high = (probability(mean([getattr(t.interval, side) for t in tracks])) for side in ("low", "high"))
    interval = tracks[0].interval.model_copy(update={"low": low, "high": high})
    return Calibrated(llr=llr, p_fake=probability(llr), interval=interval)


def _evidence(
    manifest: Manifest, frames: list[Frame], found: FacesFound, tracks: tuple[Track, ...],
    before: Evidence, video: bool,
) -> Evidence:  # fmt: skip
    main = found.tracks[0]
    every = [face for track in tracks for face in track.faces]
    worst = sorted(every, key=lambda one: -one.raw)[:MOST_REGIONS]
    return before.model_copy(
        update={
            "regions": tuple(_region(one) for one in worst),
            "frames": _frames(manifest, frames, found, tracks[0]) if video else (),
            "values": {
                "raw_score": round(max(track.raw for track in tracks), 4),
                "softness": round(float(np.median([one.softness for one in every])), 4),
                "faces_judged": len(every), "tracks": len(found.tracks), "faces_left_out": found.left_out,
                "face_confidence": round(min(1.0, main.mean_score), 4),
                "face_stable": main.stability >= STABLE,
            },
            "details": {"manipulation_type": None, "tree": _tree(manifest, tracks)},
        }
    )  # fmt: skip


def _region(one: Judged) -> Region:
    x, y, width, height = (round(value) for value in one.face.box)
    return Region(
        x=x, y=y, width=width, height=height, score=round(probability(one.raw), 4), frame=one.face.index
    )


def _chance(manifest: Manifest, raw: float) -> float | None:
    return None if manifest.calibration is None else manifest.calibration.apply(raw).p_fake


def _frames(
    manifest: Manifest, frames: list[Frame], found: FacesFound, main: Track
) -> tuple[FrameScore, ...]:
    """The main track's frames, and those within it in which the face was not found."""
    seen = {face.frame for face in next(t for t in found.tracks if t.id == main.id).faces}
    lost = [frames[place] for place in range(min(seen), max(seen)) if place not in seen][:MOST_LOST]
    scores = [
        FrameScore(index=one.face.index, time_s=round(one.face.time_s, 3), p_fake=_chance(manifest, one.raw))
        for one in main.faces
    ]
    gone = [FrameScore(index=f.index, time_s=round(f.time_s, 3), note="face_lost") for f in lost]
    return tuple(sorted(scores + gone, key=lambda one: one.time_s))


def _tree(manifest: Manifest, tracks: tuple[Track, ...]) -> dict[str, Any]:
    children = []
    for track in tracks:
        leaves = [
            node(
                "face", one.face.time_s, _chance(manifest, one.raw), frame=one.face.index,
                box=[round(side) for side in one.face.box], raw=round(one.raw, 3),
            )
            for one in track.faces
        ]  # fmt: skip
        children.append(
            node(
                "track", track.faces[0].face.time_s, _chance(manifest, track.raw), leaves, id=track.id,
                stability=round(track.stability, 3), raw=round(track.raw, 3),
            )
        )  # fmt: skip
    chance = None
    if manifest.calibration is not None:
        chance = _of_file([manifest.calibration.apply(track.raw) for track in tracks]).p_fake
    return node("video", min(child["timestamp"] for child in children), chance, children)
