"""The operation ``presentation_attack``: a face filmed off a screen or a print (passive).

Measurements of the face (`traces`) and a small logistic regression; video takes the median over its frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bonafide.model import Evidence, Finding, Flag, FrameScore, MediaFacts, Operation, Outcome, Region
from bonafide_inference.detectors.presentation_attack.signs import (
    BAND_SHARE,
    banding,
    screen_edges,
    shown_on_screen,
)
from bonafide_inference.detectors.presentation_attack.traces import NAMES, traces
from bonafide_inference.faces import Face, FacesFound, crop
from bonafide_inference.frames import Frame
from bonafide_inference.models import LoadedModel, load
from bonafide_inference.registry import Job
from bonafide_inference.video_report import cut_flags, node, sheet_artifact, timeline_artifact

__all__ = ["MARGIN", "WORDS", "PresentationAttack"]

MARGIN = 0.1
JUDGED = 60
"""Faces of one track that are judged at most, evenly spread."""
LOOKED_AROUND = 8
"""Faces whose surroundings are looked at; edges around half of them are believed."""
WORDS = {
    "no_video": "There is no picture track.",
    "too_small": "The picture is smaller than 64 pixels.",
    "no_frames": "There is no frame in this stretch.",
    "no_face": "No face was found.",
    "face_too_small": "The face is too small to be judged.",
    "face_too_dark": "The face is too dark to be judged.",
    "face_too_bright": "The face is overexposed.",
    "face_too_blurred": "The face is too blurred to be judged.",
    "pose_too_extreme": "The face is turned too far away.",
    "out_of_distribution": "The face looks like nothing that the measurements were calibrated on.",
    "no_calibrated_score": "There is no calibrated score.",
}


class PresentationAttack:
    """See the card: trained on simulated screens and prints, tested on real replays."""

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures of 64 pixels a side or more, and video."""
        if media.kind == "video" and not any(track.type == "video" for track in media.tracks):
            return "no_video"
        return None if min(media.width or 0, media.height or 0) >= 64 else "too_small"

    def score(self, job: Job) -> Finding:
        """Judge the face that is seen most (of a picture: the largest)."""
        frames = _frames(job)
        flags = cut_flags(job) if job.media.kind == "video" else ()
        if not frames:
            return _silent(Outcome.NOT_APPLICABLE, "no_frames", Evidence(flags=flags))
        found = job.piece.faces()
        if not found.tracks:
            return _silent(Outcome.NOT_APPLICABLE, "no_face", Evidence(flags=flags))
        faces = found.tracks[0].faces
        faces = tuple(faces[i] for i in np.unique(np.linspace(0, len(faces) - 1, JUDGED).astype(int)))
        judged = [face for face in faces if _reason(found, frames, face) is None]
        if not judged:
            return _silent(
                Outcome.INCONCLUSIVE, _reason(found, frames, faces[0]) or "no_face", Evidence(flags=flags)
            )
        return _scored(job, frames, found, judged, flags)


def _frames(job: Job) -> list[Frame]:
    if job.media.kind == "video":
        return job.piece.frames()
    return [Frame(0, 0.0, np.asarray(job.piece.picture()))]


def _reason(found: FacesFound, frames: list[Frame], face: Face) -> str | None:
    """Why this face cannot be judged. Overexposure is kept: it is what a filmed screen looks like."""
    reason = found.quality(frames, face).reason
    return None if reason == "face_too_bright" else reason


def _silent(outcome: Outcome, reason: str, evidence: Evidence) -> Finding:
    return Finding(
        operation=Operation.PRESENTATION_ATTACK, outcome=outcome, reason=reason, detail=WORDS[reason],
        evidence=evidence.model_copy(update={"details": {"liveness": {"result": "UNDETERMINED"}}}),
    )  # fmt: skip


