"""Whether a picture bears the sensor pattern of a camera that the owner enrolled (docs/cameras.md).

Evidence *for* a capture, and only that: without a match there is nothing to say. A match leans and is
capped, for an edited picture keeps its pattern, and a pattern can be planted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from bonafide.model import Evidence, Finding, Flag, MediaFacts, Operation, Outcome
from bonafide_inference import sensor
from bonafide_inference.detectors.synthetic_image.declared import read_declared
from bonafide_inference.enrolled import Enrolled, read
from bonafide_inference.metadata import mapped, read_bytes
from bonafide_inference.models import ModelError
from bonafide_inference.registry import Job
from numpy.typing import NDArray
from PIL import Image
from pydantic import JsonValue

__all__ = ["SensorPattern"]

WORDS = {
    "camera_matches": "The picture bears the sensor pattern of an enrolled camera.",
    "declared_generated": "The picture bears an enrolled camera's sensor pattern, and declares itself "
    "generated. A photograph that a generator changed in part is both: the declaration stands.",
    "no_camera_matches": "No enrolled camera's pattern is in the picture. That says nothing against it.",
    "too_dark_or_bright": "Too few pixels are lit without being clipped for a pattern to be seen.",
    "not_comparable": "The picture is larger than those of every enrolled camera, or too small to compare.",
}  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One camera's best correlation: ``pce``, quarter turns of the picture, and whether it is a cut-out."""

    name: str
    pce: float
    turned: int
    whole: bool

    def least(self, limits: dict[str, float]) -> float:
        """From which energy on it is a match."""
        return limits["pce_least" if self.whole else "pce_least_cut_out"]

    def details(self) -> JsonValue:
        """For the finding."""
        taken = "whole" if self.whole else "cut_out"
        return {"pce": round(self.pce, 1), "compared_as": taken, "turned_degrees": 90 * self.turned}


class SensorPattern:
    """See the card: a match leans to genuine, silence means nothing."""

    def applies(self, media: MediaFacts) -> str | None:
        """Pictures with enough pixels to compare."""
        return None if min(media.width or 0, media.height or 0) >= sensor.LEAST else "not_comparable"

    def score(self, job: Job) -> Finding:
        """Take the noise out once, and correlate it with every camera whose pictures are large enough."""
        cameras = read(job.cameras or "")
        picture, limits = job.piece.picture(), job.manifest.thresholds
        if sensor.lit(sensor.luma(picture)) < limits["lit_least"]:
            return _silent(Outcome.NOT_APPLICABLE, "too_dark_or_bright")
        found, left_out = _compare(cameras, picture)
        best = max(found, key=lambda one: one.pce / one.least(limits), default=None)
        matched = best if best and best.pce >= best.least(limits) else None
        finding = _judged(job, matched, len(found), left_out)
        values: dict[str, float | int | str | bool | None] = {
            "cameras_enrolled": len(cameras), "cameras_compared": len(found),
            "camera_matched": matched.name if matched else None,
            "camera_pce": round(best.pce, 1) if best else None,
        }  # fmt: skip
        details: dict[str, JsonValue] = {one.name: one.details() for one in found}
        details |= {name: {"not_compared": reason} for name, reason in left_out.items()}
        flags = (_flag(job, matched),) if matched else ()
        evidence = Evidence(flags=flags, values=values, details={"cameras": details})
        return finding.model_copy(update={"evidence": evidence})


def _compare(cameras: list[Enrolled], picture: Image.Image) -> tuple[list[Compared], dict[str, JsonValue]]:
    """Correlate with every camera that may have taken it; the noise is taken out once, and only if needed."""
    given: NDArray[np.float32] | None = None
    found: list[Compared] = []
    left_out: dict[str, JsonValue] = {}
    for one in cameras:
        turns, whole = one.turns(*picture.size)
        if not turns:
            left_out[one.name] = "picture_is_larger"
            continue
        try:
            waves = sensor.waves(one.pattern())
        except ModelError as error:
            left_out[one.name] = error.reason
            continue
        given = sensor.signal(sensor.luma(picture)) if given is None else given
        tried = [(sensor.correlate(np.rot90(given, t), waves, one.shape, whole=whole).pce, t) for t in turns]
        found.append(Compared(one.name, *max(tried), whole))
    return found, left_out


def _judged(job: Job, matched: Compared | None, compared: int, left_out: dict[str, JsonValue]) -> Finding:
    """A match leans, unless the file declares itself generated; all else is silence."""
    broken = [str(reason) for reason in left_out.values() if reason != "picture_is_larger"]
    if matched is None and not compared and broken:
        return _silent(Outcome.FAILED, broken[0])
    if matched is None:
        return _silent(Outcome.NOT_APPLICABLE, "no_camera_matches" if compared else "not_comparable")
    with mapped(job.path) as data:
        metadata = read_bytes(data, job.media.format)
    if read_declared(job.path, job.media, metadata).by:
        return _silent(Outcome.INCONCLUSIVE, "declared_generated")
    table, limits = job.manifest.calibration, job.manifest.thresholds
    assert table is not None  # the manifest is ours
    said = table.apply(math.log(limits["false_match_rate"] * compared / limits["hit_rate"]))
    return Finding(
        operation=Operation.SYNTHETIC_IMAGE, outcome=Outcome.SCORED, p_fake=said.p_fake, llr=said.llr,
        interval=said.interval, detail=WORDS["camera_matches"],
    )  # fmt: skip


def _silent(outcome: Outcome, reason: str) -> Finding:
    return Finding(
        operation=Operation.SYNTHETIC_IMAGE, outcome=outcome, reason=reason, detail=WORDS.get(reason)
    )


def _flag(job: Job, matched: Compared) -> Flag:
    figures = job.manifest.figures
    part = "" if matched.whole else " of which it is a cut-out"
    return Flag(
        code="sensor_pattern", where="pixels", value=matched.name,
        message=f"The pixels bear the sensor pattern of the enrolled camera {matched.name}{part} "
        f"(peak-to-correlation energy {matched.pce:.0f}).",
        base_rate=f"{figures['false_matches']} of {figures['pictures']} pictures, each with "
        f"{figures['patterns']} patterns of others",
        caveat="An edited picture keeps its pattern, and who has pictures of a camera can plant it.",
    )  # fmt: skip
