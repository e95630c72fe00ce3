"""How often each flag rises on innocent files: counted by ``benchmarks.forensics_traces --write``."""

from __future__ import annotations

from bonafide_inference import base_rates

__all__ = ["rate"]

_ELSEWHERE = {
    "adobe_app14": "; elsewhere 1 of 71 originals and 26 of 72 edited web pictures",
    "photoshop_resources": "; elsewhere any Photoshop trace on 4 of 71 originals, 28 of 72 edited",
    "exif_dates_differ": "; elsewhere 4 of 176 camera files",
    "exif_size_differs": "; elsewhere 38 of 176 camera files",
    "screenshot_marker": "; elsewhere 0 of 185 camera files",
    "thumbnail_differs": "; elsewhere 9 of 115 camera files by a cruder measure",
    "editor_named": "; elsewhere 32 of 176 camera samples, most of them edited",
}
"""Counts that came with the task (`shared/forensics.md`) and cannot be taken again from the material."""


def rate(code: str) -> str:
    """The words for a flag's base rate."""
    return base_rates.rate(code, base_rates.PICTURES) + _ELSEWHERE.get(code, "")
