"""Fingerprints of a video's scenes, to be looked up in the owner's own index of known media (by the core)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bonafide.model import Evidence, Finding, MediaFacts, Operation, Outcome
from bonafide_inference import pdq
from bonafide_inference.piece import Frame
from bonafide_inference.registry import Job

__all__ = ["KnownVideo", "Scene", "scenes", "spread"]


@dataclass(frozen=True)
class Scene:
    """One kept frame: its time and its hash, as it is and mirrored."""

    time_s: float
    pdq: str
    mirrored: str


class KnownVideo:
    """Hashes one frame a second and keeps those that differ from the last kept one (as vPDQ does)."""

    def applies(self, media: MediaFacts) -> str | None:
        """Needs a picture track."""
        return None if any(track.type == "video" for track in media.tracks) else "no_video"

    def score(self, job: Job) -> Finding:
        """Return the fingerprint in ``evidence.details``; whether it is known is for the core to say."""
        limits = job.manifest.thresholds
        frames = job.piece.frames(1.0)
        found = scenes(frames, least=limits["least_quality"], apart=limits["scene_distance"])
        values: dict[str, float | int | str | bool | None] = {"frames": len(frames), "scenes": len(found)}
        if not found:
            return Finding(
                operation=Operation.KNOWN_FAKE_SEARCH, outcome=Outcome.INCONCLUSIVE, reason="too_plain",
                detail="Too little in the frames to tell them from others; nothing was looked up.",
                evidence=Evidence(values=values),
            )  # fmt: skip
        kept = spread(found, int(limits["most_scenes"]))
        fingerprint = {
            "kind": "video",
            "pdq": [scene.pdq for scene in kept],
            "turned": {"mirrored": [scene.mirrored for scene in kept]},
            "times_s": [round(scene.time_s, 2) for scene in kept],
        }
        return Finding(
            operation=Operation.KNOWN_FAKE_SEARCH, outcome=Outcome.INCONCLUSIVE, reason="no_known_match",
            evidence=Evidence(values=values, details={"fingerprint": fingerprint}),
        )  # fmt: skip


def scenes(frames: Iterable[Frame], *, least: float, apart: float) -> list[Scene]:
    """Return each frame of enough quality that differs from the one kept before it."""
    kept: list[Scene] = []
    for frame in frames:
        luma = pdq.luma_of(frame.small)
        found = pdq.of_luma(luma)
        if found.quality < least:
            continue
        if not kept or pdq.distance(found.pdq, kept[-1].pdq) > apart:
            kept.append(Scene(frame.time_s, found.pdq, pdq.turned(luma, ("mirrored",))["mirrored"]))
    return kept


def spread(found: list[Scene], most: int) -> list[Scene]:
    """Return ``most`` of the scenes at even steps over the list, its ends included."""
    if len(found) <= most:
        return found
    return [found[round(place * (len(found) - 1) / (most - 1))] for place in range(most)]
