"""The video side of `presentation_attack`: the same measurements and weights, over a track of frames."""

from __future__ import annotations

from bonafide_inference.detectors.presentation_attack.detector import PresentationAttack

__all__ = ["PresentationAttackVideo"]


class PresentationAttackVideo(PresentationAttack):
    """A manifest is for one kind of piece; this one is for windows of video."""
