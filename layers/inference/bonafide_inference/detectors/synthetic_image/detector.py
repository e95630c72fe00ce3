"""The operation ``synthetic_image``: what the file declares, what a camera left in it, what pixels show.

Scored on statements and records only. Pixels are measured, looked at by a small network, drawn and used to
abstain, never to accuse: what the network says of generators that it has not seen earns no weight (card,
decision 0090).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from bonafide.model import Artifact, Evidence, Finding, MediaFacts, MediaKind, Operation, Outcome
from bonafide_inference.calibration import Calibration
from bonafide_inference.detectors.picture_traces.tables import Encoding
from bonafide_inference.detectors.synthetic_image import network, pixels
from bonafide_inference.detectors.synthetic_image.camera import CameraTraces, read_camera
from bonafide_inference.detectors.synthetic_image.declared import Declared, read_declared
from bonafide_inference.jpegdct import standard_quality
from bonafide_inference.models import OutOfDistribution
from bonafide_inference.plots import residual_spectrum
from bonafide_inference.registry import Job
from bonafide_inference.stability import flipped
from PIL import Image

__all__ = ["SyntheticImage"]

DECLARED, CAMERA = 1.0, -1.0
"""Scores that the manifest's table turns into LLRs."""
WORDS = {
    "declared": "The file itself says that a generator made it or parts of it.",
    "camera": "The file bears a coherent camera record. Such records can be copied, so it leans to genuine "
    "and no further.",
    "too_small": "The picture is too small to say anything of its pixels.",
    "not_a_photograph": "A document, a screenshot or a drawing: nothing here was measured on such pictures.",
    "heavily_compressed": "Compression has taken away what could be looked at.",
    "out_of_distribution": "The pixels are unlike all photographs that anything here was measured on.",
    "no_calibrated_score": "The file declares nothing, and what can be seen in pixels is too weak to tell "
    "generated pictures from photographs; this says nothing for or against it.",
}  # fmt: skip


class SyntheticImage:
    """See the card: a statement decides, a camera record leans, all else is ``inconclusive``."""

    def applies(self, media: MediaFacts) -> str | None:
        """Every picture format that is read."""
        return None if media.kind is MediaKind.IMAGE else "unsupported_format"

    def score(self, job: Job) -> Finding:
        """Read the blocks once, look at crops of the first frame, probe only what would lean.

        The network is not even loaded where a statement decides or the pixels are no photograph's.
        """
        found, coded, camera = read_camera(job.path, job.media)
        declared = read_declared(job.path, job.media, found)
        picture = job.piece.picture()
        parts = pixels.crops(picture)
        seen = pixels.look(parts)
        quality = _quality(coded)
        limits = job.manifest.thresholds
        strange = pixels.unfit(seen, min(picture.size), quality, limits) or _far(seen, job.manifest.ood)
        changed: list[str] = []
        if camera.coherent and not declared.by and strange is None:
            changed = flipped(picture, lambda rgb: _strange(rgb, limits))
        finding = _judged(job, declared, camera, strange, changed)
        seen_by = None if declared.by or strange else network.look(job.folder, picture)
        values = seen.values() | camera.values() | {
            "declared_by": " ".join(declared.by) or None, "jpeg_quality": quality,
            "frames": job.media.frames or 1, "frames_looked_at": 1, "unfit": strange,
        }  # fmt: skip
        details: dict[str, Any] = {"stability": {"flipped_by": changed}} if changed else {}
        details |= {"text_prompt": declared.prompt} if declared.prompt else {}
        details |= {"network": seen_by.details(limits["network_weight"])} if seen_by else {}
        rate = job.manifest.figures.get("camera_records")
        flags = (*declared.flags, *camera.flags(str(rate or "not measured")))
        evidence = Evidence(flags=flags, values=values, details=details)
        drawn = (network.drawn(job, seen_by),) if seen_by and job.options.visualize else ()
        artifacts = (*_spectrum(job, parts), *drawn)
        return finding.model_copy(update={"evidence": evidence, "artifacts": artifacts})


def _quality(coded: Encoding | None) -> int | None:
    if coded is None or not coded.tables:
        return None
    return standard_quality(np.maximum(np.array(coded.tables[0], dtype=np.float64), 1.0))


def _far(seen: pixels.Pixels, usual: OutOfDistribution | None) -> str | None:
    if usual is None:
        return None
    rows = zip(usual.features, usual.mean, usual.std, strict=True)
    far = any(abs(getattr(seen, name) - mean) > usual.limit * std for name, mean, std in rows)
    return "out_of_distribution" if far else None


def _strange(rgb: Any, limits: dict[str, float]) -> bool:
    """Whether pixels are no photograph's: what the probe asks of every version."""
    return (
        pixels.unfit(pixels.look(pixels.crops(Image.fromarray(rgb))), min(rgb.shape[:2]), None, limits)
        is not None
    )


def _judged(
    job: Job, declared: Declared, camera: CameraTraces, strange: str | None, changed: list[str]
) -> Finding:
    """A statement first; then a camera's record, if the pixels can be a camera's; else silence."""
    table = job.manifest.calibration
    if declared.by and table is not None:
        return _scored(table, DECLARED, WORDS["declared"], declared.generator)
    doubts = [flag for flag in declared.flags if flag.code != "declared_captured"]
    if strange is None and camera.coherent and table is not None and not doubts:
        if changed:
            words = f"The picture is taken for a photograph or not, depending on: {', '.join(changed)}."
            return _silent("unstable", words)
        return _scored(table, CAMERA, WORDS["camera"], None)
    reason = strange or "no_calibrated_score"
    return _silent(reason, WORDS[reason])


def _scored(table: Calibration, score: float, words: str, generator: str | None) -> Finding:
    found = table.apply(score)
    return Finding(
        operation=Operation.SYNTHETIC_IMAGE, outcome=Outcome.SCORED, p_fake=found.p_fake, llr=found.llr,
        interval=found.interval, attribution=generator, detail=words,
    )  # fmt: skip


def _silent(reason: str, words: str) -> Finding:
    return Finding(
        operation=Operation.SYNTHETIC_IMAGE, outcome=Outcome.INCONCLUSIVE, reason=reason, detail=words
    )


def _spectrum(job: Job, parts: list[Any]) -> tuple[Artifact, ...]:
    levels = pixels.spectrum(parts) if job.options.visualize else None
    if levels is None:
        return ()
    name = "residual-spectrum.png"
    path = os.path.join(job.workdir, name)
    residual_spectrum(levels).save(path, compress_level=1)
    title = "Spectrum of the residual (bright points off the middle: periodic patterns; not scored)"
    return (Artifact(name=name, media_type="image/png", title=title, path=path),)