def _scored(
    job: Job, frames: list[Frame], found: FacesFound, judged: list[Face], flags: tuple[Any, ...]
) -> Finding:
    model = load(job.folder)
    calibration = model.manifest.calibration
    rows = np.stack([traces(crop(frames[face.frame].rgb, face, margin=MARGIN)) for face in judged])
    raw = np.asarray(model.run({"rows": rows})[0], np.float64).ravel()
    middle = float(np.median(raw))
    signs = _signs(job, frames, judged)
    if calibration is None or _strange(model, np.median(rows, axis=0)):
        reason = "no_calibrated_score" if calibration is None else "out_of_distribution"
        return _silent(Outcome.INCONCLUSIVE, reason, Evidence(flags=(*flags, *signs)))
    verdict = calibration.apply(middle)
    chances = [calibration.apply(float(score)).p_fake for score in raw]
    worst = sorted(range(len(judged)), key=lambda place: -chances[place])[:12]
    evidence = Evidence(
        flags=(*flags, *signs),
        regions=tuple(_region(judged[place], chances[place]) for place in worst[:3]),
        frames=tuple(
            FrameScore(index=face.index, time_s=round(face.time_s, 3), p_fake=p)
            for face, p in zip(judged, chances, strict=True)
        ) if job.media.kind == "video" else (),
        values={"faces_judged": len(judged), "tracks": len(found.tracks), "faces_left_out": found.left_out}
        | {name: round(float(x), 4) for name, x in zip(NAMES, np.median(rows, axis=0), strict=True)},
        details=_details(found, judged, chances, verdict.p_fake, bool(signs)),
    )  # fmt: skip
    return Finding(
        operation=Operation.PRESENTATION_ATTACK, outcome=Outcome.SCORED, p_fake=verdict.p_fake,
        llr=verdict.llr, interval=verdict.interval, evidence=evidence,
        detail="Passive measurements of one face; nothing was asked of the person.",
        artifacts=_pictures(job, frames, judged, chances, worst),
    )  # fmt: skip


def _strange(model: LoadedModel, row: Any) -> bool:
    """Whether a measurement lies beyond what the model was made with."""
    ood = model.manifest.ood
    if ood is None:
        return False
    return bool(np.any(np.abs(row - np.array(ood.mean)) > ood.limit * np.array(ood.std)))


def _signs(job: Job, frames: list[Frame], judged: list[Face]) -> tuple[Flag, ...]:
    """What only a screen (or a framed picture) shows: said, not scored."""
    some = [judged[i] for i in np.unique(np.linspace(0, len(judged) - 1, LOOKED_AROUND).astype(int))]
    edged = sum(shown_on_screen(screen_edges(frames[face.frame].rgb, face)) for face in some) / len(some)
    share = banding(job.piece.reel().bursts) if job.media.kind == "video" else None
    found = []
    if edged >= 0.5:
        words = "Straight dark edges surround the face on all sides, as those of a screen or a frame do."
        found.append(Flag(code="screen_edges", message=words, value=round(edged, 3), where="frames"))
    if share is not None and share >= BAND_SHARE:
        words = "Bands of brightness wander over the picture, as over a filmed screen (or under mains light)."
        found.append(Flag(code="screen_bands", message=words, value=round(share, 3), where="bursts"))
    return tuple(found)


def _details(
    found: FacesFound, judged: list[Face], chances: list[float], p_fake: float, screen: bool
) -> dict[str, Any]:
    """Liveness words, the kind of attack where the score says that there is one, and the tree."""
    attack = p_fake > 0.6
    leaves = [
        node("face", face.time_s, p, frame=face.index, box=[round(x) for x in face.box])
        for face, p in zip(judged, chances, strict=True)
    ]
    track = node(
        "track", judged[0].time_s, p_fake, leaves, id=0, stability=round(found.tracks[0].stability, 3)
    )
    return {
        "liveness": {
            "result": "FAIL" if attack else "PASS" if p_fake < 0.4 else "UNDETERMINED", "method": "passive"
        },
        "attack_type": ("screen" if screen else "screen_or_print") if attack else None,
        "tree": node("video", judged[0].time_s, p_fake, [track]),
    }  # fmt: skip


def _region(face: Face, score: float) -> Region:
    x, y, width, height = (round(value) for value in face.box)
    return Region(x=x, y=y, width=width, height=height, score=round(score, 4), frame=face.index)


def _pictures(
    job: Job, frames: list[Frame], judged: list[Face], chances: list[float], worst: list[int]
) -> tuple[Any, ...]:
    if job.media.kind != "video":
        return ()
    points = [(face.time_s, p) for face, p in zip(judged, chances, strict=True)]
    span = (points[0][0], points[-1][0])
    sheet = [
        (f"{judged[i].time_s:.2f} s  p {chances[i]:.2f}", frames[judged[i].frame]) for i in sorted(worst)
    ]
    return timeline_artifact(
        job, "liveness-timeline.png", "Screen or print, over time", [("p(attack)", points)], span
    ) + sheet_artifact(job, "liveness-frames.jpg", "Most suspicious frames", sheet)
