"""The video side of `face_manipulation`: the same network, over tracks of faces."""

from __future__ import annotations

from bonafide_inference.detectors.face_manipulation.detector import FaceManipulation

__all__ = ["FaceManipulationVideo"]


class FaceManipulationVideo(FaceManipulation):
    """A manifest is for one kind of piece; this one is for windows of video."""
